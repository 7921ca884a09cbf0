// Goal: a change shows exactly the record it was made of. Method: records of every form.

#include "storage/change.h"

#include <string>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

TEST(ChangeTest, TheValueIsTheRecordsWhateverStandsAroundIt) {
  for (const uint64_t expiry : {uint64_t{0}, uint64_t{1'700'000'000'000}}) {
    for (const std::string& value : {std::string(), std::string("a\0b", 3), std::string(100000, 'v')}) {
      Record record;
      record.version = Version{3, 4};
      record.expiry_unix_ms = expiry;
      record.value = value;
      const std::string encoded = EncodeRecord(record);
      const Change change = MakeChange(ChangeType::kPut, 10, 9, "key", encoded, record);
      EXPECT_EQ(change.value(), value);
      EXPECT_EQ(change.encoded_record, encoded);
      EXPECT_EQ(change.key, "key");
      EXPECT_EQ(change.revision, 10u);
      EXPECT_EQ(change.batch_first_revision, 9u);
      EXPECT_EQ(change.version, (Version{3, 4}));
      EXPECT_EQ(change.expiry_unix_ms, expiry);
      EXPECT_GE(change.SizeBytes(), encoded.size() + 3);
    }
  }
}

TEST(ChangeTest, ADeleteHasNoValue) {
  Record record;
  record.tombstone = true;
  EXPECT_EQ(MakeChange(ChangeType::kDelete, 1, 1, "key", EncodeRecord(record), record).value(), "");
}

}  // namespace
}  // namespace dunlin
