// Goal: whatever a client hands back as a token, it is a place that was given out, in the only way it is written, or
// INVALID_ARGUMENT; a token of one kind, or of one listing, is never taken for another. Method: each input is decoded
// as it is; as the content of a token of either kind, sealed with the right checksum, which a fuzzer would never guess;
// and places made from it are encoded and decoded.
//
// That any damage is noticed is not required here: the checksum has 32 bits, and a fuzzer tries often enough to meet
// one that fits by chance. tests/server/token_test looks at each single bit.

#include "server/token.h"

#include <xxhash.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"

namespace dunlin {
namespace {

Milestone position_decoded("a position was decoded");
Milestone page_decoded("a page's key was decoded");
Milestone other_listing("a page of another listing was refused");
Milestone longest_key("the longest key was decoded");

constexpr char kPositionFormat = 5;
constexpr size_t kPositionSizeBytes = 7 * 8;
constexpr char kOldPositionFormat = 4;
constexpr size_t kOldPositionSizeBytes = 6 * 8;
constexpr char kOldestPositionFormat = 1;
constexpr size_t kOldestPositionSizeBytes = 4 * 8;
constexpr size_t kPrefixHashSizeBytes = 8;

std::string Seal(char format, absl::string_view content) {
  const std::string token = absl::StrCat(absl::string_view(&format, 1), content);
  return absl::StrCat(token, EncodeBigEndian64(XXH3_64bits(token.data(), token.size())).substr(0, 4));
}

void RequireRefusal(const absl::Status& status, absl::string_view name) {
  DUNLIN_REQUIRE(absl::IsInvalidArgument(status), status.ToString());
  DUNLIN_REQUIRE(absl::StartsWith(status.message(), name), status.ToString());
}

// Each returns whether `token` was accepted.

bool CheckPosition(absl::string_view token) {
  const absl::StatusOr<Position> position = DecodePositionToken("resume_token", token);
  if (!position.ok()) {
    RequireRefusal(position.status(), "resume_token ");
    return false;
  }
  if (token[0] == kOldestPositionFormat) {
    DUNLIN_REQUIRE(position->own_revision == position->revision && position->expired_unix_ms == 0, "");
    DUNLIN_REQUIRE(position->known_revision == 0, "");
  } else if (token[0] == kOldPositionFormat) {
    const bool knows_more = position->own_revision > position->revision;
    DUNLIN_REQUIRE(position->known_revision == (knows_more ? position->own_revision : 0), "");
  } else {
    DUNLIN_REQUIRE(EncodePositionToken(*position) == token, "");
  }
  position_decoded.Reach();
  return true;
}

bool CheckPage(absl::string_view prefix, absl::string_view token) {
  const absl::StatusOr<std::string> key = DecodePageToken(prefix, token);
  if (!key.ok()) {
    RequireRefusal(key.status(), "page_token ");
    if (absl::StrContains(key.status().message(), "another prefix")) {
      other_listing.Reach();
    }
    return false;
  }
  DUNLIN_REQUIRE(!key->empty() && key->size() <= kKeySizeMaxBytes, absl::StrCat(key->size()));
  DUNLIN_REQUIRE(EncodePageToken(prefix, *key) == token, "");
  DUNLIN_REQUIRE(!DecodePageToken(absl::StrCat(prefix, "/"), token).ok(), "");
  page_decoded.Reach();
  if (key->size() == kKeySizeMaxBytes) {
    longest_key.Reach();
  }
  return true;
}

void CheckBothKinds(absl::string_view prefix, absl::string_view token) {
  const bool is_position = CheckPosition(token);
  const bool is_page = CheckPage(prefix, token);
  DUNLIN_REQUIRE(!(is_position && is_page), "");
}

void CheckPositionRoundTrip(ByteSource source) {
  const Position in{source.Number(), source.Number(), source.Number(), source.Number(),
                    source.Number(), source.Number(), source.Number()};
  const ExactBytes token(EncodePositionToken(in));
  const absl::StatusOr<Position> out = DecodePositionToken("resume_token", token.view());
  DUNLIN_REQUIRE(out.ok(), out.status().ToString());
  DUNLIN_REQUIRE(out->epoch == in.epoch && out->sequence == in.sequence, "");
  DUNLIN_REQUIRE(out->store_id == in.store_id && out->revision == in.revision, "");
  DUNLIN_REQUIRE(out->own_revision == in.own_revision && out->expired_unix_ms == in.expired_unix_ms, "");
  DUNLIN_REQUIRE(out->known_revision == in.known_revision, "");
}

void CheckToken(absl::string_view input) {
  ByteSource source(input);
  const absl::string_view prefix = source.Text();
  const absl::string_view rest = source.Rest();
  CheckBothKinds(prefix, input);
  CheckBothKinds(prefix, ExactBytes(Seal(2, rest)).view());
  const ExactBytes position(Seal(kPositionFormat, input));
  DUNLIN_REQUIRE(CheckPosition(position.view()) == (input.size() == kPositionSizeBytes), absl::StrCat(input.size()));
  const ExactBytes oldest_position(Seal(kOldestPositionFormat, input));
  DUNLIN_REQUIRE(CheckPosition(oldest_position.view()) == (input.size() == kOldestPositionSizeBytes),
                 absl::StrCat(input.size()));
  const ExactBytes old_position(Seal(kOldPositionFormat, input));
  DUNLIN_REQUIRE(CheckPosition(old_position.view()) == (input.size() == kOldPositionSizeBytes),
                 absl::StrCat(input.size()));
  const ExactBytes page(EncodePageToken(prefix, rest));
  DUNLIN_REQUIRE(CheckPage(prefix, page.view()) == (!rest.empty() && rest.size() <= kKeySizeMaxBytes),
                 absl::StrCat(rest.size()));
  DUNLIN_REQUIRE(page.view().size() == 1 + kPrefixHashSizeBytes + rest.size() + 4, "");
  CheckPositionRoundTrip(ByteSource(input));
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckToken);
