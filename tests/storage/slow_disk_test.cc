// Goal: an operator who sees a slow replica learns from its log whether the disk is to blame: a commit that takes as
// long as `slow_commit` is told, with how long it took and how much was in it; a quick one is not. Method: a limit that
// every commit exceeds, and one that none does.

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/committer.h"
#include "storage/logger.h"
#include "storage/mutex.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Keeps the names of the fields of every warning.
class Warnings final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return true; }
  void Log(LogLevel level, absl::string_view message, Fields fields) override {
    if (level != LogLevel::kWarning || !absl::StrContains(message, "the disk is slow")) {
      return;
    }
    MutexLock lock(&mutex_);
    for (const LogField& field : fields) {
      names_.emplace_back(field.name());
    }
    ++count_;
  }
  std::vector<std::string> names() const {
    MutexLock lock(&mutex_);
    return names_;
  }
  int count() const {
    MutexLock lock(&mutex_);
    return count_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

class SlowDiskTest : public ::testing::Test {
 protected:
  void Open(absl::Duration slow_commit) {
    tester_.Close();
    tester_.committer_options().logger = &warnings_;
    tester_.committer_options().slow_commit = slow_commit;
    ASSERT_TRUE(tester_.Open().ok());
  }

  TempDir dir_;
  Warnings warnings_;
  StoreTester tester_{dir_.path()};
};

TEST_F(SlowDiskTest, ACommitThatTakesLongIsToldWithHowLongAndHowMuch) {
  Open(absl::ZeroDuration());
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  tester_.Close();
  EXPECT_THAT(warnings_.names(), ElementsAre("seconds", "operations"));
}

TEST_F(SlowDiskTest, EachOfThemIsTold) {
  Open(absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(tester_.Put("key", "value").ok());
  }
  tester_.Close();
  EXPECT_EQ(warnings_.count(), 5);
}

TEST_F(SlowDiskTest, AQuickCommitIsNotWorthALine) {
  Open(absl::InfiniteDuration());
  ASSERT_TRUE(tester_.Put("key", "value").ok());
  tester_.Close();
  EXPECT_THAT(warnings_.names(), IsEmpty());
}

}  // namespace
}  // namespace dunlin
