#ifndef DUNLIN_STORAGE_QUOTA_H_
#define DUNLIN_STORAGE_QUOTA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace dunlin {

// Whether a write with a put may take place in a database that uses `used_bytes`. Deletes are not asked: they leave a
// tombstone in the place of a value, and are the remedy.
// Errors: kResourceExhausted, naming the quota and the remedy.
inline absl::Status CheckQuota(uint64_t used_bytes, uint64_t quota_bytes) {
  if (used_bytes < quota_bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat("the database uses ", used_bytes, " bytes of its quota of ",
                                                   quota_bytes, ": delete entries or raise --database-quota"));
}

// Whether a write with a put may take place while `unsent_bytes` have been waiting for Redis, which has never had them,
// since `age` ago. Refusing early loses nothing; an outbox that grew for ever would end on a full disk. Deletes are not
// asked here either: one that replaces what waits makes it lighter. One of a key that this store does not have waits as
// a tombstone all the same, because the fleet may have it; how many of them there are is bounded by the database alone.
// Errors: kResourceExhausted, naming the limit and the remedy.
inline absl::Status CheckOutbox(uint64_t unsent_bytes, uint64_t quota_bytes, absl::Duration age,
                                absl::Duration age_max) {
  if (unsent_bytes == 0) {
    return absl::OkStatus();
  }
  if (unsent_bytes >= quota_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(unsent_bytes, " bytes of writes wait for Redis, of a quota of ",
                                                     quota_bytes, ": bring Redis back, or raise --outbox-quota"));
  }
  if (age >= age_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "writes have been waiting for Redis for ", absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))),
        "; the limit is ", absl::FormatDuration(age_max),
        ", since the fleet may forget deleted keys then: bring Redis back, or raise --outbox-age-max"));
  }
  return absl::OkStatus();
}

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_QUOTA_H_
