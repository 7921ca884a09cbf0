#ifndef DUNLIN_SERVER_TOKEN_H_
#define DUNLIN_SERVER_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/write.h"

namespace dunlin {

// Tokens are what clients hand back to go on where they were. They are opaque to clients, never expire, and carry a
// checksum, so that a token that was cut or mixed up is told from one that is merely old.

// A position token, of Watch and of every write's answer:
//   format (1, = 5) | epoch (8) | sequence (8) | store id (8) | revision (8) | own revision (8) | expired ms (8)
//   | known revision (8) | XXH3-64's upper 4 bytes; big-endian.
std::string EncodePositionToken(const Position& position);

// Reads the earlier formats, too: 1 ends after the revision, so that all up to it may be the store's own, and nothing
// is known of what had expired; 4 ends before the known revision, which its own revision stands for where it is later
// than the revision. `name` is the request's field, for messages.
// Errors: kInvalidArgument, saying what is wrong with it.
absl::StatusOr<Position> DecodePositionToken(absl::string_view name, absl::string_view token);

// A page token of List: the last key that was looked at, tied to the prefix that was listed.
//   format (1, = 2) | XXH3-64 of the prefix (8) | key | XXH3-64's upper 4 bytes.
std::string EncodePageToken(absl::string_view prefix, absl::string_view last_key);

// Returns the key after which the listing of `prefix` goes on.
// Errors: kInvalidArgument, also when the token is of a listing of another prefix.
absl::StatusOr<std::string> DecodePageToken(absl::string_view prefix, absl::string_view token);

// A page token of GetStatus' list of watchers: the last stream that was listed.
//   format (1, = 3) | stream id (8) | XXH3-64's upper 4 bytes.
std::string EncodeWatcherToken(uint64_t stream_id);

// Errors: kInvalidArgument.
absl::StatusOr<uint64_t> DecodeWatcherToken(absl::string_view token);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_TOKEN_H_
