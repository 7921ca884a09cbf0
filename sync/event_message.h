#ifndef DUNLIN_SYNC_EVENT_MESSAGE_H_
#define DUNLIN_SYNC_EVENT_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dunlin {

// What one batch accepted by Redis looks like on the event channel. Numbers are big-endian:
//
//   offset  size
//        0     2  "D1"
//        2    16  epoch, lowercase hexadecimal digits
//       18     8  sequence of the first item
//       26     8  origin: the id of the store that sent the batch
//       34     4  number of items
//       38        the items:
//                   1  kind: 0 record, 1 reference
//                   2  key size
//                   4  body size
//                   …  key
//                   …  body: the record's bytes, or the 16 bytes of its version
//
// Item i has the sequence first + i. Written by sync/scripts/write.lua; EncodeEventMessage() is for the model of Redis.

// One accepted write. Views into the message it was decoded from.
struct EventItem {
  enum class Kind : uint8_t {
    kRecord = 0,     // `body` is the record.
    kReference = 1,  // `body` is the record's version; the record itself is too large for the channel.
  };
  Kind kind = Kind::kRecord;
  absl::string_view key;
  absl::string_view body;
};

struct EventMessage {
  uint64_t epoch = 0;
  uint64_t first_sequence = 0;
  uint64_t origin = 0;
  std::vector<EventItem> items;
};

// Decodes `message`, which must outlive the result.
// Errors: kDataLoss, naming the offset and what was found there. Whoever meets it treats the event as lost: the gap in
// the sequences heals it.
absl::StatusOr<EventMessage> DecodeEventMessage(absl::string_view message);

// REQUIRES: a key fits 16 bits of size, a body 32.
std::string EncodeEventMessage(const EventMessage& event);

}  // namespace dunlin

#endif  // DUNLIN_SYNC_EVENT_MESSAGE_H_
