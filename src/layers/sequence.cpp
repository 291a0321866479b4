#include "layers/sequence.h"

namespace bnlab::layers {

Forward Sequence::build(Builder& builder, const Tensor& src) const {
  struct Entry {
    std::string name;
    Backward backward;
  };
  std::vector<Entry> tape;
  Tensor value = src;
  for (const auto& layer : layers_) {
    builder.enter(layer->name());
    builder.observe("src", value);
    Forward forward = layer->build(builder, value);
    value = forward.dst;
    builder.enter(layer->name());  // a layer may have entered its parts
    builder.observe("dst", value);
    tape.push_back({layer->name(), std::move(forward.backward)});
  }
  if (!builder.has_backward() || !value.needs_diff) return {value, {}};
  return {value, [tape = std::move(tape)](Builder& b, const Tensor& diff_dst) {
            Tensor diff = diff_dst;
            for (auto entry = tape.rbegin(); entry != tape.rend(); ++entry) {
              if (!entry->backward) return Tensor{};  // nothing before it has parameters
              b.enter(entry->name);
              b.observe("diff_dst", diff);
              diff = entry->backward(b, diff);
              b.enter(entry->name);
              if (diff.memory) b.observe("diff_src", diff);
            }
            return diff;
          }};
}

std::vector<const Layer*> Sequence::all() const {
  std::vector<const Layer*> all;
  for (const auto& layer : layers_) {
    const std::vector<const Layer*> parts = layer->parts();
    all.insert(all.end(), parts.begin(), parts.end());
    all.push_back(layer.get());
  }
  return all;
}

}  // namespace bnlab::layers
