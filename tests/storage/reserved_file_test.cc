// Goal: a reserved file has its place on the disk, whatever it was before. Method: real files and what stat says of
// them. (That it keeps a process alive on a full disk: full_disk_test.)

#include "storage/reserved_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/read_file.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

struct stat StatusOf(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status;
}

TEST(ReservedFileTest, AnAbsentFileGetsThePlaceOfOnePage) {
  TempDir dir;
  ReservedFile file(dir.Join("new"));
  ASSERT_TRUE(file.Reserve().ok());
  EXPECT_EQ(StatusOf(dir.Join("new")).st_size, 0);
  EXPECT_GE(StatusOf(dir.Join("new")).st_blocks * 512, sysconf(_SC_PAGESIZE));
}

TEST(ReservedFileTest, ASparseFileIsFilledAndKeepsItsBytes) {
  TempDir dir;
  const std::string path = dir.Join("sparse");
  std::ofstream(path) << "content";
  ReservedFile file(path);
  ASSERT_EQ(truncate(path.c_str(), 1 << 20), 0);
  ASSERT_LT(StatusOf(path).st_blocks * 512, 1 << 20) << "files are not sparse here";
  ASSERT_TRUE(file.Reserve().ok());
  EXPECT_EQ(StatusOf(path).st_size, 1 << 20);
  EXPECT_GE(StatusOf(path).st_blocks * 512, 1 << 20);
  EXPECT_EQ(ReadFile(path).substr(0, 8), std::string("content\0", 8));
}

TEST(ReservedFileTest, AFileThatCannotBeThereIsAnErrorThatNamesIt) {
  TempDir dir;
  ReservedFile file(dir.Join("absent/file"));
  const absl::Status status = file.Reserve();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find(dir.Join("absent/file")), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace dunlin
