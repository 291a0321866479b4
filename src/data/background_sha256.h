#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "util/file.h"

namespace bnlab::data {

/// SHA-256 of what is being read, computed by a second thread meanwhile.
class BackgroundSha256 {
 public:
  enum class Start { at_once, later };
  /// later: only gathers the bytes, until hex(), or for another sum to append().
  explicit BackgroundSha256(Start start = Start::at_once);
  ~BackgroundSha256();
  BackgroundSha256(const BackgroundSha256&) = delete;
  BackgroundSha256& operator=(const BackgroundSha256&) = delete;

  /// Adds bytes that nobody writes to any more. `owner` keeps them.
  void update(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner);
  /// Adds what `other` has gathered.
  void append(BackgroundSha256& other);
  /// No bytes follow: the thread ends with those that it has.
  void end();
  /// Ends the sum and waits for it; call once. Throws RunError.
  std::string hex();
  /// How many bytes were added; of another sum only after append().
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Piece {
    std::span<const std::uint8_t> bytes;
    std::shared_ptr<const void> owner;
  };
  std::string add_up();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  bool ended_ = false;
  std::uint64_t bytes_ = 0;
  std::future<std::string> sum_;
};

}  // namespace bnlab::data
