#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"
#include "tests/fuzz/reply_tree.h"
#include "tests/fuzz/seeds.h"

namespace dunlin {
namespace {

constexpr uint64_t kEpoch = 0x0123456789abcdef;
constexpr uint64_t kOrigin = 0xfedcba9876543210;
constexpr uint64_t kMillis = 1700000000000;
constexpr Version kVersion{kMillis << kVersionCounterBits, kOrigin};

std::string ValueRecord(absl::string_view value) {
  Record record;
  record.version = kVersion;
  record.value = value;
  return EncodeRecord(record);
}

std::string TombstoneRecord() {
  Record record;
  record.version = kVersion;
  record.tombstone = true;
  return EncodeRecord(record);
}

std::string VersionBytes() {
  std::string bytes;
  AppendVersion(kVersion, &bytes);
  return bytes;
}

// ---- Events ----

std::string Event(std::vector<EventItem> items, uint64_t first_sequence = 42) {
  return EncodeEventMessage(EventMessage{kEpoch, first_sequence, kOrigin, std::move(items)});
}

EventItem InlineItem(absl::string_view key, absl::string_view record) {
  return {EventItem::Kind::kRecord, key, record};
}

EventItem ReferenceItem(absl::string_view key, absl::string_view version) {
  return {EventItem::Kind::kReference, key, version};
}

// As the target makes an event of its input: three numbers, then the items.
std::string EventParts(std::initializer_list<absl::string_view> keys) {
  std::string parts = absl::StrCat(EncodeBigEndian64(kEpoch), EncodeBigEndian64(1), EncodeBigEndian64(kOrigin));
  parts.push_back(static_cast<char>(keys.size()));
  char kind = 0;
  for (const absl::string_view key : keys) {
    parts.push_back(kind);
    parts.push_back(static_cast<char>(key.size()));
    absl::StrAppend(&parts, key, VersionBytes());
    if (kind == 0) {
      parts.push_back(5);
      absl::StrAppend(&parts, "value");
    }
    kind = kind == 0 ? 1 : 0;
  }
  return parts;
}

// ---- Replies ----

RedisReply Epoch() { return TextReply(FormatEpoch(kEpoch)); }
RedisReply Time() { return IntegerReply(static_cast<int64_t>(kMillis)); }
// Each answer that a script of ours gives, by its name.
std::map<std::string, RedisReply> ScriptReplies() {
  return {
      {"position",
       ArrayReply({Epoch(), IntegerReply(7), IntegerReply(3), Epoch(), Time(), IntegerReply(1), IntegerReply(5),
                   Epoch(), TextReply("00000000000000ab:1700000010000"), IntegerReply(1), IntegerReply(2)})},
      {"position-none",
       ArrayReply({TextReply(""), IntegerReply(0), IntegerReply(0), TextReply(""), Time(), IntegerReply(0),
                   IntegerReply(0), TextReply(""), TextReply(""), IntegerReply(0), IntegerReply(0)})},
      {"page", ArrayReply({Epoch(), IntegerReply(900), IntegerReply(0), Time(), IntegerReply(1), IntegerReply(900),
                           TextReply("routes/eu-1"), TextReply(ValueRecord("10.0.0.1")), TextReply("gone"),
                           TextReply(TombstoneRecord())})},
      {"page-empty",
       ArrayReply({TextReply(""), IntegerReply(0), IntegerReply(0), Time(), IntegerReply(1), IntegerReply(0)})},
      {"mirror",
       ArrayReply({TextReply("OK"), Epoch(), IntegerReply(8), Time(), IntegerReply(7), IntegerReply(2), IntegerReply(1),
                   IntegerReply(5), IntegerReply(3), IntegerReply(2), TextReply(ValueRecord("winner"))})},
      {"mirror-restored", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(8), Time(), IntegerReply(5),
                                      IntegerReply(2), IntegerReply(3), TextReply(ValueRecord("winner"))})},
      {"mirror-all", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(8), Time(), IntegerReply(5)})},
      {"mirror-epoch", ArrayReply({TextReply("EPOCH"), Epoch()})},
      {"mirror-no-epoch", ArrayReply({TextReply("EPOCH"), TextReply("")})},
      {"mirror-clock", ArrayReply({TextReply("CLOCK"), Time(), IntegerReply(2), TextReply(""),
                                   TextReply(VersionBytes().substr(0, 8))})},
      {"mirror-late", ArrayReply({TextReply("LATE"), Time()})},
      {"conditional", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(int64_t{1} << 53), Time()})},
      {"conditional-condition", ArrayReply({TextReply("CONDITION"), TextReply(ValueRecord("there"))})},
      {"conditional-absent", ArrayReply({TextReply("CONDITION"), TextReply("")})},
      {"conditional-stale", ArrayReply({TextReply("STALE"), TextReply(TombstoneRecord())})},
      {"conditional-clock", ArrayReply({TextReply("CLOCK"), Time()})},
      {"conditional-late", ArrayReply({TextReply("LATE"), Time()})},
      {"epoch-in-force", ArrayReply({Epoch(), IntegerReply(1000)})},
      {"records", ArrayReply({Epoch(), TextReply(ValueRecord("one")), TextReply(""), TextReply(TombstoneRecord())})},
      {"missing", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(1), IntegerReply(2), IntegerReply(7)})},
      {"missing-nothing", ArrayReply({TextReply("OK"), Epoch()})},
      {"collected", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(3), IntegerReply(900), Time()})},
      {"reindexed", ArrayReply({TextReply("OK"), Epoch(), IntegerReply(3), TextReply("18446744073709551615")})},
  };
}

// What else Redis says.
std::map<std::string, RedisReply> OtherReplies() {
  const char kInfo[] = "# Replication\r\nrole:master\r\nmaster_replid:8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb\r\n";
  return {
      {"nil", NilReply()},
      {"ok", StatusReply("OK")},
      {"info", TextReply(kInfo)},
      {"message", ArrayReply({TextReply("message"), TextReply("dunlin:{default}:events"),
                              TextReply(Event({InlineItem("k", ValueRecord("v"))}))})},
      {"subscribed", ArrayReply({TextReply("subscribe"), TextReply("dunlin:{default}:events"), IntegerReply(1)})},
      {"negative", IntegerReply(-1)},
      {"lowest", IntegerReply(INT64_MIN)},
      {"nested", ArrayReply({ArrayReply({ArrayReply({ArrayReply({}), NilReply()})}), ErrorReply("ERR inside")})},
      {"error-loading", ErrorReply("LOADING Redis is loading the dataset in memory")},
      {"error-readonly", ErrorReply("READONLY You can't write against a read only replica.")},
      {"error-noscript", ErrorReply("NOSCRIPT No matching script. Please use EVAL.")},
      {"error-noperm", ErrorReply("NOPERM this user has no permissions to run the 'evalsha' command")},
      {"error-clients", ErrorReply("ERR max number of clients reached")},
      {"error-in-script",
       ErrorReply("ERR Error running script (call to f_0): @user_script:12: -OOM command not allowed")},
      {"error-unknown", ErrorReply("ERR something new")},
      {"error-empty", ErrorReply("")},
  };
}

}  // namespace

Seeds EventMessageSeeds() {
  const std::string record = ValueRecord("on");
  const std::string long_record = ValueRecord(std::string(300, 'v'));
  const std::string tombstone = TombstoneRecord();
  const std::string version = VersionBytes();
  const std::string batch = Event({InlineItem("a", record), InlineItem("b", tombstone), ReferenceItem("c", version)});
  return {
      {"record", Event({InlineItem("feature/dark-mode", record)})},
      {"tombstone", Event({InlineItem("gone", tombstone)})},
      {"reference", Event({ReferenceItem("large", version)})},
      {"long-record", Event({InlineItem("k", long_record)})},
      {"longest-key", Event({InlineItem(std::string(480, 'k'), record)})},
      {"no-key", Event({InlineItem("", record)})},
      {"batch", batch},
      {"empty", Event({})},
      {"first-sequence", Event({InlineItem("k", record)}, 0)},
      {"last-sequence", Event({InlineItem("k", record), InlineItem("l", record)}, UINT64_MAX)},
      {"short-body", Event({InlineItem("k", "short")})},
      {"long-reference", Event({ReferenceItem("k", record)})},
      {"cut-in-header", batch.substr(0, 30)},
      {"cut-in-item", batch.substr(0, batch.size() - 3)},
      {"more-behind", batch + "more"},
      {"another-format", "D2" + batch.substr(2)},
      {"upper-case-epoch", "D10123456789ABCDEF" + batch.substr(18)},
      {"many-items", batch.substr(0, 34) + "\xff\xff\xff\xff" + batch.substr(38)},
      {"parts-none", EventParts({})},
      {"parts-one", EventParts({"key"})},
      {"parts-three", EventParts({"one", "", "three"})},
      {"parts-seven", EventParts({"a", "b", "c", "d", "e", "f", "g"})},
  };
}

Seeds RelayRepliesSeeds() {
  Seeds seeds;
  for (const auto& replies : {ScriptReplies(), OtherReplies()}) {
    for (const auto& [name, reply] : replies) {
      seeds[name] = WriteReplyTree(reply);
    }
  }
  return seeds;
}

Seeds RedisConnectionSeeds() {
  Seeds seeds;
  std::string all;
  std::string trees;
  for (const auto& replies : {ScriptReplies(), OtherReplies()}) {
    for (const auto& [name, reply] : replies) {
      const std::string bytes = EncodeResp(reply);
      seeds["wire-" + name] = absl::StrCat(std::string(1, '\0'), bytes);
      absl::StrAppend(&all, bytes);
      absl::StrAppend(&trees, WriteReplyTree(reply));
    }
  }
  seeds["replies-all"] = "\1" + trees;
  seeds["replies-one"] = "\1" + WriteReplyTree(ScriptReplies()["mirror"]);
  seeds["replies-nested"] = "\1" + WriteReplyTree(OtherReplies()["nested"]);
  const std::string wire(1, '\0');
  seeds["wire-all"] = wire + all;
  seeds["wire-cut"] = wire + all.substr(0, all.size() / 2);
  seeds["wire-http"] = wire + "HTTP/1.1 400 Bad Request\r\n\r\n";
  seeds["wire-negative-size"] = wire + "$-7\r\n";
  seeds["wire-nil-array"] = wire + "*-1\r\n:1\r\n";
  seeds["wire-too-deep"] = wire + "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n";
  seeds["wire-bad-number"] = wire + ":12x\r\n";
  seeds["wire-size-beyond-end"] = wire + "$100\r\nabc\r\n";
  return seeds;
}

}  // namespace dunlin
