// Goal: an error of the disk below LMDB gets the right code and names its remedy, and a write that was cut short is
// told from a disk that fails. Method: calls that fail as the system's do. lmdb_env_test.cc meets LMDB's own errors.

#include "storage/lmdb_error.h"

#include <cerrno>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

TEST(LmdbErrorTest, TheMessageSaysWhatWasUnderWayTheReasonAndTheRemedy) {
  const absl::Status status = LmdbErrorToStatus(ENOSPC, "writing records");
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(status.message(), "database: writing records: No space left on device: free disk space");
}

TEST(LmdbErrorTest, TheCodeSaysWhoHasToAct) {
  for (const int error : {ENOSPC, EDQUOT, ENOMEM}) {
    EXPECT_TRUE(absl::IsResourceExhausted(LmdbErrorToStatus(error, "writing"))) << error;
  }
  for (const int error : {EACCES, EPERM, EROFS}) {
    const absl::Status status = LmdbErrorToStatus(error, "writing");
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << error;
    EXPECT_THAT(status.message(), HasSubstr("writable"));
  }
  EXPECT_TRUE(absl::IsInternal(LmdbErrorToStatus(EIO, "writing")));
}

TEST(LmdbErrorTest, AWriteThatWasCutShortMeansAFullDisk) {
  const auto fail = [](int error, int reason) {
    return LmdbWriteError([&] {
      errno = reason;
      return error;
    });
  };
  EXPECT_EQ(fail(EIO, 0), ENOSPC);
  EXPECT_EQ(fail(EIO, EIO), EIO) << "the disk itself says so";
  EXPECT_EQ(fail(ENOSPC, ENOSPC), ENOSPC);
  EXPECT_EQ(fail(0, 0), 0);
  errno = EIO;
  EXPECT_EQ(LmdbWriteError([] { return EIO; }), ENOSPC) << "an errno from before says nothing";
}

}  // namespace
}  // namespace dunlin
