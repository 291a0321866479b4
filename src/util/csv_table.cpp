#include "util/csv_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>

#include "util/errors.h"
#include "util/file.h"

namespace bnlab {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;

/// Takes records off a text. A record ends with a newline outside quotes.
class Records {
 public:
  Records(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  bool at_end() const { return text_.empty(); }

  /// What is left of the text, with more behind it.
  void continue_with(std::string_view text) { text_ = text; }
  std::string_view left() const { return text_; }

  /// Nothing at the end, or where the last record is not whole.
  std::optional<std::vector<std::string>> next() {
    first_line_ = line_;
    std::vector<std::string> values(1);
    bool quoted = false, was_quoted = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\n') ++line_;
      if (quoted) {
        if (c != '"')
          values.back() += c;
        else if (i + 1 < text_.size() && text_[i + 1] == '"')
          values.back() += text_[++i];
        else
          quoted = false;
      } else if (c == '\n') {
        if (!values.back().empty() && values.back().back() == '\r' && !was_quoted) values.back().pop_back();
        text_.remove_prefix(i + 1);
        return values;
      } else if (c == ',') {
        values.emplace_back();
        was_quoted = false;
      } else if (c == '"' && values.back().empty() && !was_quoted) {
        quoted = was_quoted = true;
      } else if (was_quoted && c != '\r') {
        throw DataError(fmt::format("{}:{}: a quoted value is followed by text", source_, first_line_));
      } else if (!was_quoted) {
        values.back() += c;
      }
    }
    line_ = first_line_;
    return std::nullopt;
  }

  int first_line() const { return first_line_; }

 private:
  std::string_view text_;
  const std::string& source_;
  int line_ = 1;
  int first_line_ = 1;
};

}  // namespace

std::optional<std::size_t> CsvTable::find(std::string_view column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

namespace {

std::vector<std::string> header_of(std::optional<std::vector<std::string>> first, const std::string& source) {
  if (!first) throw DataError(source + ": empty or cut off: it has no whole header");
  std::vector<std::string> sorted = *first;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
    throw DataError(fmt::format("{}: the column \"{}\" is in its header twice", source, *twice));
  return std::move(*first);
}

void check_row(const std::vector<std::string>& row, std::size_t columns, const Records& records,
               const std::string& source) {
  if (row.size() != columns)
    throw DataError(fmt::format("{}:{}: {} values, expected {}", source, records.first_line(), row.size(), columns));
}

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& source) {
  Records records(text, source);
  CsvTable table{.columns = header_of(records.next(), source), .rows = {}};
  while (auto row = records.next()) {
    check_row(*row, table.columns.size(), records, source);
    table.rows.push_back(std::move(*row));
  }
  table.is_cut_off = !records.at_end();
  return table;
}

CsvTable read_csv(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = read_file(file, most_bytes, Place::results);
  return parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
}

struct CsvFile::State {
  explicit State(const std::filesystem::path& file)
      : source(file.string()), reader(file, FileReader::Gzip::keep, Place::results), records({}, source) {}

  std::optional<std::vector<std::string>> next() {
    for (;;) {
      if (auto record = records.next()) return record;
      constexpr std::size_t piece = std::size_t{1} << 16;
      text = std::string(records.left());
      const std::size_t size = text.size();
      if (size > most_bytes) throw DataError(source + ": damaged: a row without an end");
      text.resize(size + piece + size / 2);
      const std::size_t got = reader.read({reinterpret_cast<std::uint8_t*>(text.data()) + size, text.size() - size});
      text.resize(size + got);
      records.continue_with(text);
      if (got == 0) return std::nullopt;
    }
  }

  std::string source;
  FileReader reader;
  std::string text;  // what was read and has no place in a row so far
  Records records;
  std::vector<std::string> columns;
};

CsvFile::CsvFile(const std::filesystem::path& file) : state_(std::make_unique<State>(file)) {
  state_->columns = header_of(state_->next(), state_->source);
}

CsvFile::~CsvFile() = default;

const std::vector<std::string>& CsvFile::columns() const { return state_->columns; }

std::optional<std::vector<std::string>> CsvFile::next() {
  auto row = state_->next();
  if (row) check_row(*row, state_->columns.size(), state_->records, state_->source);
  return row;
}

std::optional<double> csv_number(std::string_view text) {
  if (text == "nan" || text == "-nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  // The library takes more words for numbers.
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace bnlab
