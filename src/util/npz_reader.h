#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "util/npy_header.h"

namespace bnlab {

/// Reads arrays of any type out of an .npz that numpy.savez or numpy.savez_compressed has written, piece by piece.
/// Every error is a DataError that names the file and the array.
class NpzReader {
 public:
  explicit NpzReader(const std::filesystem::path& path);
  ~NpzReader();
  NpzReader(const NpzReader&) = delete;
  NpzReader& operator=(const NpzReader&) = delete;

  /// Names of the arrays, without .npy, in the order of the file.
  std::vector<std::string> names() const;
  const std::filesystem::path& path() const;

  /// One array, open for reading from front to back. The reader must outlive it.
  class Array {
   public:
    ~Array();
    Array(Array&&) noexcept;
    Array& operator=(Array&&) = delete;

    const NpyHeader& header() const;
    /// The .npy file up to its first value.
    std::span<const std::uint8_t> header_bytes() const;
    /// Bytes of one value. Nothing larger than 8 is taken.
    std::size_t item_size() const;
    /// How many values the shape asks for; the file has as many, and no more bytes behind the header.
    std::uint64_t count() const;
    /// Begins a text about this array: "FILE: array "x_train": ".
    const std::string& where() const;
    /// Fills `dst` with the next bytes. Throws where there are less, and with the last byte where the checksum is
    /// wrong.
    void read(std::span<std::uint8_t> dst);

   private:
    friend class NpzReader;
    struct State;
    explicit Array(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  /// Requires a name out of names().
  Array open(const std::string& name) const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

}  // namespace bnlab
