#include "probes/hessian_product.h"

#include <algorithm>
#include <cmath>

#include "network/trainable.h"
#include "util/random.h"

namespace bnlab::probes {

HessianProduct::HessianProduct(const ProbeContext& context, TrainingLoss& loss, double distance)
    : network_(context.network),
      seed_(context.run.training.seed),
      loss_(loss),
      distance_(distance),
      trainable_(network::trainable_mask(context.run.optimizer.trainable, network_.parameters(), seed_)) {}

void HessianProduct::refined(const std::vector<float>& v, std::vector<float>& product) {
  std::vector<float> far;
  difference(2 * distance_, v, far);
  difference(distance_, v, product);
  for (std::size_t i = 0; i < product.size(); ++i)
    product[i] = static_cast<float>((4 * static_cast<double>(product[i]) - static_cast<double>(far[i])) / 3);
}

void HessianProduct::difference(double distance, const std::vector<float>& v, std::vector<float>& product) {
  double squares = 0;
  for (std::size_t i = 0; i < trainable_.size(); ++i) {
    const double value = static_cast<double>(trainable_[i]) * static_cast<double>(loss_.kept()[i]);
    squares += value * value;
  }
  const double h = distance * std::sqrt(squares) / norm(v);
  const std::span<const float> diffs = network_.parameters().diffs();
  evaluate_at(h, v);
  product.assign(diffs.begin(), diffs.end());
  evaluate_at(-h, v);
  for (std::size_t i = 0; i < product.size(); ++i)
    product[i] = static_cast<float>((static_cast<double>(product[i]) - static_cast<double>(diffs[i])) / (2 * h));
}

void HessianProduct::evaluate_at(double factor, const std::vector<float>& v) {
  moved_ = loss_.kept();
  for (std::size_t i = 0; i < moved_.size(); ++i)
    moved_[i] = static_cast<float>(static_cast<double>(moved_[i]) + factor * static_cast<double>(v[i]));
  loss_.evaluate(moved_);
}

std::vector<float> HessianProduct::random_vector() const {
  std::vector<float> vector(trainable_.size());
  for (const layers::Segment& segment : network_.parameters().segments()) {
    const layers::Parameter& parameter = *segment.parameter;
    RandomStream random(seed_, RandomPurpose::probe, RandomStream::substream_of("hessian " + parameter.name));
    std::vector<float> values(static_cast<std::size_t>(parameter.count()));
    for (float& value : values) value = static_cast<float>(random.normal());
    parameter.set_row_major(vector.data() + segment.offset, values);
  }
  for (std::size_t i = 0; i < vector.size(); ++i) vector[i] *= trainable_[i];
  return vector;
}

}  // namespace bnlab::probes
