#include "tests/support/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace dunlin {

std::string TempDir::Parent() {
  const char* const parent = std::getenv("DUNLIN_TEST_DIR");
  return parent != nullptr ? parent : "/tmp";
}

TempDir::TempDir() {
  path_ = absl::StrCat(Parent(), "/dunlin-test-XXXXXX");
  if (mkdtemp(path_.data()) == nullptr) {
    std::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Join(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

}  // namespace dunlin
