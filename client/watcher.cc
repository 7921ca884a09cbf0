#include "client/watcher.h"

#include <utility>

#include "client/proto_conversion.h"
#include "client/watch_stream.h"

namespace dunlin::client {

Watcher::Watcher(std::unique_ptr<WatchStream> stream) : stream_(std::move(stream)) {}

Watcher::~Watcher() = default;

absl::StatusOr<WatchMessage> Watcher::Next() {
  if (!ended_.ok()) {
    return ended_;
  }
  v1::WatchResponse response;
  ended_ = stream_->Read(&response);
  if (!ended_.ok()) {
    return ended_;
  }
  WatchMessage message = FromProto(std::move(response));
  if (!message.token.empty()) {
    MutexLock lock(&mutex_);
    token_ = message.token;
  }
  return message;
}

absl::Status Watcher::ForEach(absl::FunctionRef<bool(const WatchMessage&)> handle) {
  while (true) {
    const absl::StatusOr<WatchMessage> message = Next();
    if (!message.ok()) {
      return message.status();
    }
    if (!handle(*message)) {
      return absl::OkStatus();
    }
  }
}

void Watcher::Cancel() { stream_->Cancel(); }

std::string Watcher::token() const {
  MutexLock lock(&mutex_);
  return token_;
}

}  // namespace dunlin::client
