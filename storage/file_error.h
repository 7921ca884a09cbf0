#ifndef DUNLIN_STORAGE_FILE_ERROR_H_
#define DUNLIN_STORAGE_FILE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// Turns `error`, an errno of a call that concerns a file, into a status: `what`, the system's words, and the remedy if
// there is one. kResourceExhausted: the disk is full; kPermissionDenied; kInternal otherwise.
absl::Status FileErrorToStatus(int error, absl::string_view what);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_FILE_ERROR_H_
