#ifndef DUNLIN_CLIENT_CLI_JSON_OUTPUT_H_
#define DUNLIN_CLIENT_CLI_JSON_OUTPUT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/types.h"

// The lines of `--output json`, each one object with its newline. Field names are those of proto/dunlin/v1. What a JSON
// reader would spoil travels as a string: bytes in base64 (the digest in hex), versions as "TIME-ORIGIN", the store's
// id as the ORIGIN of its versions. Durations are seconds, times are RFC 3339 in UTC. Bytes that are not UTF-8 where
// text is expected become U+FFFD.
namespace dunlin::client::cli {

enum class Values { kShow, kLeaveOut };

// Has "text" beside "value" where the value is valid UTF-8.
std::string JsonLine(const Entry& entry, Values values);

std::string JsonLine(const GetResult& result);
std::string JsonLine(const WriteResult& result);
std::string JsonLine(const DeleteResult& result);
std::string JsonLine(const ReplicaStatus& status);
std::string JsonLine(const VerifyResult& result);
std::string JsonLine(const WatcherStatus& watcher);

// What the last line of a watch message carries beside its own event or marker.
struct MessageEnd {
  std::string token;  // Empty: left out.
  Lag lag;
};

std::string JsonLine(const WatchEvent& event, const std::optional<MessageEnd>& end);
std::string JsonLine(WatchMarker marker, const std::optional<MessageEnd>& end);

// A key whose entry or change cannot be told; its type is "damaged".
std::string DamagedJsonLine(absl::string_view key, const std::optional<MessageEnd>& end);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_JSON_OUTPUT_H_
