// Goal: what many streams say is encoded once for each form that they want it in, and arrives as if each had encoded it
// for itself; what is remembered is bounded.
// Method: messages are encoded, and parsed as a client would.

#include "server/event_encoder.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dunlin/v1/kv.pb.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "server/proto_conversion.h"
#include "server/request_parser.h"
#include "storage/record.h"

namespace dunlin {
namespace {

ChangePtr MakePut(uint64_t revision, std::string value) {
  Record record;
  record.version = Version{revision, 1};
  record.value = value;
  const std::string encoded = EncodeRecord(record);
  const absl::StatusOr<Record> decoded = DecodeRecord(encoded);
  return std::make_shared<Change>(
      MakeChange(ChangeType::kPut, revision, revision, absl::StrCat("k", revision), encoded, *decoded));
}

WatchOutput Say(const std::vector<ChangePtr>& changes) {
  WatchOutput output;
  output.message.set_token("token");
  output.changes = changes;
  return output;
}

v1::WatchResponse Arrived(grpc::ByteBuffer bytes) {
  v1::WatchResponse message;
  EXPECT_TRUE(ParseRequest(bytes, &message).ok());
  return message;
}

// As one stream alone would say it.
std::string Expected(const WatchOutput& output, EventForm form) {
  v1::WatchResponse message = output.message;
  for (const ChangePtr& change : output.changes) {
    ToProto(*change, form, message.add_events());
  }
  return message.DebugString();
}

TEST(EventEncoderTest, WhatArrivesIsTheMessage) {
  EventEncoder encoder;
  const WatchOutput output = Say({MakePut(1, "a"), MakePut(2, ""), MakePut(3, std::string(1000, 'x'))});
  for (const EventForm form : {EventForm(ValueForm::kNone), EventForm(ValueForm::kBytes),
                               EventForm(ValueForm::kBytesAndText), EventForm(ValueForm::kBytes, true)}) {
    for (int time = 0; time < 2; ++time) {
      EXPECT_EQ(Arrived(encoder.Encode(output, form)).DebugString(), Expected(output, form));
    }
  }
  EXPECT_EQ(encoder.encoded(), 12u) << "each event once in each form";
}

TEST(EventEncoderTest, EventsOfTheMessageItselfArriveToo) {
  EventEncoder encoder;
  WatchOutput output;
  ToProto(*MakePut(1, "a"), ValueForm::kBytes, output.message.add_events());
  output.message.set_marker(v1::MARKER_RESET);
  EXPECT_EQ(Arrived(encoder.Encode(output, ValueForm::kBytes)).DebugString(), output.message.DebugString());
}

TEST(EventEncoderTest, AThousandStreamsShareOneEncoding) {
  EventEncoder encoder;
  const WatchOutput output = Say({MakePut(1, std::string(5000, 'x'))});
  std::vector<grpc::Slice> first;
  for (int stream = 0; stream < 1000; ++stream) {
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(encoder.Encode(output, ValueForm::kBytes).Dump(&slices).ok());
    first.push_back(slices.at(0));
    EXPECT_EQ(first.back().begin(), first.front().begin()) << "the very same bytes";
  }
  EXPECT_EQ(encoder.encoded(), 1u);
}

// A later event may stand where an earlier one was remembered.
TEST(EventEncoderTest, WhatIsForgottenIsEncodedAgain) {
  EventEncoder encoder;
  const WatchOutput early = Say({MakePut(1, "early")});
  const WatchOutput late = Say({MakePut(1 + kSharedEventsMax, "late")});
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(Arrived(encoder.Encode(early, ValueForm::kBytes)).events(0).entry().value(), "early");
    EXPECT_EQ(Arrived(encoder.Encode(late, ValueForm::kBytes)).events(0).entry().value(), "late");
  }
  EXPECT_EQ(encoder.encoded(), 4u);
}

TEST(EventEncoderTest, NoMoreBytesAreRememberedThanTheLimit) {
  EventEncoder encoder;
  for (uint64_t revision = 1; revision <= 100; ++revision) {
    const WatchOutput output = Say({MakePut(revision, std::string(size_t{1} << 20, 'x'))});
    EXPECT_EQ(Arrived(encoder.Encode(output, ValueForm::kBytes)).events_size(), 1);
    EXPECT_LE(encoder.size_bytes(), kSharedEventsMaxBytes);
  }
  EXPECT_GE(encoder.size_bytes(), kSharedEventsMaxBytes / 2);
}

TEST(EventEncoderTest, TheLatestEventIsRememberedWhateverItsSize) {
  EventEncoder encoder;
  const WatchOutput small = Say({MakePut(1, "small")});
  const WatchOutput large = Say({MakePut(2, std::string(kSharedEventsMaxBytes, 'x'))});
  (void)encoder.Encode(small, ValueForm::kBytes);
  (void)encoder.Encode(large, ValueForm::kBytes);
  (void)encoder.Encode(large, ValueForm::kBytes);
  EXPECT_EQ(encoder.encoded(), 2u);
  EXPECT_GT(encoder.size_bytes(), kSharedEventsMaxBytes);
  (void)encoder.Encode(small, ValueForm::kBytes);
  EXPECT_EQ(encoder.encoded(), 3u) << "there was no room for it beside the large one";
  EXPECT_LE(encoder.size_bytes(), kSharedEventsMaxBytes);
}

}  // namespace
}  // namespace dunlin
