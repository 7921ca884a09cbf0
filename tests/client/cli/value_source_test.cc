// Goal: a value read from a file or a stream arrives byte for byte, or not at all.
// Method: streams at the limit and beyond it, and paths that cannot be read.

#include "client/cli/value_source.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/support/temp_dir.h"

namespace dunlin::client::cli {
namespace {

using ::testing::HasSubstr;

TEST(ValueSourceTest, StreamsAreReadByteForByte) {
  for (const std::string& value :
       {std::string(), std::string("\0\xff\r\n", 4), std::string(kValueSizeMaxBytesHard, 'x')}) {
    std::istringstream in(value);
    EXPECT_EQ(*ReadValue(in), value);
  }
}

TEST(ValueSourceTest, MoreThanAnyReplicaAcceptsIsRefused) {
  std::istringstream in(std::string(kValueSizeMaxBytesHard + 1, 'x'));
  const absl::Status status = ReadValue(in).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3145728 bytes"));
}

TEST(ValueSourceTest, FilesAreReadByteForByte) {
  const TempDir directory;
  for (const std::string& value : {std::string(), std::string("\0\xff\r\n", 4)}) {
    const std::string path = directory.Join("value");
    std::ofstream(path, std::ios::binary) << value;
    EXPECT_EQ(*ReadValueFile(path), value);
  }
}

TEST(ValueSourceTest, FilesThatCannotBeReadAreNamedWithTheReason) {
  const TempDir directory;
  const std::pair<std::string, const char*> cases[] = {
      {directory.Join("absent"), "No such file or directory"},
      {directory.path(), "Is a directory"},
  };
  for (const auto& [path, reason] : cases) {
    const absl::Status status = ReadValueFile(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace dunlin::client::cli
