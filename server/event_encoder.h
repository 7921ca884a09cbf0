#ifndef DUNLIN_SERVER_EVENT_ENCODER_H_
#define DUNLIN_SERVER_EVENT_ENCODER_H_

#include <grpcpp/grpcpp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/proto_conversion.h"
#include "server/watch_output.h"
#include "storage/change.h"

namespace dunlin {

// EventEncoder encodes the messages of all streams. What several of them say at about the same time is encoded once,
// and they share the bytes: a message is the bytes of its events, one after the other, and then those of the rest,
// which is the encoding of a message that has both.
//
// Events are remembered by their revision, the latest kSharedEventsMax and up to kSharedEventsMaxBytes of them; the one
// that was said last in all its forms, whatever their size.
//
// Thread-safety: one thread uses it. The bytes may be used by any.
class EventEncoder {
 public:
  EventEncoder();
  EventEncoder(const EventEncoder&) = delete;
  EventEncoder& operator=(const EventEncoder&) = delete;

  // REQUIRES: the changes are of the store that all others were of.
  grpc::ByteBuffer Encode(const WatchOutput& output, EventForm form);

  // How many events have been encoded, however often they were said.
  uint64_t encoded() const { return encoded_; }
  // What is remembered.
  size_t size_bytes() const { return size_bytes_; }

 private:
  struct Slot {
    uint64_t revision = 0;
    // By form; empty where it has not been wanted.
    std::array<grpc::Slice, EventForm::kCount> events;
  };

  const grpc::Slice& EventOf(const Change& change, EventForm form);
  // Forgets others until there are no more bytes than may be.
  void MakeRoomBeside(const Slot& kept);
  void Clear(Slot* slot);

  // By the revision's remainder.
  std::vector<Slot> slots_;
  size_t size_bytes_ = 0;
  // The slot to clear next when there are too many bytes.
  size_t hand_ = 0;
  uint64_t encoded_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_EVENT_ENCODER_H_
