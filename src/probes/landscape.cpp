#include "probes/landscape.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "config/names.h"
#include "probes/training_loss.h"

namespace bnlab::probes {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

double finite_or_inf(double value) { return std::isfinite(value) ? value : infinite; }

/// part / whole; inf where the part is not finite, else nan where the whole is 0.
double share(double part, double whole) {
  if (!std::isfinite(part)) return infinite;
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

struct Point {
  double rate;    // m eta
  double loss;    // inf where it is not finite
  double change;  // of the gradient, likewise
};

/// Where the loss first reaches `level`.
double rate_at(const std::vector<Point>& points, double level) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& above = points[i];
    if (!(above.loss >= level)) continue;
    if (i == 0) return above.rate;
    const Point& below = points[i - 1];
    const double reached = std::log(level / below.loss) / std::log(above.loss / below.loss);
    if (!std::isfinite(above.loss) || !std::isfinite(reached)) return above.rate;
    return below.rate * std::pow(above.rate / below.rate, reached);
  }
  return infinite;
}

template <class Value>
double largest(const std::vector<Point>& points, const Value& value) {
  double found = -infinite;
  for (const Point& point : points) found = larger(value(point), found);
  return found;
}

class Landscape : public Probe {
 public:
  Landscape(const config::ProbeConfig& config, const ProbeContext& context)
      : config_(config),
        network_(context.network),
        loss_(context, context.run.training.batch_size, GradientOf::trainable_parameters),
        csv_(context.open_csv("landscape", {"step", "loss", "gradient_norm", "loss_minimum", "loss_maximum",
                                            "loss_range", "gradient_change", "relative_change", "smoothness",
                                            "critical_rate", "rise_rate", "best_ratio"})),
        points_csv_(config.points ? &context.open_csv(std::string(row_of(config.type).points_file),
                                                      {"step", "multiplier", "rate", "loss", "loss_ratio",
                                                       "gradient_change", "relative_change", "smoothness"})
                                  : nullptr) {
    std::ranges::sort(config_.multipliers);
  }

  void gradients_ready(std::int64_t step, double learning_rate) override {
    rate_ = config_.unit == config::StepUnit::one ? 1.0 : learning_rate;
    loss_.take_batch(step);
    loss_.keep_parameters();
  }

  void step_done(std::int64_t step) override {
    if (step == 0) return;
    const NetworkGuard guard(network_);
    const double loss = finite_or_inf(loss_.evaluate(loss_.kept()));
    const std::span<const float> gradient = network_.parameters().diffs();
    gradient_.assign(gradient.begin(), gradient.end());
    const double gradient_norm = finite_or_inf(norm(gradient_));
    std::vector<Point> points;
    for (const double multiplier : config_.multipliers) points.push_back(measure(multiplier * rate_));
    write(step, loss, gradient_norm, points);
    if (points_csv_) write_points(step, loss, gradient_norm, points);
  }

 private:
  Point measure(double rate) {
    constexpr double most = std::numeric_limits<float>::max();
    moved_ = loss_.kept();
    for (std::size_t i = 0; i < moved_.size(); ++i)
      if (gradient_[i] != 0.0f)
        moved_[i] = static_cast<float>(
            std::clamp(static_cast<double>(moved_[i]) - rate * static_cast<double>(gradient_[i]), -most, most));
    const double loss = loss_.evaluate(moved_);
    return {rate, finite_or_inf(loss), finite_or_inf(distance(network_.parameters().diffs(), gradient_))};
  }

  void write(std::int64_t step, double loss, double gradient_norm, const std::vector<Point>& points) {
    const auto loss_of = [](const Point& point) { return point.loss; };
    const double maximum = largest(points, loss_of);
    const double minimum = -largest(points, [](const Point& point) { return -point.loss; });
    const double change = largest(points, [](const Point& point) { return point.change; });
    csv_.add(step).add(loss).add(gradient_norm).add(minimum).add(maximum);
    csv_.add(std::isfinite(maximum) ? maximum - minimum : infinite).add(change).add(share(change, gradient_norm));
    csv_.add(largest(points, [&](const Point& point) { return share(point.change, point.rate * gradient_norm); }));
    csv_.add(rate_at(points, config_.ratio * loss)).add(rate_at(points, loss)).add(share(minimum, loss)).end_row();
  }

  void write_points(std::int64_t step, double loss, double gradient_norm, const std::vector<Point>& points) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Point& point = points[i];
      points_csv_->add(step).add(config_.multipliers[i]).add(point.rate).add(point.loss).add(share(point.loss, loss));
      points_csv_->add(point.change).add(share(point.change, gradient_norm));
      points_csv_->add(share(point.change, point.rate * gradient_norm)).end_row();
    }
  }

  config::ProbeConfig config_;  // its multipliers sorted
  network::Network& network_;
  TrainingLoss loss_;
  double rate_ = 0;              // eta
  std::vector<float> gradient_;  // at the kept parameters
  std::vector<float> moved_;
  CsvWriter& csv_;
  CsvWriter* points_csv_;
};

}  // namespace

std::unique_ptr<Probe> make_landscape(const config::ProbeConfig& config, const ProbeContext& context) {
  return std::make_unique<Landscape>(config, context);
}

}  // namespace bnlab::probes
