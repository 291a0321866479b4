#include "layers/concat.h"

#include <fmt/format.h>

#include "config/rule.h"
#include "layers/add.h"
#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;

// oneDNN numbers the sources from one argument on, up to the next that means something else.
static_assert(config::most_branches <= DNNL_ARG_ATTR_ZERO_POINTS - DNNL_ARG_MULTIPLE_SRC);

class ConcatLayer : public Layer {
 public:
  ConcatLayer(const LayerContext& context, std::vector<Sequence> branches, Dims dst_shape)
      : Layer(context.name, LayerKind::concat, "concat", context.src_shape, std::move(dst_shape)),
        branches_(std::move(branches)) {}

  std::vector<const Layer*> parts() const override {
    std::vector<const Layer*> parts;
    for (const Sequence& branch : branches_) {
      const std::vector<const Layer*> more = branch.all();
      parts.insert(parts.end(), more.begin(), more.end());
    }
    return parts;
  }

  Forward build(Builder& builder, const Tensor& src) override {
    std::vector<Forward> outputs;
    for (const Sequence& branch : branches_) outputs.push_back(branch.build(builder, src));
    builder.enter(name());
    const Tensor dst = join(builder, outputs, batched_dst_shape(src));
    if (!builder.has_backward() || !dst.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              Tensor diff_src;
              std::int64_t first = 0;
              for (std::size_t i = 0; i < outputs.size(); ++i) {
                const Tensor& output = outputs[i].dst;
                if (output.needs_diff) {
                  b.enter(name());
                  Tensor through = slice(b, diff_dst, first, output);
                  if (outputs[i].backward) through = outputs[i].backward(b, through);
                  b.enter(name());
                  diff_src = add(b, "backward_data", diff_src, src.needs_diff ? through : Tensor{});
                }
                first += output.shape[1];
              }
              return diff_src;
            }};
  }

 private:
  // How a branch's output is joined: as it is, unless a flatten or a normalization has left other dimensions or a layer
  // of the branch another type.
  static onednn::Desc branch_desc(const Builder& builder, const Tensor& output) {
    const onednn::Desc desc = output.memory.get_desc();
    const bool is_direct = compat::dims_of(desc) == output.shape && compat::type_of(desc) == builder.type();
    return is_direct ? desc : onednn::row_major_desc(output.shape, builder.type());
  }

  static Tensor join(Builder& builder, const std::vector<Forward>& outputs, const Dims& shape) {
    std::vector<dnnl::memory> srcs;
    std::vector<onednn::Desc> descs;
    bool needs_diff = false;
    for (const Forward& output : outputs) {
      srcs.push_back(builder.reorder_to(output.dst.memory, branch_desc(builder, output.dst)));
      descs.push_back(srcs.back().get_desc());
      needs_diff = needs_diff || output.dst.needs_diff;
    }
    const auto pd = compat::concat(builder.engine(), 1, descs, builder.attributes());
    const Tensor dst{builder.allocate(pd.dst_desc()), shape, needs_diff};
    builder.add_many("forward", pd, dnnl::concat(pd), srcs, dst.memory);
    return dst;
  }

  // The channels from `first` on that belong to `output`.
  static Tensor slice(Builder& builder, const Tensor& diff_dst, std::int64_t first, const Tensor& output) {
    Dims offsets(output.shape.size(), 0);
    offsets[1] = first;
    const Tensor diff{builder.allocate(branch_desc(builder, output)), output.shape, true};
    if (compat::dims_of(diff_dst.memory.get_desc()) == diff_dst.shape) {
      try {
        builder.copy_from_part(diff_dst.memory, offsets, diff.memory);
        return diff;
      } catch (const dnnl::error&) {  // the channels don't begin or end with a block of the layout
      }
    }
    builder.copy_from_part(builder.row_major(diff_dst), offsets, diff.memory);
    return diff;
  }

  std::vector<Sequence> branches_;
};

}  // namespace

std::unique_ptr<Layer> make_concat(const LayerContext& context, std::vector<Sequence> branches) {
  Dims dst_shape = branches.front().dst_shape();
  for (std::size_t i = 1; i < branches.size(); ++i) {
    Dims shape = branches[i].dst_shape();
    const std::int64_t channels = shape[1];
    shape[1] = branches.front().dst_shape()[1];
    if (shape != branches.front().dst_shape())
      throw ConfigError(
          fmt::format("network: {}: the branches must have outputs of equal size in all but the channels, got {} "
                      "and {}",
                      context.name, shape_text(branches.front().dst_shape()), shape_text(branches[i].dst_shape())));
    dst_shape[1] += channels;
  }
  return std::make_unique<ConcatLayer>(context, std::move(branches), std::move(dst_shape));
}

}  // namespace bnlab::layers
