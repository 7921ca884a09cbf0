#ifndef DUNLIN_STORAGE_RESERVED_FILE_H_
#define DUNLIN_STORAGE_RESERVED_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace dunlin {

// ReservedFile gives a file that somebody else writes through a mapping its place on the disk. Without it, the file is
// sparse, and on a disk that has become full the first write to another of its pages ends the process (SIGBUS).
//
// It keeps the file open until it is destroyed: closing any descriptor of a file would drop the fcntl(2) locks that
// this process holds on it.
//
// Thread-safety: one thread at a time.
class ReservedFile {
 public:
  explicit ReservedFile(std::string path) : path_(std::move(path)) {}
  ReservedFile(const ReservedFile&) = delete;
  ReservedFile& operator=(const ReservedFile&) = delete;
  ~ReservedFile();

  // Reserves what the file has of length now, and its first page at least; creates it if it is absent. Its length
  // stays. File systems that cannot reserve are left to themselves. Errors: kPermissionDenied; kResourceExhausted when
  // the disk is full; kInternal otherwise.
  absl::Status Reserve();

 private:
  const std::string path_;
  int descriptor_ = -1;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_RESERVED_FILE_H_
