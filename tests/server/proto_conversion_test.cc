// Goal: messages say what the store said, never more than a message can hold, and nothing that a reader cannot print.
// Method: one value of every kind; limits from both sides; EventSizeMax() against real encodings.

#include "server/proto_conversion.h"

#include <google/protobuf/util/json_util.h>

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/limits.h"
#include "storage/record.h"

namespace dunlin {
namespace {

v1::Entry Convert(std::string value, bool as_text) {
  StoredEntry entry;
  entry.key = "k";
  entry.value = std::move(value);
  entry.version = Version{5, 6};
  entry.revision = 7;
  v1::Entry proto;
  ToProto(std::move(entry), as_text, &proto);
  return proto;
}

Change ChangeOf(ChangeType type, std::string key, std::string value, uint64_t expiry_unix_ms = 0) {
  Record record;
  record.version = Version{UINT64_MAX, UINT64_MAX};
  record.value = value;
  record.expiry_unix_ms = expiry_unix_ms;
  return MakeChange(type, UINT64_MAX, 1, key, EncodeRecord(record), record);
}

bool HasJsonForm(const google::protobuf::Message& message) {
  std::string json;
  return google::protobuf::util::MessageToJsonString(message, &json).ok();
}

TEST(ProtoConversionTest, AnEntryKeepsItsParts) {
  const v1::Entry entry = Convert(std::string("v\0w", 3), /*as_text=*/false);
  EXPECT_EQ(entry.key(), "k");
  EXPECT_EQ(entry.value(), std::string("v\0w", 3));
  EXPECT_FALSE(entry.has_text());
  EXPECT_EQ(entry.version().time(), 5u);
  EXPECT_EQ(entry.version().origin(), 6u);
  EXPECT_EQ(entry.revision(), 7u);
  EXPECT_FALSE(entry.has_expire_time());
}

TEST(ProtoConversionTest, TextIsGivenForValidUtf8Only) {
  EXPECT_EQ(Convert("gr\xc3\xbc\xc3\x9f", true).text(), "gr\xc3\xbc\xc3\x9f");
  EXPECT_TRUE(Convert("", true).has_text()) << "an empty value is an empty text";
  for (const char* value : {"\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf"}) {
    EXPECT_FALSE(Convert(value, true).has_text());
    EXPECT_EQ(Convert(value, true).value(), value);
  }
}

TEST(ProtoConversionTest, TextIsLeftOutWhereItWouldNotFitAMessage) {
  EXPECT_TRUE(Convert(std::string(kTextSizeMaxBytes, 'x'), true).has_text());
  const v1::Entry large = Convert(std::string(kTextSizeMaxBytes + 1, 'x'), true);
  EXPECT_FALSE(large.has_text());
  EXPECT_EQ(large.value().size(), kTextSizeMaxBytes + 1);
}

TEST(ProtoConversionTest, ExpiryIsATimestampThatCanBePrinted) {
  for (const uint64_t expiry : {uint64_t{1}, uint64_t{1700000000123}, UINT64_MAX}) {
    v1::Event event;
    ToProto(ChangeOf(ChangeType::kPut, "k", "v", expiry), ValueForm::kBytes, &event);
    EXPECT_TRUE(event.entry().has_expire_time());
    EXPECT_TRUE(HasJsonForm(event)) << expiry;
  }
  v1::Event event;
  ToProto(ChangeOf(ChangeType::kPut, "k", "v", 1700000000123), ValueForm::kBytes, &event);
  EXPECT_EQ(event.entry().expire_time().seconds(), 1700000000);
  EXPECT_EQ(event.entry().expire_time().nanos(), 123000000);
}

TEST(ProtoConversionTest, DurationsAreTruncatedToWhatCanBePrinted) {
  const absl::Duration durations[] = {absl::ZeroDuration(), absl::Milliseconds(1500), -absl::Milliseconds(1500),
                                      absl::InfiniteDuration(), -absl::InfiniteDuration()};
  for (const absl::Duration duration : durations) {
    google::protobuf::Duration proto;
    ToProto(duration, &proto);
    EXPECT_TRUE(HasJsonForm(proto)) << absl::FormatDuration(duration);
  }
  google::protobuf::Duration proto;
  ToProto(absl::Milliseconds(1500), &proto);
  EXPECT_EQ(proto.seconds(), 1);
  EXPECT_EQ(proto.nanos(), 500000000);
}

TEST(ProtoConversionTest, RemovalsCarryNoValue) {
  for (const auto& [type, expected] : {std::pair(ChangeType::kDelete, v1::Event::TYPE_DELETE),
                                       std::pair(ChangeType::kExpire, v1::Event::TYPE_EXPIRE)}) {
    v1::Event event;
    ToProto(ChangeOf(type, "k", "old value", 5), ValueForm::kBytesAndText, &event);
    EXPECT_EQ(event.type(), expected);
    EXPECT_EQ(event.entry().key(), "k");
    EXPECT_EQ(event.entry().value(), "");
    EXPECT_FALSE(event.entry().has_text());
    EXPECT_FALSE(event.entry().has_expire_time());
    EXPECT_EQ(event.entry().version().time(), UINT64_MAX);
    EXPECT_EQ(event.entry().revision(), UINT64_MAX);
  }
}

TEST(ProtoConversionTest, WithoutItsValueAPutKeepsAllElse) {
  v1::Event event;
  ToProto(ChangeOf(ChangeType::kPut, "k", "value", 5), ValueForm::kNone, &event);
  EXPECT_EQ(event.type(), v1::Event::TYPE_PUT);
  EXPECT_EQ(event.entry().key(), "k");
  EXPECT_EQ(event.entry().value(), "");
  EXPECT_FALSE(event.entry().has_text());
  EXPECT_TRUE(event.entry().has_expire_time());
  EXPECT_EQ(event.entry().version().time(), UINT64_MAX);
}

TEST(ProtoConversionTest, WhatWasReplacedIsGivenIfAskedForAndKnown) {
  Change change = ChangeOf(ChangeType::kPut, "k", "new", 0);
  v1::Event not_asked, unknown, none, known;
  ToProto(change, ValueForm::kBytes, &not_asked);
  EXPECT_FALSE(not_asked.has_previous() || not_asked.previous_unknown());
  ToProto(change, EventForm(ValueForm::kBytes, true), &unknown);
  EXPECT_TRUE(!unknown.has_previous() && unknown.previous_unknown());
  change.knows_previous = true;
  ToProto(change, EventForm(ValueForm::kBytes, true), &none);
  EXPECT_FALSE(none.has_previous() || none.previous_unknown());
  change.previous = std::make_shared<Change>(ChangeOf(ChangeType::kPut, "k", "old", 5));
  ToProto(change, EventForm(ValueForm::kBytes, true), &known);
  EXPECT_EQ(known.previous().value(), "old");
  EXPECT_EQ(known.previous().key(), "k");
  EXPECT_TRUE(known.previous().has_expire_time());
  EXPECT_EQ(known.entry().value(), "new");
  EXPECT_FALSE(known.previous_unknown());
}

TEST(ProtoConversionTest, TwoValuesThatDoNotFitAMessageAreOne) {
  Change change = ChangeOf(ChangeType::kPut, "k", std::string(size_t{2} << 20, 'n'), 0);
  change.previous = std::make_shared<Change>(ChangeOf(ChangeType::kPut, "k", std::string(size_t{2} << 20, 'o'), 0));
  v1::Event event;
  ToProto(change, EventForm(ValueForm::kBytes, true), &event);
  EXPECT_EQ(event.entry().value().size(), size_t{2} << 20);
  EXPECT_TRUE(event.has_previous());
  EXPECT_EQ(event.previous().value(), "");
  EXPECT_TRUE(event.previous_unknown());
}

TEST(ProtoConversionTest, NoEventIsLargerThanAnnounced) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, kTextSizeMaxBytes, kTextSizeMaxBytes + 1}) {
    for (const ValueForm value : {ValueForm::kNone, ValueForm::kBytes, ValueForm::kBytesAndText}) {
      for (const ChangeType type : {ChangeType::kPut, ChangeType::kDelete, ChangeType::kExpire}) {
        const std::string key(kKeySizeMaxBytes, 'k');
        Change change = ChangeOf(type, key, std::string(size, 'v'), UINT64_MAX);
        change.previous = std::make_shared<Change>(ChangeOf(ChangeType::kPut, key, std::string(size, 'p'), UINT64_MAX));
        for (const bool previous : {false, true}) {
          v1::WatchResponse message;
          ToProto(change, EventForm(value, previous), message.add_events());
          EXPECT_LE(message.ByteSizeLong(), EventSizeMax(change, EventForm(value, previous))) << size;
          EXPECT_LE(message.ByteSizeLong() + kMessageOverheadMaxBytes, kClientMessageMaxBytes) << size;
        }
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
