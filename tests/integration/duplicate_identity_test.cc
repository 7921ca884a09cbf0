// Goal: a data directory that was copied and is run twice is noticed by the run that came later, which says so, and
// data still converge. Method: two real replicas on a directory and its copy, over a real Redis.

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

TEST(DuplicateIdentity, TheLaterRunOfACopiedDataDirectorySaysSoAndDataStillConverge) {
  Fleet::Options options;
  options.replicas = 1;
  Fleet fleet(options);
  ReplicaProcess& original = fleet.replica(0);
  ASSERT_TRUE(original.client().Put("before", "1").ok());
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  ASSERT_EQ(original.Terminate().code, 0);

  const TempDir directory;
  ReplicaProcess::Options copy_options = original.options();
  copy_options.data_dir = directory.Join("copy");
  copy_options.log_path = directory.Join("copy.log");
  std::filesystem::copy(original.options().data_dir, copy_options.data_dir, std::filesystem::copy_options::recursive);
  original.Start();
  ReplicaProcess copy(copy_options);
  copy.Start();
  ASSERT_TRUE(original.WaitServing());
  ASSERT_TRUE(copy.WaitServing());
  // Which of the two Redis has heard of first is not for the test to say.
  ASSERT_TRUE(Eventually([&] { return original.Status().duplicate_identity || copy.Status().duplicate_identity; }));
  const bool copy_is_later = copy.Status().duplicate_identity;
  ReplicaProcess& later = copy_is_later ? copy : original;
  ReplicaProcess& first = copy_is_later ? original : copy;
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(later.Log(), "runs on a copy of this data directory"); }));
  ASSERT_EQ(original.Status().store_id, copy.Status().store_id);

  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(original.client().Put(absl::StrCat("original/", i), "x").ok());
    ASSERT_TRUE(copy.client().Put(absl::StrCat("copy/", i), "x").ok());
    ASSERT_TRUE(original.client().Put("both", absl::StrCat("original ", i)).ok());
    ASSERT_TRUE(copy.client().Put("both", absl::StrCat("copy ", i)).ok());
  }
  EXPECT_TRUE(Eventually([&] {
    const client::ReplicaStatus a = original.Status();
    const client::ReplicaStatus b = copy.Status();
    return a.digest == b.digest && a.entries == 42 && a.outbox_depth == 0 && b.outbox_depth == 0;
  })) << original.LogTail()
      << copy.LogTail();

  // Once the other is gone for longer than a lease lasts, it is alone again.
  ASSERT_EQ(first.Terminate().code, 0);
  EXPECT_TRUE(Eventually([&] { return !later.Status().duplicate_identity; })) << later.LogTail();
}

}  // namespace
}  // namespace dunlin
