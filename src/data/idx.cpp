#include "data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "util/errors.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

constexpr std::int64_t most_values = std::int64_t{1} << 30;

std::uint32_t big_endian(std::span<const std::uint8_t, 4> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::vector<std::int64_t> read_shape(FileReader& reader, const std::filesystem::path& path, int dimensions,
                                     Sha256& sum) {
  const std::size_t size = 4 + 4 * static_cast<std::size_t>(dimensions);
  std::vector<std::uint8_t> header(size);
  const std::size_t found = reader.read(header);
  if (found < size)
    throw DataError(fmt::format("{}: cut off: expected a header of {} bytes, found {}", path.string(), size, found));
  const std::uint32_t magic = big_endian(std::span(header).first<4>());
  const std::uint32_t expected = 0x0800u + static_cast<std::uint32_t>(dimensions);  // 08: unsigned bytes
  if (magic != expected)
    throw DataError(
        fmt::format("{}: wrong magic number: expected 0x{:08x} (unsigned bytes, {} dimensions), found 0x{:08x}",
                    path.string(), expected, dimensions, magic));
  std::vector<std::int64_t> shape;
  for (std::size_t at = 4; at < size; at += 4) shape.push_back(big_endian(std::span(header).subspan(at).first<4>()));
  sum.update(header);
  return shape;
}

std::int64_t count_values(const std::filesystem::path& path, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count) || count > most_values)
      throw DataError(fmt::format("{}: too large: expected at most {} values, found dimensions {}", path.string(),
                                  most_values, join(shape, " x ")));
  }
  return count;
}

/// Memory grows with what the file holds, not with what its header claims.
std::vector<std::uint8_t> read_values(FileReader& reader, const std::filesystem::path& path, std::size_t count) {
  constexpr std::uint64_t smallest = 1 << 16;
  const auto piece = static_cast<std::size_t>(std::max(reader.size_hint(), smallest));
  std::vector<std::uint8_t> values;
  std::size_t filled = 0;
  while (filled < count) {
    values.resize(std::min(count, filled + piece));
    filled += reader.read(std::span(values).subspan(filled));
    if (filled < values.size())
      throw DataError(fmt::format("{}: cut off: expected {} bytes of values, found {}", path.string(), count, filled));
  }
  std::uint8_t beyond;
  if (reader.read({&beyond, 1}) != 0)
    throw DataError(fmt::format("{}: too long: expected {} bytes of values, found more", path.string(), count));
  return values;
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, int dimensions, Sha256& sum) {
  FileReader reader(path);
  IdxArray array;
  array.shape = read_shape(reader, path, dimensions, sum);
  array.values = read_values(reader, path, static_cast<std::size_t>(count_values(path, array.shape)));
  sum.update(array.values);
  return array;
}

}  // namespace bnlab::data
