#include "sync/redis_connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/status_macros.h"
#include "sync/redis_error.h"

namespace dunlin {
namespace {

// ---- Replies: hiredis parses, these functions build our values directly. ----

// The place where the item that hiredis has just read belongs: a new root, or an element of its parent. Null when it
// would exceed the budget of the reply, which hiredis reports as lack of memory.
RedisReply* Place(const redisReadTask* task, size_t size_bytes) {
  auto* budget_bytes = static_cast<size_t*>(task->privdata);
  if (size_bytes > *budget_bytes) {
    return nullptr;
  }
  *budget_bytes -= size_bytes;
  if (task->parent == nullptr) {
    return new RedisReply;
  }
  return &static_cast<RedisReply*>(task->parent->obj)->elements[task->idx];
}

void* CreateString(const redisReadTask* task, char* text, size_t size_bytes) {
  RedisReply* reply = Place(task, size_bytes);
  if (reply != nullptr) {
    reply->type = task->type == REDIS_REPLY_ERROR    ? RedisReply::Type::kError
                  : task->type == REDIS_REPLY_STATUS ? RedisReply::Type::kStatus
                                                     : RedisReply::Type::kString;
    reply->text.assign(text, size_bytes);
  }
  return reply;
}

void* CreateArray(const redisReadTask* task, int size) {
  RedisReply* reply = Place(task, static_cast<size_t>(size) * sizeof(RedisReply));
  if (reply != nullptr) {
    reply->type = RedisReply::Type::kArray;
    reply->elements.resize(size);
  }
  return reply;
}

void* CreateInteger(const redisReadTask* task, long long integer) {
  RedisReply* reply = Place(task, 0);
  if (reply != nullptr) {
    reply->type = RedisReply::Type::kInteger;
    reply->integer = integer;
  }
  return reply;
}

void* CreateNil(const redisReadTask* task) { return Place(task, 0); }

void FreeReply(void* reply) { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions kReplyFunctions = {CreateString, CreateArray, CreateInteger, CreateNil, FreeReply};

// ---- The socket ----

absl::StatusCode CodeOfErrno(int error) {
  return error == EACCES || error == EPERM ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable;
}

// What became of a connect() that was left under way.
int PendingSocketError(int descriptor) {
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

void RedisConnection::ContextDeleter::operator()(redisContext* context) const { redisFree(context); }

RedisConnection::RedisConnection() = default;
RedisConnection::~RedisConnection() = default;

absl::Status RedisConnection::Connect(const RedisEndpoint& endpoint, absl::string_view client_name,
                                      absl::Time deadline) {
  Close();
  description_ = absl::StrCat(endpoint.is_sentinel ? "Sentinel at " : "Redis at ", endpoint.Describe());
  DUNLIN_RETURN_IF_ERROR(OpenSocket(endpoint, deadline));
  absl::Status status = Introduce(endpoint, client_name, deadline);
  if (!status.ok()) {
    Close();
  }
  return status;
}

void RedisConnection::Close() {
  context_.reset();
  output_.clear();
}

absl::Status RedisConnection::OpenSocket(const RedisEndpoint& endpoint, absl::Time deadline) {
  absl::StatusOr<std::string> address = std::string();
  if (endpoint.unix_path.empty()) {
    // By us, because hiredis would block for as long as the system's resolver does.
    address = resolver_.Resolve(endpoint.host, interrupter_, deadline);
  }
  if (!address.ok()) {
    return Break(address.status());
  }
  errno = 0;
  context_.reset(endpoint.unix_path.empty() ? redisConnectNonBlock(address->c_str(), endpoint.port)
                                            : redisConnectUnixNonBlock(endpoint.unix_path.c_str()));
  if (context_ == nullptr) {
    return Break(absl::StatusCode::kResourceExhausted, "out of memory");
  }
  if (context_->err != 0) {
    return Break(context_->err == REDIS_ERR_IO ? CodeOfErrno(errno) : absl::StatusCode::kUnavailable, context_->errstr);
  }
  fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  if (const absl::Status status = interrupter_.WaitWritable(context_->fd, deadline); !status.ok()) {
    return Break(status);
  }
  if (const int error = PendingSocketError(context_->fd); error != 0) {
    return Break(CodeOfErrno(error), std::strerror(error));
  }
  context_->reader->fn = &kReplyFunctions;
  context_->reader->privdata = &reply_budget_bytes_;
  reply_budget_bytes_ = kRedisReplyMaxBytes;
  return absl::OkStatus();
}

absl::Status RedisConnection::Introduce(const RedisEndpoint& endpoint, absl::string_view client_name,
                                        absl::Time deadline) {
  if (!endpoint.password.empty()) {
    // AUTH with one argument is all that Redis before 6 knows.
    DUNLIN_RETURN_IF_ERROR(endpoint.username.empty()
                               ? Require({"AUTH", endpoint.password}, deadline)
                               : Require({"AUTH", endpoint.username, endpoint.password}, deadline));
  }
  if (endpoint.database != 0) {
    DUNLIN_RETURN_IF_ERROR(Require({"SELECT", absl::StrCat(endpoint.database)}, deadline));
  }
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, Call({"CLIENT", "SETNAME", client_name}, deadline));
  // The name only helps the operator to read CLIENT LIST, so it does not matter if Redis refuses it. But who is turned
  // away reads so here and nowhere else: what comes after is the end of the connection, which tells no reason. So it is
  // for who lacks a password, because Redis hears no long script from him; sentinels are given theirs later.
  const bool lacks_password = !endpoint.is_sentinel && absl::StartsWith(reply.text, "NOAUTH");
  return reply.is_error() && (IsTurnedAway(reply.text) || lacks_password) ? RedisErrorToStatus(reply.text, description_)
                                                                          : absl::OkStatus();
}

absl::Status RedisConnection::Require(absl::Span<const absl::string_view> arguments, absl::Time deadline) {
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, Call(arguments, deadline));
  return reply.is_error() ? RedisErrorToStatus(reply.text, description_) : absl::OkStatus();
}

void RedisConnection::Append(absl::Span<const absl::string_view> arguments) {
  absl::StrAppend(&output_, "*", arguments.size(), "\r\n");
  for (const absl::string_view argument : arguments) {
    absl::StrAppend(&output_, "$", argument.size(), "\r\n", argument, "\r\n");
  }
}

// Sends by itself because redisBufferWrite() raises SIGPIPE when Redis has gone.
absl::Status RedisConnection::Flush(absl::Time deadline) {
  if (!connected()) {
    return NotConnected();
  }
  size_t sent_bytes = 0;
  while (sent_bytes < output_.size()) {
    const ssize_t sent =
        send(context_->fd, output_.data() + sent_bytes, output_.size() - sent_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      sent_bytes += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const absl::Status status = interrupter_.WaitWritable(context_->fd, deadline); !status.ok()) {
        return Break(status);
      }
    } else if (errno != EINTR) {
      return Break(CodeOfErrno(errno), std::strerror(errno));
    }
  }
  output_.clear();
  return absl::OkStatus();
}

absl::StatusOr<RedisReply> RedisConnection::ReadReply(absl::Time deadline) {
  while (true) {
    DUNLIN_ASSIGN_OR_RETURN(std::optional<RedisReply> reply, TakeBufferedReply());
    if (reply.has_value()) {
      return *std::move(reply);
    }
    DUNLIN_ASSIGN_OR_RETURN(const bool came, ReadSome(deadline));
    if (!came) {
      return Break(absl::StatusCode::kDeadlineExceeded, "no answer in time");
    }
  }
}

absl::StatusOr<std::optional<RedisReply>> RedisConnection::TakeBufferedReply() {
  if (!connected()) {
    return NotConnected();
  }
  void* parsed = nullptr;
  if (redisGetReplyFromReader(context_.get(), &parsed) != REDIS_OK) {
    const bool too_large = context_->err == REDIS_ERR_OOM;
    return Break(absl::StatusCode::kDataLoss, too_large ? "a reply beyond all bounds" : context_->errstr);
  }
  if (parsed == nullptr) {
    return std::nullopt;
  }
  reply_budget_bytes_ = kRedisReplyMaxBytes;
  const std::unique_ptr<RedisReply> reply(static_cast<RedisReply*>(parsed));
  return std::move(*reply);
}

absl::StatusOr<bool> RedisConnection::ReadSome(absl::Time deadline) {
  if (!connected()) {
    return NotConnected();
  }
  if (const absl::Status status = interrupter_.WaitReadable(context_->fd, deadline); !status.ok()) {
    return absl::IsDeadlineExceeded(status) ? absl::StatusOr<bool>(false) : Break(status);
  }
  // The socket does not block: if another wake-up had taken the bytes, this would read none and leave no error.
  if (redisBufferRead(context_.get()) != REDIS_OK) {
    return Break(absl::StatusCode::kUnavailable, context_->errstr);
  }
  // A string is built only when it is complete, so what waits in the buffer has to be bounded as well.
  if (context_->reader->len > kRedisReplyMaxBytes) {
    return Break(absl::StatusCode::kDataLoss, "a reply beyond all bounds");
  }
  return true;
}

absl::StatusOr<RedisReply> RedisConnection::Call(absl::Span<const absl::string_view> arguments, absl::Time deadline) {
  Append(arguments);
  DUNLIN_RETURN_IF_ERROR(Flush(deadline));
  return ReadReply(deadline);
}

absl::Status RedisConnection::NotConnected() const {
  return absl::UnavailableError(absl::StrCat(description_.empty() ? "Redis" : description_, ": not connected"));
}

absl::Status RedisConnection::Break(const absl::Status& status) { return Break(status.code(), status.message()); }

absl::Status RedisConnection::Break(absl::StatusCode code, absl::string_view what) {
  absl::Status status(code, absl::StrCat(description_, ": ", what));
  Close();
  return status;
}

}  // namespace dunlin
