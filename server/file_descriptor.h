#ifndef DUNLIN_SERVER_FILE_DESCRIPTOR_H_
#define DUNLIN_SERVER_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace dunlin {

// FileDescriptor owns a file descriptor, or none, and closes it.
//
// Thread-safety: as an int.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (valid()) close(fd_);
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

  // Gives the descriptor to the caller, who has to close it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_FILE_DESCRIPTOR_H_
