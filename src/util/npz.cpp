#include "util/npz.h"

#include <fmt/format.h>
#include <zip.h>

#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "util/errors.h"
#include "util/file.h"
#include "util/join.h"
#include "util/memory.h"
#include "util/npy_header.h"

namespace bnlab {
namespace {

static_assert(std::endian::native == std::endian::little,
              "arrays are copied to and from little-endian files as they are");

constexpr std::string_view npy_magic{"\x93NUMPY\x01\x00", 8};
constexpr std::size_t npy_prefix = 10;  // magic, version, two bytes with the length of the header text

template <class T>
constexpr std::string_view descr_of();
template <>
constexpr std::string_view descr_of<float>() {
  return "<f4";
}
template <>
constexpr std::string_view descr_of<double>() {
  return "<f8";
}
template <>
constexpr std::string_view descr_of<std::int32_t>() {
  return "<i4";
}
template <>
constexpr std::string_view descr_of<std::int64_t>() {
  return "<i8";
}
template <>
constexpr std::string_view descr_of<std::uint64_t>() {
  return "<u8";
}

// ---- writing one .npy ----------------------------------------------------------------------------------------------

/// What stands before the values: magic, version, header.
std::string npy_beginning(const NpyArray& array) {
  return std::visit(
      [&]<class T>(const std::vector<T>& values) {
        if (element_count(array.shape) != values.size())
          throw std::logic_error(
              fmt::format("an array of shape ({}) with {} values", join(array.shape, ", "), values.size()));
        std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr_of<T>(),
                                         join(array.shape, ", "), array.shape.size() == 1 ? "," : "");
        constexpr std::size_t alignment = 64;  // of the values in the file, as NumPy has it
        const std::size_t unpadded = npy_prefix + header.size() + 1;
        header.append((alignment - unpadded % alignment) % alignment, ' ');
        header += '\n';

        std::string bytes(npy_magic);
        bytes += static_cast<char>(header.size() & 0xff);
        bytes += static_cast<char>(header.size() >> 8);
        return bytes + header;
      },
      array.values);
}

std::string_view bytes_of_values(const NpyArray& array) {
  return std::visit(
      [](const auto& values) {
        return std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]);
      },
      array.values);
}

// ---- reading one .npy ----------------------------------------------------------------------------------------------

template <class T>
std::vector<T> values_from(std::string_view data, std::uint64_t count, const std::string& where) {
  if (data.size() % sizeof(T) != 0 || data.size() / sizeof(T) != count)
    throw DataError(fmt::format("{}expected {} values of {} bytes, as its shape says, found {} bytes", where, count,
                                sizeof(T), data.size()));
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), data.data(), data.size());
  return values;
}

NpyArray parse_npy(std::string_view bytes, const std::string& where) {
  if (!bytes.starts_with(npy_magic) || bytes.size() < npy_prefix)
    throw DataError(where + "not an .npy file of version 1.0 (wrong magic number)");
  const std::size_t length =
      static_cast<unsigned char>(bytes[8]) | static_cast<std::size_t>(static_cast<unsigned char>(bytes[9])) << 8;
  if (bytes.size() - npy_prefix < length) throw DataError(where + "cut off inside the .npy header");
  NpyHeader header = parse_npy_header(bytes.substr(npy_prefix, length), where);
  if (header.fortran_order) throw DataError(where + "Fortran order is not supported, save it in C order");
  const auto count = element_count(header.shape);
  if (!count) throw DataError(where + "the shape has too many elements");

  const std::string_view data = bytes.substr(npy_prefix + length);
  NpyArray array{std::move(header.shape), {}};
  const auto read_as = [&]<class T>(std::type_identity<T>) {
    if (header.descr != descr_of<T>()) return false;
    array.values = values_from<T>(data, *count, where);
    return true;
  };
  if (!read_as(std::type_identity<float>{}) && !read_as(std::type_identity<double>{}) &&
      !read_as(std::type_identity<std::int32_t>{}) && !read_as(std::type_identity<std::int64_t>{}) &&
      !read_as(std::type_identity<std::uint64_t>{}))
    throw DataError(fmt::format("{}type \"{}\" is not supported, only <f4, <f8, <i4, <i8, <u8", where, header.descr));
  return array;
}

// ---- the archive ---------------------------------------------------------------------------------------------------

/// A libzip error value that is cleaned up.
struct ZipError {
  ZipError() { zip_error_init(&value); }
  ~ZipError() { zip_error_fini(&value); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  std::string text() { return zip_error_strerror(&value); }
  zip_error_t value;
};

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

/// A source over `bytes`, which must outlive it.
Source source_over(std::span<const std::uint8_t> bytes) {
  ZipError error;
  Source source(zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error.value));
  if (!source) throw RunError("cannot create a zip source: " + error.text());
  return source;
}

/// The archive holds a reference of its own to `source`.
Archive open_archive(zip_source_t* source, int flags, ZipError& error) {
  zip_source_keep(source);
  Archive archive(zip_open_from_source(source, flags, &error.value));
  if (!archive) zip_source_free(source);
  return archive;
}

/// The entry's bytes are the two parts, which must outlive the archive.
void add_entry(zip_t* archive, const std::string& name, std::string_view first, std::string_view second) {
  constexpr zip_uint16_t first_day = 1 << 5 | 1;     // 1 January 1980, the earliest that zip knows
  const auto fragment = [](std::string_view part) {  // which libzip only reads
    return zip_buffer_fragment_t{const_cast<zip_uint8_t*>(reinterpret_cast<const zip_uint8_t*>(part.data())),
                                 part.size()};
  };
  const std::array fragments{fragment(first), fragment(second)};
  zip_source_t* source = zip_source_buffer_fragment(archive, fragments.data(), fragments.size(), 0);
  const zip_int64_t added = source == nullptr ? -1 : zip_file_add(archive, name.c_str(), source, 0);
  if (added < 0) {
    zip_source_free(source);
    throw RunError(fmt::format("cannot add {} to an .npz: {}", name, zip_strerror(archive)));
  }
  const auto index = static_cast<zip_uint64_t>(added);
  if (zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, index, 0, first_day, 0) != 0)
    throw RunError(fmt::format("cannot add {} to an .npz: {}", name, zip_strerror(archive)));
}

std::string bytes_of(zip_source_t* source) {
  const auto failed = [&] {
    return RunError(fmt::format("cannot create an .npz: {}", zip_error_strerror(zip_source_error(source))));
  };
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_source_stat(source, &status) != 0 || zip_source_open(source) != 0) throw failed();
  std::string bytes(status.size, '\0');
  const zip_int64_t got = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (got < 0 || static_cast<zip_uint64_t>(got) != status.size) throw failed();
  return bytes;
}

/// The unpacked bytes of one entry. `limit` is what the entries before have left of the file's size: stored entries
/// that don't overlap can't have more, and memory grows with the file alone.
std::string read_entry(zip_t* archive, const zip_stat_t& status, std::uint64_t limit, const std::string& where) {
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
  if ((status.valid & needed) != needed || status.comp_method != ZIP_CM_STORE)
    throw DataError(where + "compressed entries are not supported, save with numpy.savez");
  if (status.size > limit)
    throw DataError(
        fmt::format("{}its {} bytes and the entries before it exceed the size of the file", where, status.size));
  const std::unique_ptr<zip_file_t, CloseEntry> file(zip_fopen_index(archive, status.index, 0));
  if (!file) throw DataError(where + zip_strerror(archive));
  std::string bytes(status.size, '\0');
  const zip_int64_t got = zip_fread(file.get(), bytes.data(), bytes.size());
  char beyond;
  // Only the read at the end of an entry makes libzip check its CRC.
  const zip_int64_t after = got < 0 ? -1 : zip_fread(file.get(), &beyond, 1);
  if (after < 0) throw DataError(where + zip_error_strerror(zip_file_get_error(file.get())));
  if (static_cast<zip_uint64_t>(got) != status.size || after != 0)
    throw DataError(fmt::format("{}expected {} bytes, found {}", where, status.size, after != 0 ? "more" : "less"));
  return bytes;
}

/// Takes the entry's size off `limit`.
void read_array(zip_t* archive, zip_uint64_t index, std::uint64_t& limit, const std::string& file, NpzArrays& arrays) {
  constexpr std::string_view extension = ".npy";
  zip_stat_t status;
  if (zip_stat_index(archive, index, 0, &status) != 0 || (status.valid & ZIP_STAT_NAME) == 0)
    throw DataError(fmt::format("{}: entry {}: {}", file, index, zip_strerror(archive)));
  std::string name = status.name;
  const std::string where = fmt::format("{}: entry \"{}\": ", file, name);
  if (!name.ends_with(extension)) throw DataError(where + "expected a name that ends with .npy");
  name.resize(name.size() - extension.size());
  const std::string bytes = read_entry(archive, status, limit, where);
  limit -= bytes.size();
  NpyArray array = parse_npy(bytes, where);
  if (!arrays.emplace(std::move(name), std::move(array)).second) throw DataError(where + "appears twice");
}

}  // namespace

std::string npy_bytes(const NpyArray& array) {
  std::string bytes = npy_beginning(array);
  const std::string_view values = bytes_of_values(array);
  bytes.reserve(bytes.size() + values.size());
  return bytes.append(values);
}

std::string npz_bytes(const NpzArrays& arrays) {
  // libzip deletes an archive without entries instead of writing one: an end record alone.
  if (arrays.empty()) return std::string("PK\x05\x06") + std::string(18, '\0');
  std::deque<std::string> beginnings;  // libzip reads them, and the values, when it closes the archive
  const Source buffer = source_over({});
  ZipError error;
  Archive archive = open_archive(buffer.get(), ZIP_TRUNCATE, error);
  if (!archive) throw RunError("cannot create an .npz: " + error.text());
  for (const auto& [name, array] : arrays) {
    beginnings.push_back(npy_beginning(array));
    add_entry(archive.get(), name + ".npy", beginnings.back(), bytes_of_values(array));
  }
  if (zip_close(archive.get()) != 0)
    throw RunError(fmt::format("cannot create an .npz: {}", zip_strerror(archive.get())));
  static_cast<void>(archive.release());  // zip_close freed it
  return bytes_of(buffer.get());
}

void write_npz(const std::filesystem::path& path, const NpzArrays& arrays) {
  write_file_atomically(path, npz_bytes(arrays));
}

NpzArrays read_npz(const std::filesystem::path& path, Place place,
                   const std::function<void(std::span<const std::uint8_t>)>& look) {
  constexpr std::uint64_t largest = std::uint64_t{16} << 30;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored))
    if (const auto size = std::filesystem::file_size(path, ignored); !ignored && size > memory_left() / 2)
      throw DataError(
          fmt::format("{}: too large for the memory: {:.1f} GiB", path.string(), static_cast<double>(size) / 0x1p30));
  const std::vector<std::uint8_t> bytes = read_file(path, largest, place);
  if (look) look(bytes);
  const std::string file = path.string();
  if (bytes.empty()) throw DataError(file + ": expected an .npz, found an empty file");
  const Source source = source_over(bytes);
  ZipError error;
  const Archive archive = open_archive(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, error);
  if (!archive) throw DataError(fmt::format("{}: not a complete .npz: {}", file, error.text()));
  NpzArrays arrays;
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  std::uint64_t limit = bytes.size();
  for (zip_int64_t i = 0; i < entries; ++i)
    read_array(archive.get(), static_cast<zip_uint64_t>(i), limit, file, arrays);
  return arrays;
}

}  // namespace bnlab
