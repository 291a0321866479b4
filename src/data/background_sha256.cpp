#include "data/background_sha256.h"

#include <utility>

namespace bnlab::data {

// Where there is no further thread, hex() adds all up.
BackgroundSha256::BackgroundSha256(Start start)
    : sum_(std::async(start == Start::later ? std::launch::deferred : std::launch::async | std::launch::deferred,
                      [this] { return add_up(); })) {}

BackgroundSha256::~BackgroundSha256() {
  {
    const std::lock_guard lock(mutex_);
    pieces_.clear();
  }
  end();
}

void BackgroundSha256::update(std::span<const std::uint8_t> bytes, std::shared_ptr<const void> owner) {
  {
    const std::lock_guard lock(mutex_);
    pieces_.push_back({bytes, std::move(owner)});
    bytes_ += bytes.size();
  }
  changed_.notify_one();
}

void BackgroundSha256::append(BackgroundSha256& other) {
  for (Piece& piece : other.pieces_) update(piece.bytes, std::move(piece.owner));
  other.pieces_.clear();
}

std::string BackgroundSha256::hex() {
  end();
  return sum_.get();
}

void BackgroundSha256::end() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
}

std::string BackgroundSha256::add_up() {
  Sha256 sum;
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !pieces_.empty(); });
    if (pieces_.empty()) return sum.hex();
    const Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    lock.unlock();
    sum.update(piece.bytes);
  }
}

}  // namespace bnlab::data
