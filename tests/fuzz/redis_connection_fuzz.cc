// Goal: what stands on the wire is what is read, however the wire cuts it into pieces, and bytes that are not Redis'
// protocol break the connection and nothing else. Method: a peer at the other end of a socket says either the bytes of
// the input, once in one piece and once in many, or replies made from the input, encoded by an encoder of our own.

#include "sync/redis_connection.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/redis_peer.h"
#include "tests/fuzz/reply_tree.h"

namespace dunlin {
namespace {

Milestone nested_read("an array inside of an array was read");
Milestone several_read("several replies were read from pieces");
Milestone nonsense("bytes that are not Redis' protocol were noticed");
Milestone cut("a connection that ended inside of a reply was noticed");

// What came over a connection until it broke.
struct Heard {
  std::vector<RedisReply> replies;
  absl::Status end;
};

// Nothing waits for as long: whatever will come has been sent.
absl::Time Soon() { return absl::Now() + absl::Seconds(5); }

void Connect(RedisPeer* peer, RedisConnection* connection) {
  const absl::Status status = peer->Connect(connection, Soon());
  DUNLIN_REQUIRE(status.ok() && connection->connected(), status.ToString());
}

Heard Finish(Heard heard, const RedisConnection& connection) {
  DUNLIN_REQUIRE(absl::IsDataLoss(heard.end) || absl::IsUnavailable(heard.end), heard.end.ToString());
  DUNLIN_REQUIRE(!heard.end.message().empty(), "");
  DUNLIN_REQUIRE(!connection.connected(), heard.end.ToString());
  return heard;
}

// As whoever calls and waits for the answer reads.
Heard HearAtOnce(RedisPeer* peer, absl::string_view bytes) {
  RedisConnection connection;
  Connect(peer, &connection);
  peer->Send(bytes);
  peer->HangUp();
  Heard heard;
  while (heard.end.ok()) {
    absl::StatusOr<RedisReply> reply = connection.ReadReply(Soon());
    if (reply.ok()) {
      heard.replies.push_back(*std::move(reply));
    } else {
      heard.end = reply.status();
    }
  }
  return Finish(std::move(heard), connection);
}

// Takes what has been read so far.
void Drain(RedisConnection* connection, Heard* heard) {
  while (heard->end.ok()) {
    absl::StatusOr<std::optional<RedisReply>> reply = connection->TakeBufferedReply();
    if (!reply.ok()) {
      heard->end = reply.status();
    } else if (reply->has_value()) {
      heard->replies.push_back(**std::move(reply));
    } else {
      return;
    }
  }
}

// As the subscriber reads.
Heard HearInPieces(RedisPeer* peer, absl::string_view bytes) {
  RedisConnection connection;
  Connect(peer, &connection);
  Heard heard;
  while (heard.end.ok()) {
    const absl::string_view piece = bytes.substr(0, 1 + PickBelow(32, bytes.substr(0, 8)));
    bytes.remove_prefix(piece.size());
    piece.empty() ? peer->HangUp() : peer->Send(piece);
    const absl::StatusOr<bool> came = connection.ReadSome(Soon());
    DUNLIN_REQUIRE(!came.ok() || *came, "what was sent has not come");
    heard.end.Update(came.status());
    Drain(&connection, &heard);
  }
  return Finish(std::move(heard), connection);
}

// hiredis makes room for as many elements as an array claims, up to our budget of 256 MiB. That it is kept is tested in
// tests/sync/redis_connection_test; here it would only take all the time.
bool ClaimsMuch(absl::string_view bytes) {
  constexpr size_t kDigitsMax = 4;
  for (size_t star = bytes.find('*'); star != absl::string_view::npos; star = bytes.find('*', star + 1)) {
    const absl::string_view claim = bytes.substr(star + 1, kDigitsMax + 1);
    if (claim.size() > kDigitsMax && claim.find('\r') == absl::string_view::npos) {
      return true;
    }
  }
  return false;
}

void CheckBytes(RedisPeer* peer, absl::string_view bytes) {
  if (ClaimsMuch(bytes)) {
    return;
  }
  const Heard at_once = HearAtOnce(peer, bytes);
  const Heard in_pieces = HearInPieces(peer, bytes);
  DUNLIN_REQUIRE(at_once.replies.size() == in_pieces.replies.size(),
                 absl::StrCat(at_once.replies.size(), " and ", in_pieces.replies.size()));
  DUNLIN_REQUIRE(std::equal(at_once.replies.begin(), at_once.replies.end(), in_pieces.replies.begin(), IsSameReply),
                 "");
  DUNLIN_REQUIRE(at_once.end.code() == in_pieces.end.code(),
                 absl::StrCat(at_once.end.ToString(), " and ", in_pieces.end.ToString()));
  if (absl::IsDataLoss(at_once.end)) {
    nonsense.Reach();
  } else if (at_once.replies.size() > 1) {
    several_read.Reach();
  } else if (at_once.replies.empty() && !bytes.empty()) {
    cut.Reach();
  }
}

// A line end would end the text.
void MakeSayable(RedisReply* reply) {
  if (reply->type == RedisReply::Type::kStatus || reply->type == RedisReply::Type::kError) {
    std::replace(reply->text.begin(), reply->text.end(), '\r', ' ');
    std::replace(reply->text.begin(), reply->text.end(), '\n', ' ');
  }
  for (RedisReply& element : reply->elements) {
    MakeSayable(&element);
    if (element.type == RedisReply::Type::kArray && !element.elements.empty()) {
      nested_read.Reach();
    }
  }
}

void CheckReplies(RedisPeer* peer, ByteSource source) {
  std::vector<RedisReply> replies;
  std::string bytes;
  while (!source.empty()) {
    replies.push_back(ReadReplyTree(&source));
    MakeSayable(&replies.back());
    absl::StrAppend(&bytes, EncodeResp(replies.back()));
  }
  const Heard heard = HearAtOnce(peer, bytes);
  DUNLIN_REQUIRE(absl::IsUnavailable(heard.end), heard.end.ToString());
  DUNLIN_REQUIRE(heard.replies.size() == replies.size(), absl::StrCat(heard.replies.size(), " of ", replies.size()));
  DUNLIN_REQUIRE(std::equal(replies.begin(), replies.end(), heard.replies.begin(), IsSameReply), "");
}

void CheckConnection(absl::string_view input) {
  static RedisPeer peer;
  ByteSource source(input);
  if (source.Byte() % 2 == 0) {
    CheckBytes(&peer, source.Rest());
  } else {
    CheckReplies(&peer, source);
  }
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckConnection);
