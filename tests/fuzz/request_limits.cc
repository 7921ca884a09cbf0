#include "tests/fuzz/request_limits.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/time/time.h"
#include "server/limits.h"
#include "storage/limits.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

bool IsKey(const std::string& key) { return !key.empty() && key.size() <= kKeySizeMaxBytes && IsValidUtf8(key); }

bool IsPrefix(const std::string& prefix) { return prefix.empty() || IsKey(prefix); }

bool IsTtl(const google::protobuf::Duration& ttl) {
  constexpr int64_t kNanosInSecond = 1000000000;
  const absl::int128 nanos = absl::int128(ttl.seconds()) * kNanosInSecond + ttl.nanos();
  return ttl.seconds() >= 0 && ttl.nanos() >= 0 && ttl.nanos() < kNanosInSecond &&
         nanos >= absl::ToInt64Nanoseconds(kTtlMin) &&
         nanos <= absl::int128(absl::ToInt64Seconds(kTtlMax)) * kNanosInSecond;
}

bool IsDuration(const google::protobuf::Duration& duration) {
  // The longest that a google.protobuf.Duration may be.
  constexpr int64_t kSecondsMax = 315576000000;
  return duration.seconds() >= 0 && duration.seconds() <= kSecondsMax && duration.nanos() >= 0 &&
         duration.nanos() < 1000000000;
}

bool IsProgressInterval(const google::protobuf::Duration& interval) {
  const bool is_long_enough =
      interval.seconds() > 0 || interval.nanos() >= absl::ToInt64Nanoseconds(kWatchProgressIntervalMin);
  return IsDuration(interval) && is_long_enough;
}

bool IsMaxLag(const google::protobuf::Duration& lag) { return IsDuration(lag) && lag.seconds() >= 1; }

template <typename Read>
bool IsStaleness(const Read& read) {
  return !read.has_max_staleness() || IsDuration(read.max_staleness());
}

// A put by itself or in a batch.
template <typename Put>
bool IsPut(const Put& put, size_t value_size_max_bytes) {
  const bool has_content = put.content_case() == Put::kValue || put.content_case() == Put::kText;
  return IsKey(put.key()) && has_content && put.value().size() + put.text().size() <= value_size_max_bytes &&
         IsValidUtf8(put.text()) && (!put.has_ttl() || IsTtl(put.ttl()));
}

bool IsPrecondition(const v1::Precondition& precondition) {
  return precondition.if_absent() || (precondition.has_if_version() && (precondition.if_version().time() != 0 ||
                                                                        precondition.if_version().origin() != 0));
}

const std::string& KeyOf(const v1::Write& write) { return write.has_put() ? write.put().key() : write.delete_().key(); }

bool IsWrite(const v1::Write& write, size_t value_size_max_bytes) {
  return write.has_put() ? IsPut(write.put(), value_size_max_bytes) : write.has_delete_() && IsKey(KeyOf(write));
}

size_t SizeOf(const v1::Write& write) {
  return KeyOf(write).size() + write.put().value().size() + write.put().text().size();
}

}  // namespace

bool KeepsLimits(const v1::GetRequest& request) { return IsKey(request.key()) && IsStaleness(request); }

bool KeepsLimits(const v1::PutRequest& request, size_t value_size_max_bytes) {
  return IsPut(request, value_size_max_bytes) &&
         (!request.has_precondition() || IsPrecondition(request.precondition()));
}

bool KeepsLimits(const v1::DeleteRequest& request) {
  return IsKey(request.key()) && (!request.has_precondition() ||
                                  (IsPrecondition(request.precondition()) && request.precondition().has_if_version()));
}

bool KeepsLimits(const v1::BatchGetRequest& request) {
  const auto& keys = request.keys();
  return !keys.empty() && static_cast<size_t>(keys.size()) <= kBatchEntriesMax &&
         std::all_of(keys.begin(), keys.end(), IsKey) && IsStaleness(request);
}

bool KeepsLimits(const v1::BatchWriteRequest& request, size_t value_size_max_bytes) {
  const auto& writes = request.writes();
  std::set<std::string> keys;
  size_t size_bytes = 0;
  for (const v1::Write& write : writes) {
    if (!IsWrite(write, value_size_max_bytes) || !keys.insert(KeyOf(write)).second) {
      return false;
    }
    size_bytes += SizeOf(write);
  }
  // A batch of one may be as large as a put.
  return !writes.empty() && keys.size() <= kBatchEntriesMax && (keys.size() == 1 || size_bytes <= kBatchSizeMaxBytes);
}

bool KeepsLimits(const v1::ListRequest& request) {
  return IsPrefix(request.prefix()) && request.page_size() <= kListPageEntriesMax && IsStaleness(request);
}

bool KeepsLimits(const v1::WatchRequest& request) {
  const bool selects =
      (request.selector_case() == v1::WatchRequest::kKey ? IsKey(request.key()) : IsPrefix(request.prefix())) &&
      std::all_of(request.keys().begin(), request.keys().end(), IsKey) &&
      std::all_of(request.prefixes().begin(), request.prefixes().end(), IsPrefix) &&
      request.keys_size() + request.prefixes_size() +
              (request.selector_case() == v1::WatchRequest::SELECTOR_NOT_SET ? 0 : 1) <=
          256;
  const bool leaves_something = !request.no_puts() || (!request.no_deletes() && !request.initial_state());
  return selects && leaves_something &&
         (!request.has_progress_interval() || IsProgressInterval(request.progress_interval())) &&
         (!request.has_max_lag() || IsMaxLag(request.max_lag()));
}

bool KeepsLimits(v1::Ack ack) { return ack == v1::ACK_UNSPECIFIED || ack == v1::ACK_LOCAL || ack == v1::ACK_MIRRORED; }

}  // namespace dunlin
