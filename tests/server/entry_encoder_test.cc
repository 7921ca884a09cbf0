// Goal: an entry that is encoded by hand is what protobuf makes of it, byte for byte.
// Method: entries of all shapes, in all forms, beside ToProto().

#include "server/entry_encoder.h"

#include <cstdint>
#include <string>
#include <vector>

#include "dunlin/v1/kv.pb.h"
#include "gtest/gtest.h"
#include "server/limits.h"
#include "server/proto_conversion.h"

namespace dunlin {
namespace {

std::vector<StoredEntry> Entries() {
  std::vector<StoredEntry> entries;
  const std::string values[] = {"",
                                "v",
                                std::string(100, 'v'),
                                std::string(127, 'x'),
                                std::string(128, 'x'),
                                "\xff\xfe",
                                "größer",
                                std::string(20'000, 'y'),
                                std::string(kTextSizeMaxBytes + 1, 'z')};
  for (const std::string& value : values) {
    for (const uint64_t number :
         {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 40, UINT64_MAX}) {
      StoredEntry entry;
      entry.key = "key/" + std::to_string(number);
      entry.value = value;
      entry.version.time = number;
      entry.version.origin = number / 3;
      entry.revision = number;
      entry.expiry_unix_ms = number;
      entries.push_back(entry);
      entry.expiry_unix_ms = 1'700'000'000'123;
      entry.key = std::string(480, 'k');
      entries.push_back(entry);
    }
  }
  return entries;
}

TEST(EntryEncoderTest, TheBytesAreThoseOfProtobuf) {
  for (const bool as_text : {false, true}) {
    v1::BatchGetResponse expected;
    std::string encoded;
    for (const StoredEntry& entry : Entries()) {
      AppendEntry(v1::BatchGetResponse::kEntriesFieldNumber,
                  {entry.key, entry.value, entry.version, entry.revision, entry.expiry_unix_ms},
                  HasText(entry.value, as_text), &encoded);
      ToProto(StoredEntry(entry), as_text, expected.add_entries());
      ASSERT_EQ(encoded.size(), expected.ByteSizeLong()) << entry.key << ", value of " << entry.value.size();
    }
    EXPECT_EQ(encoded, expected.SerializeAsString());
  }
}

}  // namespace
}  // namespace dunlin
