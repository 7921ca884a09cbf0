// Goal: whoever reads what is kept of late changes is told the latest change of each key that has changed since, in
// order, or that they do not reach back so far; and what is kept is bounded. Method: random changes from a seed beside
// a list of all of them, read from every place in pages of every size.

#include "storage/recent_changes.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/selector.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

ChangePtr ChangeOf(uint64_t revision, const std::string& key, size_t size_bytes = 0) {
  Change change;
  change.revision = revision;
  change.key = key;
  change.encoded_record = std::string(size_bytes, 'x');
  return std::make_shared<const Change>(std::move(change));
}

// Reads on from `after` to the end in pages of `changes_max`, and checks each page.
std::vector<uint64_t> ReadAll(const RecentChanges& recent, uint64_t after, const Selection& selection,
                              size_t changes_max) {
  std::vector<uint64_t> revisions;
  for (bool complete = false; !complete;) {
    const auto page = recent.Read(after, selection, changes_max, size_t{1} << 30);
    EXPECT_TRUE(page.has_value()) << "it reached back so far before";
    if (!page.has_value()) {
      return revisions;
    }
    EXPECT_LE(page->changes.size(), changes_max);
    for (const ChangePtr& change : page->changes) {
      EXPECT_GT(change->revision, after);
      EXPECT_LE(change->revision, page->covered_revision);
      revisions.push_back(change->revision);
    }
    EXPECT_TRUE(page->complete || page->covered_revision > after) << "it gets on";
    after = page->covered_revision;
    complete = page->complete;
  }
  return revisions;
}

TEST(RecentChangesTest, TellsTheLatestOfEachKeySince) {
  for (const uint64_t seed : TestSeeds(20)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    std::mt19937_64 random(seed);
    const uint64_t start = random() % 100;
    RecentChanges recent;
    recent.Restart(start);
    std::map<std::string, uint64_t> latest;
    uint64_t revision = start;
    for (int step = 0; step < 60; ++step) {
      std::vector<ChangePtr> changes;
      for (uint64_t count = random() % 5; count > 0; --count) {
        const std::string key = absl::StrCat(random() % 2 == 0 ? "a/" : "b/", random() % 12);
        changes.push_back(ChangeOf(++revision, key));
        latest[key] = revision;
      }
      recent.Add(changes);
      const uint64_t after = start + random() % (revision - start + 3);
      for (const Selection& selection : {Selection(), Selection(Selector{Selector::Kind::kPrefix, "a/"})}) {
        std::vector<uint64_t> expected;
        for (const auto& [key, of_key] : latest) {
          if (of_key > after && selection.Matches(key)) {
            expected.push_back(of_key);
          }
        }
        std::sort(expected.begin(), expected.end());
        ASSERT_EQ(ReadAll(recent, after, selection, 1 + random() % 4), expected) << "after " << after;
      }
    }
    EXPECT_EQ(recent.size(), latest.size());
    EXPECT_TRUE(start == 0 || !recent.Read(start - 1, Selection(), 1, 1).has_value());
  }
}

TEST(RecentChangesTest, IsBoundedInNumberAndReachesBackLessFarThen) {
  RecentChanges recent;
  recent.Restart(0);
  const uint64_t last = kRecentChangesMax + 10;
  for (uint64_t revision = 1; revision <= last; ++revision) {
    recent.Add({ChangeOf(revision, absl::StrCat(revision))});
  }
  EXPECT_LE(recent.size(), kRecentChangesMax);
  EXPECT_LE(recent.size_bytes(), kRecentChangesMaxBytes);
  const uint64_t forgotten = last - recent.size();
  EXPECT_FALSE(recent.Read(forgotten - 1, Selection(), 10, 1000).has_value());
  EXPECT_EQ(ReadAll(recent, forgotten, Selection(), 256).size(), recent.size());
}

TEST(RecentChangesTest, IsBoundedInBytes) {
  RecentChanges recent;
  recent.Restart(0);
  for (uint64_t revision = 1; revision <= 10; ++revision) {
    recent.Add({ChangeOf(revision, absl::StrCat(revision), kRecentChangesMaxBytes / 3)});
    EXPECT_LE(recent.size_bytes(), kRecentChangesMaxBytes);
  }
  EXPECT_EQ(recent.size(), 2u);
  recent.Add({ChangeOf(11, "large", 2 * kRecentChangesMaxBytes)});
  EXPECT_EQ(recent.size(), 0u);
  EXPECT_FALSE(recent.Read(10, Selection(), 10, 1000).has_value());
  EXPECT_TRUE(recent.Read(11, Selection(), 10, 1000)->complete);
}

// One reader must not hold up others, though nothing of what it passes over is for it.
TEST(RecentChangesTest, APageLooksAtSoMuchAndNoMore) {
  RecentChanges recent;
  recent.Restart(0);
  for (uint64_t revision = 1; revision <= 2 * kRecentChangesRead; ++revision) {
    recent.Add({ChangeOf(revision, absl::StrCat("other/", revision))});
  }
  const auto page = recent.Read(0, Selection(Selector{Selector::Kind::kKey, "mine"}), 10, 1000);
  ASSERT_TRUE(page.has_value());
  EXPECT_TRUE(page->changes.empty());
  EXPECT_FALSE(page->complete);
  EXPECT_EQ(page->covered_revision, kRecentChangesRead);
}

}  // namespace
}  // namespace dunlin
