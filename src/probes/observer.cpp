#include "probes/observer.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace bnlab::probes {

using onednn::Observation;

Observer::Observer(const ProbeContext& context, const onednn::Watch& watch, bool diff_input)
    : context_(context),
      executable_(context.network.build(onednn::Mode::observe, context.run.training.batch_size, diff_input, watch)),
      order_(context.run.training.seed, context.dataset.train.size(), context.run.training.batch_size,
             RandomPurpose::probe) {}

void Observer::load(std::int64_t step, std::int64_t batch) {
  executable_->set_step(std::max<std::int64_t>(step, 1), context_.run.training.steps);
  context_.scaler.gather(context_.dataset.train, order_.batch(batch), executable_->images(), executable_->labels(),
                         executable_->targets());
}

const Observation& Observer::at(const std::string& layer, const std::string& tensor) const {
  for (const Observation& observation : observations())
    if (observation.layer == layer && observation.tensor == tensor) return observation;
  throw std::logic_error("no " + tensor + " of " + layer + " is watched");
}

std::vector<const Observation*> Observer::all(const std::string& tensor) const {
  std::vector<const Observation*> found;
  for (const Observation& observation : observations())
    if (observation.tensor == tensor) found.push_back(&observation);
  if (tensor.starts_with("diff_")) std::reverse(found.begin(), found.end());
  return found;
}

const Observation& Observer::output() const { return at(context_.network.layers().back()->name(), "dst"); }

std::span<const float> values_of(const Observation& observation) {
  return {observation.data(),
          static_cast<std::size_t>(std::accumulate(observation.shape.begin(), observation.shape.end(), std::int64_t{1},
                                                   std::multiplies<>()))};
}

Channels::Channels(const Observation& observation)
    : data(observation.data()),
      images(observation.shape[0]),
      channels(observation.shape[1]),
      plane(observation.shape.size() == 4 ? observation.shape[2] * observation.shape[3] : 1) {}

ChannelStatistics statistics_of(const Channels& values, std::int64_t c) {
  const auto count = static_cast<double>(values.values());
  double sum = 0;
  for (std::int64_t n = 0; n < values.images; ++n)
    for (std::int64_t i = 0; i < values.plane; ++i) sum += static_cast<double>(values.of(n, c)[i]);
  const double mean = sum / count;
  double squares = 0;
  for (std::int64_t n = 0; n < values.images; ++n)
    for (std::int64_t i = 0; i < values.plane; ++i) {
      const double d = static_cast<double>(values.of(n, c)[i]) - mean;
      squares += d * d;
    }
  return {mean, squares / count};
}

double squared_norm(std::span<const float> values) {
  return sum_over(values, [](double value) { return value * value; });
}

double norm(std::span<const float> values) { return std::sqrt(squared_norm(values)); }

double relative_error(std::span<const float> a, std::span<const float> b, double factor) {
  double difference = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = factor * static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
  }
  const double size = squared_norm(b);
  if (size > 0 || std::isnan(size)) return std::sqrt(difference / size);
  return difference > 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
}

double larger(double a, double b) { return a > b || std::isnan(a) ? a : b; }

double largest_magnitude(std::span<const float> a) {
  double largest = 0;
  for (const float value : a) largest = larger(largest, std::abs(static_cast<double>(value)));
  return largest;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = larger(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return largest;
}

ParametersGuard::ParametersGuard(network::Network& network)
    : parameters_(network.parameters()), values_(parameters_.values().begin(), parameters_.values().end()) {}

void ParametersGuard::restore() { std::ranges::copy(values_, parameters_.values().begin()); }

std::unordered_map<std::string, std::string> layer_types(const network::Network& network) {
  std::unordered_map<std::string, std::string> types;
  for (const layers::Layer* layer : network.layers()) types.emplace(layer->name(), layer->type());
  return types;
}

namespace {

class LayerProbe : public Probe {
 public:
  LayerProbe(const ProbeContext& context, const std::string& tensor, CsvWriter& csv,
             std::function<std::vector<double>(const Observation&)> measure)
      : types_(layer_types(context.network)),
        tensor_(tensor),
        observer_(context, {tensor}),
        measure_(std::move(measure)),
        csv_(csv) {}

  void step_done(std::int64_t step) override {
    observer_.load(step);
    observer_.forward();
    if (tensor_.starts_with("diff_")) observer_.backward();
    for (const Observation* observation : observer_.all(tensor_)) {
      csv_.add(step).add(observation->layer).add(types_.at(observation->layer));
      for (const double value : measure_(*observation)) csv_.add(value);
      csv_.end_row();
    }
  }

 private:
  std::unordered_map<std::string, std::string> types_;
  std::string tensor_;
  Observer observer_;
  std::function<std::vector<double>(const Observation&)> measure_;
  CsvWriter& csv_;
};

}  // namespace

std::unique_ptr<Probe> make_layer_probe(const ProbeContext& context, const std::string& name, const std::string& tensor,
                                        const std::vector<std::string>& columns,
                                        std::function<std::vector<double>(const Observation&)> measure) {
  std::vector<std::string> all{"step", "layer", "type"};
  all.insert(all.end(), columns.begin(), columns.end());
  return std::make_unique<LayerProbe>(context, tensor, context.open_csv(name, all), std::move(measure));
}

}  // namespace bnlab::probes
