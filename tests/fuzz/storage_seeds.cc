#include <string>

#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "tests/fuzz/seeds.h"

namespace dunlin {
namespace {

constexpr uint64_t kTime = uint64_t{1700000000000} << kVersionCounterBits;
constexpr Version kVersion{kTime, 0x0123456789abcdef};
constexpr Version kNext{kTime + 1, 1};
constexpr uint64_t kExpiry = 1700000060000;

Record Value(const Version& version, absl::string_view value, uint64_t expiry_unix_ms = 0) {
  Record record;
  record.version = version;
  record.expiry_unix_ms = expiry_unix_ms;
  record.value = value;
  return record;
}

Record Tombstone(const Version& version) {
  Record record;
  record.version = version;
  record.tombstone = true;
  return record;
}

// Without its checksum, which the target adds.
std::string Content(const Record& record) {
  const std::string encoded = EncodeRecord(record);
  return encoded.substr(0, encoded.size() - (kRecordMinBytes - kVersionSizeBytes - 1));
}

std::string WithFlags(const Record& record, char flags) {
  std::string content = Content(record);
  content[kVersionSizeBytes] = flags;
  return content;
}

// As the target makes a record of its input.
std::string Parts(const Record& record) {
  std::string parts;
  AppendVersion(record.version, &parts);
  parts.push_back(record.tombstone ? 0 : record.expiry_unix_ms != 0 ? 1 : 2);
  if (record.expiry_unix_ms != 0) {
    AppendBigEndian64(record.expiry_unix_ms, &parts);
  }
  if (!record.tombstone) {
    parts.push_back(static_cast<char>(record.value.size()));
    absl::StrAppend(&parts, record.value);
  }
  return parts;
}

std::string Pair(const Record& a, const Record& b) { return absl::StrCat(Parts(a), Parts(b)); }

}  // namespace

Seeds RecordSeeds() {
  const std::string long_value(300, 'v');
  Seeds seeds;
  const auto add = [&seeds](const std::string& name, const Record& record) {
    seeds["encoded-" + name] = EncodeRecord(record);
    seeds["content-" + name] = Content(record);
  };
  add("value", Value(kVersion, "on"));
  add("empty-value", Value(kVersion, ""));
  add("zeros", Value(kVersion, std::string(9, '\0')));
  add("long-value", Value(kVersion, long_value));
  add("json", Value(kNext, R"({"weight": 3, "zone": "eu-1"})"));
  add("expiring", Value(kVersion, "session", kExpiry));
  add("expiring-empty", Value(kVersion, "", 1));
  add("expiring-last", Value(kVersion, "x", UINT64_MAX));
  add("tombstone", Tombstone(kVersion));
  add("first-version", Value(Version{}, "v"));
  add("last-version", Tombstone(Version{UINT64_MAX, UINT64_MAX}));

  seeds["content-nothing"] = "";
  seeds["content-expiry-zero"] = absl::StrCat(WithFlags(Value(kVersion, ""), 0x12), EncodeBigEndian64(0));
  seeds["content-expiry-cut"] = WithFlags(Value(kVersion, "short"), 0x12);
  seeds["content-tombstone-with-value"] = WithFlags(Value(kVersion, "v"), 0x11);
  seeds["content-tombstone-with-expiry"] = WithFlags(Value(kVersion, "12345678"), 0x13);
  seeds["content-unknown-flag"] = WithFlags(Value(kVersion, "v"), 0x14);
  seeds["content-newer-format"] = WithFlags(Value(kVersion, "v"), 0x20);
  seeds["content-format-0"] = WithFlags(Value(kVersion, "v"), 0);
  seeds["content-format-0-tombstone"] = WithFlags(Tombstone(kVersion), 1);

  seeds["pair-in-order"] = Pair(Value(kVersion, "old"), Value(kNext, "new"));
  seeds["pair-same"] = Pair(Value(kVersion, "v"), Value(kVersion, "v"));
  seeds["pair-clash"] = Pair(Value(kVersion, "one"), Value(kVersion, "other"));
  seeds["pair-origins"] = Pair(Value(Version{kTime, 1}, "v"), Value(Version{kTime, UINT64_MAX}, "v"));
  seeds["pair-tombstone"] = Pair(Tombstone(kNext), Value(kVersion, "v", kExpiry));
  seeds["pair-tombstones"] = Pair(Tombstone(kVersion), Tombstone(kVersion));
  return seeds;
}

}  // namespace dunlin
