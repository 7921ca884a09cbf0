// Goal: every bad request is refused with INVALID_ARGUMENT and a message that names the thing, what was found or the
// limit, and what to do; every request at a limit passes. Method: tables of requests in protobuf's text format.

#include "server/validation.h"

#include <google/protobuf/text_format.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

constexpr size_t kValueMax = 100;
const std::string kLongKey(kKeySizeMaxBytes + 1, 'k');
const std::string kLongestKey(kKeySizeMaxBytes, 'k');

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

absl::Status CheckPut(const std::string& text) { return ToLocalWrite(Parse<v1::PutRequest>(text), kValueMax).status(); }
absl::Status CheckDelete(const std::string& text) { return ToLocalWrite(Parse<v1::DeleteRequest>(text)).status(); }
absl::Status CheckBatch(const std::string& text) {
  return ToLocalWrite(Parse<v1::BatchWriteRequest>(text), kValueMax).status();
}
absl::Status CheckGet(const std::string& text) { return ToMaxStaleness(Parse<v1::GetRequest>(text)).status(); }
absl::Status CheckBatchGet(const std::string& text) {
  const auto request = Parse<v1::BatchGetRequest>(text);
  absl::Status status = ValidateBatchGet(request);
  status.Update(ToMaxStaleness(request).status());
  return status;
}
absl::Status CheckList(const std::string& text) {
  const auto request = Parse<v1::ListRequest>(text);
  absl::Status status = ValidatePrefix(request.prefix());
  status.Update(ToPageEntriesMax(request).status());
  status.Update(ToMaxStaleness(request).status());
  return status;
}
absl::Status CheckWatch(const std::string& text) {
  const auto request = Parse<v1::WatchRequest>(text);
  absl::Status status = ToSelection(request).status();
  status.Update(ValidateWatchFilters(request));
  status.Update(ToProgressInterval(request).status());
  status.Update(ToMaxLag(request).status());
  return status;
}
std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// What the stream watches, in words.
std::string PartsOf(const std::string& text) {
  const absl::StatusOr<Selection> selection = ToSelection(Parse<v1::WatchRequest>(text));
  std::vector<std::string> parts;
  for (const Selector& part : selection->parts()) {
    const bool is_key = part.kind == Selector::Kind::kKey;
    parts.push_back(part.kind == Selector::Kind::kEverything ? "everything"
                                                             : absl::StrCat(is_key ? "key " : "prefix ", part.text));
  }
  return absl::StrJoin(parts, ", ");
}

absl::Status CheckAck(const std::string& text) { return WantsMirroredAck(Parse<v1::PutRequest>(text).ack()).status(); }

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&all, text);
  return all;
}

std::string Keys(size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&all, "writes { delete { key: 'k", i, "' } } ");
  return all;
}

struct BadCase {
  std::function<absl::Status(const std::string&)> check;
  std::string request;
  // All of them are in the message: the thing, the limit, the remedy.
  std::vector<std::string> says;
};

void ExpectRefused(const std::vector<BadCase>& cases) {
  for (const BadCase& bad : cases) {
    const absl::Status status = bad.check(bad.request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.request.substr(0, 200);
    for (const std::string& part : bad.says) EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST(ValidationTest, BadKeysAreRefused) {
  const std::vector<std::string> empty = {"key is empty", "1 to 480 bytes"};
  const std::vector<std::string> too_long = {"has 481 bytes", "limit is 480", "use a shorter key"};
  ExpectRefused({
      {CheckPut, "value: 'v'", empty},
      {CheckPut, absl::StrCat("key: '", kLongKey, "' value: 'v'"), too_long},
      {CheckDelete, "", empty},
      {CheckDelete, absl::StrCat("key: '", kLongKey, "'"), too_long},
      {CheckBatch, "writes { delete { key: 'k' } } writes { put { value: 'v' } }", {"writes[1].put.key is empty"}},
      {CheckBatch, "writes { delete { } }", {"writes[0].delete.key is empty", "1 to 480"}},
      {CheckBatchGet, "keys: 'a' keys: ''", {"keys[1] is empty", "1 to 480"}},
      {CheckBatchGet, absl::StrCat("keys: '", kLongKey, "'"), {"keys[0] has 481 bytes", "480", "shorter"}},
      {CheckList, absl::StrCat("prefix: '", kLongKey, "'"), {"prefix has 481 bytes", "480", "use a shorter one"}},
      {CheckWatch, "key: ''", empty},
      {CheckWatch, absl::StrCat("key: '", kLongKey, "'"), too_long},
      {CheckWatch, absl::StrCat("prefix: '", kLongKey, "'"), {"prefix has 481 bytes", "480"}},
  });
}

TEST(ValidationTest, BadContentIsRefused) {
  const std::string large(kValueMax + 1, 'v');
  const std::vector<std::string> remedy = {"101 bytes", "limit is 100", "store a reference", "--value-size-max",
                                           absl::StrCat("at most ", kValueSizeMaxBytesHard)};
  ExpectRefused({
      {CheckPut, "key: 'k'", {"content is missing", "exactly one of value and text"}},
      {CheckPut, absl::StrCat("key: 'k' value: '", large, "'"), remedy},
      {CheckPut, absl::StrCat("key: 'k' value: '", large, "'"), {"value has"}},
      {CheckPut, absl::StrCat("key: 'k' text: '", large, "'"), {"text has"}},
      {CheckBatch, "writes { put { key: 'k' } }", {"writes[0].put.content is missing"}},
      {CheckBatch, absl::StrCat("writes { put { key: 'k' text: '", large, "' } }"), {"writes[0].put.text has 101"}},
  });
}

TEST(ValidationTest, BadTimesToLiveAreRefused) {
  const std::vector<std::string> range = {"ttl is", "1ms", "87600h", "3650 days", "unset"};
  const std::vector<std::string> invalid = {"not a valid google.protobuf.Duration", "nanos", "315360000"};
  const auto put = [](const std::string& ttl) { return absl::StrCat("key: 'k' value: 'v' ttl { ", ttl, " }"); };
  ExpectRefused({
      {CheckPut, put(""), range},
      {CheckPut, put("seconds: -1"), range},
      {CheckPut, put("nanos: -1"), range},
      {CheckPut, put("nanos: 999999"), range},
      {CheckPut, put("seconds: 315360000 nanos: 1"), range},
      {CheckPut, put("seconds: 315576000000"), range},
      {CheckPut, put("seconds: 315576000001"), invalid},
      {CheckPut, put("seconds: -315576000001"), invalid},
      {CheckPut, put("seconds: 9223372036854775807"), invalid},
      {CheckPut, put("seconds: -9223372036854775808"), invalid},
      {CheckPut, put("nanos: 1000000000"), invalid},
      {CheckPut, put("seconds: 1 nanos: -2147483648"), invalid},
      {CheckPut, put("seconds: 2 nanos: -1"), invalid},
      {CheckPut, put("seconds: -2 nanos: 1"), invalid},
      {CheckBatch, "writes { put { key: 'k' text: '' ttl { } } }", {"writes[0].put.ttl is 0"}},
  });
}

TEST(ValidationTest, WatchesOfNothingAndSignsOfLifeTooOftenAreRefused) {
  const std::vector<std::string> often = {"progress_interval is", "at least 500ms", "unset"};
  ExpectRefused({
      {CheckWatch, "keys: 'k' keys: ''", {"keys[1]", "empty"}},
      {CheckWatch, absl::StrCat("keys: '", kLongKey, "'"), {"keys[0] has 481 bytes", "480"}},
      {CheckWatch, absl::StrCat("prefixes: '", kLongKey, "'"), {"prefix has 481 bytes", "480"}},
      {CheckWatch, "key: 'k' " + Repeat("keys: 'k' ", 256), {"257 selectors", "256"}},
      {CheckWatch, "max_lag { nanos: 999999999 }", {"max_lag is 999.999999ms", "at least 1s"}},
      {CheckWatch, "max_lag { nanos: 1000000000 }", {"max_lag has", "not a valid"}},
      {CheckWatch, "no_puts: true no_deletes: true", {"no_puts and no_deletes", "drop one"}},
      {CheckWatch, "no_puts: true initial_state: true", {"no_puts", "initial_state", "drop one"}},
      {CheckWatch, "progress_interval { }", often},
      {CheckWatch, "progress_interval { nanos: 499999999 }", often},
      {CheckWatch, "progress_interval { seconds: -5 }", often},
      {CheckWatch, "progress_interval { nanos: 1000000000 }", {"progress_interval has", "not a valid"}},
  });
}

TEST(ValidationTest, AStalenessBelowZeroIsRefused) {
  const std::vector<std::string> negative = {"max_staleness is -1s", "must not be negative", "unset"};
  const std::vector<std::string> invalid = {"max_staleness has", "not a valid"};
  ExpectRefused({
      {CheckGet, "max_staleness { seconds: -1 }", negative},
      {CheckGet, "max_staleness { seconds: 1 nanos: -1 }", invalid},
      {CheckBatchGet, "keys: 'k' max_staleness { seconds: -1 }", negative},
      {CheckList, "max_staleness { seconds: -1 }", negative},
      {CheckList, "max_staleness { seconds: 315576000001 }", invalid},
  });
}

TEST(ValidationTest, BadPreconditionsAndAcksAreRefused) {
  ExpectRefused({
      {CheckPut, "key: 'k' value: '' precondition { }", {"no condition", "if_absent or if_version", "leave"}},
      {CheckPut, "key: 'k' value: '' precondition { if_absent: false }", {"if_absent is false", "set it to true"}},
      {CheckPut, "key: 'k' value: '' precondition { if_version { } }", {"if_version is empty", "pass the version"}},
      {CheckDelete, "key: 'k' precondition { if_absent: true }", {"if_absent makes no sense", "use if_version"}},
      {CheckDelete, "key: 'k' precondition { }", {"no condition"}},
      {CheckAck, "ack: 3", {"ack is 3", "ACK_LOCAL or ACK_MIRRORED"}},
      {CheckAck, "ack: -1", {"ack is -1"}},
  });
}

TEST(ValidationTest, BadBatchesAndPagesAreRefused) {
  ExpectRefused({
      {CheckBatch, "", {"writes has 0 items", "1 to 1000"}},
      {CheckBatch, Keys(1001), {"writes has 1001 items", "1 to 1000", "split"}},
      {CheckBatch, "writes { }", {"writes[0].operation is missing", "set put or delete"}},
      {CheckBatch,
       "writes { put { key: 'a\\001' text: '' } } writes { delete { key: 'a\\001' } }",
       {"writes[1].", "\"a\\x01\" occurs twice", "each key once"}},
      {CheckBatchGet, "", {"keys has 0 items", "1 to 1000"}},
      {CheckBatchGet, Times(1001, "keys: 'k' "), {"keys has 1001 items", "1 to 1000", "split"}},
      {CheckList, "page_size: 1001", {"page_size is 1001", "limit is 1000", "next_page_token"}},
      {CheckList, "page_size: 4294967295", {"page_size is 4294967295"}},
  });
}

TEST(ValidationTest, ABatchIsBoundedAsAWhole) {
  v1::BatchWriteRequest request;
  for (int i = 0; i < 3; ++i) {
    request.add_writes()->mutable_put()->set_key(absl::StrCat("k", i));
    request.mutable_writes(i)->mutable_put()->set_value(std::string(kBatchSizeMaxBytes / 3 - 2, 'v'));
  }
  EXPECT_TRUE(ToLocalWrite(request, kValueSizeMaxBytesHard).ok());
  request.mutable_writes(0)->mutable_put()->mutable_value()->push_back('v');
  const absl::Status status = ToLocalWrite(request, kValueSizeMaxBytesHard).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("writes have 3145729 bytes"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("limit is 3145728: split the batch"));
}

TEST(ValidationTest, TheLargestValueFitsABatchOfOne) {
  v1::BatchWriteRequest request;
  request.add_writes()->mutable_put()->set_key(kLongestKey);
  request.mutable_writes(0)->mutable_put()->set_value(std::string(kValueSizeMaxBytesHard, 'v'));
  EXPECT_TRUE(ToLocalWrite(request, kValueSizeMaxBytesHard).ok());
}

TEST(ValidationTest, WhatIsAtALimitPasses) {
  const std::string largest(kValueMax, 'v');
  const std::pair<std::function<absl::Status(const std::string&)>, std::string> cases[] = {
      {CheckPut, absl::StrCat("key: '", kLongestKey, "' value: '", largest, "'")},
      {CheckPut, "key: '\\000' text: ''"},
      {CheckPut, "key: 'k' value: '' ttl { nanos: 1000000 } precondition { if_absent: true }"},
      {CheckPut, "key: 'k' value: '' ttl { seconds: 315360000 } precondition { if_version { time: 1 } }"},
      {CheckDelete, "key: 'k' precondition { if_version { origin: 1 } }"},
      {CheckBatch, Keys(1000)},
      {CheckBatchGet, Times(1000, "keys: 'k' ")},
      {CheckGet, "max_staleness { }"},
      {CheckBatchGet, "keys: 'k' max_staleness { nanos: 1 }"},
      {CheckList, "max_staleness { seconds: 315576000000 }"},
      {CheckList, absl::StrCat("prefix: '", kLongestKey, "' page_size: 1000")},
      {CheckList, ""},
      {CheckWatch, ""},
      {CheckWatch, "key: 'k' " + Repeat("keys: 'k' ", 255)},
      {CheckWatch, "prefixes: '' max_lag { seconds: 1 } every_change: true"},
      {CheckWatch, "prefix: ''"},
      {CheckWatch, absl::StrCat("key: '", kLongestKey, "'")},
      {CheckWatch, "no_puts: true keys_only: true as_text: true progress_interval { nanos: 500000000 }"},
      {CheckWatch, "no_deletes: true initial_state: true progress_interval { seconds: 315576000000 }"},
      {CheckAck, "ack: ACK_UNSPECIFIED"},
      {CheckAck, "ack: ACK_MIRRORED"},
  };
  for (const auto& [check, request] : cases) EXPECT_TRUE(check(request).ok()) << check(request) << request;
}

TEST(ValidationTest, RequestsBecomeWrites) {
  const auto write = ToLocalWrite(
      Parse<v1::PutRequest>("key: 'k' text: 't' ttl { seconds: 1 } precondition { if_version { time: 2 origin: 3 } }"),
      kValueMax);
  ASSERT_TRUE(write.ok()) << write.status();
  ASSERT_EQ(write->mutations.size(), 1u);
  EXPECT_EQ(write->mutations[0].kind, Mutation::Kind::kPut);
  EXPECT_EQ(write->mutations[0].key, "k");
  EXPECT_EQ(write->mutations[0].value, "t");
  EXPECT_EQ(write->mutations[0].ttl, absl::Seconds(1));
  EXPECT_EQ(write->precondition.kind, Precondition::Kind::kVersion);
  EXPECT_EQ(write->precondition.version, (Version{2, 3}));
  EXPECT_EQ(ToPageEntriesMax(v1::ListRequest()).value(), kListPageEntriesDefault);
  EXPECT_EQ(PartsOf(""), "everything");
  EXPECT_EQ(PartsOf("prefix: ''"), "everything");
  EXPECT_EQ(PartsOf("prefix: 'p'"), "prefix p");
  EXPECT_EQ(PartsOf("key: 'p'"), "key p");
  EXPECT_EQ(PartsOf("prefix: 'p' keys: 'pq' keys: 'b' prefixes: 'c'"), "key b, prefix c, prefix p");
  EXPECT_EQ(PartsOf("key: 'p' prefixes: ''"), "everything");
  EXPECT_EQ(*ToMaxLag(v1::WatchRequest()), absl::InfiniteDuration());
  EXPECT_EQ(*ToMaxLag(Parse<v1::WatchRequest>("max_lag { seconds: 2 }")), absl::Seconds(2));
  EXPECT_EQ(*ToMaxStaleness(v1::GetRequest()), absl::InfiniteDuration());
  EXPECT_EQ(*ToMaxStaleness(Parse<v1::GetRequest>("max_staleness { }")), absl::ZeroDuration());
  EXPECT_EQ(*ToProgressInterval(v1::WatchRequest()), absl::InfiniteDuration());
  EXPECT_EQ(*ToProgressInterval(Parse<v1::WatchRequest>("progress_interval { seconds: 2 }")), absl::Seconds(2));
}

}  // namespace
}  // namespace dunlin
