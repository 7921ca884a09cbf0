// Goal: how old a revision is at least is known across restarts, and never overstated by a clock that steps.
// Method: examples.

#include "storage/revision_history.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

TEST(RevisionHistoryTest, TellsTheRevisionThatWasThereForCertain) {
  RevisionHistory history;
  EXPECT_TRUE(history.Note(1000, 5, 100));
  EXPECT_FALSE(history.Note(1050, 6, 100)) << "the last sample is younger";
  EXPECT_TRUE(history.Note(1100, 7, 100));
  EXPECT_TRUE(history.Note(1300, 9, 100));
  EXPECT_EQ(history.RevisionAt(999), 0u);
  EXPECT_EQ(history.RevisionAt(1000), 5u);
  EXPECT_EQ(history.RevisionAt(1299), 7u);
  EXPECT_EQ(history.RevisionAt(5000), 9u);
}

TEST(RevisionHistoryTest, ForgetsWhatIsOlderThanWhatWasAskedFor) {
  RevisionHistory history;
  for (uint64_t i = 1; i <= 100; ++i) {
    history.Note(1000 * i, i, 1000);
  }
  EXPECT_EQ(history.RevisionAt(90500), 90u);
  EXPECT_LE(history.size(), 11u);
  EXPECT_EQ(history.RevisionAt(90500), 90u) << "the answer stays known";
}

TEST(RevisionHistoryTest, AClockThatStepsBackAddsNothing) {
  RevisionHistory history;
  ASSERT_TRUE(history.Note(10000, 5, 100));
  EXPECT_FALSE(history.Note(2000, 8, 100));
  EXPECT_EQ(history.RevisionAt(9000), 0u) << "revision 8 was not there at 9,000 for certain";
  EXPECT_TRUE(history.Note(10100, 9, 100));
}

TEST(RevisionHistoryTest, ComesBackFromItsBytesAndNotFromDamagedOnes) {
  RevisionHistory history;
  history.Note(1000, 5, 100);
  history.Note(2000, 7, 100);
  const std::string bytes = history.Encode();
  absl::StatusOr<RevisionHistory> read = RevisionHistory::Decode(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Encode(), bytes);
  EXPECT_EQ(read->RevisionAt(1500), 5u);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(RevisionHistory::Decode(damaged).status())) << i;
  }
  EXPECT_TRUE(absl::IsDataLoss(RevisionHistory::Decode("").status()));
  EXPECT_TRUE(absl::IsDataLoss(RevisionHistory::Decode(bytes.substr(1)).status()));
}

}  // namespace
}  // namespace dunlin
