#include "tests/support/wrong_clock.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

// In the folder of whatever architecture this is; "" where it is not installed.
std::string FindFakeTimeLibrary() {
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib", error)) {
    const std::string path = folder.path().string() + "/faketime/libfaketime.so.1";
    if (std::filesystem::exists(path, error)) {
      return path;
    }
  }
  return "";
}

}  // namespace

bool HasWrongClocks() { return !IsSanitized() && !FindFakeTimeLibrary().empty(); }

std::vector<std::string> WrongClockEnvironment(absl::Duration offset) {
  return {absl::StrCat("LD_PRELOAD=", FindFakeTimeLibrary()),
          absl::StrFormat("FAKETIME=%+.3fs", absl::ToDoubleSeconds(offset)), "DONT_FAKE_MONOTONIC=1",
          "FAKETIME_DONT_FAKE_MONOTONIC=1"};
}

}  // namespace dunlin
