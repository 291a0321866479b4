#include "util/csv.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <span>
#include <stdexcept>
#include <utility>

#include "util/errors.h"
#include "util/printable.h"
#include "util/result_file.h"

namespace bnlab {
namespace {

void append_text(std::string& row, std::string_view as_it_is) {
  const std::string text = printable(as_it_is);
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    row += text;
    return;
  }
  row += '"';
  for (const char c : text) {
    if (c == '"') row += '"';
    row += c;
  }
  row += '"';
}

void append_number(std::string& row, double value) {
  if (std::isnan(value)) {
    row += "nan";  // without the sign that a nan may carry
    return;
  }
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 9);
  row.append(text, result.ptr);
}

std::string header_of(const std::vector<std::string>& columns) {
  if (columns.empty()) throw std::logic_error("CsvWriter: a file needs at least one column");
  return csv_line(columns);
}

}  // namespace

std::string csv_text(double value) {
  std::string text;
  append_number(text, value);
  return text;
}

std::string csv_line(const std::vector<std::string>& texts) {
  std::string line;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) line += ',';
    append_text(line, texts[i]);
  }
  return line + '\n';
}

CsvWriter::CsvWriter(std::filesystem::path path, const std::vector<std::string>& columns)
    : path_(std::move(path)), columns_(columns.size()) {
  const std::string header = header_of(columns);
  file_ = open_result_to_write(path_, O_WRONLY | O_CREAT | O_TRUNC);
  write_out(header);
}

CsvWriter::CsvWriter(std::filesystem::path path, const std::vector<std::string>& columns, std::uint64_t bytes)
    : path_(std::move(path)), columns_(columns.size()), bytes_(bytes) {
  const std::string header = header_of(columns);
  struct stat status {};
  file_ = open_result_to_write(path_, O_RDWR, "continue");
  if (fstat(file_.get(), &status) != 0) throw RunError(posix::failure(path_, "continue", errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (bytes < header.size() || size < bytes)
    throw RunError(fmt::format("{}: cannot continue: expected at least {} bytes, found {}", path_.string(),
                               std::max<std::uint64_t>(bytes, header.size()), size));
  std::string found(header.size(), '\0');
  const ssize_t got = posix::read(file_, found.data(), found.size());
  if (got < 0) throw RunError(posix::failure(path_, "read", errno));
  if (found != header)
    throw RunError(fmt::format("{}: cannot continue: expected the header '{}', found '{}'", path_.string(),
                               header.substr(0, header.size() - 1), found.substr(0, found.find('\n'))));
  char last = '\n';
  if (pread(file_.get(), &last, 1, static_cast<off_t>(bytes) - 1) < 0)
    throw RunError(posix::failure(path_, "read", errno));
  if (last != '\n')
    throw RunError(fmt::format("{}: cannot continue: expected the end of a row at byte {}; it was changed",
                               path_.string(), bytes));
  if (ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0 || lseek(file_.get(), 0, SEEK_SET) < 0)
    throw RunError(posix::failure(path_, "continue", errno));
  sum_what_is_there();
}

void CsvWriter::sum_what_is_there() {
  std::vector<std::uint8_t> buffer(std::size_t{1} << 16);
  for (;;) {  // to the end of the file, where the next row goes
    const ssize_t got = posix::read(file_, buffer.data(), buffer.size());
    if (got < 0) throw RunError(posix::failure(path_, "read", errno));
    if (got == 0) return;
    sum_.update(std::span(buffer).first(static_cast<std::size_t>(got)));
  }
}

CsvWriter& CsvWriter::add(std::string_view text) {
  separate();
  append_text(row_, text);
  return *this;
}

CsvWriter& CsvWriter::add(double value) {
  separate();
  append_number(row_, value);
  return *this;
}

CsvWriter& CsvWriter::add(std::int64_t value) {
  separate();
  char text[24];
  const auto result = std::to_chars(text, text + sizeof text, value);
  row_.append(text, result.ptr);
  return *this;
}

void CsvWriter::end_row() {
  if (in_row_ != columns_)
    throw std::logic_error(fmt::format("{}: a row of {} values for {} columns", path_.string(), in_row_, columns_));
  row_ += '\n';
  write_out(row_);
  row_.clear();
  in_row_ = 0;
}

void CsvWriter::sync() {
  if (fsync(file_.get()) != 0 && errno != EINVAL)  // not every file system lets itself be synced
    throw RunError(posix::failure(path_, "sync", errno));
  struct stat status {};
  if (fstat(file_.get(), &status) == 0 && status.st_nlink == 0)
    throw RunError(fmt::format("{}: cannot write: the file was removed", path_.string()));
}

void CsvWriter::separate() {
  if (in_row_++ > 0) row_ += ',';
}

void CsvWriter::write_out(std::string_view text) {
  if (!posix::write_all(file_, text)) {
    const int error = errno;
    // A full disk may have taken half a row; what stays must be whole rows. Where this fails too, the first error
    // tells.
    if (ftruncate(file_.get(), static_cast<off_t>(bytes_)) == 0) lseek(file_.get(), 0, SEEK_END);
    throw RunError(posix::failure(path_, "write", error));
  }
  bytes_ += text.size();
  sum_.update(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace bnlab
