#ifndef DUNLIN_SERVER_BUILD_INFO_H_
#define DUNLIN_SERVER_BUILD_INFO_H_

#include <string>

#include "absl/strings/string_view.h"

namespace dunlin {

// What this program was built from.
struct BuildInfo {
  // The release, such as "0.1.0".
  const char* version;
  // The commit, or "unknown" when the build was not stamped with it.
  const char* commit;
  const char* compiler;
};

const BuildInfo& GetBuildInfo();

// The line that `program --version` prints, such as "dunlind 0.1.0 (commit 0acad58, gcc 12.2.0)", without its end.
std::string VersionLine(absl::string_view program, const BuildInfo& info);

// Commit and compiler in one line, such as "commit 0acad58, gcc 12.2.0".
std::string DescribeBuild(const BuildInfo& info);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_BUILD_INFO_H_
