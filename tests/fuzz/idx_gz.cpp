#include <zlib.h>

#include "fuzz/datasets.h"
#include "fuzz/mutator.h"

namespace bnlab::fuzz {
namespace {

constexpr std::size_t most_unpacked = 8192;

/// The first of the unpacked bytes; less where they are damaged or cut off.
std::string unpacked(Bytes packed) {
  z_stream stream{};
  std::string bytes(most_unpacked, '\0');
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return "";
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  inflate(&stream, Z_SYNC_FLUSH);
  bytes.resize(stream.total_out);
  inflateEnd(&stream);
  return bytes;
}

std::string packed(const std::string& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace
}  // namespace bnlab::fuzz

/// Every other time what the gzip data holds is changed.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  using namespace bnlab::fuzz;
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return replace_input(packed(mutated(unpacked({data, size}), most_unpacked)), data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bnlab::fuzz::idx_gz_target({data, size});
  return 0;
}
