#ifndef DUNLIN_SERVER_VALIDATION_H_
#define DUNLIN_SERVER_VALIDATION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.pb.h"
#include "storage/selector.h"
#include "storage/write.h"

// Turns requests into what the layers below take, or says precisely what is wrong with them. Every error is
// kInvalidArgument and names the field, the value or size found, the limit and what to do. That strings are valid UTF-8
// has been checked by ParseRequest().
namespace dunlin {

// `field` is how the error calls it.
absl::Status ValidateKey(absl::string_view field, absl::string_view key);

// A prefix may be empty.
absl::Status ValidatePrefix(absl::string_view prefix);

absl::StatusOr<LocalWrite> ToLocalWrite(const v1::PutRequest& request, size_t value_size_max_bytes);
absl::StatusOr<LocalWrite> ToLocalWrite(const v1::DeleteRequest& request);
absl::StatusOr<LocalWrite> ToLocalWrite(const v1::BatchWriteRequest& request, size_t value_size_max_bytes);

absl::Status ValidateBatchGet(const v1::BatchGetRequest& request);

// Returns the number of entries that a page may have.
absl::StatusOr<size_t> ToPageEntriesMax(const v1::ListRequest& request);

// Returns the longest that the replica may have been out of date for a read of type GetRequest, BatchGetRequest or
// ListRequest; infinite if it does not say.
template <typename Request>
absl::StatusOr<absl::Duration> ToMaxStaleness(const Request& request);

// Whether the caller wants the answer only when Redis has the write.
absl::StatusOr<bool> WantsMirroredAck(v1::Ack ack);

// Returns what all selectors together name.
absl::StatusOr<Selection> ToSelection(const v1::WatchRequest& request);

// That what the filters leave is something.
absl::Status ValidateWatchFilters(const v1::WatchRequest& request);

// Returns the longest time without a message that the caller wants; infinite if it did not say.
absl::StatusOr<absl::Duration> ToProgressInterval(const v1::WatchRequest& request);

// Returns by how much the reader may be behind; infinite if it does not say.
absl::StatusOr<absl::Duration> ToMaxLag(const v1::WatchRequest& request);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_VALIDATION_H_
