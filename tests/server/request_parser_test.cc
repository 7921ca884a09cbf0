// Goal: a request that does not parse is called the caller's fault, and the message leads to the field or the byte that
// is wrong. Method: a table of broken encodings; every truncation and every single flipped byte of a good request.

#include "server/request_parser.h"

#include <string>

#include "absl/strings/escaping.h"
#include "dunlin/v1/kv.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// A batch whose third write has a key that is not UTF-8. The generated code serialises it nevertheless.
std::string BatchWithBadKey() {
  v1::BatchWriteRequest request;
  request.add_writes()->mutable_put()->set_key("a");
  request.add_writes()->mutable_delete_()->set_key("b");
  request.add_writes()->mutable_put()->set_key("caf\xE9");
  return request.SerializeAsString();
}

TEST(RequestParserTest, AGoodRequestIsReadFromAnyNumberOfSlices) {
  v1::PutRequest request;
  request.set_key("key");
  request.set_value(std::string("\0\xFF", 2));
  const std::string bytes = request.SerializeAsString();
  std::vector<grpc::Slice> slices;
  for (char byte : bytes) slices.emplace_back(&byte, 1);
  v1::PutRequest parsed;
  ASSERT_TRUE(ParseRequest(grpc::ByteBuffer(slices.data(), slices.size()), &parsed).ok());
  EXPECT_EQ(parsed.SerializeAsString(), bytes);
}

TEST(RequestParserTest, NoBytesAreAnEmptyRequest) {
  v1::GetRequest parsed;
  EXPECT_TRUE(ParseRequest(Buffer(""), &parsed).ok());
}

TEST(RequestParserTest, FieldsOfANewerClientAreIgnored) {
  v1::GetRequest parsed;
  EXPECT_TRUE(ParseRequest(Buffer("\x0A\x01k\x7A\x02\xFF\xFF"), &parsed).ok());
  EXPECT_EQ(parsed.key(), "k");
}

TEST(RequestParserTest, TheMessageNamesWhatIsWrong) {
  const struct {
    std::string bytes;
    std::string message;
  } kCases[] = {
      {"\x0A\x04"
       "caf\xE9",
       "dunlin.v1.PutRequest: field key is not valid UTF-8 at byte 3 of its 4"},
      {"\x0A\x01k\x1A\x02\xC0\x80", "field text is not valid UTF-8 at byte 0 of its 2"},
      {"\x0A\x05"
       "ab",
       "the encoding is broken at byte 2 of 4"},                      // a string longer than the message
      {"\x0A", "the encoding is broken at byte 1 of 1"},              // a tag alone
      {"\x0A\x01k\x22\x03\x08", "the encoding is broken at byte 5"},  // a message longer than the message around it
      {"\x0A\x01k\x22\x01\x08", "the encoding is broken at byte 6"},  // a broken message inside a good one
      {"\x0F", "the encoding is broken"},                             // a wire type that does not exist
      {std::string("\x00\x01", 2), "the encoding is broken"},         // field number 0
      {std::string(12, '\xFF'), "the encoding is broken"},            // a number without end
      // What Protobuf refuses although the stream it offers reads it: numbers in more bytes than they can need,
      {"\x8D\x8D\x8D\x8D\x8D\x8D\x8D\x01k", "the encoding is broken at byte 8 of 9"},  // in front of a field
      {std::string("\x0A\x81\x80\x80\x80\x80\x00k", 8), "the encoding is broken at byte 7 of 8"},  // as its size
      {"\x0A\x81\x80\x80\x80\x10k", "the encoding is broken at byte 6 of 7"},       // a size of more than 4 GiB
      {std::string("\x7A\x81\x80\x80\x80\x80\x00k", 8), "the encoding is broken"},  // the same of an unknown field
      {std::string("\x7B\x7A\x81\x80\x80\x80\x80\x00k\x7C", 10), "the encoding is broken"},  // and in a group;
      {"\x7B\x08\x01", "the encoding is broken at byte 3 of 3"},                             // a group without an end,
      {"\x7C", "the encoding is broken at byte 1 of 1"},                                     // an end without a group,
      {"\x22\xC8\x01" + std::string(100, '\x7B') + std::string(100, '\x7C'), "nested more than 100 deep"},
  };
  for (const auto& test : kCases) {
    v1::PutRequest parsed;
    const absl::Status status = ParseRequest(Buffer(test.bytes), &parsed);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << absl::CHexEscape(test.bytes);
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message)) << absl::CHexEscape(test.bytes);
  }
}

TEST(RequestParserTest, TheMessageNamesThePlaceInABatch) {
  v1::BatchWriteRequest parsed;
  const absl::Status status = ParseRequest(Buffer(BatchWithBadKey()), &parsed);
  EXPECT_THAT(std::string(status.message()), HasSubstr("field writes[2].put.key is not valid UTF-8 at byte 3"));
}

TEST(RequestParserTest, EveryDamageIsAnExplainedErrorOrAMessage) {
  v1::BatchWriteRequest parsed;
  const std::string good = BatchWithBadKey();
  const auto check = [&](const std::string& bytes) {
    const absl::Status status = ParseRequest(Buffer(bytes), &parsed);
    if (status.ok()) return;
    ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    ASSERT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("does not parse"))) << absl::CHexEscape(bytes);
  };
  for (size_t size = 0; size < good.size(); ++size) check(good.substr(0, size));
  for (size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(value);
      check(bytes);
    }
  }
}

}  // namespace
}  // namespace dunlin
