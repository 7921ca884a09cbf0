// Goal: a page of early writes says what the store's outbox will say once it has them, and is given only to a mirror
// that has read all before them; whatever is not given is there to be read later. Method: changes made by hand, and at
// random beside a list of what the outbox has; the store itself takes part in early_mirror_test and the simulation.

#include "sync/early_writes.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

// One that has gone into the outbox, or one that has not: another replica's, as a rule.
ChangePtr ChangeOf(uint64_t revision, absl::string_view key, bool unsent = true) {
  Change change;
  change.revision = revision;
  change.unsent = unsent;
  change.key = std::string(key);
  change.encoded_record = absl::StrCat("record ", revision);
  return std::make_shared<const Change>(change);
}

// "KEY@REVISION…, up to REVISION", and "and more" if the page is not complete; or "(the store)".
std::string Take(EarlyWrites* early, uint64_t after_revision, uint64_t refill_revision = 0) {
  const absl::optional<EarlyWrites::Taken> taken =
      early->Take({after_revision, kMirrorBatchEntriesMax, kMirrorBatchMaxBytes}, refill_revision);
  if (!taken.has_value()) {
    return "(the store)";
  }
  const ChangePage page = EarlyWrites::PageOf(*taken);
  std::string text;
  for (const Change& change : page.changes) {
    absl::StrAppend(&text, change.key, "@", change.revision, " ");
    EXPECT_EQ(change.encoded_record, absl::StrCat("record ", change.revision));
  }
  return absl::StrCat(text, "up to ", page.covered_revision, page.complete ? "" : " and more");
}

class EarlyWritesTest : public ::testing::Test {
 protected:
  EarlyWritesTest() { early_.Begin(10); }

  EarlyWrites early_;
};

TEST_F(EarlyWritesTest, WhoHasReadAllBeforeThemIsGivenThem) {
  early_.OnWritten({ChangeOf(11, "a"), ChangeOf(12, "b")}, 10);
  EXPECT_EQ(Take(&early_, 10), "a@11 b@12 up to 12");
  EXPECT_EQ(Take(&early_, 12), "(the store)") << "they are given once";
}

TEST_F(EarlyWritesTest, WhoHasNotReadsTheStore) {
  early_.OnWritten({ChangeOf(11, "a")}, 10);
  EXPECT_EQ(Take(&early_, 9), "(the store)");
  EXPECT_EQ(Take(&early_, 10), "a@11 up to 11");
  early_.OnWritten({ChangeOf(12, "b")}, 11);
  EXPECT_EQ(Take(&early_, 12), "(the store)") << "it has read it there";
}

TEST_F(EarlyWritesTest, WhoHasReadSomeOfThemInTheStoreIsGivenTheRest) {
  early_.OnWritten({ChangeOf(11, "a")}, 10);
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(11, "a")}));
  early_.OnWritten({ChangeOf(12, "b")}, 11);
  EXPECT_EQ(Take(&early_, 11), "b@12 up to 12");
}

TEST_F(EarlyWritesTest, WhatOthersWroteNeedNotHaveBeenRead) {
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(11, "a", false), ChangeOf(12, "b", false)}));
  early_.OnWritten({ChangeOf(13, "c")}, 12);
  EXPECT_EQ(Take(&early_, 10), "c@13 up to 13");
}

// Own writes; what expires while it waits; what Redis had and may have lost.
TEST_F(EarlyWritesTest, WhatWentIntoTheOutboxAndWasNotToldEarlyHasToBeReadFirst) {
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(11, "a")}));
  early_.OnWritten({ChangeOf(12, "b")}, 11);
  EXPECT_EQ(Take(&early_, 10), "(the store)");
  EXPECT_EQ(Take(&early_, 11), "b@12 up to 12");
}

TEST_F(EarlyWritesTest, ARefillHasToBeReadFirst) {
  early_.OnWritten({ChangeOf(21, "a")}, 20);
  EXPECT_EQ(Take(&early_, 15, /*refill_revision=*/16), "(the store)");
  EXPECT_EQ(Take(&early_, 16, /*refill_revision=*/16), "a@21 up to 21");
}

TEST_F(EarlyWritesTest, GroupsThatFollowOneAnotherAreOnePage) {
  early_.OnWritten({ChangeOf(11, "a"), ChangeOf(12, "b")}, 10);
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(11, "a"), ChangeOf(12, "b")}));
  early_.OnWritten({ChangeOf(13, "a")}, 12);
  EXPECT_EQ(Take(&early_, 10), "b@12 a@13 up to 13") << "of a key, the last one counts";
}

TEST_F(EarlyWritesTest, AGroupThatDoesNotFollowTakesThePlaceOfThose) {
  early_.OnWritten({ChangeOf(11, "a")}, 10);
  early_.OnCommitted({ChangeOf(11, "a")});
  early_.OnCommitted({ChangeOf(12, "other", false)});
  early_.OnWritten({ChangeOf(13, "b")}, 12);
  EXPECT_EQ(Take(&early_, 10), "(the store)");
  EXPECT_EQ(Take(&early_, 11), "b@13 up to 13");
}

TEST_F(EarlyWritesTest, APageBehindWhichThereIsMoreSaysSo) {
  early_.OnWritten({ChangeOf(11, "a")}, 10);
  early_.OnCommitted({ChangeOf(11, "a")});
  early_.OnCommitted({ChangeOf(12, "b")});
  EXPECT_EQ(Take(&early_, 10), "a@11 up to 11 and more");
}

TEST_F(EarlyWritesTest, WhatWasTakenNeedNotBeReadAgainUnlessItIsAskedForAgain) {
  early_.OnWritten({ChangeOf(11, "a")}, 10);
  EXPECT_EQ(Take(&early_, 10), "a@11 up to 11");
  EXPECT_FALSE(early_.OnCommitted({ChangeOf(11, "a")}));
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(12, "b")}));

  early_.OnWritten({ChangeOf(13, "c")}, 12);
  EXPECT_EQ(Take(&early_, 12), "c@13 up to 13");
  EXPECT_EQ(Take(&early_, 12), "(the store)") << "the connection was lost; the store does not have it yet";
  EXPECT_TRUE(early_.OnCommitted({ChangeOf(13, "c")}));
}

TEST_F(EarlyWritesTest, MoreThanABatchTakesIsLeftToTheStore) {
  std::vector<ChangePtr> many;
  for (uint64_t i = 1; i <= kMirrorBatchEntriesMax + 1; ++i) {
    many.push_back(ChangeOf(10 + i, absl::StrCat(i)));
  }
  early_.OnWritten(many, 10);
  EXPECT_EQ(Take(&early_, 10), "(the store)");
  EXPECT_TRUE(early_.OnCommitted(many));
  const uint64_t after = many.back()->revision;
  early_.OnWritten({ChangeOf(after + 1, "a")}, after);
  EXPECT_EQ(Take(&early_, 10), "(the store)");
  EXPECT_EQ(Take(&early_, after), absl::StrCat("a@", after + 1, " up to ", after + 1));
}

// A reader who asks whenever it is told to, as the mirror does, sees each key's last own write, and none before it has
// seen those before; whatever it asks of the store the store has by then, or it is told to ask again.
RC_GTEST_PROP(EarlyWritesProperty, ReadersMissNothing, ()) {
  EarlyWrites early;
  early.Begin(0);
  // What the store has, as the outbox shows it: the latest own revision of each key.
  std::map<std::string, uint64_t> stored;
  std::map<std::string, uint64_t> seen;
  uint64_t committed = 0;
  uint64_t read_revision = 0;
  bool may_have_more = true;
  const auto read = [&] {
    while (may_have_more) {
      const absl::optional<EarlyWrites::Taken> taken =
          early.Take({read_revision, kMirrorBatchEntriesMax, kMirrorBatchMaxBytes}, 0);
      if (taken.has_value()) {
        const ChangePage page = EarlyWrites::PageOf(*taken);
        RC_ASSERT(page.covered_revision > read_revision);
        for (const Change& change : page.changes) {
          seen[change.key] = change.revision;
        }
        for (const auto& [key, stored_revision] : stored) {
          RC_ASSERT(stored_revision <= read_revision || stored_revision > page.covered_revision ||
                    seen[key] >= stored_revision);
        }
        read_revision = page.covered_revision;
        may_have_more = !page.complete;
        continue;
      }
      for (const auto& [key, revision] : stored) {
        if (revision > read_revision) {
          seen[key] = revision;
        }
      }
      read_revision = std::max(read_revision, committed);
      may_have_more = false;
    }
  };
  uint64_t revision = 0;
  for (const int step : *rc::gen::container<std::vector<int>>(40, rc::gen::inRange(0, 100))) {
    const bool own = step % 2 == 0;
    const bool is_told_early = own && step % 4 == 0;
    std::vector<ChangePtr> group;
    const uint64_t after = revision;
    for (int i = 0; i <= step % 3; ++i) {
      group.push_back(ChangeOf(++revision, absl::StrCat("k", (step + i) % 5), own));
    }
    if (is_told_early) {
      early.OnWritten(group, after);
      may_have_more = true;
      if (step % 5 != 0) {
        read();
      }
      if (step % 7 == 0) {
        // The connection is lost: all is read again.
        read_revision = 0;
        may_have_more = true;
        read();
      }
    }
    for (const ChangePtr& change : group) {
      stored.erase(change->key);
      if (own) {
        stored[change->key] = change->revision;
      }
    }
    committed = revision;
    may_have_more = early.OnCommitted(group) || may_have_more;
    if (step % 3 != 0) {
      read();
    }
  }
  read();
  for (const auto& [key, last] : stored) {
    RC_ASSERT(seen[key] == last);
  }
}

}  // namespace
}  // namespace dunlin
