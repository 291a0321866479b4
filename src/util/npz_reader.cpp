#include "util/npz_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "util/errors.h"
#include "util/posix.h"

namespace bnlab {
namespace {

constexpr std::string_view extension = ".npy";

struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

std::string error_text(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

/// The size at the end of a type's name: 8 of "<f8"; 0 where there is none.
std::size_t size_of(const std::string& descr) {
  std::size_t size = 0;
  constexpr std::size_t prefix = 2;
  if (descr.size() > prefix) std::from_chars(descr.data() + prefix, descr.data() + descr.size(), size);
  return size;
}

}  // namespace

struct NpzReader::Archive {
  std::filesystem::path path;
  std::unique_ptr<zip_t, DiscardArchive> zip;
};

struct NpzReader::Array::State {
  std::string where;
  std::unique_ptr<zip_file_t, CloseEntry> file;
  std::vector<std::uint8_t> header_bytes = {};
  NpyHeader header = {};
  std::size_t item_size = 0;
  std::uint64_t count = 0;
  std::uint64_t left = 0;  // bytes of the entry that were not read yet

  void read(std::span<std::uint8_t> dst);
  void read_header();
  void check_size();
};

NpzReader::NpzReader(const std::filesystem::path& path) : archive_(std::make_unique<Archive>()) {
  archive_->path = path;
  posix::Descriptor file = posix::open(path, O_RDONLY | O_NONBLOCK);
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0) throw DataError(posix::failure(path, "open", errno));
  if (!S_ISREG(status.st_mode)) throw DataError(fmt::format("{}: must be a file, an .npz", path.string()));
  if (status.st_size == 0) throw DataError(fmt::format("{}: expected an .npz, found an empty file", path.string()));
  const int descriptor = fcntl(file.get(), F_DUPFD_CLOEXEC, 0);
  int error = 0;
  archive_->zip.reset(descriptor < 0 ? nullptr : zip_fdopen(descriptor, ZIP_CHECKCONS, &error));
  if (archive_->zip) return;
  if (descriptor >= 0) ::close(descriptor);
  throw DataError(fmt::format("{}: not a complete .npz: {}", path.string(), error_text(error)));
}

NpzReader::~NpzReader() = default;

const std::filesystem::path& NpzReader::path() const { return archive_->path; }

std::vector<std::string> NpzReader::names() const {
  std::vector<std::string> names;
  const zip_int64_t entries = zip_get_num_entries(archive_->zip.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i)
    if (const char* text = zip_get_name(archive_->zip.get(), static_cast<zip_uint64_t>(i), 0))
      if (std::string_view name = text; name.ends_with(extension))
        names.emplace_back(name.substr(0, name.size() - extension.size()));
  return names;
}

NpzReader::Array NpzReader::open(const std::string& name) const {
  zip_t* const zip = archive_->zip.get();
  const std::string entry = name + std::string(extension);
  auto state = std::make_unique<Array::State>();
  state->where = fmt::format("{}: array \"{}\": ", archive_->path.string(), name);
  zip_stat_t status;
  constexpr zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat(zip, entry.c_str(), 0, &status) != 0 || (status.valid & needed) != needed)
    throw DataError(state->where + zip_strerror(zip));
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
    throw DataError(state->where + "its compression is unknown; save with numpy.savez or numpy.savez_compressed");
  constexpr std::uint64_t expansion = 1032;  // of deflate at most
  if (status.size / expansion > status.comp_size)
    throw DataError(fmt::format("{}its {} packed bytes cannot hold {}", state->where, status.comp_size, status.size));
  state->file.reset(zip_fopen_index(zip, status.index, 0));
  if (!state->file) throw DataError(state->where + zip_strerror(zip));
  state->left = status.size;
  state->read_header();
  state->check_size();
  return Array(std::move(state));
}

void NpzReader::Array::State::read(std::span<std::uint8_t> dst) {
  if (dst.size() > left) throw DataError(where + "cut off");
  for (std::size_t filled = 0; filled < dst.size();) {
    const zip_int64_t got = zip_fread(file.get(), dst.data() + filled, dst.size() - filled);
    if (got < 0) throw DataError(where + zip_error_strerror(zip_file_get_error(file.get())));
    if (got == 0) throw DataError(where + "cut off");
    filled += static_cast<std::size_t>(got);
  }
  left -= dst.size();
  if (left > 0) return;
  // Only the read at the end of an entry makes libzip check its CRC.
  char beyond;
  const zip_int64_t after = zip_fread(file.get(), &beyond, 1);
  if (after < 0) throw DataError(where + zip_error_strerror(zip_file_get_error(file.get())));
  if (after > 0) throw DataError(where + "more bytes than its entry says");
}

/// Of version 1.0, or 2.0 and 3.0, whose headers are longer.
void NpzReader::Array::State::read_header() {
  constexpr std::string_view magic = "\x93NUMPY";
  constexpr std::size_t most_header = 1 << 20;
  std::vector<std::uint8_t>& bytes = header_bytes;
  const auto extend = [&](std::size_t more) {
    const std::size_t before = bytes.size();
    bytes.resize(before + more);
    read(std::span(bytes).subspan(before));
  };
  extend(8);
  const std::uint8_t version = bytes[6];
  const std::string_view begins(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!begins.starts_with(magic) || version < 1 || version > 3)
    throw DataError(where + "not an .npy file of version 1 to 3 (wrong magic number)");
  const std::size_t digits = version == 1 ? 2 : 4;
  extend(digits);
  std::size_t length = 0;
  for (std::size_t i = 0; i < digits; ++i) length |= static_cast<std::size_t>(bytes[8 + i]) << (8 * i);
  if (length > most_header) throw DataError(where + "the .npy header is damaged: longer than 1 MiB");
  const std::size_t begin = bytes.size();
  extend(length);
  header = parse_npy_header({reinterpret_cast<const char*>(bytes.data()) + begin, length}, where);
}

void NpzReader::Array::State::check_size() {
  constexpr std::size_t largest_item = 8;
  const std::string_view descr = header.descr;
  item_size = size_of(header.descr);
  if (item_size == 0 || item_size > largest_item)
    throw DataError(fmt::format("{}type \"{}\" is not supported", where, descr));
  const auto elements = element_count(header.shape);
  if (!elements || *elements > left / item_size || *elements * item_size != left)
    throw DataError(fmt::format("{}its shape does not match its {} bytes of values", where, left));
  count = *elements;
}

NpzReader::Array::Array(std::unique_ptr<State> state) : state_(std::move(state)) {}
NpzReader::Array::~Array() = default;
NpzReader::Array::Array(Array&&) noexcept = default;
const NpyHeader& NpzReader::Array::header() const { return state_->header; }
std::span<const std::uint8_t> NpzReader::Array::header_bytes() const { return state_->header_bytes; }
std::size_t NpzReader::Array::item_size() const { return state_->item_size; }
std::uint64_t NpzReader::Array::count() const { return state_->count; }
const std::string& NpzReader::Array::where() const { return state_->where; }
void NpzReader::Array::read(std::span<std::uint8_t> dst) { state_->read(dst); }

}  // namespace bnlab
