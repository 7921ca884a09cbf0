#ifndef DUNLIN_TESTS_SUPPORT_TEMP_DIR_H_
#define DUNLIN_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace dunlin {

// TempDir is a directory of one test's own, removed with all that is in it when the object goes away.
//
// It lies directly under /tmp because the path of a Unix socket inside it has to fit 107 bytes. DUNLIN_TEST_DIR names
// another place, for those who remove what a killed test has left there.
//
// Thread-safety: immutable after construction.
class TempDir {
 public:
  // The directory that all of them lie in.
  static std::string Parent();

  // Aborts the test program when the directory cannot be made.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

  // The path of `name` inside the directory.
  std::string Join(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_TEMP_DIR_H_
