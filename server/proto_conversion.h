#ifndef DUNLIN_SERVER_PROTO_CONVERSION_H_
#define DUNLIN_SERVER_PROTO_CONVERSION_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.pb.h"
#include "storage/change.h"
#include "storage/store.h"
#include "storage/version.h"

// Puts what the layers below return into messages.
namespace dunlin {

void ToProto(const Version& version, v1::Version* proto);

// A duration beyond what the message can express becomes the longest that it can.
void ToProto(absl::Duration duration, google::protobuf::Duration* proto);

// What is beyond the end of a Timestamp becomes that end.
void ToProto(uint64_t unix_ms, google::protobuf::Timestamp* proto);

// Whether an entry shows its value as text, too, to whom asks for that: if it is UTF-8, and not too large.
bool HasText(absl::string_view value, bool as_text);

// With `as_text`, the value is also given as text if it is valid UTF-8 of at most kTextSizeMaxBytes. Takes the value
// out of `entry`.
void ToProto(StoredEntry&& entry, bool as_text, v1::Entry* proto);

// How the value of an event is given. As text too: under the same conditions as that of an entry.
enum class ValueForm { kNone, kBytes, kBytesAndText };

// How an event is given. A plain value.
struct EventForm {
  // Implicit: most events are given without what they replaced.
  EventForm(ValueForm value, bool previous = false)  // NOLINT(google-explicit-constructor)
      : value(value), previous(previous) {}

  // Numbers all forms, from 0.
  static constexpr size_t kCount = 6;
  size_t index() const { return static_cast<size_t>(value) * 2 + (previous ? 1 : 0); }

  ValueForm value;
  // With what the change has replaced.
  bool previous;
};

// An event; a removal carries the key, the version and the revision. The value that was replaced is left out if both do
// not fit a message.
void ToProto(const Change& change, EventForm form, v1::Event* proto);

// The most that the event of `change` takes in a message.
size_t EventSizeMax(const Change& change, EventForm form);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_PROTO_CONVERSION_H_
