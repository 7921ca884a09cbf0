#include "server/proto_conversion.h"

#include <algorithm>
#include <utility>

#include "server/limits.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

// The ends of google.protobuf.Duration and Timestamp. What lies beyond has no JSON form: whoever prints the message
// would fail on it.
constexpr absl::Duration kDurationMax = absl::Seconds(315576000000);
constexpr uint64_t kTimestampMaxUnixMillis = uint64_t{253402300799} * 1000 + 999;

bool MayHaveText(size_t value_size, bool as_text) { return as_text && value_size <= kTextSizeMaxBytes; }

void SetValue(std::string value, bool as_text, v1::Entry* proto) {
  if (HasText(value, as_text)) {
    proto->set_text(value);
  }
  proto->set_value(std::move(value));
}

void SetExpiry(uint64_t expiry_unix_ms, v1::Entry* proto) {
  if (expiry_unix_ms != 0) {
    ToProto(expiry_unix_ms, proto->mutable_expire_time());
  }
}

v1::Event::Type TypeOf(ChangeType type) {
  switch (type) {
    case ChangeType::kPut:
      return v1::Event::TYPE_PUT;
    case ChangeType::kDelete:
      return v1::Event::TYPE_DELETE;
    case ChangeType::kExpire:
      return v1::Event::TYPE_EXPIRE;
  }
  return v1::Event::TYPE_UNSPECIFIED;
}

void FillEntry(const Change& change, v1::Entry* entry) {
  entry->set_key(change.key);
  ToProto(change.version, entry->mutable_version());
  entry->set_revision(change.revision);
}

void FillContent(const Change& change, ValueForm form, v1::Entry* entry) {
  if (form != ValueForm::kNone) {
    SetValue(std::string(change.value()), form == ValueForm::kBytesAndText, entry);
  }
  SetExpiry(change.expiry_unix_ms, entry);
}

// What the value takes in a message, with its text.
size_t ContentSize(const Change& change, ValueForm form) {
  const size_t value_size = form == ValueForm::kNone ? 0 : change.value().size();
  return value_size * (MayHaveText(value_size, form == ValueForm::kBytesAndText) ? 2 : 1);
}

// Whether a value of `previous_size` fits a message together with that of `change`.
bool FitsTogether(const Change& change, size_t previous_size, ValueForm form) {
  const size_t own_size = change.type == ChangeType::kPut ? ContentSize(change, form) : 0;
  return own_size + previous_size <= kReplySizeMaxBytes;
}

void FillPrevious(const Change& change, ValueForm form, v1::Event* proto) {
  const Change* const previous = change.previous.get();
  if (previous == nullptr) {
    proto->set_previous_unknown(!change.knows_previous);
    return;
  }
  FillEntry(*previous, proto->mutable_previous());
  const bool fits = FitsTogether(change, ContentSize(*previous, form), form);
  FillContent(*previous, fits ? form : ValueForm::kNone, proto->mutable_previous());
  proto->set_previous_unknown(!fits);
}

}  // namespace

void ToProto(const Version& version, v1::Version* proto) {
  proto->set_time(version.time);
  proto->set_origin(version.origin);
}

void ToProto(absl::Duration duration, google::protobuf::Duration* proto) {
  duration = std::clamp(duration, -kDurationMax, kDurationMax);
  absl::Duration rest;
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

void ToProto(uint64_t unix_ms, google::protobuf::Timestamp* proto) {
  unix_ms = std::min(unix_ms, kTimestampMaxUnixMillis);
  proto->set_seconds(static_cast<int64_t>(unix_ms / 1000));
  proto->set_nanos(static_cast<int32_t>(unix_ms % 1000) * 1000000);
}

bool HasText(absl::string_view value, bool as_text) { return MayHaveText(value.size(), as_text) && IsValidUtf8(value); }

void ToProto(StoredEntry&& entry, bool as_text, v1::Entry* proto) {
  proto->set_key(std::move(entry.key));
  SetValue(std::move(entry.value), as_text, proto);
  ToProto(entry.version, proto->mutable_version());
  proto->set_revision(entry.revision);
  SetExpiry(entry.expiry_unix_ms, proto);
}

void ToProto(const Change& change, EventForm form, v1::Event* proto) {
  proto->set_type(TypeOf(change.type));
  v1::Entry* entry = proto->mutable_entry();
  FillEntry(change, entry);
  if (change.type == ChangeType::kPut) {
    FillContent(change, form.value, entry);
  }
  if (form.previous) {
    FillPrevious(change, form.value, proto);
  }
}

size_t EventSizeMax(const Change& change, EventForm form) {
  size_t size = kEntryOverheadMaxBytes + change.key.size();
  if (change.type == ChangeType::kPut) {
    size += ContentSize(change, form.value);
  }
  const Change* const previous = change.previous.get();
  if (form.previous && previous != nullptr) {
    const size_t content = ContentSize(*previous, form.value);
    size += kEntryOverheadMaxBytes + change.key.size() + (FitsTogether(change, content, form.value) ? content : 0);
  }
  return size;
}

}  // namespace dunlin
