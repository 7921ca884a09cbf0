#include "server/token.h"

#include <xxhash.h>

#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr char kPositionFormat = 5;
constexpr char kPageFormat = 2;
constexpr char kWatcherFormat = 3;
constexpr size_t kChecksumSizeBytes = 4;
constexpr size_t kPrefixHashSizeBytes = 8;

std::string Checksum(absl::string_view bytes) {
  return EncodeBigEndian64(XXH3_64bits(bytes.data(), bytes.size())).substr(0, kChecksumSizeBytes);
}

std::string Seal(std::string token) {
  token += Checksum(token);
  return token;
}

// Returns what stands between the format and the checksum.
absl::StatusOr<absl::string_view> Unseal(absl::string_view token, char format, absl::string_view name) {
  if (token.size() < 1 + kChecksumSizeBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is malformed: it has ", token.size(), " bytes; pass the bytes exactly as received"));
  }
  const absl::string_view content = token.substr(0, token.size() - kChecksumSizeBytes);
  if (Checksum(content) != token.substr(content.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is malformed: its checksum does not match; pass the bytes exactly as received"));
  }
  if (content[0] != format) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is a token of another kind, or of a newer version"));
  }
  return content.substr(1);
}

std::string PrefixHash(absl::string_view prefix) {
  return EncodeBigEndian64(XXH3_64bits(prefix.data(), prefix.size()));
}

// The formats of positions that are understood, and how many numbers each has. Each begins as the one before.
struct PositionFormat {
  char format;
  size_t numbers;
};
constexpr PositionFormat kPositionFormats[] = {{1, 4}, {4, 6}, {kPositionFormat, 7}};

// The format that `token` says it has; the latest if that is none of them.
PositionFormat FormatOf(absl::string_view token) {
  for (const PositionFormat& format : kPositionFormats) {
    if (!token.empty() && token[0] == format.format) {
      return format;
    }
  }
  return kPositionFormats[std::size(kPositionFormats) - 1];
}

}  // namespace

std::string EncodePositionToken(const Position& position) {
  std::string token(1, kPositionFormat);
  AppendBigEndian64(position.epoch, &token);
  AppendBigEndian64(position.sequence, &token);
  AppendBigEndian64(position.store_id, &token);
  AppendBigEndian64(position.revision, &token);
  AppendBigEndian64(position.own_revision, &token);
  AppendBigEndian64(position.expired_unix_ms, &token);
  AppendBigEndian64(position.known_revision, &token);
  return Seal(std::move(token));
}

absl::StatusOr<Position> DecodePositionToken(absl::string_view name, absl::string_view token) {
  const PositionFormat format = FormatOf(token);
  DUNLIN_ASSIGN_OR_RETURN(const absl::string_view content, Unseal(token, format.format, name));
  if (content.size() != format.numbers * sizeof(uint64_t)) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is malformed: it has the wrong size"));
  }
  // Those that the format does not have are 0.
  uint64_t numbers[kPositionFormats[std::size(kPositionFormats) - 1].numbers] = {};
  for (size_t i = 0; i < format.numbers; ++i) {
    numbers[i] = ReadBigEndian64(content.substr(i * sizeof(uint64_t)));
  }
  Position position{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]};
  if (format.format == 1) {
    position.own_revision = position.revision;
  } else if (format.format == 4 && position.own_revision > position.revision) {
    position.known_revision = position.own_revision;
  }
  return position;
}

std::string EncodePageToken(absl::string_view prefix, absl::string_view last_key) {
  return Seal(absl::StrCat(absl::string_view(&kPageFormat, 1), PrefixHash(prefix), last_key));
}

absl::StatusOr<std::string> DecodePageToken(absl::string_view prefix, absl::string_view token) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::string_view content, Unseal(token, kPageFormat, "page_token"));
  if (content.size() <= kPrefixHashSizeBytes || content.size() > kPrefixHashSizeBytes + kKeySizeMaxBytes) {
    return absl::InvalidArgumentError("page_token is malformed: it has the wrong size");
  }
  if (content.substr(0, kPrefixHashSizeBytes) != PrefixHash(prefix)) {
    return absl::InvalidArgumentError(
        "page_token belongs to a listing of another prefix: pass the prefix of the first page");
  }
  return std::string(content.substr(kPrefixHashSizeBytes));
}

std::string EncodeWatcherToken(uint64_t stream_id) {
  return Seal(absl::StrCat(absl::string_view(&kWatcherFormat, 1), EncodeBigEndian64(stream_id)));
}

absl::StatusOr<uint64_t> DecodeWatcherToken(absl::string_view token) {
  DUNLIN_ASSIGN_OR_RETURN(const absl::string_view content, Unseal(token, kWatcherFormat, "watchers_page_token"));
  if (content.size() != sizeof(uint64_t)) {
    return absl::InvalidArgumentError("watchers_page_token is malformed: it has the wrong size");
  }
  return ReadBigEndian64(content);
}

}  // namespace dunlin
