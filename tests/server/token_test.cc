// Goal: a token says exactly what was put into it, and whatever happened to it on the way is noticed rather than taken
// for another place. Method: round trips of random and extreme contents; every single-bit flip and every truncation of
// a token; tokens of another kind and of another listing.

#include "server/token.h"

#include <xxhash.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

constexpr Position kPosition{0x0123456789abcdef, 42, UINT64_MAX, 7, 5, 1795708800000, 9};

std::string FlipBit(std::string token, size_t bit) {
  token[bit / 8] = static_cast<char>(token[bit / 8] ^ (1 << (bit % 8)));
  return token;
}

// Expects `decode` to refuse everything that one bit or a cut makes of `token`.
template <typename Decode>
void ExpectDamageIsNoticed(const std::string& token, Decode decode) {
  ASSERT_TRUE(decode(token).ok()) << decode(token).status();
  for (size_t bit = 0; bit < 8 * token.size(); ++bit) {
    const absl::Status status = decode(FlipBit(token, bit)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << "bit " << bit;
    EXPECT_THAT(std::string(status.message()), HasSubstr("pass the bytes exactly as received"));
  }
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_EQ(decode(token.substr(0, size)).status().code(), absl::StatusCode::kInvalidArgument) << "size " << size;
    EXPECT_EQ(decode(token.substr(token.size() - size)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(decode(token + '\0').ok());
  EXPECT_FALSE(decode(token + token).ok());
}

TEST(TokenTest, PositionRoundTrips) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const Position in{
        random() >> random() % 64, random(), random(), random() >> random() % 64, random(), random(), random()};
    const absl::StatusOr<Position> out = DecodePositionToken("resume_token", EncodePositionToken(in));
    ASSERT_TRUE(out.ok()) << out.status();
    EXPECT_EQ(out->epoch, in.epoch);
    EXPECT_EQ(out->sequence, in.sequence);
    EXPECT_EQ(out->store_id, in.store_id);
    EXPECT_EQ(out->revision, in.revision);
    EXPECT_EQ(out->own_revision, in.own_revision);
    EXPECT_EQ(out->expired_unix_ms, in.expired_unix_ms);
    EXPECT_EQ(out->known_revision, in.known_revision);
  }
}

absl::StatusOr<Position> DecodeOld(char format, const std::vector<uint64_t>& numbers) {
  std::string token(1, format);
  for (const uint64_t number : numbers) AppendBigEndian64(number, &token);
  token += EncodeBigEndian64(XXH3_64bits(token.data(), token.size())).substr(0, 4);
  return DecodePositionToken("resume_token", token);
}

// As it was before a token could be used on another replica.
TEST(TokenTest, TheOldestPositionIsUnderstood) {
  const absl::StatusOr<Position> position = DecodeOld(1, {11, 12, 13, 14});
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->epoch, 11u);
  EXPECT_EQ(position->sequence, 12u);
  EXPECT_EQ(position->store_id, 13u);
  EXPECT_EQ(position->revision, 14u);
  EXPECT_EQ(position->own_revision, 14u);
  EXPECT_EQ(position->expired_unix_ms, 0u);
  EXPECT_EQ(position->known_revision, 0u);
}

// As it was when what a reader knew from elsewhere counted as the store's own.
TEST(TokenTest, AnOldPositionIsUnderstood) {
  const absl::StatusOr<Position> position = DecodeOld(4, {11, 12, 13, 14, 10, 16});
  ASSERT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->revision, 14u);
  EXPECT_EQ(position->own_revision, 10u);
  EXPECT_EQ(position->expired_unix_ms, 16u);
  EXPECT_EQ(position->known_revision, 0u);
  const absl::StatusOr<Position> on_the_way = DecodeOld(4, {11, 12, 13, 14, 15, 16});
  ASSERT_TRUE(on_the_way.ok()) << on_the_way.status();
  EXPECT_EQ(on_the_way->own_revision, 15u);
  EXPECT_EQ(on_the_way->known_revision, 15u);
  EXPECT_FALSE(DecodeOld(4, {11, 12, 13, 14}).ok());
  EXPECT_FALSE(DecodeOld(1, {11, 12, 13, 14, 15, 16}).ok());
}

TEST(TokenTest, ARefusalNamesTheField) {
  EXPECT_THAT(std::string(DecodePositionToken("at_least", "x").status().message()), HasSubstr("at_least is malformed"));
}

TEST(TokenTest, DamageToAPositionIsNoticed) {
  for (const Position& position : {kPosition, Position()}) {
    ExpectDamageIsNoticed(EncodePositionToken(position),
                          [](const std::string& token) { return DecodePositionToken("resume_token", token); });
  }
}

TEST(TokenTest, PageRoundTrips) {
  const std::string keys[] = {"a", std::string("\0", 1), std::string("nul\0inside", 10),
                              std::string(kKeySizeMaxBytes, 'x')};
  for (const std::string& key : keys) {
    for (const std::string& prefix : {std::string(), std::string("p/"), key}) {
      EXPECT_EQ(DecodePageToken(prefix, EncodePageToken(prefix, key)).value_or("refused"), key);
    }
  }
}

TEST(TokenTest, DamageToAPageIsNoticed) {
  ExpectDamageIsNoticed(EncodePageToken("p/", "p/key"),
                        [](const std::string& token) { return DecodePageToken("p/", token); });
}

TEST(TokenTest, APageOfAnotherPrefixIsRefused) {
  for (const char* prefix : {"", "p", "p/k", "q/"}) {
    const absl::Status status = DecodePageToken(prefix, EncodePageToken("p/", "p/key")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << prefix;
    EXPECT_THAT(std::string(status.message()), HasSubstr("another prefix: pass the prefix of the first page"));
  }
}

TEST(TokenTest, ATokenOfTheOtherKindIsRefused) {
  EXPECT_THAT(std::string(DecodePageToken("p/", EncodePositionToken(kPosition)).status().message()),
              HasSubstr("another kind"));
  EXPECT_THAT(std::string(DecodePositionToken("resume_token", EncodePageToken("p/", "p/key")).status().message()),
              HasSubstr("another kind"));
}

TEST(TokenTest, APageWithAKeyThatCannotBeIsRefused) {
  EXPECT_FALSE(DecodePageToken("", EncodePageToken("", "")).ok());
  EXPECT_FALSE(DecodePageToken("", EncodePageToken("", std::string(kKeySizeMaxBytes + 1, 'x'))).ok());
}

}  // namespace
}  // namespace dunlin
