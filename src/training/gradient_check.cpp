#include "training/gradient_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "util/random.h"

namespace bnlab::training {
namespace {

using Loss = std::function<double(std::span<const float>)>;

constexpr double zero_gradient = 1e-6;
constexpr double rounding_share = 1e-3;  // of the network's largest gradient

double norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

struct Difference {
  double value = 0;
  double uncertainty = 0;  // how far the estimates at the neighbouring distances lie
};

/// The estimate that differs least from both its neighbours. Two may agree by chance, three hardly.
template <std::size_t N>
Difference steadiest(const std::array<double, N>& estimates) {
  Difference best{std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()};
  for (std::size_t i = 1; i + 1 < N; ++i) {
    const double gap = std::max(std::abs(estimates[i] - estimates[i - 1]), std::abs(estimates[i] - estimates[i + 1]));
    if (gap < best.uncertainty) best = {estimates[i], gap};
  }
  return best;
}

/// d loss / dt of values + t * direction at t = 0.
Difference derivative_along(std::span<const float> values, const std::vector<double>& direction, const Loss& loss) {
  // t times the norm of the direction, that is the distance moved.
  constexpr std::array distances{1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5};
  const double length = norm(direction);
  std::vector<float> moved(values.size());
  const auto loss_at = [&](double t) {
    for (std::size_t i = 0; i < moved.size(); ++i)
      moved[i] = static_cast<float>(static_cast<double>(values[i]) + t * direction[i]);
    return loss(moved);
  };
  std::array<double, distances.size()> estimates{};
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const double t = distances[i] / length;
    // Fourth-order central difference.
    estimates[i] = (8.0 * (loss_at(t) - loss_at(-t)) - (loss_at(2.0 * t) - loss_at(-2.0 * t))) / (12.0 * t);
  }
  return steadiest(estimates);
}

std::vector<double> random_direction(std::size_t count, RandomStream& random) {
  std::vector<double> direction(count);
  for (double& d : direction) d = random.uniform() < 0.5 ? -1.0 : 1.0;
  return direction;
}

double dot(std::span<const float> a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

std::vector<std::size_t> largest(std::span<const float> gradient, std::size_t count) {
  std::vector<std::size_t> order(gradient.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return std::abs(gradient[a]) > std::abs(gradient[b]); });
  order.resize(count);
  return order;
}

struct Agreement {
  double largest_error = 0;
  bool passed = false;
};

/// Comparisons of one array.
class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}

  void add(double analytic, Difference numeric, double length) {
    pairs_.push_back({analytic / length, {numeric.value / length, numeric.uncertainty / length}});
  }

  /// Passed: all agree, relative to the scale, and at least half of the differences are clear enough to count. Where
  /// they are not and the scale is below the floor, the floor takes its place.
  Agreement agreement(double scale, double floor) const {
    const Agreement own = relative_to(scale > 0 ? scale : zero_gradient);
    return own.passed || scale >= floor ? own : relative_to(floor);
  }

 private:
  struct Pair {
    double analytic;
    Difference numeric;
  };

  Agreement relative_to(double scale) const {
    Agreement result;
    std::size_t used = 0;
    bool agrees = true;
    for (const Pair& pair : pairs_) {
      const double uncertainty = pair.numeric.uncertainty / scale;
      if (!(uncertainty <= largest_uncertainty)) continue;
      ++used;
      const double error = std::abs(pair.analytic - pair.numeric.value) / scale;
      result.largest_error = std::max(result.largest_error, error);
      agrees = agrees && error <= tolerance_ + 2.0 * uncertainty;
    }
    result.passed = agrees && 2 * used >= pairs_.size();
    return result;
  }

  // Beyond it a kink of ReLU or max pooling lies so near that the difference says nothing.
  static constexpr double largest_uncertainty = 0.05;
  double tolerance_;
  std::vector<Pair> pairs_;
};

/// Images have large areas of one value, where max pooling has ties and thousands of ReLUs turn at once: there the loss
/// has no derivative. Noise of a third of the images' standard deviation parts them.
void add_noise(std::span<float> images, std::uint64_t seed) {
  double mean = 0;
  for (const float v : images) mean += static_cast<double>(v);
  mean /= static_cast<double>(images.size());
  double squares = 0;
  for (const float v : images) squares += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean);
  const double noise = std::sqrt(squares / static_cast<double>(images.size())) / 3.0;
  RandomStream random(seed, RandomPurpose::probe, RandomStream::substream_of("gradient check noise"));
  for (float& v : images) v += static_cast<float>(noise * random.normal());
}

}  // namespace

GradientCheckRow check_gradient(const std::string& name, std::span<const float> values, std::span<const float> gradient,
                                const Loss& loss, const GradientCheckOptions& options) {
  GradientCheckRow row{name, static_cast<std::int64_t>(values.size()), norm(gradient), 0, 0, false};
  RandomStream random(options.seed, RandomPurpose::probe, RandomStream::substream_of(name));
  std::vector<std::vector<double>> directions;
  if (row.gradient_norm > 0) directions.emplace_back(gradient.begin(), gradient.end());
  for (int i = 0; i < options.directions; ++i) directions.push_back(random_direction(values.size(), random));
  Comparison along(options.tolerance);
  for (const auto& direction : directions)
    along.add(dot(gradient, direction), derivative_along(values, direction, loss), norm(direction));
  double maximum = 0;
  for (const float g : gradient) maximum = std::max(maximum, std::abs(static_cast<double>(g)));
  Comparison single(options.tolerance);
  for (const std::size_t i : largest(gradient, static_cast<std::size_t>(options.elements))) {
    std::vector<double> unit(values.size(), 0.0);
    unit[i] = 1.0;
    single.add(static_cast<double>(gradient[i]), derivative_along(values, unit, loss), 1.0);
  }
  const Agreement directions_agree = along.agreement(row.gradient_norm, options.rounding);
  const Agreement elements_agree = single.agreement(maximum, options.rounding);
  row.direction_error = directions_agree.largest_error;
  row.element_error = elements_agree.largest_error;
  row.passed = directions_agree.passed && elements_agree.passed;
  return row;
}

/// A factor that starts at 0, as SkipInit's and the gamma of residual bodies do, leaves a ReLU behind it on its kink.
void move_off_zero(layers::Parameter& parameter) {
  if (parameter.kind != layers::ParameterKind::scalar && parameter.kind != layers::ParameterKind::gamma) return;
  std::vector<float> values = parameter.row_major_value();
  if (std::any_of(values.begin(), values.end(), [](float value) { return value != 0.0f; })) return;
  std::fill(values.begin(), values.end(), 0.5f);
  parameter.set_row_major_value(values);
}

std::vector<GradientCheckRow> check_gradients(network::Network& network, GradientCheckOptions options) {
  network::Executable& program = network.train();
  for (const auto& parameter : network.parameters().all()) move_off_zero(*parameter);
  add_noise({program.images(), static_cast<std::size_t>(program.image_values())}, options.seed);
  program.forward();
  program.backward();
  std::vector<GradientCheckRow> rows;

  // Every gradient is copied before the first difference overwrites the buffers.
  const auto input_size = static_cast<std::size_t>(program.image_values());
  const std::vector<float> images(program.images(), program.images() + input_size);
  const std::vector<float> diff_images(program.diff_images(), program.diff_images() + input_size);
  std::vector<std::vector<float>> gradients;
  for (const auto& parameter : network.parameters().all()) gradients.push_back(parameter->row_major_diff());
  for (const auto& gradient : gradients) options.rounding = std::max(options.rounding, rounding_share * norm(gradient));

  rows.push_back(check_gradient(
      "input", images, diff_images,
      [&](std::span<const float> moved) {
        std::copy(moved.begin(), moved.end(), program.images());
        program.forward();
        return program.loss();
      },
      options));
  std::copy(images.begin(), images.end(), program.images());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    layers::Parameter& parameter = *network.parameters().all()[i];
    const std::vector<float> values = parameter.row_major_value();
    rows.push_back(check_gradient(
        parameter.name, values, gradients[i],
        [&](std::span<const float> moved) {
          parameter.set_row_major_value(moved);
          program.forward();
          return program.loss();
        },
        options));
    parameter.set_row_major_value(values);
  }
  return rows;
}

}  // namespace bnlab::training
