#include "probes/equivalence.h"

#include <fmt/format.h>

#include <cmath>

#include "probes/observer.h"
#include "util/errors.h"

namespace bnlab::probes {
namespace {

config::RunConfig with(config::RunConfig run, const config::NormalizationConfig& normalization) {
  run.normalization = normalization;
  return run;
}

class Equivalence : public Probe {
 public:
  Equivalence(const config::ProbeConfig& config, const ProbeContext& context)
      : network_(context.network),
        other_run_(with(context.run, *config.normalization)),
        other_(other_run_, context.dataset.info, context.run.training.batch_size),
        observer_(context, {"dst"}, true),
        other_observer_({other_, context.dataset, context.scaler, other_run_, {}}, {"dst"}, true),
        csv_(context.open_csv("equivalence", {"step", "tensor", "size", "error"})) {
    const std::size_t count = network_.parameters().all().size();
    bool same = other_.parameters().all().size() == count;
    for (std::size_t i = 0; same && i < count; ++i)
      same = parameter(network_, i).name == parameter(other_, i).name &&
             parameter(network_, i).shape == parameter(other_, i).shape;
    if (!same)
      throw ConfigError(
          "probes: equivalence: both normalizations must give the network the same parameters; a type that takes a "
          "layer's bias away leaves it out, so give its layers \"bias\": false");
  }

  void step_done(std::int64_t step) override {
    for (std::size_t i = 0; i < network_.parameters().all().size(); ++i)
      parameter(other_, i).set_row_major_value(parameter(network_, i).row_major_value());
    for (Observer* observer : {&observer_, &other_observer_}) {
      observer->load(step);
      observer->forward();
      observer->backward();
    }
    write(step, "output", values_of(observer_.output()), values_of(other_observer_.output()));
    write(step, "input", diff_input_of(observer_), diff_input_of(other_observer_));
    for (std::size_t i = 0; i < network_.parameters().all().size(); ++i)
      write(step, parameter(network_, i).name, parameter(network_, i).row_major_diff(),
            parameter(other_, i).row_major_diff());
  }

 private:
  static layers::Parameter& parameter(network::Network& network, std::size_t i) {
    return *network.parameters().all()[i];
  }

  static std::span<const float> diff_input_of(Observer& observer) {
    return {observer.executable().diff_images(), static_cast<std::size_t>(observer.executable().image_values())};
  }

  void write(std::int64_t step, const std::string& tensor, std::span<const float> own, std::span<const float> other) {
    csv_.add(step).add(tensor).add(norm(own)).add(relative_error(other, own)).end_row();
  }

  network::Network& network_;
  config::RunConfig other_run_;
  network::Network other_;
  Observer observer_;
  Observer other_observer_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_equivalence(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<Equivalence>(config, context);
}

void check_equivalence(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run) {
  try {
    network::check(with(run, *config.normalization), data::dataset_info(run.dataset));
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}.normalization: {}", path, error.what()));
  }
}

}  // namespace bnlab::probes
