#include "sync/redis_names.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

}  // namespace

absl::StatusOr<RedisNames> MakeRedisNames(absl::string_view namespace_name) {
  if (namespace_name.empty() || namespace_name.size() > kNamespaceSizeMaxBytes ||
      !std::all_of(namespace_name.begin(), namespace_name.end(), IsNameCharacter)) {
    return absl::InvalidArgumentError(absl::StrCat("namespace \"", absl::CHexEscape(namespace_name), "\": choose 1 to ",
                                                   kNamespaceSizeMaxBytes, " letters, digits, '.', '_' or '-'"));
  }
  const std::string prefix = absl::StrCat("dunlin:{", namespace_name, "}:");
  return RedisNames{prefix + "data", prefix + "index", prefix + "meta", prefix + "leases", prefix + "events"};
}

}  // namespace dunlin
