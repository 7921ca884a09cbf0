#ifndef DUNLIN_STORAGE_QUOTA_H_
#define DUNLIN_STORAGE_QUOTA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace dunlin {

// Whether a put may take place in a database that uses `used_bytes`.
// Errors: kResourceExhausted, naming the quota and the remedy.
inline absl::Status CheckQuota(uint64_t used_bytes, uint64_t quota_bytes) {
  if (used_bytes < quota_bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat("the database uses ", used_bytes, " bytes of its quota of ",
                                                   quota_bytes, ": delete entries or raise --database-quota"));
}

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_QUOTA_H_
