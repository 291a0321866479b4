#include "probes/training_loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "network/trainable.h"

namespace bnlab::probes {
namespace {

using State = normalization::NormalizationState;

constexpr std::array running_statistics{&State::running_mean, &State::running_variance};
constexpr std::array all_statistics{&State::running_mean, &State::running_variance, &State::batch_mean,
                                    &State::batch_variance, &State::batch_unbiased_variance};

template <class Members>
std::vector<std::vector<float>> copy_of(const normalization::NormalizationStates& states, const Members& members) {
  std::vector<std::vector<float>> copies;
  for (const auto& state : states)
    for (const auto member : members) copies.push_back((*state).*member);
  return copies;
}

/// The reverse of copy_of(). Programs hold the addresses.
template <class Members>
void put_back(const std::vector<std::vector<float>>& copies, const normalization::NormalizationStates& states,
              const Members& members) {
  auto copy = copies.begin();
  for (const auto& state : states)
    for (const auto member : members) std::ranges::copy(*copy++, ((*state).*member).begin());
}

}  // namespace

NetworkGuard::NetworkGuard(network::Network& network)
    : network_(network),
      parameters_(network),
      diffs_(network.parameters().diffs().begin(), network.parameters().diffs().end()),
      statistics_(copy_of(network.states(), all_statistics)) {}

NetworkGuard::~NetworkGuard() {
  std::ranges::copy(diffs_, network_.parameters().diffs().begin());
  put_back(statistics_, network_.states(), all_statistics);
}

TrainingLoss::TrainingLoss(const ProbeContext& context, std::int64_t batch_size, GradientOf gradient)
    : context_(context), executable_(context.network.build(onednn::Mode::train, batch_size)) {
  const config::TrainableConfig& trainable = context.run.optimizer.trainable;
  if (gradient == GradientOf::trainable_parameters && trainable.select != config::Trainable::all)
    trainable_ = network::trainable_mask(trainable, context.network.parameters(), context.run.training.seed);
}

void TrainingLoss::take_batch(std::int64_t step) {
  network::Executable& training = context_.network.train();
  std::copy_n(training.images(), training.image_values(), executable_->images());
  std::copy_n(training.labels(), training.batch_size(), executable_->labels());
  if (const data::DatasetInfo& info = context_.dataset.info; info.has_targets)
    std::copy_n(training.targets(), training.batch_size() * info.classes, executable_->targets());
  executable_->set_step(step, context_.run.training.steps);
}

void TrainingLoss::load(std::int64_t step, std::span<const std::uint32_t> indices) {
  executable_->set_step(std::max<std::int64_t>(step, 1), context_.run.training.steps);
  context_.scaler.gather(context_.dataset.train, indices, executable_->images(), executable_->labels(),
                         executable_->targets());
}

void TrainingLoss::keep_parameters() {
  const std::span<const float> values = context_.network.parameters().values();
  kept_.assign(values.begin(), values.end());
  kept_statistics_ = copy_of(context_.network.states(), running_statistics);
}

double TrainingLoss::evaluate(std::span<const float> parameters) {
  std::ranges::copy(parameters, context_.network.parameters().values().begin());
  put_back(kept_statistics_, context_.network.states(), running_statistics);
  executable_->forward();
  executable_->backward();
  const std::span<float> diffs = context_.network.parameters().diffs();
  for (std::size_t i = 0; i < trainable_.size(); ++i)
    if (trainable_[i] == 0.0f) diffs[i] = 0.0f;
  return executable_->loss();
}

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

}  // namespace bnlab::probes
