#include "tests/support/interposed_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

bool IsHandled(int fd) { return fd >= 0 && fd < kDescriptorsMax && handled[fd].load(std::memory_order_relaxed); }

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

int Open(const char* path, int flags, mode_t mode) {
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

// Writes at `offset`, or, if that is negative, at the descriptor's own place.
ssize_t Write(int fd, std::string bytes, off_t offset) {
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

ssize_t WriteParts(int fd, const iovec* parts, int count, off_t offset) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  return Write(fd, std::move(bytes), offset);
}

int Sync(int fd) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const OpenFile& file = layer.open_files[fd];
  FileHandler* const handler = HandlerOf(layer, file);
  const auto kind = file.is_directory ? FileHandler::SyncKind::kDirectory : FileHandler::SyncKind::kFile;
  return handler == nullptr ? 0 : Result(handler->Sync(file.path, kind));
}

int Close(int fd) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  layer.open_files.erase(fd);
  handled[fd].store(false, std::memory_order_relaxed);
  return static_cast<int>(syscall(SYS_close, fd));
}

int Truncate(int fd, off_t size) {
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

int Rename(const char* from, const char* to) {
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

int Remove(const char* path) {
  Layer& layer = TheLayer();
  MutexLock lock(&layer.mutex);
  const int result = static_cast<int>(syscall(SYS_unlink, path));
  std::string relative;
  if (result == 0 && IsBelow(layer, path, &relative)) {
    layer.handler->AfterRemove(relative);
  }
  return result;
}

bool IsActive() { return active.load(std::memory_order_relaxed); }

}  // namespace

void InterposeFiles(const std::string& directory, FileHandler* handler) {
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

}  // namespace dunlin

// ---- In the place of the C library's ----

// The names behind __asm__ are what the linker sees; the C library's own declarations do not get in the way of others.
extern "C" {

int InterposedOpen(const char* path, int flags, ...) __asm__("open");
int InterposedClose(int fd) __asm__("close");
ssize_t InterposedWrite(int fd, const void* bytes, size_t size) __asm__("write");
ssize_t InterposedPwrite(int fd, const void* bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t InterposedWritev(int fd, const iovec* parts, int count) __asm__("writev");
ssize_t InterposedPwritev(int fd, const iovec* parts, int count, off_t offset) __asm__("pwritev");
int InterposedFsync(int fd) __asm__("fsync");
int InterposedFdatasync(int fd) __asm__("fdatasync");
int InterposedFtruncate(int fd, off_t size) __asm__("ftruncate");
int InterposedRename(const char* from, const char* to) __asm__("rename");
int InterposedUnlink(const char* path) __asm__("unlink");
int InterposedMsync(void* address, size_t size, int flags) __asm__("msync");

int InterposedOpen(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  // O_TMPFILE has a mode, too.
  const bool has_mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  const mode_t mode = has_mode ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return dunlin::IsActive() ? dunlin::Open(path, flags, mode)
                            : static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int InterposedClose(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::Close(fd) : static_cast<int>(syscall(SYS_close, fd));
}

ssize_t InterposedWrite(int fd, const void* bytes, size_t size) {
  return dunlin::IsHandled(fd) ? dunlin::Write(fd, std::string(static_cast<const char*>(bytes), size), -1)
                               : syscall(SYS_write, fd, bytes, size);
}

ssize_t InterposedPwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return dunlin::IsHandled(fd) ? dunlin::Write(fd, std::string(static_cast<const char*>(bytes), size), offset)
                               : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t InterposedWritev(int fd, const iovec* parts, int count) {
  return dunlin::IsHandled(fd) ? dunlin::WriteParts(fd, parts, count, -1) : syscall(SYS_writev, fd, parts, count);
}

ssize_t InterposedPwritev(int fd, const iovec* parts, int count, off_t offset) {
  // The kernel takes the offset in two halves; the upper one is not looked at where a long holds all of it.
  return dunlin::IsHandled(fd) ? dunlin::WriteParts(fd, parts, count, offset)
                               : syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

int InterposedFsync(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::Sync(fd) : static_cast<int>(syscall(SYS_fsync, fd));
}

int InterposedFdatasync(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::Sync(fd) : static_cast<int>(syscall(SYS_fdatasync, fd));
}

int InterposedFtruncate(int fd, off_t size) {
  return dunlin::IsHandled(fd) ? dunlin::Truncate(fd, size) : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int InterposedRename(const char* from, const char* to) {
  return dunlin::IsActive() ? dunlin::Rename(from, to) : static_cast<int>(syscall(SYS_rename, from, to));
}

int InterposedUnlink(const char* path) {
  return dunlin::IsActive() ? dunlin::Remove(path) : static_cast<int>(syscall(SYS_unlink, path));
}

int InterposedMsync(void* address, size_t size, int flags) {
  if (dunlin::IsActive()) {
    static constexpr char kMessage[] = "msync() while files are handled: what a mapping writes goes unseen\n";
    (void)!syscall(SYS_write, STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
    std::abort();
  }
  return static_cast<int>(syscall(SYS_msync, address, size, flags));
}

}  // extern "C"
