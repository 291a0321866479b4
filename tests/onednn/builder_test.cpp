#include "onednn/builder.h"

#include <cstring>
#include <set>

#include "layers/loss.h"
#include "network/network_testing.h"
#include "reference/bf16.h"

namespace bnlab::onednn {
namespace {

using layer_testing::floats_of;
using layer_testing::Layout;
using reference::Array;
using reference::Shape;

/// Checks that each input still holds what its producer wrote, then fills its output with a number of its own.
class Stamp : public Kernel {
 public:
  Stamp(std::vector<std::pair<dnnl::memory, float>> inputs, dnnl::memory output, float stamp, int& mistakes)
      : inputs_(std::move(inputs)), output_(std::move(output)), stamp_(stamp), mistakes_(mistakes) {}
  void run() override {
    for (const auto& [memory, expected] : inputs_)
      for (const float value : values_of(memory)) mistakes_ += value != expected;
    for (float& value : values_of(output_)) value = stamp_;
  }
  static std::span<float> values_of(const dnnl::memory& memory) {
    return {floats_of(memory), memory.get_desc().get_size() / sizeof(float)};
  }

 private:
  std::vector<std::pair<dnnl::memory, float>> inputs_;
  dnnl::memory output_;
  float stamp_;
  int& mistakes_;
};

TEST(OnednnBuilder, SharesMemoryOnlyBetweenBuffersThatLiveAtDifferentTimes) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 generator(seed);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(generator() % bound); };
    Builder builder(engine, Mode::train);
    std::vector<dnnl::memory> memories;
    std::set<std::size_t> kept;
    std::uint64_t bytes = 0;
    int mistakes = 0;
    for (std::size_t i = 0; i < 60; ++i) {
      const Desc desc = row_major_desc({static_cast<Dims::value_type>(1 + below(i % 7 == 0 ? 3000 : 200))});
      if (below(10) == 0) kept.insert(i);
      memories.push_back(kept.count(i) ? builder.allocate_kept(desc) : builder.allocate(desc));
      bytes += desc.get_size();
      std::vector<std::pair<dnnl::memory, float>> inputs;
      std::vector<dnnl::memory> uses{memories[i]};
      for (std::size_t k = 0; i > 0 && k < below(4); ++k) {
        const std::size_t j = below(4) == 0 ? below(i) : i - 1 - below(std::min<std::size_t>(i, 5));
        // Through a view at times: it is the same buffer.
        const Desc as_column =
            row_major_desc({memories[j].get_desc().get_size() / 4 > 0
                                ? static_cast<Dims::value_type>(memories[j].get_desc().get_size() / 4)
                                : 1,
                            1});
        inputs.emplace_back(below(2) ? builder.view(memories[j], as_column) : memories[j], static_cast<float>(j + 1));
        uses.push_back(inputs.back().first);
      }
      builder.add("stamp", std::make_unique<Stamp>(inputs, memories[i], static_cast<float>(i + 1), mistakes), uses);
    }
    builder.begin_backward();
    const Program program = builder.finish();
    for (int repeat = 0; repeat < 2; ++repeat) program.run_forward(stream);
    EXPECT_EQ(mistakes, 0) << "seed " << seed;
    for (const std::size_t i : kept)
      for (const float value : Stamp::values_of(memories[i]))
        ASSERT_EQ(value, static_cast<float>(i + 1)) << "seed " << seed;
    EXPECT_LT(program.arena_bytes(), bytes) << "nothing was shared";
  }
}

TEST(OnednnBuilder, KeepsWhatItIsToldToKeep) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  const auto arena = [&](bool keep) {
    Builder builder(engine, Mode::train);
    int mistakes = 0;
    dnnl::memory before;
    for (int i = 0; i < 8; ++i) {
      const dnnl::memory memory = builder.allocate(row_major_desc({1024}));
      if (keep) builder.keep(builder.view(memory, row_major_desc({32, 32})));
      std::vector<std::pair<dnnl::memory, float>> inputs;
      std::vector<dnnl::memory> uses{memory};
      if (before) inputs.emplace_back(before, static_cast<float>(i)), uses.push_back(before);
      builder.add("stamp", std::make_unique<Stamp>(inputs, memory, static_cast<float>(i + 1), mistakes), uses);
      before = memory;
    }
    return builder.finish().arena_bytes();
  };
  EXPECT_EQ(arena(false), 2U * 4096U);
  EXPECT_EQ(arena(true), 8U * 4096U);
}

TEST(OnednnBuilder, ViewsAndAdapts) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  Builder builder(engine, Mode::train);
  const Shape shape{2, 17, 3, 4};
  const dnnl::memory src = builder.allocate_kept(row_major_desc(shape));
  const Desc blocked_desc(shape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nChw16c);
  EXPECT_TRUE(is_padded(blocked_desc));
  EXPECT_FALSE(is_padded(row_major_desc(shape)));
  EXPECT_EQ(builder.reorder_to(src, row_major_desc(shape)).get(), src.get());
  EXPECT_EQ(builder.view(src, row_major_desc(shape)).get(), src.get());
  EXPECT_THROW(builder.view(src, blocked_desc), std::logic_error);

  const dnnl::memory blocked = builder.reorder_to(src, blocked_desc);
  builder.keep(blocked);
  const dnnl::memory flat = builder.reorder_to(blocked, row_major_desc({2, 17 * 12}));  // another rank, C order
  builder.keep(flat);
  const dnnl::memory back = builder.reorder_to(flat, blocked_desc);
  builder.keep(back);
  const dnnl::memory plain = builder.row_major({back, shape, true});
  builder.keep(plain);
  builder.begin_backward();
  const Program program = builder.finish();
  std::mt19937_64 generator(71);
  const Array values = layer_testing::random_array(shape, generator);
  layer_testing::write(src, values);
  program.run_forward(stream);
  EXPECT_EQ(layer_testing::read(flat, shape).values, values.values);
  EXPECT_EQ(layer_testing::read(plain, shape).values, values.values);
  const std::size_t bytes = blocked_desc.get_size();
  EXPECT_EQ(std::memcmp(blocked.get_data_handle(), back.get_data_handle(), bytes), 0);
  double padding = 0;  // whatever is beyond the values
  for (const float value : Stamp::values_of(blocked)) padding += std::abs(static_cast<double>(value));
  for (const double value : values.values) padding -= std::abs(value);
  EXPECT_NEAR(padding, 0.0, 1e-9);
}

TEST(OnednnBuilder, ChangesTypes) {
  if (!compat::has_fast_bf16()) GTEST_SKIP() << "oneDNN has no bf16 instructions here: " << compat::cpu_isa();
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  Builder builder(engine, Mode::train, nullptr, DataType::bf16);
  EXPECT_EQ(compat::type_of(builder.any({2, 3})), DataType::bf16);
  const Shape shape{2, 17, 3, 4};
  const dnnl::memory src = builder.allocate_kept(row_major_desc(shape));
  EXPECT_EQ(builder.in_f32({src, shape, true}).memory.get(), src.get());
  const dnnl::memory blocked = builder.reorder_to(src, Desc(shape, DataType::bf16, dnnl::memory::format_tag::nChw16c));
  const dnnl::memory flat = builder.reorder_to(blocked, row_major_desc({2, 17 * 12}, DataType::bf16));
  // From one type and rank to the other in both directions.
  const dnnl::memory flat_again = builder.reorder_to(src, row_major_desc({2, 17 * 12}, DataType::bf16));
  std::vector<dnnl::memory> results{
      builder.row_major({blocked, shape, true}), builder.row_major({flat, {2, 17 * 12}, true}),
      builder.in_f32({flat_again, {2, 17 * 12}, true}).memory, builder.reorder_to(flat, row_major_desc(shape))};
  for (const dnnl::memory& memory : results) builder.keep(memory);
  builder.begin_backward();
  const Program program = builder.finish();
  std::mt19937_64 generator(73);
  const Array values = layer_testing::random_array(shape, generator);
  layer_testing::write(src, values);
  program.run_forward(stream);
  for (const dnnl::memory& memory : results)
    EXPECT_EQ(layer_testing::read(memory, shape).values, reference::to_bf16(values).values);
}

TEST(OnednnBuilder, ObservesOnlyWhereItIsAskedTo) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  for (const Mode mode : {Mode::train, Mode::observe, Mode::evaluate_population, Mode::evaluate_batch}) {
    Builder builder(engine, mode);
    builder.enter("layer7");
    const Shape shape{2, 17};
    builder.observe("input", {builder.allocate(row_major_desc(shape)), shape, false});
    ASSERT_EQ(builder.observations().size(), mode == Mode::observe ? 1U : 0U);
    if (mode != Mode::observe) continue;
    EXPECT_EQ(builder.observations()[0].layer, "layer7");
    EXPECT_EQ(builder.observations()[0].tensor, "input");
    EXPECT_EQ(builder.observations()[0].shape, shape);
  }
}

// ---- the programs of networks --------------------------------------------------------------------------------------

/// The results of a training program whose tensors between layers are all kept, or not.
struct Outcome {
  double loss = 0;
  std::vector<float> diffs;
  std::uint64_t arena_bytes = 0;
};

Outcome run_program(const config::RunConfig& config, const data::DatasetInfo& dataset, bool keep_all) {
  const auto assembly = network::assemble(config, dataset);
  const dnnl::engine& engine = assembly->engine;
  const dnnl::stream stream(engine);
  layers::Parameters& parameters = assembly->parameters;
  Builder builder(engine, Mode::train);
  const auto tensor = [&](const Tensor& value) {
    if (keep_all && value.memory) builder.keep(value.memory);
    return value;
  };
  const Shape shape{6, dataset.channels, dataset.height, dataset.width};
  const dnnl::memory input = builder.allocate_kept(row_major_desc(shape));
  Tensor value{input, shape, false};
  std::vector<layers::Backward> tape;
  layers::LossBuffers loss;
  for (const auto& layer : assembly->layers.layers()) {
    layers::Forward forward = layer->build(builder, value);
    value = tensor(forward.dst);
    tape.push_back(std::move(forward.backward));
  }
  tape.push_back(layers::build_loss(builder, value, {}, false, loss).backward);
  builder.begin_backward();
  Tensor diff;
  for (auto step = tape.rbegin(); step != tape.rend() && *step; ++step) diff = tensor((*step)(builder, diff));
  parameters.allocate();
  std::mt19937_64 generator(72);
  for (const auto& parameter : parameters.all())
    parameter->set_row_major_value(reference::to_floats(layer_testing::random_array(parameter->shape, generator)));
  const Program program = builder.finish();
  layer_testing::write(input, layer_testing::random_array(shape, generator));
  for (int repeat = 0; repeat < 2; ++repeat) {
    program.run_forward(stream);
    program.run_backward(stream);
  }
  return {loss.loss, {parameters.diffs().begin(), parameters.diffs().end()}, program.arena_bytes()};
}

TEST(OnednnBuilder, SharingMemoryDoesNotChangeANetwork) {
  using config::Activation;
  using namespace network_testing;
  const data::DatasetInfo dataset = dataset_of(3, 8, 9, 10);
  for (const auto type :
       {config::NormalizationType::none, config::NormalizationType::batch, config::NormalizationType::frozen})
    for (const auto placement : {config::Placement::before_activation, config::Placement::after_activation}) {
      config::RunConfig config =
          run_config(network_of(conv_block(17, Activation::relu), conv_block(32, Activation::sigmoid),
                                config::MaxPool{}, conv_block(100, Activation::tanh), config::AvgPool{},
                                config::Flatten{}, dense_block(17, Activation::relu),
                                dense_block(100, Activation::sigmoid), config::Dense{.units = 10}),
                     type);
      config.normalization.placement = placement;
      const Outcome shared = run_program(config, dataset, false);
      const Outcome kept = run_program(config, dataset, true);
      EXPECT_EQ(shared.loss, kept.loss);
      EXPECT_EQ(shared.diffs, kept.diffs);
      EXPECT_LT(shared.arena_bytes, kept.arena_bytes);
    }
}

}  // namespace
}  // namespace bnlab::onednn
