#ifndef DUNLIN_TESTS_CHAOS_SMALL_DISK_H_
#define DUNLIN_TESTS_CHAOS_SMALL_DISK_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dunlin::chaos {

// Moves this process into a mount namespace of its own, so that what it mounts is seen by nobody else and goes away
// with its last process, however that ends. To be called before there are threads. Errors: kPermissionDenied where the
// system does not allow it; nothing has changed then.
absl::Status EnterOwnMountNamespace();

// SmallDisk is a file system in memory that can be filled up to the last byte.
//
// Thread-safety: one thread at a time.
class SmallDisk {
 public:
  // Mounts it at `path`, an empty directory.
  // REQUIRES: EnterOwnMountNamespace() has succeeded.
  // Errors: kPermissionDenied.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(const std::string& path, size_t size_bytes);
  // Unmounts it.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Takes all the space that is left, and gives it back.
  void Fill();
  void Free();

 private:
  explicit SmallDisk(const std::string& path);

  const std::string path_;
  const std::string ballast_path_;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_SMALL_DISK_H_
