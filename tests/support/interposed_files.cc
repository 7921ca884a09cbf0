#include "tests/support/interposed_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>

#include "tests/support/handled_files.h"

namespace dunlin {

void InterposeFiles(const std::string& directory, FileHandler* handler) { HandleFiles(directory, handler); }

}  // namespace dunlin

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
  return dunlin::HandlesFiles() ? dunlin::HandledOpen(path, flags, mode)
                                : static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int InterposedClose(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::HandledClose(fd) : static_cast<int>(syscall(SYS_close, fd));
}

ssize_t InterposedWrite(int fd, const void* bytes, size_t size) {
  return dunlin::IsHandled(fd) ? dunlin::HandledWrite(fd, std::string(static_cast<const char*>(bytes), size), -1)
                               : syscall(SYS_write, fd, bytes, size);
}

ssize_t InterposedPwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return dunlin::IsHandled(fd) ? dunlin::HandledWrite(fd, std::string(static_cast<const char*>(bytes), size), offset)
                               : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t InterposedWritev(int fd, const iovec* parts, int count) {
  return dunlin::IsHandled(fd) ? dunlin::HandledWriteParts(fd, parts, count, -1)
                               : syscall(SYS_writev, fd, parts, count);
}

ssize_t InterposedPwritev(int fd, const iovec* parts, int count, off_t offset) {
  // The kernel takes the offset in two halves; the upper one is not looked at where a long holds all of it.
  return dunlin::IsHandled(fd) ? dunlin::HandledWriteParts(fd, parts, count, offset)
                               : syscall(SYS_pwritev, fd, parts, count, offset, 0);
}

int InterposedFsync(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::HandledSync(fd) : static_cast<int>(syscall(SYS_fsync, fd));
}

int InterposedFdatasync(int fd) {
  return dunlin::IsHandled(fd) ? dunlin::HandledSync(fd) : static_cast<int>(syscall(SYS_fdatasync, fd));
}

int InterposedFtruncate(int fd, off_t size) {
  return dunlin::IsHandled(fd) ? dunlin::HandledTruncate(fd, size) : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int InterposedRename(const char* from, const char* to) {
  return dunlin::HandlesFiles() ? dunlin::HandledRename(from, to) : static_cast<int>(syscall(SYS_rename, from, to));
}

int InterposedUnlink(const char* path) {
  return dunlin::HandlesFiles() ? dunlin::HandledRemove(path) : static_cast<int>(syscall(SYS_unlink, path));
}

int InterposedMsync(void* address, size_t size, int flags) {
  if (dunlin::HandlesFiles()) {
    static constexpr char kMessage[] = "msync() while files are handled: what a mapping writes goes unseen\n";
    (void)!syscall(SYS_write, STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
    std::abort();
  }
  return static_cast<int>(syscall(SYS_msync, address, size, flags));
}

}  // extern "C"
