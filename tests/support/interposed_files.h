#ifndef DUNLIN_TESTS_SUPPORT_INTERPOSED_FILES_H_
#define DUNLIN_TESTS_SUPPORT_INTERPOSED_FILES_H_

#include <string>

#include "tests/support/file_handler.h"

namespace dunlin {

// From now on `handler` handles the files below `directory` that are opened from now on; null ends it. There can be one
// at a time. `directory` is absolute, without a slash at its end.
//
// A program that links this target has functions of its own in the place of the C library's open, close, write, pwrite,
// writev, pwritev, fsync, fdatasync, ftruncate, rename and unlink. They win over the C library's for shared libraries
// that the program uses, such as liblmdb, too. msync() of anything aborts while a handler is there: what is written
// through a mapping would go unseen.
//
// What it does not see: the C library's own use of files (fopen, posix_fallocate), mappings, and descriptors that were
// duplicated or inherited.
void InterposeFiles(const std::string& directory, FileHandler* handler);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_INTERPOSED_FILES_H_
