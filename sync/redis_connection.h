#ifndef DUNLIN_SYNC_REDIS_CONNECTION_H_
#define DUNLIN_SYNC_REDIS_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sync/host_resolver.h"
#include "sync/interrupter.h"
#include "sync/redis_reply.h"
#include "sync/redis_url.h"

struct redisContext;

namespace dunlin {

// A single reply larger than this, in memory, is taken for damage. It must hold a page of changes, or the records that
// travelled by reference.
inline constexpr size_t kRedisReplyMaxBytes = size_t{256} << 20;

// RedisConnection is a connection to Redis whose every wait has a deadline and can be ended by Interrupt(). It wraps
// hiredis, of which nothing else in Dunlin knows.
//
// An error reply of Redis is a reply, not an error of these calls: see RedisErrorToStatus(). An error of these calls
// breaks the connection, because request and answer would no longer match: connected() turns false, and only Connect()
// helps. The errors of all calls that wait:
//   kCancelled          Interrupt() was called
//   kDeadlineExceeded   the deadline passed
//   kUnavailable        the connection could not be made, was closed by Redis, or is not connected
//   kDataLoss           what came is not Redis' protocol, or a reply larger than kRedisReplyMaxBytes
//   kPermissionDenied   the system does not let us use the Unix socket
//
// Thread-safety: one thread uses a RedisConnection; Interrupt() alone may be called from any thread.
class RedisConnection {
 public:
  RedisConnection();
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Connects, authenticates, selects the database and sets the name shown by CLIENT LIST. A connection that exists is
  // closed first.
  // REQUIRES: `endpoint` says where it is; sentinels are asked by PrimaryFinder.
  // Errors: also those of RedisErrorToStatus() when Redis refuses user or database, or takes no client from here.
  absl::Status Connect(const RedisEndpoint& endpoint, absl::string_view client_name, absl::Time deadline);

  void Close();
  bool connected() const { return context_ != nullptr; }

  // Ends a wait under way and every later one with kCancelled.
  void Interrupt() { interrupter_.Interrupt(); }

  // Adds a command to what the next Flush() sends.
  void Append(absl::Span<const absl::string_view> arguments);

  // Sends what was appended.
  absl::Status Flush(absl::Time deadline);

  // Waits for the next reply.
  absl::StatusOr<RedisReply> ReadReply(absl::Time deadline);

  // Waits for bytes and reads those that have come. Returns false, and the connection stays whole, when none came
  // before the deadline.
  absl::StatusOr<bool> ReadSome(absl::Time deadline);

  // The next reply if all of it has been read already; nothing if more would have to be read.
  absl::StatusOr<std::optional<RedisReply>> TakeBufferedReply();

  // Append(), Flush() and ReadReply().
  // REQUIRES: no reply is outstanding.
  absl::StatusOr<RedisReply> Call(absl::Span<const absl::string_view> arguments, absl::Time deadline);

  // Where it is connected to, for messages: "Redis at redis://host:6379/0".
  const std::string& description() const { return description_; }

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const;
  };

  absl::Status OpenSocket(const RedisEndpoint& endpoint, absl::Time deadline);
  absl::Status Introduce(const RedisEndpoint& endpoint, absl::string_view client_name, absl::Time deadline);
  // Calls and turns an error reply into a status.
  absl::Status Require(absl::Span<const absl::string_view> arguments, absl::Time deadline);

  absl::Status NotConnected() const;
  // Closes the connection and returns `status` with the description in front.
  absl::Status Break(const absl::Status& status);
  absl::Status Break(absl::StatusCode code, absl::string_view what);

  // Synchronised by itself.
  Interrupter interrupter_;

  HostResolver resolver_;
  std::string description_;
  std::unique_ptr<redisContext, ContextDeleter> context_;
  // Commands waiting for Flush().
  std::string output_;
  // What the reply being read may still take.
  size_t reply_budget_bytes_ = kRedisReplyMaxBytes;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_CONNECTION_H_
