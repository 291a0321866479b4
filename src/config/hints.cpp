#include "config/hints.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "config/fields.h"
#include "config/problems.h"
#include "util/nearest.h"

namespace bnlab::config {
namespace {

/// Words without their spaces, dashes and underscores, in lower case, and the names they may stand for: the first that
/// is valid in its place counts.
struct Alias {
  std::string_view word;
  std::array<std::string_view, 4> names;
};

constexpr Alias aliases[] = {
    // keys
    {"lr", {"learning_rate", "optimizer.learning_rate"}},
    {"learningrate", {"optimizer.learning_rate"}},
    {"eta", {"learning_rate", "optimizer.learning_rate"}},
    {"rate", {"learning_rate", "optimizer.learning_rate"}},
    {"stepsize", {"learning_rate", "optimizer.learning_rate"}},
    {"bs", {"batch_size", "training.batch_size"}},
    {"batch", {"batch_size", "batch"}},
    {"batchsize", {"batch_size", "training.batch_size"}},
    {"minibatch", {"batch_size", "training.batch_size"}},
    {"minibatchsize", {"batch_size", "training.batch_size"}},
    {"gradientaccumulation", {"accumulate", "training.accumulate"}},
    {"gradientaccumulationsteps", {"accumulate", "training.accumulate"}},
    {"accumulationsteps", {"accumulate", "training.accumulate"}},
    {"accumulategradbatches", {"accumulate", "training.accumulate"}},
    {"microbatches", {"accumulate", "training.accumulate"}},
    {"testbatchsize", {"evaluation.batch_size"}},
    {"evalbatchsize", {"evaluation.batch_size"}},
    {"epoch", {"epochs", "training.epochs"}},
    {"numepochs", {"epochs", "training.epochs"}},
    {"nepochs", {"epochs", "training.epochs"}},
    {"maxepochs", {"epochs", "training.epochs"}},
    {"iterations", {"steps", "training.steps"}},
    {"iters", {"steps", "training.steps"}},
    {"niter", {"steps", "training.steps"}},
    {"maxiter", {"steps", "training.steps"}},
    {"maxsteps", {"steps", "training.steps"}},
    {"numsteps", {"steps", "training.steps"}},
    {"updates", {"steps", "training.steps"}},
    {"seed", {"training.seed"}},
    {"randomseed", {"seed", "training.seed"}},
    {"rngseed", {"seed", "training.seed"}},
    {"randomstate", {"seed", "training.seed"}},
    {"evalinterval", {"eval_every", "training.eval_every"}},
    {"testevery", {"eval_every", "training.eval_every"}},
    {"loginterval", {"log_every", "training.log_every"}},
    {"saveevery", {"checkpoint_every", "training.checkpoint_every"}},
    {"dtype", {"precision", "training.precision"}},
    {"amp", {"precision", "training.precision"}},
    {"wd", {"weight_decay", "optimizer.weight_decay"}},
    {"l2", {"weight_decay", "optimizer.weight_decay"}},
    {"weightdecay", {"weight_decay", "optimizer.weight_decay"}},
    {"mom", {"momentum", "optimizer.momentum"}},
    {"momentum", {"running_average_decay", "optimizer.momentum", "sgd"}},
    {"runningmomentum", {"running_average_decay"}},
    {"bnmomentum", {"running_average_decay", "normalization.running_average_decay"}},
    {"averagedecay", {"running_average_decay"}},
    {"alpha", {"smoothing"}},
    {"rho", {"smoothing"}},
    {"betas", {"beta1"}},
    {"clip", {"clip_norm", "optimizer.clip_norm"}},
    {"gradclip", {"clip_norm", "optimizer.clip_norm"}},
    {"clipgradnorm", {"clip_norm", "optimizer.clip_norm"}},
    {"maxgradnorm", {"clip_norm", "optimizer.clip_norm"}},
    {"opt", {"optimizer"}},
    {"optim", {"optimizer"}},
    {"scheduler", {"schedule", "optimizer.schedule"}},
    {"lrscheduler", {"schedule", "optimizer.schedule"}},
    {"lrschedule", {"schedule", "optimizer.schedule"}},
    {"warmup", {"warmup_steps", "schedule.warmup_steps", "optimizer.schedule.warmup_steps"}},
    {"warmupsteps", {"schedule.warmup_steps", "optimizer.schedule.warmup_steps"}},
    {"eps", {"epsilon", "normalization.epsilon"}},
    {"epsilon", {"normalization.epsilon"}},
    {"norm", {"normalization", "normalization.type"}},
    {"normalisation", {"normalization"}},
    {"normtype", {"normalization.type", "type"}},
    {"ws", {"weight_standardization", "network.weight_standardization"}},
    {"weightstandardisation", {"weight_standardization", "network.weight_standardization"}},
    {"standardizeweights", {"weight_standardization", "network.weight_standardization"}},
    {"order", {"placement"}},
    {"position", {"placement", "normalization.placement"}},
    {"gamma", {"initial_gamma", "factor"}},
    {"beta", {"initial_beta"}},
    {"init", {"initialization"}},
    {"initialisation", {"initialization"}},
    {"weightinit", {"initialization"}},
    {"pretrained", {"initialization.from", "from"}},
    {"model", {"network"}},
    {"net", {"network"}},
    {"arch", {"network"}},
    {"architecture", {"network"}},
    {"act", {"activation", "network.activation"}},
    {"nonlinearity", {"activation", "network.activation"}},
    {"data", {"dataset"}},
    {"base", {"extends"}},
    {"inherits", {"extends"}},
    {"include", {"extends"}},
    {"criterion", {"loss"}},
    {"lossfunction", {"loss"}},
    {"train", {"training"}},
    {"eval", {"evaluation"}},
    {"root", {"path", "dataset.path"}},
    {"dir", {"path", "dataset.path"}},
    {"folder", {"path", "dataset.path"}},
    {"datadir", {"path", "dataset.path"}},
    {"datapath", {"path", "dataset.path"}},
    {"subset", {"limit", "dataset.limit"}},
    {"val", {"validation", "dataset.validation"}},
    {"valsize", {"validation", "dataset.validation"}},
    {"augment", {"augmentation", "dataset.augmentation"}},
    {"name", {"type", "scheme", "function"}},
    {"type", {"name", "scheme", "function"}},
    {"kind", {"type", "name", "scheme"}},
    {"method", {"type", "scheme"}},
    {"algorithm", {"type"}},
    {"dropoutrate", {"dropout", "rate", "network.dropout"}},
    {"p", {"rate"}},
    {"emnist", {"idx"}},
    {"kmnist", {"idx"}},
    {"qmnist", {"idx"}},
    {"npy", {"npz"}},
    {"numpy", {"npz"}},
    {"hidden", {"units"}},
    {"hiddensize", {"units"}},
    {"width", {"units"}},
    {"size", {"units"}},
    {"outfeatures", {"units"}},
    {"features", {"units", "channels"}},
    {"filters", {"channels"}},
    {"outchannels", {"channels"}},
    {"kernelsize", {"kernel"}},
    // kinds of normalization, blocks, placements
    {"bn", {"batch", "normalization"}},
    {"batchnorm", {"batch", "normalization"}},
    {"batchnorm1d", {"batch", "normalization"}},
    {"batchnorm2d", {"batch", "normalization"}},
    {"batchnormalization", {"batch", "normalization"}},
    {"ln", {"layer", "normalization"}},
    {"layernorm", {"layer", "normalization"}},
    {"layernormalization", {"layer"}},
    {"gn", {"group"}},
    {"groupnorm", {"group"}},
    {"in", {"instance"}},
    {"instancenorm", {"instance"}},
    {"brn", {"batch_renorm"}},
    {"renorm", {"batch_renorm"}},
    {"batchrenormalization", {"batch_renorm"}},
    {"gbn", {"ghost"}},
    {"ghostbn", {"ghost"}},
    {"ghostbatchnorm", {"ghost"}},
    {"lrn", {"local_response"}},
    {"localresponsenorm", {"local_response"}},
    {"frozenbn", {"frozen"}},
    {"off", {"none"}},
    {"no", {"none"}},
    {"null", {"none"}},
    {"false", {"none"}},
    {"disabled", {"none"}},
    {"nonorm", {"none"}},
    {"before", {"before_activation"}},
    {"pre", {"before_activation"}},
    {"preactivation", {"before_activation"}},
    {"after", {"after_activation"}},
    {"post", {"after_activation"}},
    {"postactivation", {"after_activation"}},
    {"fc", {"dense"}},
    {"linear", {"dense", "identity"}},
    {"fullyconnected", {"dense"}},
    {"conv2d", {"conv"}},
    {"convolution", {"conv"}},
    {"maxpool2d", {"max_pool"}},
    {"pool", {"max_pool"}},
    {"avgpool2d", {"avg_pool"}},
    {"gap", {"global_avg_pool"}},
    {"globalaveragepool", {"global_avg_pool"}},
    {"globalaveragepooling", {"global_avg_pool"}},
    {"resblock", {"residual"}},
    {"residualblock", {"residual"}},
    {"skip", {"residual"}},
    {"rnn", {"recurrent"}},
    {"relu", {"activation"}},
    {"sigmoid", {"activation"}},
    {"tanh", {"activation"}},
    // other kinds
    {"relu6", {"relu"}},
    {"lrelu", {"leaky_relu"}},
    {"logistic", {"sigmoid"}},
    {"sigm", {"sigmoid"}},
    {"kaiming", {"he"}},
    {"kaimingnormal", {"he"}},
    {"kaiminguniform", {"he"}},
    {"henormal", {"he"}},
    {"msra", {"he"}},
    {"glorot", {"xavier"}},
    {"glorotuniform", {"xavier"}},
    {"glorotnormal", {"xavier"}},
    {"xavieruniform", {"xavier"}},
    {"xaviernormal", {"xavier"}},
    {"normal", {"gaussian"}},
    {"gauss", {"gaussian", "normal"}},
    {"gaussian", {"normal"}},
    {"randn", {"gaussian", "normal"}},
    {"ortho", {"orthogonal"}},
    {"default", {"pytorch"}},
    {"gd", {"sgd", "full_batch"}},
    {"sgdm", {"sgd"}},
    {"nesterov", {"sgd"}},
    {"rms", {"rmsprop"}},
    {"ce", {"cross_entropy"}},
    {"crossentropyloss", {"cross_entropy"}},
    {"softmax", {"cross_entropy"}},
    {"nll", {"cross_entropy"}},
    {"mse", {"squared_error"}},
    {"mseloss", {"squared_error"}},
    {"float32", {"f32"}},
    {"float", {"f32"}},
    {"fp32", {"f32"}},
    {"single", {"f32"}},
    {"bfloat16", {"bf16"}},
    {"half", {"bf16"}},
    {"fp16", {"bf16"}},
    {"float16", {"bf16"}},
    {"steplr", {"step"}},
    {"multistep", {"step"}},
    {"cos", {"cosine"}},
    {"cosineannealing", {"cosine"}},
    {"onecyclelr", {"one_cycle"}},
    {"1cycle", {"one_cycle"}},
    {"exp", {"exponential"}},
    {"fixed", {"constant"}},
    {"fashion", {"fashion_mnist"}},
    {"fmnist", {"fashion_mnist"}},
    {"cifar", {"cifar10"}},
    {"zscore", {"standardized"}},
    {"normalized", {"standardized"}},
    {"minmax", {"unit"}},
    {"shuffle", {"shuffled"}},
    {"random", {"shuffled"}},
    {"sequential", {"in_order"}},
};

/// "Batch-Norm" as the table has it.
std::string without_marks(std::string_view word) {
  std::string result;
  for (const char c : word.substr(0, 60))
    if (c != '-' && c != '_' && c != ' ') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

const Alias* alias_of(std::string_view word) {
  const std::string wanted = without_marks(word);
  const auto* found =
      std::find_if(std::begin(aliases), std::end(aliases), [&](const Alias& alias) { return alias.word == wanted; });
  return found == std::end(aliases) ? nullptr : found;
}

/// What `word` is another name for, or another way to write.
std::string other_name(std::string_view word, const std::vector<std::string>& valid) {
  const auto is_valid = [&](std::string_view name) {
    return std::find(valid.begin(), valid.end(), name) != valid.end();
  };
  const std::string wanted = without_marks(word);
  for (const std::string& name : valid)
    if (!wanted.empty() && without_marks(name) == wanted) return name;
  if (const Alias* alias = alias_of(word))
    for (const std::string_view name : alias->names)
      if (!name.empty() && is_valid(name)) return std::string(name);
  return "";
}

/// The visitor of fields.h that gathers the paths of all keys outside lists.
class KeyPaths {
 public:
  template <class T>
  static void find(T& value, const std::string& path, std::vector<std::string>& found) {
    KeyPaths paths(path, found);
    fields(paths, value);
  }

  template <class T>
  void field(std::string_view name, T&, std::string_view, const Rule& = {}) {
    found_.push_back(joined(path_, name));
  }
  template <class T>
  void section(std::string_view name, T& value, std::string_view, const Rule& = {}) {
    found_.push_back(joined(path_, name));
    find(value, joined(path_, name), found_);
  }
  template <class T>
  void optional_section(std::string_view name, std::optional<T>&, std::string_view, const Rule& = {}) {
    found_.push_back(joined(path_, name));
  }
  template <class T>
  void sections(std::string_view name, std::vector<T>&, std::string_view, const Rule& = {}) {
    found_.push_back(joined(path_, name));
  }
  void blocks(std::string_view name, std::vector<Block>&, std::string_view, const Rule& = {}) {
    found_.push_back(joined(path_, name));
  }
  void require(bool, std::string_view, std::string_view) {}

 private:
  KeyPaths(const std::string& path, std::vector<std::string>& found) : path_(path), found_(found) {}

  const std::string& path_;
  std::vector<std::string>& found_;
};

}  // namespace

std::string hint(std::string_view word, const std::vector<std::string>& valid) {
  const std::string other = other_name(word, valid);
  return other.empty() ? nearest(word, valid) : other;
}

std::string hint_text(std::string_view word, const std::vector<std::string>& valid) {
  const std::string guess = hint(word, valid);
  return guess.empty() ? "" : "; did you mean \"" + guess + "\"?";
}

std::vector<std::string> places_of_key(std::string_view key) {
  RunConfig config;
  std::vector<std::string> paths;
  KeyPaths::find(config, "", paths);
  if (const Alias* alias = alias_of(key))
    for (const std::string_view name : alias->names)
      if (name.find('.') != std::string_view::npos && std::find(paths.begin(), paths.end(), name) != paths.end())
        return {std::string(name)};
  const auto last_part = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  std::vector<std::string> found;
  for (const std::string& path : paths)
    if (path.find('.') != std::string::npos && last_part(path) == key) found.push_back(path);
  constexpr std::size_t most = 3;
  if (found.size() > most) found.clear();
  return found;
}

}  // namespace bnlab::config
