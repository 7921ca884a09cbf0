// Goal: a caller who gives several members of a oneof is told which two, wherever they stand, and nobody else is
// refused. Method: requests put together byte by byte, as no generated stub would send them.

#include "server/oneof_check.h"

#include <grpcpp/grpcpp.h>

#include <string>

#include "dunlin/v1/kv.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/raw_call.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

template <typename Message>
absl::Status Check(const std::string& bytes) {
  EXPECT_TRUE(Message().ParseFromString(bytes)) << "what does not parse is refused before";
  // In two pieces, as it may come from the network.
  const grpc::Slice slices[] = {grpc::Slice(bytes.substr(0, bytes.size() / 2)),
                                grpc::Slice(bytes.substr(bytes.size() / 2))};
  return CheckOneofs(grpc::ByteBuffer(slices, 2), *Message::descriptor());
}

// Field `number` with a number in it, up to 127.
std::string NumberField(int number, int value) {
  return std::string(1, static_cast<char>(number << 3)) + static_cast<char>(value);
}

const std::string kKey = OneField(1, "k");
const std::string kValue = OneField(2, "value");
const std::string kText = OneField(3, "text");
const std::string kIfAbsent = NumberField(1, 1);
const std::string kIfVersion = OneField(2, NumberField(1, 5));

TEST(OneofCheckTest, TwoMembersAreRefusedInWhateverOrderAndNamed) {
  const absl::Status status = Check<v1::PutRequest>(kKey + kValue + kText);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("value and text are both given"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("give one of them"));
  EXPECT_THAT(std::string(Check<v1::PutRequest>(kText + kKey + kValue).message()), HasSubstr("text and value"));
  EXPECT_THAT(std::string(Check<v1::WatchRequest>(OneField(1, "k") + OneField(2, "p")).message()),
              HasSubstr("key and prefix"));
}

TEST(OneofCheckTest, AnEmptyMemberIsAMember) {
  EXPECT_FALSE(Check<v1::PutRequest>(kKey + OneField(2, "") + OneField(3, "")).ok());
  EXPECT_FALSE(Check<v1::PutRequest>(kKey + OneField(5, NumberField(1, 0) + kIfVersion)).ok());
}

TEST(OneofCheckTest, PartsOfARequestAreNamedByTheirPlace) {
  const std::string good = OneField(1, OneField(1, kKey + kText));
  const std::string two_contents = OneField(1, OneField(1, kKey + kValue + kText));
  const std::string two_operations = OneField(1, OneField(1, kKey + kText) + OneField(2, kKey));
  EXPECT_TRUE(Check<v1::BatchWriteRequest>(good + good).ok());
  EXPECT_THAT(std::string(Check<v1::BatchWriteRequest>(good + two_contents).message()),
              HasSubstr("writes[1].put.value and writes[1].put.text are both"));
  EXPECT_THAT(std::string(Check<v1::BatchWriteRequest>(good + good + two_operations).message()),
              HasSubstr("writes[2].put and writes[2].delete are both"));
  EXPECT_THAT(std::string(Check<v1::PutRequest>(kKey + OneField(5, kIfAbsent + kIfVersion)).message()),
              HasSubstr("precondition.if_absent and precondition.if_version are both"));
}

// Protobuf merges a message that comes in two parts.
TEST(OneofCheckTest, MembersInTwoPartsOfOneMessageAreSeen) {
  EXPECT_FALSE(Check<v1::PutRequest>(kKey + OneField(5, kIfAbsent) + OneField(5, kIfVersion)).ok());
  EXPECT_FALSE(Check<v1::BatchWriteRequest>(OneField(1, OneField(1, kKey + kText) + OneField(1, kValue))).ok());
}

TEST(OneofCheckTest, WhatIsNotAContradictionPasses) {
  EXPECT_TRUE(Check<v1::PutRequest>("").ok());
  EXPECT_TRUE(Check<v1::PutRequest>(kKey + kValue + OneField(5, kIfVersion)).ok());
  EXPECT_TRUE(Check<v1::PutRequest>(kValue + kKey + kValue).ok()) << "the same field again is an update of it";
  EXPECT_TRUE(Check<v1::PutRequest>(kKey + kValue + OneField(15, kText)).ok()) << "a field of a newer version";
  EXPECT_TRUE(Check<v1::PutRequest>(kKey + kValue + NumberField(3, 1)).ok()) << "of another type, it is none of ours";
  EXPECT_TRUE(Check<v1::GetRequest>(kKey + NumberField(2, 1)).ok());
  EXPECT_TRUE(
      Check<v1::BatchWriteRequest>(OneField(1, OneField(1, kKey + kValue)) + OneField(1, OneField(1, kKey + kText)))
          .ok())
      << "two writes are two messages";
}

}  // namespace
}  // namespace dunlin
