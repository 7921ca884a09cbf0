#include "storage/lmdb_error.h"

#include <lmdb.h>

#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
      return absl::StatusCode::kDataLoss;
    case MDB_VERSION_MISMATCH:
      return absl::StatusCode::kFailedPrecondition;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::string_view RemedyFor(int error) {
  switch (error) {
    case MDB_MAP_FULL:
      return ": raise --database-map-size";
    case ENOSPC:
    case EDQUOT:
      return ": free disk space";
    case MDB_READERS_FULL:
      return ": too many concurrent reads";
    case EACCES:
    case EPERM:
    case EROFS:
      return ": make it writable for this user";
    default:
      return "";
  }
}

}  // namespace

absl::Status LmdbErrorToStatus(int error, absl::string_view what) {
  return absl::Status(CodeOf(error), absl::StrCat("database: ", what, ": ", mdb_strerror(error), RemedyFor(error)));
}

}  // namespace dunlin
