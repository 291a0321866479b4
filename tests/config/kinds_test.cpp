// The tables of kinds. Which names and traits they hold is checked in tests/cli/commands_test.py, by hand.

#include <gtest/gtest.h>

#include <set>

#include "config/families.h"
#include "config/names.h"
#include "config/rule.h"
#include "config/run_config.h"

namespace bnlab::config {
namespace {

template <class E>
void expect_one_row_each() {
  std::set<std::string_view> names;
  int value = 0;
  for (const auto& row : Names<E>::table) {
    EXPECT_EQ(static_cast<int>(row.value), value++) << row.name;  // in the order of the enumerators
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_EQ(row.meaning.find('\n'), std::string_view::npos) << row.name;
    EXPECT_EQ(&row_of(row.value), &row);
    EXPECT_EQ(name_of(row.value), row.name);
  }
}

TEST(Kinds, HaveOneRowEach) {
  expect_one_row_each<BlockKind>();
  expect_one_row_each<NormalizationType>();
  expect_one_row_each<Activation>();
  expect_one_row_each<InitializationScheme>();
  expect_one_row_each<OptimizerType>();
  expect_one_row_each<ScheduleType>();
  expect_one_row_each<LossType>();
  expect_one_row_each<Precision>();
  expect_one_row_each<ProbeType>();
}

TEST(Kinds, OfBlocksAreInTheOrderOfTheirStructs) {
  const auto name_of_block = [](Block::Spec spec) { return name_of(static_cast<BlockKind>(spec.index())); };
  EXPECT_EQ(name_of_block(Dense{}), "dense");
  EXPECT_EQ(name_of_block(Conv{}), "conv");
  EXPECT_EQ(name_of_block(MaxPool{}), "max_pool");
  EXPECT_EQ(name_of_block(AvgPool{}), "avg_pool");
  EXPECT_EQ(name_of_block(GlobalAvgPool{}), "global_avg_pool");
  EXPECT_EQ(name_of_block(Flatten{}), "flatten");
  EXPECT_EQ(name_of_block(Normalization{}), "normalization");
  EXPECT_EQ(name_of_block(LocalResponse{}), "local_response");
  EXPECT_EQ(name_of_block(ActivationBlock{}), "activation");
  EXPECT_EQ(name_of_block(Dropout{}), "dropout");
  EXPECT_EQ(name_of_block(DenseBlock{}), "dense_block");
  EXPECT_EQ(name_of_block(ConvBlock{}), "conv_block");
  EXPECT_EQ(name_of_block(Residual{}), "residual");
  EXPECT_EQ(name_of_block(Concat{}), "concat");
  EXPECT_EQ(name_of_block(Recurrent{}), "recurrent");
  EXPECT_EQ(name_of_block(Repeat{}), "repeat");
}

TEST(Kinds, KnowWhichBlocksHoldOthers) {
  const std::vector<Block> two{{Dense{}}, {Flatten{}}};
  EXPECT_TRUE(inner_layers({Dense{}}).empty());
  const Block repeat{Repeat{.count = 3, .layers = two}};
  ASSERT_EQ(inner_layers(repeat).size(), 1u);
  EXPECT_EQ(*inner_layers(repeat)[0], two);
  const Block residual{Residual{.body = two}};
  ASSERT_EQ(inner_layers(residual).size(), 1u);
  EXPECT_EQ(*inner_layers(residual)[0], two);
  const Block concat{Concat{.branches = {two, {}, {{Dropout{}}}}}};
  ASSERT_EQ(inner_layers(concat).size(), 3u);
  EXPECT_EQ(*inner_layers(concat)[2], std::vector<Block>{{Dropout{}}});
}

TEST(Kinds, KnowTheSizeOfVirtualBatches) {
  const auto size_of = [](NormalizationType type, std::optional<std::int64_t> set) {
    NormalizationConfig config;
    config.type = type;
    config.virtual_batch_size = set;
    return virtual_batch_size(config);
  };
  EXPECT_EQ(size_of(NormalizationType::ghost, std::nullopt), 32);
  EXPECT_EQ(size_of(NormalizationType::ghost, 8), 8);
  EXPECT_EQ(size_of(NormalizationType::batch_renorm, std::nullopt), std::nullopt);
  EXPECT_EQ(size_of(NormalizationType::batch_renorm, 8), 8);
  EXPECT_EQ(size_of(NormalizationType::batch, 8), std::nullopt);
  EXPECT_EQ(size_of(NormalizationType::none, 8), std::nullopt);
}

TEST(Kinds, SayWhereAFieldApplies) {
  const Rule momentum = only_where_listed("type", OptimizerType::adam, "momentum");
  EXPECT_FALSE(momentum.applies);
  EXPECT_EQ(momentum.decided_as, "adam");
  EXPECT_EQ(momentum.applies_to, (std::vector<std::string>{"sgd", "rmsprop"}));
  EXPECT_TRUE(only_where_listed("type", OptimizerType::rmsprop, "momentum").applies);
}

TEST(Families, AreWrittenAsJson) {
  const Family family{
      "things",
      {{.name = "one",
        .meaning = "the first",
        .paper = "A 2000",
        .traits = {{"is_small", true}, {"size", std::int64_t{3}}, {"fields", std::vector<std::string>{"a"}}}},
       {.name = "two"}}};
  EXPECT_EQ(
      families_json({family}),
      "{\n"
      "  \"things\": [\n"
      "    {\"name\": \"one\", \"meaning\": \"the first\", \"paper\": \"A 2000\", \"is_small\": true, \"size\": 3, "
      "\"fields\": [\"a\"]},\n"
      "    {\"name\": \"two\", \"meaning\": \"\"}\n"
      "  ]\n"
      "}\n");
}

}  // namespace
}  // namespace bnlab::config
