#ifndef DUNLIN_CLIENT_CLI_NAMES_H_
#define DUNLIN_CLIENT_CLI_NAMES_H_

#include "absl/strings/string_view.h"
#include "client/types.h"

namespace dunlin::client::cli {

// The names by which the command line speaks of enum values, in text as in JSON: lower case, words joined by "_". They
// are those of proto/dunlin/v1 without the type's prefix.
absl::string_view NameOf(EventType type);
absl::string_view NameOf(WatchMarker marker);
absl::string_view NameOf(WatcherState state);
absl::string_view NameOf(SyncState state);
absl::string_view NameOf(Comparison comparison);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_NAMES_H_
