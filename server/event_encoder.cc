#include "server/event_encoder.h"

#include <google/protobuf/message_lite.h>

#include "server/limits.h"

namespace dunlin {
namespace {

grpc::Slice Serialize(const google::protobuf::MessageLite& message) {
  grpc::Slice bytes(message.ByteSizeLong());
  // The slice is new, and nobody else's yet.
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(bytes.begin()));
  return bytes;
}

}  // namespace

EventEncoder::EventEncoder() : slots_(kSharedEventsMax) {}

grpc::ByteBuffer EventEncoder::Encode(const WatchOutput& output, EventForm form) {
  std::vector<grpc::Slice> parts;
  parts.reserve(output.changes.size() + 1);
  for (const ChangePtr& change : output.changes) {
    parts.push_back(EventOf(*change, form));
  }
  parts.push_back(Serialize(output.message));
  return grpc::ByteBuffer(parts.data(), parts.size());
}

const grpc::Slice& EventEncoder::EventOf(const Change& change, EventForm form) {
  Slot& slot = slots_[change.revision % slots_.size()];
  if (slot.revision != change.revision) {
    Clear(&slot);
    slot.revision = change.revision;
  }
  grpc::Slice& event = slot.events[form.index()];
  if (event.size() == 0) {
    v1::WatchResponse message;
    ToProto(change, form, message.add_events());
    event = Serialize(message);
    size_bytes_ += event.size();
    ++encoded_;
    MakeRoomBeside(slot);
  }
  return event;
}

void EventEncoder::MakeRoomBeside(const Slot& kept) {
  // Once around, and the rest is what has to be kept.
  for (size_t i = 0; i < slots_.size() && size_bytes_ > kSharedEventsMaxBytes; ++i) {
    if (&slots_[hand_] != &kept) {
      Clear(&slots_[hand_]);
    }
    hand_ = (hand_ + 1) % slots_.size();
  }
}

void EventEncoder::Clear(Slot* slot) {
  for (grpc::Slice& event : slot->events) {
    size_bytes_ -= event.size();
    event = grpc::Slice();
  }
}

}  // namespace dunlin
