#include "tests/support/handled_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "storage/mutex.h"

namespace dunlin {
namespace {

// Descriptors from here on are not handled; a test has a few dozen.
constexpr int kDescriptorsMax = 4096;

struct OpenFile {
  std::string path;
  // Whose it is: the handler of that time.
  uint64_t generation = 0;
  bool write_through = false;
  bool is_directory = false;
};

// All that there is. Never destroyed: files are closed until the very end of the process.
struct Layer {
  Mutex mutex;
  FileHandler* handler ABSL_GUARDED_BY(mutex) = nullptr;
  // How many handlers there have been.
  uint64_t generation ABSL_GUARDED_BY(mutex) = 0;
  std::string directory ABSL_GUARDED_BY(mutex);
  std::map<int, OpenFile> open_files ABSL_GUARDED_BY(mutex);
};

Layer& TheLayer() {
  static auto* const layer = new Layer;
  return *layer;
}

// Whether there is a handler, and which descriptors are its. Relaxed: hints that spare everybody else the mutex; the
// thread that opened a file sees its own, and who was handed a descriptor was handed this with it.
std::atomic<bool> active{false};
std::array<std::atomic<bool>, kDescriptorsMax> handled{};

// Sets errno, as system calls do.
int Result(int error) {
  if (error != 0) {
    errno = error;
    return -1;
  }
  return 0;
}

// Whether `path` lies below the directory, or is it; if so, its relative path.
bool IsBelow(const Layer& layer, absl::string_view path, std::string* relative)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(layer.mutex) {
  if (layer.handler == nullptr || !absl::StartsWith(path, layer.directory) || absl::StrContains(path, "/..")) {
    return false;
  }
  path.remove_prefix(layer.directory.size());
  if (!path.empty() && path.front() != '/') {
    return false;
  }
  *relative = std::string(path.substr(path.empty() ? 0 : 1));
  return true;
}

// Null when `file` was opened for an earlier handler.
FileHandler* HandlerOf(const Layer& layer, const OpenFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(layer.mutex) {
  return file.generation == layer.generation ? layer.handler : nullptr;
}

}  // namespace

void HandleFiles(const std::string& directory, FileHandler* handler) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  if (handler != nullptr && layer.handler != nullptr) {
    std::fprintf(stderr, "two file handlers at once\n");
    std::abort();
  }
  layer.handler = handler;
  ++layer.generation;
  layer.directory = directory;
  active.store(handler != nullptr, std::memory_order_relaxed);
}

bool HandlesFiles() { return active.load(std::memory_order_relaxed); }

bool IsHandled(int fd) { return fd >= 0 && fd < kDescriptorsMax && handled[fd].load(std::memory_order_relaxed); }

int HandledOpen(const char* path, int flags, mode_t mode) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  std::string relative;
  if (!IsBelow(layer, path, &relative)) {
    return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  }
  const bool existed = faccessat(AT_FDCWD, path, F_OK, 0) == 0;
  // O_SYNC contains O_DSYNC.
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags & ~O_SYNC, mode));
  if (fd < 0 || fd >= kDescriptorsMax) {
    return fd;
  }
  struct stat file {};
  fstat(fd, &file);
  layer.open_files[fd] = OpenFile{relative, layer.generation, (flags & O_DSYNC) != 0, S_ISDIR(file.st_mode)};
  handled[fd].store(true, std::memory_order_relaxed);
  if (!existed) {
    layer.handler->AfterCreate(relative);
  }
  return fd;
}

ssize_t HandledWrite(int fd, std::string bytes, off_t offset) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const bool moves = offset < 0;
  if (moves) {
    offset = lseek(fd, 0, SEEK_CUR);
  }
  const OpenFile& file = layer.open_files[fd];
  FileHandler* const handler = HandlerOf(layer, file);
  if (handler != nullptr) {
    struct stat before {};
    fstat(fd, &before);
    const FileHandler::Verdict verdict =
        handler->BeforeWrite(file.path, offset, bytes.size(), static_cast<uint64_t>(before.st_size));
    if (verdict.error != 0) {
      return Result(verdict.error);
    }
    bytes.resize(std::min(bytes.size(), verdict.size_max_bytes));
  }
  const ssize_t written = syscall(SYS_pwrite64, fd, bytes.data(), bytes.size(), offset);
  if (written < 0) {
    return written;
  }
  if (moves) {
    lseek(fd, offset + written, SEEK_SET);
  }
  if (handler != nullptr) {
    handler->AfterWrite(file.path, offset, absl::string_view(bytes).substr(0, written));
    const int error = file.write_through ? handler->Sync(file.path, FileHandler::SyncKind::kWrite) : 0;
    if (error != 0) {
      return Result(error);
    }
  }
  return written;
}

ssize_t HandledWriteParts(int fd, const iovec* parts, int count, off_t offset) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return HandledWrite(fd, std::move(bytes), offset);
}

int HandledSync(int fd) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const OpenFile& file = layer.open_files[fd];
  FileHandler* const handler = HandlerOf(layer, file);
  const auto kind = file.is_directory ? FileHandler::SyncKind::kDirectory : FileHandler::SyncKind::kFile;
  return handler == nullptr ? 0 : Result(handler->Sync(file.path, kind));
}

int HandledClose(int fd) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  layer.open_files.erase(fd);
  handled[fd].store(false, std::memory_order_relaxed);
  return static_cast<int>(syscall(SYS_close, fd));
}

int HandledTruncate(int fd, off_t size) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const int result = static_cast<int>(syscall(SYS_ftruncate, fd, size));
  const OpenFile& file = layer.open_files[fd];
  FileHandler* const handler = HandlerOf(layer, file);
  if (result == 0 && handler != nullptr) {
    handler->AfterTruncate(file.path, static_cast<uint64_t>(size));
  }
  return result;
}

int HandledRename(const char* from, const char* to) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const int result = static_cast<int>(syscall(SYS_rename, from, to));
  std::string relative_from;
  std::string relative_to;
  if (result == 0 && IsBelow(layer, from, &relative_from) && IsBelow(layer, to, &relative_to)) {
    for (auto& [fd, file] : layer.open_files) {
      if (file.path == relative_from) {
        file.path = relative_to;
      }
    }
    layer.handler->AfterRename(relative_from, relative_to);
  }
  return result;
}

int HandledRemove(const char* path) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const int result = static_cast<int>(syscall(SYS_unlink, path));
  std::string relative;
  if (result == 0 && IsBelow(layer, path, &relative)) {
    layer.handler->AfterRemove(relative);
  }
  return result;
}

}  // namespace dunlin
