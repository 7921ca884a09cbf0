#include <xxhash.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "dunlin/v1/kv.pb.h"
#include "server/token.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "tests/fuzz/seeds.h"

namespace dunlin {
namespace {

constexpr Position kPosition{0x0123456789abcdef, 42, 0xfedcba9876543210, 7, 5, 1795708800000, 9};

// ---- Tokens ----

std::string Numbers(const Position& position) {
  return absl::StrCat(EncodeBigEndian64(position.epoch), EncodeBigEndian64(position.sequence),
                      EncodeBigEndian64(position.store_id), EncodeBigEndian64(position.revision),
                      EncodeBigEndian64(position.own_revision), EncodeBigEndian64(position.expired_unix_ms),
                      EncodeBigEndian64(position.known_revision));
}

// As the target makes a page of its input: a prefix, then a key.
std::string PageParts(const std::string& prefix, const std::string& rest) {
  return absl::StrCat(std::string(1, static_cast<char>(prefix.size())), prefix, rest);
}

// What a page token holds between format and checksum, behind the prefix.
std::string PageContent(const std::string& prefix, const std::string& key) {
  return PageParts(prefix, absl::StrCat(EncodeBigEndian64(XXH3_64bits(prefix.data(), prefix.size())), key));
}

// ---- Requests ----

// The first byte of the input: the request, and the limit of values.
enum Choice : char {
  kGet,
  kPut,
  kDelete,
  kBatchGet,
  kBatchWrite,
  kList,
  kWatch,
  kLargeBatch,
  kFullBatch,
  kFullBatchGet
};

std::string Chosen(Choice choice, const google::protobuf::Message& request) {
  return absl::StrCat(std::string(1, choice), request.SerializeAsString());
}

std::string Chosen(Choice choice, const std::string& bytes) { return absl::StrCat(std::string(1, choice), bytes); }

v1::PutRequest Put(const std::string& key, const std::string& value) {
  v1::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  return request;
}

v1::PutRequest PutFor(int64_t seconds, int nanos) {
  v1::PutRequest request = Put("session", "s");
  request.mutable_ttl()->set_seconds(seconds);
  request.mutable_ttl()->set_nanos(nanos);
  return request;
}

v1::PutRequest PutIfVersion(uint64_t time) {
  v1::PutRequest request = Put("k", "v");
  request.mutable_precondition()->mutable_if_version()->set_time(time);
  request.set_ack(v1::ACK_MIRRORED);
  return request;
}

v1::PutRequest PutIfAbsent(bool if_absent) {
  v1::PutRequest request = Put("k", "v");
  request.mutable_precondition()->set_if_absent(if_absent);
  return request;
}

v1::PutRequest PutText() {
  v1::PutRequest request;
  request.set_key("caf\xC3\xA9/\xE2\x98\x95");
  request.set_text("\xF0\x9F\x90\xA6");
  return request;
}

v1::DeleteRequest Delete(const std::string& key) {
  v1::DeleteRequest request;
  request.set_key(key);
  return request;
}

v1::BatchWriteRequest Deletes(size_t count) {
  v1::BatchWriteRequest request;
  for (size_t i = 0; i < count; ++i) {
    request.add_writes()->mutable_delete_()->set_key(absl::StrCat(i));
  }
  return request;
}

v1::BatchWriteRequest Puts(size_t count, const std::string& value) {
  v1::BatchWriteRequest request;
  for (size_t i = 0; i < count; ++i) {
    v1::Write::Put* const put = request.add_writes()->mutable_put();
    put->set_key(absl::StrCat("k", i));
    put->set_value(value);
  }
  return request;
}

v1::BatchWriteRequest Twice() {
  v1::BatchWriteRequest request = Deletes(2);
  request.mutable_writes(1)->mutable_put()->set_key("0");
  request.mutable_writes(1)->mutable_put()->set_text("");
  return request;
}

v1::BatchGetRequest Gets(size_t count) {
  v1::BatchGetRequest request;
  for (size_t i = 0; i < count; ++i) {
    request.add_keys("k");
  }
  return request;
}

v1::ListRequest List(const std::string& prefix, uint32_t page_size) {
  v1::ListRequest request;
  request.set_prefix(prefix);
  request.set_page_size(page_size);
  request.set_page_token(EncodePageToken(prefix, prefix + "k"));
  return request;
}

v1::WatchRequest WatchKey(const std::string& key) {
  v1::WatchRequest request;
  request.set_key(key);
  request.set_resume_token(EncodePositionToken(kPosition));
  return request;
}

v1::WatchRequest WatchPrefix(const std::string& prefix) {
  v1::WatchRequest request;
  request.set_prefix(prefix);
  request.set_initial_state(true);
  return request;
}

v1::WatchRequest WatchRemovals() {
  v1::WatchRequest request;
  request.set_no_puts(true);
  request.set_keys_only(true);
  request.mutable_progress_interval()->set_nanos(500000000);
  return request;
}

v1::WatchRequest WatchNothing() {
  v1::WatchRequest request = WatchRemovals();
  request.set_no_deletes(true);
  return request;
}

void AddPuts(Seeds* seeds) {
  const std::string longest(kKeySizeMaxBytes, 'k');
  (*seeds)["put"] = Chosen(kPut, Put("feature/dark-mode", "on"));
  (*seeds)["put-text"] = Chosen(kPut, PutText());
  (*seeds)["put-nothing"] = Chosen(kPut, v1::PutRequest());
  (*seeds)["put-long-value"] = Chosen(kPut, Put("k", std::string(17, 'v')));
  (*seeds)["put-longest-key"] = Chosen(kPut, Put(longest, "v"));
  (*seeds)["put-too-long-key"] = Chosen(kPut, Put(longest + "k", "v"));
  (*seeds)["put-ttl"] = Chosen(kPut, PutFor(60, 0));
  (*seeds)["put-ttl-shortest"] = Chosen(kPut, PutFor(0, 1000000));
  (*seeds)["put-ttl-longest"] = Chosen(kPut, PutFor(315360000, 0));
  (*seeds)["put-ttl-most-nanos"] = Chosen(kPut, PutFor(1, 999999999));
  (*seeds)["put-ttl-too-long"] = Chosen(kPut, PutFor(315360000, 1));
  (*seeds)["put-ttl-negative"] = Chosen(kPut, PutFor(-1, -1));
  (*seeds)["put-ttl-mixed"] = Chosen(kPut, PutFor(2, -1));
  (*seeds)["put-if-version"] = Chosen(kPut, PutIfVersion(uint64_t{1} << 60));
  (*seeds)["put-if-no-version"] = Chosen(kPut, PutIfVersion(0));
  (*seeds)["put-if-absent"] = Chosen(kPut, PutIfAbsent(true));
  (*seeds)["put-if-present"] = Chosen(kPut, PutIfAbsent(false));
  // Written by no generated code.
  (*seeds)["put-value-and-text"] = absl::StrCat(Chosen(kPut, Put("k", "v")), std::string("\x1A\x01t"));
  (*seeds)["put-latin-1"] = Chosen(kPut, std::string("\x0A\x04"
                                                     "caf\xE9"));
  (*seeds)["put-cut"] = Chosen(kPut, std::string("\x0A\x7F"
                                                 "abc"));
  (*seeds)["put-unknown-fields"] = Chosen(kPut, std::string("\x0A\x01k\x12\x01v\x7A\x02\xFF\xFF\xFB\x07\xFC\x07"));
}

void AddBatches(Seeds* seeds) {
  (*seeds)["batch"] = Chosen(kBatchWrite, Puts(3, "value"));
  (*seeds)["batch-empty"] = Chosen(kBatchWrite, v1::BatchWriteRequest());
  (*seeds)["batch-full"] = Chosen(kFullBatch, Deletes(2));
  (*seeds)["batch-overfull"] = Chosen(kFullBatch, Puts(3, "value"));
  (*seeds)["batch-twice"] = Chosen(kBatchWrite, Twice());
  (*seeds)["batch-large"] = Chosen(kLargeBatch, Puts(4, std::string(80, 'v')));
  (*seeds)["batch-large-enough"] = Chosen(kLargeBatch, Puts(4, std::string(30, 'v')));
  (*seeds)["batch-large-two"] = Chosen(kLargeBatch, Puts(2, std::string(128, 'v')));
  (*seeds)["batch-large-one"] = Chosen(kLargeBatch, Puts(1, std::string(256, 'v')));
}

}  // namespace

Seeds TokenSeeds() {
  const std::string longest(kKeySizeMaxBytes, 'k');
  return {
      {"position", EncodePositionToken(kPosition)},
      {"position-first", EncodePositionToken(Position())},
      {"position-cut", EncodePositionToken(kPosition).substr(0, 30)},
      {"position-numbers", Numbers(kPosition)},
      {"position-numbers-last",
       Numbers(Position{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX})},
      {"position-numbers-cut", Numbers(kPosition).substr(0, 55)},
      {"position-numbers-old", Numbers(kPosition).substr(0, 48)},
      {"position-numbers-old-cut", Numbers(kPosition).substr(0, 47)},
      {"position-numbers-oldest", Numbers(kPosition).substr(0, 32)},
      {"position-numbers-oldest-cut", Numbers(kPosition).substr(0, 31)},
      {"position-numbers-more", Numbers(kPosition) + "x"},
      {"page", EncodePageToken("feature/", "feature/dark-mode")},
      {"page-of-everything", EncodePageToken("", "k")},
      {"page-parts", PageParts("feature/", "feature/dark-mode")},
      {"page-parts-everything", PageParts("", "k")},
      {"page-parts-no-key", PageParts("p/", "")},
      {"page-parts-longest-key", PageParts("kk", longest)},
      {"page-parts-too-long-key", PageParts("", longest + "k")},
      {"page-parts-zeros", PageParts(std::string(3, '\0'), std::string(5, '\0'))},
      {"page-content", PageContent("feature/", "feature/dark-mode")},
      {"page-content-no-key", PageContent("p/", "")},
      {"page-content-longest-key", PageContent("", longest)},
      {"page-content-too-long-key", PageContent("", longest + "k")},
      {"page-content-other", PageParts("p/", PageContent("q/", "q/key").substr(3))},
      {"nothing", ""},
      {"short", "\1abc"},
  };
}

Seeds ValidationSeeds() {
  Seeds seeds;
  AddPuts(&seeds);
  AddBatches(&seeds);
  v1::GetRequest get;
  get.set_key("k");
  get.set_as_text(true);
  v1::DeleteRequest conditional = Delete("k");
  conditional.mutable_precondition()->mutable_if_version()->set_origin(1);
  v1::DeleteRequest senseless = Delete("k");
  senseless.mutable_precondition()->set_if_absent(true);
  seeds["get"] = Chosen(kGet, get);
  seeds["get-nothing"] = Chosen(kGet, v1::GetRequest());
  seeds["delete"] = Chosen(kDelete, Delete("gone"));
  seeds["delete-if-version"] = Chosen(kDelete, conditional);
  seeds["delete-if-absent"] = Chosen(kDelete, senseless);
  seeds["gets"] = Chosen(kBatchGet, Gets(3));
  seeds["gets-full"] = Chosen(kFullBatchGet, Gets(2));
  seeds["gets-overfull"] = Chosen(kFullBatchGet, Gets(3));
  seeds["list"] = Chosen(kList, List("feature/", 100));
  seeds["list-largest-page"] = Chosen(kList, List("", kListPageEntriesMax));
  seeds["list-too-large-page"] = Chosen(kList, List("", kListPageEntriesMax + 1));
  seeds["watch-key"] = Chosen(kWatch, WatchKey("k"));
  seeds["watch-no-key"] = Chosen(kWatch, WatchKey(""));
  seeds["watch-prefix"] = Chosen(kWatch, WatchPrefix("feature/"));
  seeds["watch-removals"] = Chosen(kWatch, WatchRemovals());
  seeds["watch-nothing"] = Chosen(kWatch, WatchNothing());
  seeds["watch-everything"] = Chosen(kWatch, WatchPrefix(""));
  return seeds;
}

}  // namespace dunlin
