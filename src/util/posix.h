#pragma once
// Thin owners of POSIX calls, shared by the files of this folder that read and write.

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bnlab::posix {

/// Owns one file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  /// Closes now and says whether it succeeded (errno is set): some file systems report a failed write only here.
  bool close();

 private:
  int fd_ = -1;
};

/// open(2), close-on-exec, mode 0666. Not valid() on failure, with errno set.
Descriptor open(const std::filesystem::path& path, int flags);

/// Reads and writes wait from now on, whatever flags it was opened with. False on failure, with errno set.
bool set_blocking(const Descriptor& file);

/// flock(2) that does not wait. False where another holds it; a file system without locks leaves the check to the user.
bool try_lock(const Descriptor& file, int operation);

/// read(2), repeated when a signal interrupts it.
ssize_t read(const Descriptor& file, void* dst, std::size_t size);

/// write(2) until all is written. False on failure, with errno set.
bool write_all(const Descriptor& file, std::string_view bytes);

/// "PATH: cannot VERB: the system's reason" for an errno value.
std::string failure(const std::filesystem::path& path, std::string_view verb, int error);

}  // namespace bnlab::posix
