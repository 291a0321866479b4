#include "util/posix.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace bnlab::posix {

Descriptor::~Descriptor() { close(); }

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

bool Descriptor::close() {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 || ::close(fd) == 0;
}

Descriptor open(const std::filesystem::path& path, int flags) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

bool set_blocking(const Descriptor& file) {
  const int flags = fcntl(file.get(), F_GETFL);
  return flags >= 0 && fcntl(file.get(), F_SETFL, flags & ~O_NONBLOCK) == 0;
}

bool try_lock(const Descriptor& file, int operation) {
  int result;
  do result = ::flock(file.get(), operation | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result == 0 || errno != EWOULDBLOCK;
}

ssize_t read(const Descriptor& file, void* dst, std::size_t size) {
  ssize_t count;
  do count = ::read(file.get(), dst, size);
  while (count < 0 && errno == EINTR);
  return count;
}

bool write_all(const Descriptor& file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string failure(const std::filesystem::path& path, std::string_view verb, int error) {
  return fmt::format("{}: cannot {}: {}", path.string(), verb, std::system_category().message(error));
}

}  // namespace bnlab::posix
