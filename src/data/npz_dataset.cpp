#include "data/npz_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "data/background_sha256.h"
#include "data/classes.h"
#include "data/search.h"
#include "util/errors.h"
#include "util/join.h"
#include "util/npz_reader.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;
using Array = NpzReader::Array;

constexpr std::uint64_t most_values = std::uint64_t{1} << 30;  // of an array
constexpr std::int64_t most_inputs = std::int64_t{1} << 24;    // of an example
constexpr std::int64_t few_channels = 4;                       // that tell which end of a shape is the channels

/// "x_train" in whatever case: some write X_train.
Array open_array(const NpzReader& file, const std::string& wanted) {
  const std::vector<std::string> names = file.names();
  const auto open = [&](const std::string& name) {
    Array array = file.open(name);
    if (array.count() > most_values)
      throw DataError(fmt::format("{}too large: expected at most {} values, found shape ({})", array.where(),
                                  most_values, join(array.header().shape, ", ")));
    return array;
  };
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return open(wanted);
  for (const std::string& name : names)
    if (lower_case(name) == wanted) return open(name);
  throw DataError(fmt::format("{}: no array \"{}\"; expected x_train, y_train, x_test, y_test, found {}",
                              file.path().string(), wanted, names.empty() ? "none" : join(names, ", ")));
}

// ---- inputs --------------------------------------------------------------------------------------------------------

enum class Type { bytes, f4, f8 };

Type type_of(const Array& x) {
  const std::string& descr = x.header().descr;
  if (descr == "|u1") return Type::bytes;
  if (descr == "<f4") return Type::f4;
  if (descr == "<f8") return Type::f8;
  throw DataError(
      fmt::format("{}type \"{}\" is not supported, only uint8 (|u1), float32 (<f4), float64 (<f8)", x.where(), descr));
}

/// What an array of inputs holds, and which of its dimensions is which; -1: it has none.
struct Layout {
  std::int64_t channels = 1, height = 1, width = 1;
  int channel_axis = -1, row_axis = -1, column_axis = -1;
};

bool channels_are_last(const Array& x, const config::DatasetConfig& config) {
  if (config.channels) return *config.channels == config::Channels::last;
  const std::vector<std::int64_t>& shape = x.header().shape;
  const bool first = shape[1] <= few_channels, last = shape[3] <= few_channels;
  if (first == last)
    throw ConfigError(fmt::format("dataset.channels: must be first or last, because the shape ({}) of {} allows both",
                                  join(shape, ", "), "x_train"));
  return last;
}

Layout layout_of(const Array& x, const config::DatasetConfig& config) {
  const std::vector<std::int64_t>& shape = x.header().shape;
  Layout layout;
  if (shape.size() == 2) {
    layout = {.channels = shape[1], .channel_axis = 1};
  } else if (shape.size() == 3) {
    layout = {.height = shape[1], .width = shape[2], .row_axis = 1, .column_axis = 2};
  } else if (shape.size() == 4 && channels_are_last(x, config)) {
    layout = {shape[3], shape[1], shape[2], 3, 1, 2};
  } else if (shape.size() == 4) {
    layout = {shape[1], shape[2], shape[3], 1, 2, 3};
  } else {
    throw DataError(fmt::format("{}expected (N, H, W), (N, H, W, C), (N, C, H, W) or (N, D), found shape ({})",
                                x.where(), join(shape, ", ")));
  }
  if (x.count() == 0) throw DataError(fmt::format("{}expected inputs, found shape ({})", x.where(), join(shape, ", ")));
  if (static_cast<std::int64_t>(x.count()) / shape[0] > most_inputs)
    throw DataError(fmt::format("{}too large: expected at most {} values of an example, found shape ({})", x.where(),
                                most_inputs, join(shape, ", ")));
  return layout;
}

/// The bytes of the values, which go to `sum` with the header before them.
Values<std::uint8_t> read_bytes(Array& array, BackgroundSha256& sum) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  const std::uint64_t needed = array.count() * (array.item_size() + sizeof(float));  // as they are, and converted
  if (needed > memory_left())
    throw DataError(
        fmt::format("{}too large for the memory: {:.1f} GiB", array.where(), static_cast<double>(needed) / 0x1p30));
  Filling<std::uint8_t> filling(array.count() * array.item_size());
  const auto header =
      std::make_shared<const std::vector<std::uint8_t>>(array.header_bytes().begin(), array.header_bytes().end());
  sum.update(*header, header);
  for (std::size_t filled = 0; filled < filling.span().size();) {
    const auto next = filling.span().subspan(filled, std::min(piece, filling.span().size() - filled));
    array.read(next);
    sum.update(next, filling.owner());
    filled += next.size();
  }
  return filling.values();
}

/// Distances of neighbours along each axis, in values.
std::vector<std::int64_t> strides_of(const NpyHeader& header) {
  std::vector<std::int64_t> strides(header.shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    const std::size_t axis = header.fortran_order ? i : strides.size() - 1 - i;
    strides[axis] = stride;
    stride *= header.shape[axis];
  }
  return strides;
}

template <class T>
T value_at(const std::uint8_t* bytes, std::int64_t index) {
  T value;
  std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

/// The values as To in (N, C, H, W).
template <class From, class To>
Values<To> arranged(const Array& x, const Layout& layout, const std::uint8_t* src) {
  const std::vector<std::int64_t> strides = strides_of(x.header());
  const auto stride = [&](int axis) { return axis < 0 ? 0 : strides[static_cast<std::size_t>(axis)]; };
  Filling<To> filling(x.count());
  To* dst = filling.span().data();
  for (std::int64_t n = 0; n < x.header().shape[0]; ++n)
    for (std::int64_t c = 0; c < layout.channels; ++c)
      for (std::int64_t row = 0; row < layout.height; ++row)
        for (std::int64_t column = 0; column < layout.width; ++column)
          *dst++ = static_cast<To>(value_at<From>(src, n * strides[0] + c * stride(layout.channel_axis) +
                                                           row * stride(layout.row_axis) +
                                                           column * stride(layout.column_axis)));
  return filling.values();
}

void check_finite(const Array& x, const Values<float>& values) {
  const auto wrong = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (wrong != values.end())
    throw DataError(
        fmt::format("{}expected numbers that are finite in float32, found {} at value {} of the array in C "
                    "order",
                    x.where(), *wrong, wrong - values.begin()));
}

/// Fills in `images` or `values`.
void read_inputs(Array& x, const Layout& layout, BackgroundSha256& sum, Split& split) {
  const Values<std::uint8_t> bytes = read_bytes(x, sum);
  const bool is_in_order = !x.header().fortran_order && layout.channel_axis != 3;
  switch (type_of(x)) {
    case Type::bytes:
      split.images = is_in_order ? bytes : arranged<std::uint8_t, std::uint8_t>(x, layout, bytes.data());
      return;
    case Type::f4:
      split.values = is_in_order
                         ? Values<float>({reinterpret_cast<const float*>(bytes.data()), x.count()}, bytes.owner())
                         : arranged<float, float>(x, layout, bytes.data());
      break;
    case Type::f8:
      split.values = arranged<double, float>(x, layout, bytes.data());
      break;
  }
  check_finite(x, split.values);
}

// ---- labels --------------------------------------------------------------------------------------------------------

std::vector<std::int64_t> read_labels(Array& y, BackgroundSha256& sum) {
  const std::vector<std::int64_t>& shape = y.header().shape;
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1))
    throw DataError(fmt::format("{}expected one label for each example, (N) or (N, 1), found shape ({})", y.where(),
                                join(shape, ", ")));
  const std::string& descr = y.header().descr;
  if (descr.front() == '>' || (descr[1] != 'i' && descr[1] != 'u'))
    throw DataError(
        fmt::format("{}type \"{}\" is not supported, only integers (|u1, |i1, <u2, <i2, <u4, <i4, <u8, "
                    "<i8)",
                    y.where(), descr));
  const bool has_sign = descr[1] == 'i';
  const Values<std::uint8_t> bytes = read_bytes(y, sum);
  std::vector<std::int64_t> labels(y.count());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    switch (y.item_size()) {
      case 1:
        labels[i] = has_sign ? value_at<std::int8_t>(bytes.data(), at) : value_at<std::uint8_t>(bytes.data(), at);
        break;
      case 2:
        labels[i] = has_sign ? value_at<std::int16_t>(bytes.data(), at) : value_at<std::uint16_t>(bytes.data(), at);
        break;
      case 4:
        labels[i] = has_sign ? value_at<std::int32_t>(bytes.data(), at)
                             : static_cast<std::int64_t>(value_at<std::uint32_t>(bytes.data(), at));
        break;
      case 8:
        labels[i] = value_at<std::int64_t>(bytes.data(), at);
        if (!has_sign && labels[i] < 0) throw DataError(y.where() + "expected labels below 2^63, found a larger one");
        break;
      default:
        throw DataError(fmt::format("{}type \"{}\" is not supported", y.where(), descr));
    }
  }
  return labels;
}

/// What errors about labels begin with.
std::string labels_of(const NpzReader& file) { return file.path().string() + ": y_train and y_test"; }

void check_same_size(const Array& x, const Layout& layout, const DatasetInfo& info) {
  if (layout.channels != info.channels || layout.height != info.height || layout.width != info.width ||
      (type_of(x) != Type::bytes) != info.has_floats)
    throw DataError(fmt::format("{}expected examples as in x_train, found shape ({}) of type \"{}\"", x.where(),
                                join(x.header().shape, ", "), x.header().descr));
}

}  // namespace

std::optional<fs::path> find_npz(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return path;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    if (lower_case(entry->path().extension().string()) == ".npz") files.push_back(entry->path());
  if (files.empty()) return std::nullopt;
  if (files.size() == 1) return files.front();
  std::sort(files.begin(), files.end());
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  throw ConfigError(
      fmt::format("dataset.path: must be one of the .npz files in {}: {}", path.string(), join(names, ", ")));
}

std::string npz_names() { return "an .npz, or a folder with one, whose arrays are x_train, y_train, x_test, y_test"; }

DatasetInfo inspect_npz(const DatasetInfo& info, const fs::path& path, const config::DatasetConfig& config) {
  const NpzReader file(path);
  const Array x = open_array(file, "x_train");
  const Layout layout = layout_of(x, config);
  DatasetInfo found = info;
  found.channels = layout.channels;
  found.height = layout.height;
  found.width = layout.width;
  found.has_floats = type_of(x) != Type::bytes;
  BackgroundSha256 unused(BackgroundSha256::Start::later);
  Array y_train = open_array(file, "y_train"), y_test = open_array(file, "y_test");
  OwnLabels labels;
  labels.train = read_labels(y_train, unused);
  labels.test = read_labels(y_test, unused);
  found.classes = Classes(labels.train, labels.test, labels_of(file)).count();
  return found;
}

Dataset read_npz_dataset(const DatasetInfo& info, const fs::path& path, const config::DatasetConfig& config) {
  const NpzReader file(path);
  BackgroundSha256 sum;
  Dataset dataset;
  dataset.info = info;
  const auto read = [&](const std::string& name, Split& split) {
    Array x = open_array(file, "x_" + name), y = open_array(file, "y_" + name);
    const Layout layout = layout_of(x, config);
    check_same_size(x, layout, info);
    if (y.count() != static_cast<std::uint64_t>(x.header().shape[0]))
      throw DataError(fmt::format("{}expected {} labels, one for each example of x_{}, found {}", y.where(),
                                  x.header().shape[0], name, y.count()));
    read_inputs(x, layout, sum, split);
    return read_labels(y, sum);
  };
  OwnLabels labels;
  labels.train = read("train", dataset.train);
  labels.test = read("test", dataset.test);
  set_labels(dataset, labels, labels_of(file));
  dataset.bytes = sum.bytes();
  dataset.sha256 = sum.hex();
  return dataset;
}

}  // namespace bnlab::data
