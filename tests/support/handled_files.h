#ifndef DUNLIN_TESTS_SUPPORT_HANDLED_FILES_H_
#define DUNLIN_TESTS_SUPPORT_HANDLED_FILES_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <string>

#include "tests/support/file_handler.h"

namespace dunlin {

// The files that a FileHandler handles: which they are, and what becomes of a call that concerns one. The calls are
// like the system's: they return -1 and set errno when they fail. Who makes them in the place of the system's is told
// by interposed_files.h.
//
// Thread-safety: safe for concurrent use.

// What InterposeFiles() does, for these calls.
void HandleFiles(const std::string& directory, FileHandler* handler);

// Whether there is a handler; whether `fd` was opened below its directory, or below that of an earlier one.
bool HandlesFiles();
bool IsHandled(int fd);

// For any path: what is not below the directory goes to the system alone.
int HandledOpen(const char* path, int flags, mode_t mode);
int HandledRename(const char* from, const char* to);
int HandledRemove(const char* path);

// REQUIRES: IsHandled(fd). Writes go to `offset`, or, if that is negative, to the descriptor's own place.
ssize_t HandledWrite(int fd, std::string bytes, off_t offset);
ssize_t HandledWriteParts(int fd, const iovec* parts, int count, off_t offset);
int HandledSync(int fd);
int HandledTruncate(int fd, off_t size);
int HandledClose(int fd);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_HANDLED_FILES_H_
