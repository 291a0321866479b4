#pragma once
#include <memory>

#include "normalization/moments.h"

namespace bnlab::normalization {

/// Base of the layers that are batch normalization with other moments. They share its parameters, its state, and
/// evaluation with population statistics, which is its own.
class BatchVariantLayer : public layers::Layer {
 public:
  layers::Forward build(layers::Builder& builder, const layers::Tensor& src) override;

 protected:
  BatchVariantLayer(const NormalizationContext& context, const char* type);

  /// For programs with batch statistics, of `images` images. Epsilon and outputs are filled in.
  virtual MomentOptions moments(const layers::Builder& builder, std::int64_t images) const = 0;

  NormalizationState& state() { return state_; }
  const NormalizationState& state() const { return state_; }
  double epsilon() const { return epsilon_; }

 private:
  layers::Parameters& parameters_;
  double epsilon_;
  std::unique_ptr<Layer> with_population_;
  NormalizationState& state_;
  Affine affine_;
};

}  // namespace bnlab::normalization
