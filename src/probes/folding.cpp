#include "probes/folding.h"

#include <fmt/format.h>

#include <algorithm>

#include "network/fold.h"
#include "probes/observer.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

using onednn::Mode;

class Folding : public Probe {
 public:
  explicit Folding(const ProbeContext& context)
      : context_(context),
        run_(network::folded_config(context.run)),
        folded_(run_, context.dataset.info, context.run.training.batch_size),
        order_(context.run.training.seed, context.dataset.train.size(), context.run.training.batch_size,
               RandomPurpose::probe),
        program_(context.network.build(Mode::observe_population, context.run.training.batch_size, false, {"dst"})),
        folded_program_(folded_.build(Mode::observe_population, context.run.training.batch_size, false, {"dst"})),
        in_training_(context, {"dst"}),
        csv_(context.open_csv("folding", {"step", "size", "error", "batch_error"})) {}

  void step_done(std::int64_t step) override {
    context_.network.use_running_statistics();
    folded_.set_weights(network::folded_weights(context_.run, context_.network));
    const std::span<const float> output = outputs(*program_);
    const std::span<const float> folded = outputs(*folded_program_);
    in_training_.load(step);
    in_training_.forward();
    const std::span<const float> normalized_by_batch = values_of(in_training_.output());
    const double size = largest_magnitude(output);
    csv_.add(step)
        .add(size)
        .add(largest_difference(output, folded) / size)
        .add(largest_difference(normalized_by_batch, folded) / largest_magnitude(normalized_by_batch))
        .end_row();
  }

 private:
  std::span<const float> outputs(network::Executable& program) {
    context_.scaler.gather(context_.dataset.train, order_.batch(0), program.images(), program.labels(),
                           program.targets());
    program.forward();
    const std::string& last = context_.network.layers().back()->name();
    const auto is_output = [&](const onednn::Observation& one) { return one.layer == last; };
    return values_of(*std::ranges::find_if(program.observations(), is_output));
  }

  ProbeContext context_;
  config::RunConfig run_;
  network::Network folded_;
  data::BatchOrder order_;
  std::unique_ptr<network::Executable> program_;
  std::unique_ptr<network::Executable> folded_program_;
  Observer in_training_;  // on the same images
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_folding(const ProbeContext& context) { return std::make_unique<Folding>(context); }

void check_folding(const std::string& path, const config::RunConfig& run) {
  try {
    network::check_fold(run, *network::assemble(run, data::dataset_info(run.dataset)));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}.type: folding: {}", path, error.what()));
  }
}

}  // namespace bnlab::probes
