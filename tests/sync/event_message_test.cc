// Goal: what is encoded is decoded; bytes that are no event are refused with the offset, and never read past.
// Method: round trips, a known encoding, every truncation and random damage of a good message.

#include "sync/event_message.h"

#include <memory>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sync/epoch.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

const std::string kKey("a\0b:{}", 6);
const std::string kRecord(40, '\xff');
const std::string kVersion(16, '\1');

EventMessage MakeEvent() {
  EventMessage event;
  event.epoch = 0x0123456789abcdef;
  event.first_sequence = (uint64_t{1} << 53) - 1;
  event.origin = ~uint64_t{0};
  event.items.push_back({EventItem::Kind::kRecord, kKey, kRecord});
  event.items.push_back({EventItem::Kind::kReference, "big", kVersion});
  return event;
}

// A copy of exactly this size on the heap, so that AddressSanitizer sees a read past its end.
absl::Status DecodeCopy(absl::string_view message) {
  const std::unique_ptr<char[]> copy(new char[message.size()]);
  message.copy(copy.get(), message.size());
  return DecodeEventMessage(absl::string_view(copy.get(), message.size())).status();
}

TEST(EventMessage, DecodesWhatWasEncoded) {
  const std::string message = EncodeEventMessage(MakeEvent());
  const absl::StatusOr<EventMessage> event = DecodeEventMessage(message);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->epoch, 0x0123456789abcdefu);
  EXPECT_EQ(event->first_sequence, (uint64_t{1} << 53) - 1);
  EXPECT_EQ(event->origin, ~uint64_t{0});
  ASSERT_EQ(event->items.size(), 2u);
  EXPECT_EQ(event->items[0].kind, EventItem::Kind::kRecord);
  EXPECT_EQ(event->items[0].key, kKey);
  EXPECT_EQ(event->items[0].body, kRecord);
  EXPECT_EQ(event->items[1].kind, EventItem::Kind::kReference);
  EXPECT_EQ(event->items[1].key, "big");
  EXPECT_EQ(event->items[1].body, kVersion);
}

TEST(EventMessage, HasTheDocumentedBytes) {
  EventMessage event;
  event.epoch = 0xab;
  event.first_sequence = 0x0102;
  event.origin = 3;
  event.items.push_back({EventItem::Kind::kReference, "k", "0123456789abcdef"});
  const std::string expected = std::string("D1") + "00000000000000ab" + std::string("\0\0\0\0\0\0\1\2", 8) +
                               std::string("\0\0\0\0\0\0\0\3", 8) + std::string("\0\0\0\1", 4) +
                               std::string("\1\0\1\0\0\0\x10", 7) + "k" + "0123456789abcdef";
  EXPECT_EQ(EncodeEventMessage(event), expected);
}

TEST(EventMessage, RefusesEveryTruncation) {
  const std::string message = EncodeEventMessage(MakeEvent());
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_EQ(DecodeCopy(message.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(EventMessage, SaysWhatItFoundAndWhere) {
  std::string message = EncodeEventMessage(MakeEvent());
  EXPECT_THAT(std::string(DecodeCopy(message + "x").message()), HasSubstr("1 bytes follow the last item"));
  EXPECT_THAT(std::string(DecodeCopy("hello, this is no event").message()), HasSubstr("format mark is \"he\""));
  std::string wrong_epoch = message;
  wrong_epoch[2] = 'G';
  EXPECT_THAT(std::string(DecodeCopy(wrong_epoch).message()), HasSubstr("is not an epoch"));
  std::string many_items = message;
  many_items[34] = '\x7f';
  EXPECT_THAT(std::string(DecodeCopy(many_items).message()), HasSubstr("offset 38"));
  std::string wrong_kind = message;
  wrong_kind[38] = '\2';
  EXPECT_THAT(std::string(DecodeCopy(wrong_kind).message()), HasSubstr("2 is not a kind of item"));
}

TEST(EventMessage, RefusesABodyWithoutAVersion) {
  EventMessage event = MakeEvent();
  event.items[0].body = "short";
  EXPECT_EQ(DecodeCopy(EncodeEventMessage(event)).code(), absl::StatusCode::kDataLoss);
  event = MakeEvent();
  event.items[1].body = kRecord;
  EXPECT_EQ(DecodeCopy(EncodeEventMessage(event)).code(), absl::StatusCode::kDataLoss);
}

TEST(EventMessage, SurvivesRandomDamage) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string message = EncodeEventMessage(MakeEvent());
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = message;
    for (int hits = 0; hits < 3; ++hits) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const absl::Status status = DecodeCopy(damaged);
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kDataLoss) << status;
  }
}

TEST(Epoch, IsSixteenLowercaseDigits) {
  EXPECT_EQ(FormatEpoch(0xab), "00000000000000ab");
  EXPECT_EQ(ParseEpoch("00000000000000ab"), 0xabu);
  EXPECT_EQ(ParseEpoch(FormatEpoch(~uint64_t{0})), ~uint64_t{0});
  for (const char* text : {"", "ab", "00000000000000AB", "00000000000000a ", "000000000000000ab", "0x000000000000ab"}) {
    EXPECT_EQ(ParseEpoch(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace dunlin
