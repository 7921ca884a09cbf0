#include "tests/benchmarks/load/sync_target.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace dunlin::bench {
namespace {

constexpr size_t kFileBytes = size_t{64} << 20;
// A record with its key, and what a journal adds.
constexpr size_t kWriteBytes = 256;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::abort();
}

}  // namespace

SyncTarget::SyncTarget(const std::string& path)
    : descriptor_(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) {
    Fail(path.c_str());
  }
  // Written once, not only reserved: else the first write of each block also changes the file's extents.
  const std::vector<char> zeros(size_t{1} << 20);
  for (size_t written = 0; written < kFileBytes; written += zeros.size()) {
    if (write(descriptor_, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size())) {
      Fail(path.c_str());
    }
  }
  if (fsync(descriptor_) != 0) {
    Fail(path.c_str());
  }
}

SyncTarget::~SyncTarget() { close(descriptor_); }

void SyncTarget::Start(size_t) {
  const std::vector<char> bytes(kWriteBytes, 'x');
  if (pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset_)) !=
      static_cast<ssize_t>(bytes.size())) {
    Fail("pwrite");
  }
  offset_ = (offset_ + kWriteBytes) % kFileBytes;
}

std::optional<LoadTarget::Ended> SyncTarget::Next(absl::Time) {
  if (fdatasync(descriptor_) != 0) {
    Fail("fdatasync");
  }
  return Ended{0, true};
}

}  // namespace dunlin::bench
