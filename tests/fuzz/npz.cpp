#include <zlib.h>

#include "fuzz/checkpoints.h"
#include "fuzz/mutator.h"

namespace bnlab::fuzz {
namespace {

struct Entry {
  std::string name;
  std::string bytes;
};

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t width) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

void put(std::string& bytes, std::size_t value, std::size_t width) {
  for (; width > 0; --width, value >>= 8) bytes += static_cast<char>(value & 0xff);
}

/// The stored entries at the beginning of a zip, by their local headers (APPNOTE 4.3.7).
std::vector<Entry> entries_of(std::string_view zip) {
  constexpr std::size_t header = 30;
  std::vector<Entry> entries;
  while (zip.size() >= header && zip.starts_with("PK\x03\x04")) {
    const std::size_t size = number_at(zip, 18, 4), name = number_at(zip, 26, 2);
    const std::size_t begin = header + name + number_at(zip, 28, 2);
    if (begin > zip.size() || size > zip.size() - begin) break;
    entries.push_back({std::string(zip.substr(header, name)), std::string(zip.substr(begin, size))});
    zip.remove_prefix(begin + size);
  }
  return entries;
}

/// What a local header and a central one have in common: version to time stamp, CRC, sizes, lengths of name and extra.
void put_description(std::string& zip, const Entry& entry) {
  put(zip, 10, 2);
  put(zip, 0, 4);
  put(zip, 0x210000, 4);
  put(zip, crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()), static_cast<uInt>(entry.bytes.size())), 4);
  put(zip, entry.bytes.size(), 4);
  put(zip, entry.bytes.size(), 4);
  put(zip, entry.name.size(), 2);
  put(zip, 0, 2);
}

std::string zip_of(const std::vector<Entry>& entries) {
  std::string zip, central;
  for (const Entry& entry : entries) {
    central += "PK\x01\x02";
    put(central, 10, 2);
    put_description(central, entry);
    put(central, 0, 10);
    put(central, zip.size(), 4);
    central += entry.name;
    zip += "PK\x03\x04";
    put_description(zip, entry);
    zip += entry.name + entry.bytes;
  }
  const std::size_t begin = zip.size();
  zip += central + "PK\x05\x06";
  put(zip, 0, 4);
  put(zip, entries.size(), 2);
  put(zip, entries.size(), 2);
  put(zip, central.size(), 4);
  put(zip, begin, 4);
  put(zip, 0, 2);
  return zip;
}

}  // namespace
}  // namespace bnlab::fuzz

/// Mostly an entry is changed, or its name, and the zip made anew: else few inputs pass the CRC.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace bnlab::fuzz;
  constexpr std::size_t most_name = 100, most_bytes = 1000;
  std::vector<Entry> entries = entries_of(text_of({data, size}));
  if (seed % 4 == 0 || entries.empty()) return LLVMFuzzerMutate(data, size, max_size);
  Entry& entry = entries[seed / 16 % entries.size()];
  if (seed % 16 == 1)
    entry.name = mutated(entry.name, most_name);
  else if (seed % 16 == 2)
    entries.erase(entries.begin() + (&entry - entries.data()));
  else
    entry.bytes = mutated(entry.bytes, most_bytes);
  return replace_input(zip_of(entries), data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bnlab::fuzz::npz_target({data, size});
  return 0;
}
