#ifndef DUNLIN_STORAGE_LMDB_ERROR_H_
#define DUNLIN_STORAGE_LMDB_ERROR_H_

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// Turns an error of LMDB, one of its own numbers or an errno, into a status whose message says what was under way
// (`what`), LMDB's reason and, where there is one, the remedy. Never OK. The codes:
//   kResourceExhausted   the map, the disk or the table of readers is full, or there is no memory
//   kDataLoss            the file is damaged or no database, or LMDB has given its environment up
//   kFailedPrecondition  another version of LMDB has written the file
//   kPermissionDenied    the file may not be read or written
//   kInternal            whatever is not in the table
absl::Status LmdbErrorToStatus(int error, absl::string_view what);

// Calls LMDB to write; returns its error, 0 if there is none. LMDB says EIO, too, of a write that the system has cut
// short, which is what a disk does that has just become full; errno then tells of no error. Here that is ENOSPC.
template <typename Call>
int LmdbWriteError(const Call& call) {
  errno = 0;
  const int error = call();
  return error == EIO && errno != EIO ? ENOSPC : error;
}

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_LMDB_ERROR_H_
