#include "server/validation.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/limits.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// The bounds of google.protobuf.Duration; beyond them arithmetic would not mean anything.
constexpr int64_t kDurationSecondsMax = 315576000000;

// `max` is what the field may be at most, for the error.
absl::StatusOr<absl::Duration> ToDuration(absl::string_view field, const google::protobuf::Duration& proto,
                                          absl::Duration max) {
  const bool signs_differ = (proto.seconds() > 0 && proto.nanos() < 0) || (proto.seconds() < 0 && proto.nanos() > 0);
  if (proto.seconds() > kDurationSecondsMax || proto.seconds() < -kDurationSecondsMax || proto.nanos() > 999999999 ||
      proto.nanos() < -999999999 || signs_differ) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " has ", proto.seconds(), " seconds and ", proto.nanos(), " nanos, which is not a valid ",
        "google.protobuf.Duration: nanos go from 0 to 999999999 and seconds up to ", absl::ToInt64Seconds(max)));
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

bool IsKey(absl::string_view key) { return !key.empty() && key.size() <= kKeySizeMaxBytes; }

absl::StatusOr<absl::Duration> ToTtl(absl::string_view field, const google::protobuf::Duration& ttl) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration duration, ToDuration(field, ttl, kTtlMax));
  if (duration < kTtlMin || duration > kTtlMax) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is ", absl::FormatDuration(duration), "; it must be from ",
                                                   absl::FormatDuration(kTtlMin), " to ", absl::FormatDuration(kTtlMax),
                                                   " (3650 days). Leave it unset for an entry that does not expire"));
  }
  return duration;
}

absl::Status ValueTooLarge(absl::string_view field, size_t size, size_t size_max_bytes) {
  return absl::InvalidArgumentError(absl::StrCat(field, " has ", size, " bytes; the limit is ", size_max_bytes,
                                                 ": store a reference, or raise --value-size-max (at most ",
                                                 kValueSizeMaxBytesHard, ")"));
}

// `Put` is PutRequest or Write.Put: both have key, content and ttl.
template <typename Put>
absl::StatusOr<Mutation> ToPut(absl::string_view path, const Put& put, size_t value_size_max_bytes) {
  // The fields' names are made for an error alone.
  if (!IsKey(put.key())) {
    return ValidateKey(absl::StrCat(path, "key"), put.key());
  }
  Mutation mutation;
  mutation.kind = Mutation::Kind::kPut;
  mutation.key = put.key();
  if (put.content_case() == Put::kValue) {
    mutation.value = put.value();
  } else if (put.content_case() == Put::kText) {
    mutation.value = put.text();
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat(path, "content is missing: set exactly one of value and text; either may be empty"));
  }
  if (mutation.value.size() > value_size_max_bytes) {
    return ValueTooLarge(absl::StrCat(path, put.content_case() == Put::kText ? "text" : "value"), mutation.value.size(),
                         value_size_max_bytes);
  }
  if (put.has_ttl()) {
    DUNLIN_ASSIGN_OR_RETURN(mutation.ttl, ToTtl(absl::StrCat(path, "ttl"), put.ttl()));
  }
  return mutation;
}

absl::StatusOr<Mutation> ToDelete(absl::string_view path, absl::string_view key) {
  DUNLIN_RETURN_IF_ERROR(ValidateKey(absl::StrCat(path, "key"), key));
  Mutation mutation;
  mutation.kind = Mutation::Kind::kDelete;
  mutation.key = std::string(key);
  return mutation;
}

absl::StatusOr<Precondition> ToPrecondition(const v1::Precondition& proto) {
  Precondition precondition;
  switch (proto.condition_case()) {
    case v1::Precondition::kIfAbsent:
      if (!proto.if_absent()) {
        return absl::InvalidArgumentError(
            "precondition.if_absent is false: set it to true, or leave the precondition out");
      }
      precondition.kind = Precondition::Kind::kAbsent;
      return precondition;
    case v1::Precondition::kIfVersion:
      precondition.kind = Precondition::Kind::kVersion;
      precondition.version = Version{proto.if_version().time(), proto.if_version().origin()};
      if (precondition.version == Version()) {
        return absl::InvalidArgumentError(
            "precondition.if_version is empty: pass the version of an entry, or if_absent for a key that must not "
            "exist");
      }
      return precondition;
    case v1::Precondition::CONDITION_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "precondition names no condition: set if_absent or if_version, or leave the precondition out");
}

absl::StatusOr<Mutation> ToMutation(absl::string_view path, const v1::Write& write, size_t value_size_max_bytes) {
  switch (write.operation_case()) {
    case v1::Write::kPut:
      return ToPut(absl::StrCat(path, "put."), write.put(), value_size_max_bytes);
    case v1::Write::kDelete:
      return ToDelete(absl::StrCat(path, "delete."), write.delete_().key());
    case v1::Write::OPERATION_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat(path, "operation is missing: set put or delete"));
}

absl::Status CheckCount(absl::string_view field, int count, size_t max) {
  if (count < 1 || static_cast<size_t>(count) > max) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " has ", count, " items; it must have 1 to ", max, ": split larger requests"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateKey(absl::string_view field, absl::string_view key) {
  if (IsKey(key)) {
    return absl::OkStatus();
  }
  if (key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is empty; it must have 1 to ", kKeySizeMaxBytes, " bytes of UTF-8"));
  }
  if (key.size() > kKeySizeMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(field, " has ", key.size(), " bytes; the limit is ",
                                                   kKeySizeMaxBytes, ": use a shorter key, such as a hash"));
  }
  return absl::OkStatus();
}

absl::Status ValidatePrefix(absl::string_view prefix) {
  if (prefix.size() > kKeySizeMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("prefix has ", prefix.size(), " bytes; no key is longer than ",
                                                   kKeySizeMaxBytes, ", so it matches nothing: use a shorter one"));
  }
  return absl::OkStatus();
}

absl::StatusOr<LocalWrite> ToLocalWrite(const v1::PutRequest& request, size_t value_size_max_bytes) {
  LocalWrite write;
  DUNLIN_ASSIGN_OR_RETURN(Mutation mutation, ToPut("", request, value_size_max_bytes));
  write.mutations.push_back(std::move(mutation));
  if (request.has_precondition()) {
    DUNLIN_ASSIGN_OR_RETURN(write.precondition, ToPrecondition(request.precondition()));
  }
  return write;
}

absl::StatusOr<LocalWrite> ToLocalWrite(const v1::DeleteRequest& request) {
  LocalWrite write;
  DUNLIN_ASSIGN_OR_RETURN(Mutation mutation, ToDelete("", request.key()));
  write.mutations.push_back(std::move(mutation));
  if (request.has_precondition()) {
    DUNLIN_ASSIGN_OR_RETURN(write.precondition, ToPrecondition(request.precondition()));
    if (write.precondition.kind == Precondition::Kind::kAbsent) {
      return absl::InvalidArgumentError(
          "precondition.if_absent makes no sense for a delete: use if_version, or leave the precondition out");
    }
  }
  return write;
}

absl::StatusOr<LocalWrite> ToLocalWrite(const v1::BatchWriteRequest& request, size_t value_size_max_bytes) {
  DUNLIN_RETURN_IF_ERROR(CheckCount("writes", request.writes_size(), kBatchEntriesMax));
  LocalWrite write;
  absl::flat_hash_set<absl::string_view> keys;
  size_t size = 0;
  write.mutations.reserve(request.writes_size());
  keys.reserve(static_cast<size_t>(request.writes_size()));
  for (int i = 0; i < request.writes_size(); ++i) {
    const std::string path = absl::StrCat("writes[", i, "].");
    DUNLIN_ASSIGN_OR_RETURN(Mutation mutation, ToMutation(path, request.writes(i), value_size_max_bytes));
    size += mutation.key.size() + mutation.value.size();
    write.mutations.push_back(std::move(mutation));
    if (!keys.insert(write.mutations.back().key).second) {
      return absl::InvalidArgumentError(absl::StrCat(path, "key \"", absl::CHexEscape(write.mutations.back().key),
                                                     "\" occurs twice: a batch may write each key once"));
    }
  }
  // A single write is held to the limits of its key and value alone, as by Put.
  if (request.writes_size() > 1 && size > kBatchSizeMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("writes have ", size, " bytes of keys and values; the limit is ",
                                                   kBatchSizeMaxBytes, ": split the batch"));
  }
  return write;
}

absl::Status ValidateBatchGet(const v1::BatchGetRequest& request) {
  DUNLIN_RETURN_IF_ERROR(CheckCount("keys", request.keys_size(), kBatchEntriesMax));
  for (int i = 0; i < request.keys_size(); ++i) {
    // The field's name is made for an error alone.
    if (!IsKey(request.keys(i))) {
      return ValidateKey(absl::StrCat("keys[", i, "]"), request.keys(i));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ToPageEntriesMax(const v1::ListRequest& request) {
  if (request.page_size() > kListPageEntriesMax) {
    return absl::InvalidArgumentError(absl::StrCat("page_size is ", request.page_size(), "; the limit is ",
                                                   kListPageEntriesMax, ": go on with next_page_token"));
  }
  return request.page_size() == 0 ? kListPageEntriesDefault : size_t{request.page_size()};
}

absl::StatusOr<bool> WantsMirroredAck(v1::Ack ack) {
  switch (ack) {
    case v1::ACK_UNSPECIFIED:
    case v1::ACK_LOCAL:
      return false;
    case v1::ACK_MIRRORED:
      return true;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "ack is ", static_cast<int>(ack), ", which this version does not know: use ACK_LOCAL or ACK_MIRRORED"));
  }
}

absl::StatusOr<Selection> ToSelection(const v1::WatchRequest& request) {
  const bool has_selector = request.selector_case() != v1::WatchRequest::SELECTOR_NOT_SET;
  const int count = request.keys_size() + request.prefixes_size() + (has_selector ? 1 : 0);
  if (count > static_cast<int>(kWatchSelectorsMax)) {
    return absl::InvalidArgumentError(absl::StrCat("the request has ", count, " selectors; the limit is ",
                                                   kWatchSelectorsMax, ": open several streams, or watch a prefix"));
  }
  std::vector<Selector> selectors;
  const auto add_key = [&selectors](absl::string_view name, const std::string& key) {
    selectors.push_back({Selector::Kind::kKey, key});
    return ValidateKey(name, key);
  };
  const auto add_prefix = [&selectors](const std::string& prefix) {
    selectors.push_back({prefix.empty() ? Selector::Kind::kEverything : Selector::Kind::kPrefix, prefix});
    return ValidatePrefix(prefix);
  };
  if (request.selector_case() == v1::WatchRequest::kKey) {
    DUNLIN_RETURN_IF_ERROR(add_key("key", request.key()));
  } else if (request.selector_case() == v1::WatchRequest::kPrefix) {
    DUNLIN_RETURN_IF_ERROR(add_prefix(request.prefix()));
  }
  for (int i = 0; i < request.keys_size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(add_key(absl::StrCat("keys[", i, "]"), request.keys(i)));
  }
  for (const std::string& prefix : request.prefixes()) {
    DUNLIN_RETURN_IF_ERROR(add_prefix(prefix));
  }
  return selectors.empty() ? Selection() : Selection(std::move(selectors));
}

absl::Status ValidateWatchFilters(const v1::WatchRequest& request) {
  if (request.no_puts() && request.no_deletes()) {
    return absl::InvalidArgumentError("no_puts and no_deletes together leave no event: drop one of them");
  }
  if (request.no_puts() && request.initial_state()) {
    return absl::InvalidArgumentError(
        "no_puts leaves nothing of the state that initial_state asks for: drop one of them");
  }
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<absl::Duration> ToMaxStaleness(const Request& request) {
  if (!request.has_max_staleness()) {
    return absl::InfiniteDuration();
  }
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration staleness,
                          ToDuration("max_staleness", request.max_staleness(), absl::Seconds(kDurationSecondsMax)));
  if (staleness < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_staleness is ", absl::FormatDuration(staleness),
                     "; it must not be negative. Zero asks for a replica that is up to date; leave it unset to take "
                     "whatever this one has"));
  }
  return staleness;
}

template absl::StatusOr<absl::Duration> ToMaxStaleness(const v1::GetRequest& request);
template absl::StatusOr<absl::Duration> ToMaxStaleness(const v1::BatchGetRequest& request);
template absl::StatusOr<absl::Duration> ToMaxStaleness(const v1::ListRequest& request);

absl::StatusOr<absl::Duration> ToProgressInterval(const v1::WatchRequest& request) {
  if (!request.has_progress_interval()) {
    return absl::InfiniteDuration();
  }
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration interval, ToDuration("progress_interval", request.progress_interval(),
                                                                    absl::Seconds(kDurationSecondsMax)));
  if (interval < kWatchProgressIntervalMin) {
    return absl::InvalidArgumentError(
        absl::StrCat("progress_interval is ", absl::FormatDuration(interval), "; it must be at least ",
                     absl::FormatDuration(kWatchProgressIntervalMin), ". Leave it unset for the replica's own period"));
  }
  return interval;
}

absl::StatusOr<absl::Duration> ToMaxLag(const v1::WatchRequest& request) {
  if (!request.has_max_lag()) {
    return absl::InfiniteDuration();
  }
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration lag,
                          ToDuration("max_lag", request.max_lag(), absl::Seconds(kDurationSecondsMax)));
  if (lag < kWatchLagMin) {
    return absl::InvalidArgumentError(absl::StrCat("max_lag is ", absl::FormatDuration(lag), "; it must be at least ",
                                                   absl::FormatDuration(kWatchLagMin),
                                                   ". Leave it unset to let the reader lag"));
  }
  return lag;
}

}  // namespace dunlin
