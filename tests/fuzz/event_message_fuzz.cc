// Goal: whatever is published on the channel, it is an event that encodes to the same bytes again, or a told loss; no
// prefix of an event is one. Method: each input is decoded as it is; and an event made from it is encoded and decoded.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "storage/version.h"
#include "sync/event_message.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"

namespace dunlin {
namespace {

Milestone items_decoded("an event with several items was decoded");
Milestone reference_decoded("a reference was decoded");
Milestone empty_decoded("an event without items was decoded");
Milestone refused_inside("an event was refused inside an item");

void CheckRefused(absl::string_view message) {
  const absl::Status status = DecodeEventMessage(message).status();
  DUNLIN_REQUIRE(absl::IsDataLoss(status), status.ToString());
  DUNLIN_REQUIRE(absl::StrContains(status.message(), "at offset "), status.ToString());
}

void CheckItem(absl::string_view message, const EventItem& item) {
  for (const absl::string_view part : {item.key, item.body}) {
    DUNLIN_REQUIRE(part.data() >= message.data() && part.data() + part.size() <= message.data() + message.size(), "");
  }
  DUNLIN_REQUIRE(item.body.size() >= kVersionSizeBytes, "its version is read without a further look");
  DUNLIN_REQUIRE(item.kind == EventItem::Kind::kRecord || item.kind == EventItem::Kind::kReference, "");
  if (item.kind == EventItem::Kind::kReference) {
    DUNLIN_REQUIRE(item.body.size() == kVersionSizeBytes, "");
    reference_decoded.Reach();
  }
}

void CheckDecoding(absl::string_view message) {
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(message);
  if (!event.ok()) {
    CheckRefused(message);
    if (absl::StrContains(event.status().message(), "body")) {
      refused_inside.Reach();
    }
    return;
  }
  DUNLIN_REQUIRE(EncodeEventMessage(*event) == message, "");
  for (const EventItem& item : event->items) {
    CheckItem(message, item);
  }
  // A connection may be cut anywhere, and nothing may hide behind the end.
  CheckRefused(ExactBytes(message.substr(0, PickBelow(message.size(), message))).view());
  CheckRefused(ExactBytes(absl::StrCat(message, message.substr(0, 1))).view());
  if (event->items.empty()) {
    empty_decoded.Reach();
  } else if (event->items.size() > 1) {
    items_decoded.Reach();
  }
}

void CheckRoundTrip(ByteSource source) {
  EventMessage event{source.Number(), source.Number(), source.Number(), {}};
  // The items are views into these.
  std::vector<std::string> bodies(source.Byte() % 8);
  for (std::string& body : bodies) {
    EventItem item;
    item.kind = source.Byte() % 2 == 0 ? EventItem::Kind::kRecord : EventItem::Kind::kReference;
    item.key = source.Text();
    AppendVersion(Version{source.Number(), source.Number()}, &body);
    if (item.kind == EventItem::Kind::kRecord) {
      absl::StrAppend(&body, source.Text());
    }
    item.body = body;
    event.items.push_back(item);
  }
  const ExactBytes message(EncodeEventMessage(event));
  const absl::StatusOr<EventMessage> decoded = DecodeEventMessage(message.view());
  DUNLIN_REQUIRE(decoded.ok(), decoded.status().ToString());
  DUNLIN_REQUIRE(decoded->epoch == event.epoch, "");
  DUNLIN_REQUIRE(decoded->first_sequence == event.first_sequence, "");
  DUNLIN_REQUIRE(decoded->origin == event.origin, "");
  DUNLIN_REQUIRE(decoded->items.size() == event.items.size(), "");
  for (size_t i = 0; i < event.items.size(); ++i) {
    DUNLIN_REQUIRE(decoded->items[i].kind == event.items[i].kind, "");
    DUNLIN_REQUIRE(decoded->items[i].key == event.items[i].key, "");
    DUNLIN_REQUIRE(decoded->items[i].body == event.items[i].body, "");
  }
}

void CheckEventMessage(absl::string_view input) {
  CheckDecoding(input);
  CheckRoundTrip(ByteSource(input));
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckEventMessage);
