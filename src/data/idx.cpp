#include "data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"

namespace bnlab::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t most_bytes = std::int64_t{1} << 30;  // of values
constexpr std::uint8_t unsigned_bytes = 0x08;

std::uint32_t big_endian(std::span<const std::uint8_t, 4> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

struct Header {
  std::uint8_t type = 0;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;  // as the file has it
};

[[noreturn]] void refuse_header(const fs::path& path, std::size_t expected, std::size_t found) {
  throw DataError(fmt::format("{}: cut off: expected a header of {} bytes, found {}", path.string(), expected, found));
}

/// `fits` says of type and number of dimensions whether they are; `expected` what should be there.
template <class Fits>
Header read_header(FileReader& reader, const fs::path& path, const Fits& fits, std::size_t dimensions,
                   const std::string& expected) {
  Header header;
  header.bytes.resize(4);
  const std::size_t found = reader.read(header.bytes);
  if (found < 4) refuse_header(path, 4 + 4 * dimensions, found);
  const std::uint32_t magic = big_endian(std::span<const std::uint8_t>(header.bytes).first<4>());
  const bool is_idx = magic >> 16 == 0;
  if (!is_idx || !fits(header.bytes[2], header.bytes[3]))
    throw DataError(fmt::format("{}: wrong magic number: expected {}, found 0x{:08x}", path.string(), expected, magic));
  header.type = header.bytes[2];
  const std::size_t size = 4 + std::size_t{4} * header.bytes[3];
  header.bytes.resize(size);
  const std::size_t rest = reader.read(std::span(header.bytes).subspan(4));
  if (4 + rest < size) refuse_header(path, size, 4 + rest);
  for (std::size_t at = 4; at < size; at += 4)
    header.shape.push_back(big_endian(std::span<const std::uint8_t>(header.bytes).subspan(at).first<4>()));
  return header;
}

/// Of unsigned bytes.
Header read_bytes_header(FileReader& reader, const fs::path& path, int dimensions) {
  const auto fits = [&](std::uint8_t type, std::uint8_t count) {
    return type == unsigned_bytes && count == dimensions;
  };
  return read_header(reader, path, fits, static_cast<std::size_t>(dimensions),
                     fmt::format("0x{:08x} (unsigned bytes, {} dimensions)",
                                 0x0800u + static_cast<std::uint32_t>(dimensions), dimensions));
}

std::size_t count_bytes(const fs::path& path, const std::vector<std::int64_t>& shape, std::int64_t item) {
  std::int64_t count = item;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(count, extent, &count) || count > most_bytes)
      throw DataError(fmt::format("{}: too large: expected at most {} values, found dimensions {}", path.string(),
                                  most_bytes / item, join(shape, " x ")));
  return static_cast<std::size_t>(count);
}

/// The values behind the header. Memory grows with what the file holds, not with what its header claims: deflate makes
/// at most 1,032 bytes of one.
Values<std::uint8_t> read_values(FileReader& reader, const fs::path& path, const Header& header, std::size_t count,
                                 BackgroundSha256& sum) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  const std::size_t begin = header.bytes.size();
  const std::size_t space = begin + static_cast<std::size_t>(std::min<std::uint64_t>(count, reader.most_bytes()));
  Filling<std::uint8_t> filling(space);
  const std::span<std::uint8_t> bytes = filling.span();
  std::copy(header.bytes.begin(), header.bytes.end(), bytes.begin());
  std::size_t filled = begin;
  sum.update(bytes.first(begin), filling.owner());
  while (filled < space) {
    const std::span<std::uint8_t> next = bytes.subspan(filled, std::min(piece, space - filled));
    const std::size_t got = reader.read(next);
    sum.update(next.first(got), filling.owner());
    filled += got;
    if (got < next.size()) break;
  }
  if (filled - begin < count)
    throw DataError(
        fmt::format("{}: cut off: expected {} bytes of values, found {}", path.string(), count, filled - begin));
  std::uint8_t beyond;
  if (reader.read({&beyond, 1}) != 0)
    throw DataError(fmt::format("{}: too long: expected {} bytes of values, found more", path.string(), count));
  return filling.values(begin);
}

/// Bytes of an integer of that type; nothing for another type.
std::optional<std::int64_t> size_of(std::uint8_t type) {
  switch (type) {
    case unsigned_bytes:
    case 0x09:  // signed bytes
      return 1;
    case 0x0B:
      return 2;
    case 0x0C:
      return 4;
    default:
      return std::nullopt;
  }
}

std::int64_t integer_at(const Header& header, const std::uint8_t* bytes, std::int64_t size) {
  std::uint32_t value = 0;
  for (std::int64_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  if (header.type == unsigned_bytes) return value;
  const auto shift = static_cast<std::uint32_t>(32 - 8 * size);
  return static_cast<std::int32_t>(value << shift) >> shift;  // with its sign
}

}  // namespace

IdxArray read_idx(const fs::path& path, int dimensions, BackgroundSha256& sum) {
  FileReader reader(path);
  const Header header = read_bytes_header(reader, path, dimensions);
  return {header.shape, read_values(reader, path, header, count_bytes(path, header.shape, 1), sum)};
}

std::vector<std::int64_t> read_idx_labels(const fs::path& path, BackgroundSha256& sum) {
  FileReader reader(path);
  const auto fits = [](std::uint8_t type, std::uint8_t count) { return size_of(type) && (count == 1 || count == 2); };
  const Header header = read_header(reader, path, fits, 1, "whole numbers in 1 or 2 dimensions, such as 0x00000801");
  const std::int64_t size = *size_of(header.type);
  const std::int64_t columns = header.shape.size() == 2 ? header.shape[1] : 1;
  const Values<std::uint8_t> bytes = read_values(reader, path, header, count_bytes(path, header.shape, size), sum);
  if (columns == 0) throw DataError(fmt::format("{}: expected labels, found rows of none", path.string()));
  std::vector<std::int64_t> labels;
  for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(size * columns))
    labels.push_back(integer_at(header, bytes.data() + at, size));
  return labels;
}

std::vector<std::int64_t> read_idx_shape(const fs::path& path, int dimensions) {
  FileReader reader(path);
  const Header header = read_bytes_header(reader, path, dimensions);
  count_bytes(path, header.shape, 1);
  return header.shape;
}

}  // namespace bnlab::data
