#include "server/build_info.h"

#include "absl/strings/str_cat.h"
#include "server/build_stamp.h"

namespace dunlin {
namespace {

#ifdef __clang__
constexpr char kCompiler[] = "clang " __clang_version__;
#else
constexpr char kCompiler[] = "gcc " __VERSION__;
#endif

constexpr BuildInfo kBuildInfo = {"0.1.0", DUNLIN_BUILD_COMMIT, kCompiler};

}  // namespace

const BuildInfo& GetBuildInfo() { return kBuildInfo; }

std::string VersionLine(absl::string_view program, const BuildInfo& info) {
  return absl::StrCat(program, " ", info.version, " (", DescribeBuild(info), ")");
}

std::string DescribeBuild(const BuildInfo& info) { return absl::StrCat("commit ", info.commit, ", ", info.compiler); }

}  // namespace dunlin
