// Goal: damaged pages are found without harm to whoever looks for them. Whatever becomes of a page, either the check
// says so, or everything can be read, and what is not as it was is found by the scrubber.
// Method: a store with long and short values, deletions and free pages; single pages of its file overwritten, by seed;
// DUNLIN_SEED=N repeats one.

#include "storage/page_check.h"

#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/scrubber.h"
#include "storage/store.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"
#include "tests/support/read_file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

constexpr int kKeys = 400;
constexpr size_t kPageBytes = 4096;

absl::Status Check(const std::string& directory) {
  return CheckPages(directory, kDatabaseMapSizeBytesDefault, [] { return false; });
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Whether a scrubber finds that something is not as it has to be.
bool ScrubberFindsFault(const Store& store) {
  Scrubber scrubber(&store);
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) {
    more = scrubber.Step();
  }
  const ScrubReport& report = scrubber.report();
  return !more.ok() || report.damaged_count > 0 || report.counts != ScrubReport::Comparison::kEqual ||
         report.digest != ScrubReport::Comparison::kEqual;
}

std::vector<std::string> Contents(const Store& store) {
  const auto page = store.List("", "", kKeys, size_t{1} << 30, /*keys_only=*/false);
  std::vector<std::string> contents;
  for (const StoredEntry& entry : page.ok() ? page->entries : std::vector<StoredEntry>()) {
    contents.push_back(absl::StrCat(entry.key, "=", entry.value));
  }
  return contents;
}

class PageCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreTester tester(dir_.path());
    ASSERT_TRUE(tester.opened().ok()) << tester.opened();
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(tester.Put(absl::StrCat("key", i), std::string(i % 10 == 0 ? 9000 : 30, 'a')).ok());
    }
    for (int i = 0; i < kKeys; i += 3) {
      ASSERT_TRUE(tester.Delete(absl::StrCat("key", i)).ok());
      ASSERT_TRUE(tester.Put(absl::StrCat("key", i + 1), "another", absl::Hours(1)).ok());
    }
    contents_ = Contents(tester.store());
    tester.Close();
    bytes_ = ReadFile(path());
    ASSERT_GT(bytes_.size() / kPageBytes, 100u);
  }

  std::string path() const { return DataFileOf(dir_.path()); }

  // What becomes of a page.
  std::string Damage(const std::string& page, std::mt19937_64* random) const {
    std::string damaged = page;
    switch ((*random)() % 5) {
      case 0:
        return std::string(kPageBytes, '\0');
      case 1:
        return std::string(kPageBytes, '\xff');
      case 2:
        for (char& byte : damaged) {
          byte = static_cast<char>((*random)());
        }
        return damaged;
      case 3:
        // A write that went astray.
        return bytes_.substr((*random)() % (bytes_.size() / kPageBytes) * kPageBytes, kPageBytes);
      default:
        damaged[(*random)() % kPageBytes] ^= static_cast<char>(1 + (*random)() % 255);
        return damaged;
    }
  }

  absl::StatusOr<std::unique_ptr<Store>> OpenStore(StoreCheck check = StoreCheck::kOff) {
    Store::Options options;
    options.directory = dir_.path();
    options.sync = false;
    options.check = check;
    return Store::Open(options, &clock_);
  }

  TempDir dir_;
  FakeClock wall_clock_;
  HybridClock clock_{&wall_clock_};
  std::vector<std::string> contents_;
  std::string bytes_;
};

TEST_F(PageCheckTest, ASoundDatabasePasses) { EXPECT_TRUE(Check(dir_.path()).ok()) << Check(dir_.path()); }

TEST_F(PageCheckTest, NoDatabaseAndAnEmptyOnePass) {
  TempDir empty;
  EXPECT_TRUE(Check(empty.path()).ok());
  StoreTester tester(empty.path());
  tester.Close();
  EXPECT_TRUE(Check(empty.path()).ok()) << Check(empty.path());
}

TEST_F(PageCheckTest, WhateverBecomesOfAPageIsFoundOrHarmless) {
  int found = 0;
  int harmless = 0;
  int for_the_scrubber = 0;
  const std::vector<uint64_t> seeds = TestSeeds(400);
  for (const uint64_t seed : seeds) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    std::mt19937_64 random(seed);
    const size_t at = random() % (bytes_.size() / kPageBytes) * kPageBytes;
    std::string bytes = bytes_;
    bytes.replace(at, kPageBytes, Damage(bytes.substr(at, kPageBytes), &random));
    WriteFile(path(), bytes);
    const absl::Status status = Check(dir_.path());
    if (!status.ok()) {
      // A head that names another version of LMDB may well be one's own.
      ASSERT_TRUE(absl::IsDataLoss(status) || absl::IsFailedPrecondition(status)) << status;
      ++found;
      continue;
    }
    const auto store = OpenStore();
    if (!store.ok() || ScrubberFindsFault(**store)) {
      ++for_the_scrubber;
      continue;
    }
    ASSERT_EQ(Contents(**store), contents_);
    ++harmless;
  }
  RecordProperty("found", found);
  RecordProperty("for_the_scrubber", for_the_scrubber);
  RecordProperty("harmless", harmless);
  if (seeds.size() >= 400) {
    EXPECT_GT(found, 40);
    EXPECT_GT(harmless, 40) << "free pages";
    EXPECT_GT(for_the_scrubber, 4);
  }
}

TEST_F(PageCheckTest, AFileThatWasCutOffIsFoundAndNamesTheTable) {
  WriteFile(path(), bytes_.substr(0, 3 * kPageBytes));
  const absl::Status status = Check(dir_.path());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("has damaged pages"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Bus error"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--store-check=rebuild"));
}

TEST_F(PageCheckTest, WhatIsNoDatabaseIsFound) {
  WriteFile(path(), std::string(3 * kPageBytes, 'x'));
  const absl::Status status = Check(dir_.path());
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("the head of the file"));
}

TEST_F(PageCheckTest, AnInterruptedOneEndsAtOnce) {
  // Whoever opens a FIFO to read waits for its writer, for ever.
  ASSERT_EQ(std::remove(path().c_str()), 0);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  int asked = 0;
  const absl::Status status = CheckPages(dir_.path(), kDatabaseMapSizeBytesDefault, [&asked] { return ++asked == 2; });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

// The system does so where memory is short. A store must not be set aside for that.
TEST_F(PageCheckTest, AReaderThatSomebodyElseEndsHasFoundNoDamage) {
  ASSERT_EQ(std::remove(path().c_str()), 0);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  const absl::Status status = CheckPages(dir_.path(), kDatabaseMapSizeBytesDefault, [] {
    pid_t child = 0;
    std::ifstream("/proc/thread-self/children") >> child;
    return child <= 0 || kill(child, SIGKILL) != 0;
  });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(PageCheckTest, WhatIsWrittenMeanwhileIsNeverTakenForDamage) {
  StoreTester tester(dir_.path());
  const Scrubber scrubber(&tester.store());
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (!stop) {
      EXPECT_TRUE(tester.Put(absl::StrCat("key", written % kKeys), std::string(5000, 'b')).ok());
      ++written;
    }
  });
  for (int i = 0; i < 20 || written < 100; ++i) {
    const absl::Status status = scrubber.CheckPages([] { return false; });
    EXPECT_TRUE(status.ok()) << status;
  }
  stop = true;
  writer.join();
}

// ---- At the opening of a store ----

TEST_F(PageCheckTest, ADamagedStoreIsRefusedOrBeginsAnew) {
  const std::string damaged = bytes_.substr(0, bytes_.size() / 2);
  WriteFile(path(), damaged);
  EXPECT_TRUE(absl::IsDataLoss(OpenStore(StoreCheck::kRefuse).status()));
  EXPECT_EQ(ReadFile(path()), damaged) << "it is left as it is";
  {
    const auto store = OpenStore(StoreCheck::kRebuild);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->state().revision, 0u);
  }
  EXPECT_EQ(ReadFile(path() + ".damaged"), damaged) << "whoever wants to can still look at it";
  EXPECT_TRUE(OpenStore(StoreCheck::kRefuse).ok()) << "the new one is sound";
}

TEST_F(PageCheckTest, ASoundStoreStays) {
  for (const StoreCheck check : {StoreCheck::kRefuse, StoreCheck::kRebuild}) {
    const auto store = OpenStore(check);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(Contents(**store), contents_);
  }
}

TEST_F(PageCheckTest, AStoreInUseIsNeverSetAside) {
  const auto store = OpenStore();
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(OpenStore(StoreCheck::kRebuild).status()));
  EXPECT_EQ(ReadFile(path() + ".damaged"), "");
}

}  // namespace
}  // namespace dunlin
