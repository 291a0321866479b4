#pragma once
// Products of the Hessian of the training loss with vectors.

#include <vector>

#include "probes/training_loss.h"

namespace bnlab::probes {

/// H v of the Hessian H at the parameters theta that `loss` keeps: (g(theta + h v) - g(theta - h v)) / 2h with
/// h = distance ||theta|| / ||v||, theta over the trainable parameters. `loss` and the network outlive it. Vectors lie
/// as Parameters::values() do; what is neither trainable nor a parameter must be 0.
class HessianProduct {
 public:
  HessianProduct(const ProbeContext& context, TrainingLoss& loss, double distance);

  /// Requires a NetworkGuard.
  void operator()(const std::vector<float>& v, std::vector<float>& product) { difference(distance_, v, product); }
  /// The same to fourth order in h, at twice the cost: (4 D(h) - D(2h)) / 3 of the differences D above.
  void refined(const std::vector<float>& v, std::vector<float>& product);

  /// Standard normal numbers for the trainable parameters, the same for each layout and each call.
  std::vector<float> random_vector() const;

 private:
  void difference(double distance, const std::vector<float>& v, std::vector<float>& product);
  void evaluate_at(double factor, const std::vector<float>& v);

  network::Network& network_;
  std::uint64_t seed_;
  TrainingLoss& loss_;
  double distance_;
  std::vector<float> trainable_;  // 1 or 0
  std::vector<float> moved_;
};

}  // namespace bnlab::probes
