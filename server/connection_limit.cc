#include "server/connection_limit.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include "server/limits.h"

namespace dunlin {
namespace {

// 0 for what is not open; no socket has that number.
ino_t InodeOf(int fd) {
  struct stat found = {};
  return fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode) ? found.st_ino : 0;
}

}  // namespace

size_t OpenFilesMax() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kConnectionsMaxHard + kReservedDescriptors;
  }
  return static_cast<size_t>(limit.rlim_cur);
}

size_t ConnectionsMaxFor(size_t open_files_max) {
  const size_t reserved = std::min(kReservedDescriptors, open_files_max / 2);
  return std::clamp<size_t>(open_files_max - reserved, 1, kConnectionsMaxHard);
}

bool ConnectionLimit::HasRoom(absl::Time now) {
  if (connections_.size() < connections_max_) return true;
  if (now < next_check_) return false;
  next_check_ = now + kConnectionCheckPeriod;
  const auto has_ended = [](const Connection& connection) { return InodeOf(connection.fd) != connection.inode; };
  connections_.erase(std::remove_if(connections_.begin(), connections_.end(), has_ended), connections_.end());
  return connections_.size() < connections_max_;
}

void ConnectionLimit::Add(const FileDescriptor& connection) {
  connections_.push_back({connection.get(), InodeOf(connection.get())});
}

}  // namespace dunlin
