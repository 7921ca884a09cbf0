#include "tests/chaos/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace dunlin::chaos {
namespace {

absl::Status Refused(const char* what) {
  return absl::PermissionDeniedError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

absl::Status EnterOwnMountNamespace() {
  if (unshare(CLONE_NEWNS) != 0) {
    return Refused("a mount namespace of one's own");
  }
  // Else what is mounted here would show where this namespace came from.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Refused("making mounts private");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(const std::string& path, size_t size_bytes) {
  const std::string options = absl::StrCat("size=", size_bytes, ",mode=700");
  if (mount("tmpfs", path.c_str(), "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, options.c_str()) != 0) {
    return Refused("mounting a tmpfs");
  }
  return absl::WrapUnique(new SmallDisk(path));
}

SmallDisk::SmallDisk(const std::string& path) : path_(path), ballast_path_(absl::StrCat(path, "/ballast")) {}

SmallDisk::~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }

void SmallDisk::Fill() {
  const int descriptor = open(ballast_path_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const std::string page(4096, '\0');
  // The program on the disk takes and frees space meanwhile, so that the end is reached more than once.
  while (descriptor >= 0 && write(descriptor, page.data(), page.size()) > 0) {
  }
  close(descriptor);
}

void SmallDisk::Free() { unlink(ballast_path_.c_str()); }

}  // namespace dunlin::chaos
