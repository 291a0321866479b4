#include "util/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "util/errors.h"
#include "util/output_file.h"
#include "util/posix.h"
#include "util/result_file.h"

namespace bnlab {

// ---- reading -------------------------------------------------------------------------------------------------------

struct FileReader::State {
  explicit State(std::filesystem::path file_path) : path(std::move(file_path)), buffer(std::size_t{1} << 18) {}

  void open(Gzip mode, Place place);
  std::size_t read_system(std::span<std::uint8_t> dst);
  void fill_at_least(std::size_t count);
  bool at_member() const { return available() >= 2 && buffer[begin] == 0x1f && buffer[begin + 1] == 0x8b; }
  bool start_next_member();
  std::size_t read_plain(std::span<std::uint8_t> dst);
  std::size_t read_gzip(std::span<std::uint8_t> dst);
  std::size_t available() const { return end - begin; }

  std::filesystem::path path;
  posix::Descriptor file;
  std::vector<std::uint8_t> buffer;
  std::size_t begin = 0;  // unread bytes of the file: buffer[begin, end)
  std::size_t end = 0;
  std::unique_ptr<inflate_state> stream;  // null for a file that is not gzip
};

/// Why ISA-L refuses a stream.
static std::string_view problem_of(int status) {
  switch (status) {
    case ISAL_INVALID_WRAPPER:
      return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD:
      return "unknown compression method";
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid code";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance too far back";
    case ISAL_INCORRECT_CHECKSUM:
      return "incorrect data check";
    default:
      return "it cannot be unpacked";
  }
}

void FileReader::State::open(Gzip mode, Place place) {
  if (place == Place::results)
    file = open_result(path);
  else
    file = posix::open(path, O_RDONLY | O_NONBLOCK);  // opening a pipe that nobody writes to would wait for ever
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0) throw_read_error(path, "open", errno);
  if (S_ISFIFO(status.st_mode)) throw DataError(fmt::format("{}: is a pipe, not a file", path.string()));
  if (mode == Gzip::keep) return;
  fill_at_least(2);
  if (!at_member()) return;
  stream = std::make_unique<inflate_state>();
  isal_inflate_init(stream.get());
  stream->crc_flag = ISAL_GZIP;
}

std::size_t FileReader::State::read_system(std::span<std::uint8_t> dst) {
  const ssize_t count = posix::read(file, dst.data(), dst.size());
  if (count < 0) throw ReadError(posix::failure(path, "read", errno));
  return static_cast<std::size_t>(count);
}

/// Afterwards less than `count` bytes are available only at the end of the file.
void FileReader::State::fill_at_least(std::size_t count) {
  if (available() >= count) return;
  std::memmove(buffer.data(), buffer.data() + begin, available());
  end = available();
  begin = 0;
  while (end < count) {
    const std::size_t got = read_system(std::span(buffer).subspan(end));
    if (got == 0) return;
    end += got;
  }
}

/// False at the end of the file.
bool FileReader::State::start_next_member() {
  fill_at_least(2);
  if (available() == 0) return false;
  if (!at_member())
    throw DataError(
        fmt::format("{}: damaged: expected the end of the file after the gzip data, found other bytes", path.string()));
  isal_inflate_reset(stream.get());
  return true;
}

std::size_t FileReader::State::read_plain(std::span<std::uint8_t> dst) {
  std::size_t filled = std::min(dst.size(), available());
  std::copy_n(buffer.data() + begin, filled, dst.data());
  begin += filled;
  while (filled < dst.size()) {
    const std::size_t got = read_system(dst.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

std::size_t FileReader::State::read_gzip(std::span<std::uint8_t> dst) {
  constexpr std::size_t largest_piece = std::size_t{1} << 30;  // ISA-L counts in 32 bits
  std::size_t filled = 0;
  while (filled < dst.size()) {
    if (stream->block_state == ISAL_BLOCK_FINISH && !start_next_member()) break;
    fill_at_least(1);
    const bool at_end = available() == 0;  // though the stream may hold bytes that it has not given yet
    const std::size_t room = std::min(dst.size() - filled, largest_piece);
    stream->next_in = buffer.data() + begin;
    stream->avail_in = static_cast<std::uint32_t>(available());
    stream->next_out = dst.data() + filled;
    stream->avail_out = static_cast<std::uint32_t>(room);
    const int status = isal_inflate(stream.get());
    if (status < 0 || status == ISAL_NEED_DICT)
      throw DataError(fmt::format("{}: damaged gzip data: {}", path.string(), problem_of(status)));
    const std::size_t given = room - stream->avail_out;
    begin = end - stream->avail_in;
    filled += given;
    if (at_end && given == 0 && stream->block_state != ISAL_BLOCK_FINISH)
      throw DataError(fmt::format("{}: cut off: the file ends inside its gzip data", path.string()));
  }
  return filled;
}

FileReader::FileReader(const std::filesystem::path& path, Gzip gzip, Place place)
    : state_(std::make_unique<State>(path)) {
  state_->open(gzip, place);
}

FileReader::~FileReader() = default;

std::size_t FileReader::read(std::span<std::uint8_t> dst) {
  return state_->stream ? state_->read_gzip(dst) : state_->read_plain(dst);
}

std::uint64_t FileReader::size_hint() const {
  struct stat status {};
  if (fstat(state_->file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return state_->stream ? size * 4 : size;
}

std::uint64_t FileReader::most_bytes() const {
  constexpr std::uint64_t expansion = 1032;  // of deflate at most
  struct stat status {};
  if (fstat(state_->file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::numeric_limits<std::uint64_t>::max();
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return state_->stream ? size * expansion : size;
}

namespace {

std::vector<std::uint8_t> read_all(const std::filesystem::path& path, FileReader::Gzip gzip, Place place,
                                   std::uint64_t max_bytes) {
  FileReader reader(path, gzip, place);
  constexpr std::uint64_t smallest = 1 << 12;
  std::vector<std::uint8_t> bytes(std::min(max_bytes, std::max(reader.size_hint() + 1, smallest)));
  std::size_t filled = 0;
  for (;;) {
    filled += reader.read(std::span(bytes).subspan(filled));
    if (filled < bytes.size()) break;
    std::uint8_t next;
    if (reader.read({&next, 1}) == 0) break;
    if (filled >= max_bytes)
      throw DataError(fmt::format("{}: too large: expected at most {} bytes", path.string(), max_bytes));
    bytes.resize(std::min<std::uint64_t>(max_bytes, bytes.size() * 2));
    bytes[filled++] = next;
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes, Place place) {
  return read_all(path, FileReader::Gzip::keep, place, max_bytes);
}

std::vector<std::uint8_t> read_maybe_gzip(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return read_all(path, FileReader::Gzip::unpack, Place::anywhere, max_bytes);
}

// ---- writing -------------------------------------------------------------------------------------------------------

namespace {

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

/// An empty file of that name, this process's own until it is closed: two that write the same file take turns. A link,
/// or what else has the name, is removed, never followed. Not valid() on failure, with errno set.
posix::Descriptor open_temporary(const std::filesystem::path& path) {
  for (;;) {
    struct stat there {};
    struct stat ours {};
    if (lstat(path.c_str(), &there) == 0 && (!S_ISREG(there.st_mode) || there.st_nlink > 1) &&
        ::unlink(path.c_str()) != 0)
      return {};
    posix::Descriptor file = posix::open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
    if (!file.valid()) return file;
    // A file system without locks leaves it to the user that one process writes at a time.
    while (::flock(file.get(), LOCK_EX) != 0 && errno == EINTR) continue;
    if (fstat(file.get(), &ours) != 0) return {};
    // While this one waited the other has renamed it.
    if (lstat(path.c_str(), &there) != 0 || !is_same(there, ours)) continue;
    if (ftruncate(file.get(), 0) != 0) return {};
    return file;
  }
}

/// Makes a rename in `folder` last through a power cut.
void sync_folder(const std::filesystem::path& folder) {
  const posix::Descriptor handle = posix::open(folder, O_RDONLY | O_DIRECTORY);
  const bool synced = handle.valid() && fsync(handle.get()) == 0;
  if (!synced && errno != EINVAL && errno != EACCES)  // not every file system or folder lets itself be synced
    throw_run_error(folder, "sync", errno);
}

}  // namespace

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  posix::Descriptor file = open_temporary(temporary);
  // Closed after the rename: until then its name is this process's own.
  if (!file.valid() || !posix::write_all(file, bytes) || fsync(file.get()) != 0 ||
      std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    if (file.valid()) ::unlink(temporary.c_str());
    throw_run_error(path, "write", error);
  }
  if (!file.close()) throw_run_error(path, "write", errno);
  sync_folder(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

namespace {

/// Whether the folder is a run's or a sweep's, or lies in one.
bool is_in_results(std::filesystem::path folder) {
  constexpr int deepest = 3;  // SWEEP/runs/RUN/FILE
  for (int i = 0; i < deepest && !folder.empty(); ++i, folder = folder.parent_path())
    for (const char* name : {"run.json", "experiment.json", "runs.csv", "verdict.json"})
      if (is_there(folder / name)) return true;
  return false;
}

}  // namespace

void refuse_foreign_output(const std::string& option, const std::filesystem::path& path,
                           const std::function<bool(std::string_view)>& is_ours) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  const FileKind kind = kind_of(absolute);
  if ((kind == FileKind::link || kind == FileKind::other) && is_in_results(absolute.parent_path()))
    throw ConfigError(fmt::format("{}: {}: {} in a folder of results; nothing is written to it", option, path.string(),
                                  kind == FileKind::link ? "a symbolic link" : "not a regular file"));
  if (!std::filesystem::is_regular_file(path, error)) return;
  constexpr std::size_t enough = std::size_t{1} << 16;
  std::string beginning(enough, '\0');
  FileReader reader(path, FileReader::Gzip::keep);
  beginning.resize(reader.read({reinterpret_cast<std::uint8_t*>(beginning.data()), beginning.size()}));
  if (!beginning.empty() && !is_ours(beginning))
    throw ConfigError(fmt::format("{}: {} exists and was not written by bnlab; choose another name, or remove it",
                                  option, path.string()));
}

void write_output(const std::string& option, const std::filesystem::path& path, std::string_view bytes,
                  const std::function<bool(std::string_view)>& is_ours) {
  refuse_foreign_output(option, path, is_ours);
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found) {
    const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
    return write_file_atomically(error ? path : target, bytes);
  }
  // O_NONBLOCK: a pipe that nobody reads is an error, no reason to wait.
  posix::Descriptor file = posix::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.valid() || !posix::set_blocking(file) || !posix::write_all(file, bytes) || !file.close())
    throw_run_error(path, "write", errno);
}

struct OutputFile::State {
  std::filesystem::path target;     // to which the file is renamed at the end
  std::filesystem::path temporary;  // "": written in its place, as a pipe is
  posix::Descriptor file;
  std::string buffer;

  void check(bool succeeded) const {
    if (!succeeded) throw_run_error(target, "write", errno);
  }
};

OutputFile::OutputFile(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  state_->target = path;
  if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found) {
    const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
    if (!error) state_->target = target;
    state_->temporary = state_->target;
    state_->temporary += ".tmp";
    state_->file = open_temporary(state_->temporary);
  } else {
    state_->file = posix::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (state_->file.valid() && !posix::set_blocking(state_->file)) state_->file = {};
  }
  const bool is_open = state_->file.valid();
  if (!is_open) state_->temporary.clear();
  state_->check(is_open);
}

OutputFile::~OutputFile() {
  if (!state_->temporary.empty()) ::unlink(state_->temporary.c_str());
}

void OutputFile::write(std::string_view bytes) {
  constexpr std::size_t piece = std::size_t{1} << 16;
  state_->buffer += bytes;
  if (state_->buffer.size() < piece) return;
  state_->check(posix::write_all(state_->file, state_->buffer));
  state_->buffer.clear();
}

void OutputFile::finish() {
  State& state = *state_;
  state.check(posix::write_all(state.file, state.buffer));
  state.buffer.clear();
  if (!state.temporary.empty()) {
    state.check(fsync(state.file.get()) == 0 && std::rename(state.temporary.c_str(), state.target.c_str()) == 0);
    state.temporary.clear();
    sync_folder(state.target.has_parent_path() ? state.target.parent_path() : std::filesystem::path("."));
  }
  state.check(state.file.close());
}

// ---- SHA-256 -------------------------------------------------------------------------------------------------------

namespace {

EVP_MD_CTX* digest(void* context) { return static_cast<EVP_MD_CTX*>(context); }

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(digest(context_), EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(digest(context_));
    throw RunError("cannot start SHA-256: OpenSSL refused");
  }
}

Sha256::~Sha256() { EVP_MD_CTX_free(digest(context_)); }

void Sha256::update(std::span<const std::uint8_t> bytes) {
  if (EVP_DigestUpdate(digest(context_), bytes.data(), bytes.size()) != 1)
    throw RunError("cannot compute SHA-256: OpenSSL refused");
}

std::string Sha256::hex() {
  std::uint8_t sum[32];
  if (EVP_DigestFinal_ex(digest(context_), sum, nullptr) != 1)
    throw RunError("cannot compute SHA-256: OpenSSL refused");
  std::string text;
  for (const std::uint8_t byte : sum) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace bnlab
