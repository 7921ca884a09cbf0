#include "sync/event_message.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/status_macros.h"
#include "storage/version.h"
#include "sync/epoch.h"

namespace dunlin {
namespace {

constexpr absl::string_view kMagic = "D1";
constexpr size_t kItemHeaderSizeBytes = 1 + 2 + 4;

void AppendBigEndian(uint64_t number, size_t size_bytes, std::string* out) {
  for (size_t i = size_bytes; i > 0; --i) {
    out->push_back(static_cast<char>(number >> (8 * (i - 1))));
  }
}

// Takes a message apart from front to back; every step checks what is left.
class Cursor {
 public:
  explicit Cursor(absl::string_view message) : message_(message) {}

  absl::StatusOr<absl::string_view> Bytes(size_t size_bytes, absl::string_view what) {
    if (size_bytes > left()) {
      return Error(absl::StrCat("the ", what, " needs ", size_bytes, " bytes, ", left(), " are left"));
    }
    const absl::string_view bytes = message_.substr(offset_, size_bytes);
    offset_ += size_bytes;
    return bytes;
  }

  absl::StatusOr<uint64_t> Number(size_t size_bytes, absl::string_view what) {
    DUNLIN_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(size_bytes, what));
    uint64_t number = 0;
    for (const char byte : bytes) {
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }

  absl::Status Error(absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat("event message of ", message_.size(), " bytes, at offset ", offset_, ": ", what));
  }

  size_t left() const { return message_.size() - offset_; }

 private:
  const absl::string_view message_;
  size_t offset_ = 0;
};

absl::Status ReadMagic(Cursor* cursor) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::string_view magic, cursor->Bytes(kMagic.size(), "format mark"));
  if (magic != kMagic) {
    return cursor->Error(absl::StrCat("the format mark is \"", absl::CHexEscape(magic), "\", expected \"", kMagic,
                                      "\": another program, or a newer one, publishes here"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadEpoch(Cursor* cursor) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::string_view text, cursor->Bytes(kEpochTextSizeBytes, "epoch"));
  const std::optional<uint64_t> epoch = ParseEpoch(text);
  if (!epoch.has_value()) {
    return cursor->Error(absl::StrCat("\"", absl::CHexEscape(text), "\" is not an epoch"));
  }
  return *epoch;
}

absl::StatusOr<EventItem> ReadItem(Cursor* cursor) {
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t kind, cursor->Number(1, "kind of an item"));
  if (kind > static_cast<uint64_t>(EventItem::Kind::kReference)) {
    return cursor->Error(absl::StrCat(kind, " is not a kind of item"));
  }
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t key_size_bytes, cursor->Number(2, "size of a key"));
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t body_size_bytes, cursor->Number(4, "size of a body"));
  EventItem item;
  item.kind = static_cast<EventItem::Kind>(kind);
  DUNLIN_ASSIGN_OR_RETURN(item.key, cursor->Bytes(key_size_bytes, "key"));
  DUNLIN_ASSIGN_OR_RETURN(item.body, cursor->Bytes(body_size_bytes, "body"));
  if (item.body.size() < kVersionSizeBytes ||
      (item.kind == EventItem::Kind::kReference && item.body.size() != kVersionSizeBytes)) {
    return cursor->Error(absl::StrCat("a body of ", item.body.size(), " bytes cannot hold what its kind says"));
  }
  return item;
}

}  // namespace

absl::StatusOr<EventMessage> DecodeEventMessage(absl::string_view message) {
  Cursor cursor(message);
  DUNLIN_RETURN_IF_ERROR(ReadMagic(&cursor));
  EventMessage event;
  DUNLIN_ASSIGN_OR_RETURN(event.epoch, ReadEpoch(&cursor));
  DUNLIN_ASSIGN_OR_RETURN(event.first_sequence, cursor.Number(8, "first sequence"));
  DUNLIN_ASSIGN_OR_RETURN(event.origin, cursor.Number(8, "origin"));
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t count, cursor.Number(4, "number of items"));
  // Checked before memory is taken for that many.
  if (count > cursor.left() / kItemHeaderSizeBytes) {
    return cursor.Error(absl::StrCat(count, " items cannot fit in the ", cursor.left(), " bytes left"));
  }
  event.items.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const EventItem item, ReadItem(&cursor));
    event.items.push_back(item);
  }
  if (cursor.left() != 0) {
    return cursor.Error(absl::StrCat(cursor.left(), " bytes follow the last item"));
  }
  return event;
}

std::string EncodeEventMessage(const EventMessage& event) {
  std::string message = absl::StrCat(kMagic, FormatEpoch(event.epoch));
  AppendBigEndian(event.first_sequence, 8, &message);
  AppendBigEndian(event.origin, 8, &message);
  AppendBigEndian(event.items.size(), 4, &message);
  for (const EventItem& item : event.items) {
    AppendBigEndian(static_cast<uint64_t>(item.kind), 1, &message);
    AppendBigEndian(item.key.size(), 2, &message);
    AppendBigEndian(item.body.size(), 4, &message);
    absl::StrAppend(&message, item.key, item.body);
  }
  return message;
}

}  // namespace dunlin
