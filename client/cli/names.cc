#include "client/cli/names.h"

namespace dunlin::client::cli {

absl::string_view NameOf(EventType type) {
  switch (type) {
    case EventType::kPut:
      return "put";
    case EventType::kDelete:
      return "delete";
    case EventType::kExpire:
      return "expire";
    case EventType::kUnknown:
      break;
  }
  return "unknown";
}

absl::string_view NameOf(WatchMarker marker) {
  switch (marker) {
    case WatchMarker::kNone:
      return "none";
    case WatchMarker::kReset:
      return "reset";
    case WatchMarker::kSynced:
      return "synced";
    case WatchMarker::kGap:
      return "gap";
    case WatchMarker::kHeartbeat:
      return "heartbeat";
    case WatchMarker::kUnknown:
      break;
  }
  return "unknown";
}

absl::string_view NameOf(SyncState state) {
  switch (state) {
    case SyncState::kStandalone:
      return "standalone";
    case SyncState::kOffline:
      return "offline";
    case SyncState::kSubscribing:
      return "subscribing";
    case SyncState::kCatchingUp:
      return "catching_up";
    case SyncState::kLive:
      return "live";
    case SyncState::kUnknown:
      break;
  }
  return "unknown";
}

absl::string_view NameOf(WatcherState state) {
  switch (state) {
    case WatcherState::kSnapshot:
      return "snapshot";
    case WatcherState::kReplay:
      return "replay";
    case WatcherState::kLive:
      return "live";
    case WatcherState::kWaiting:
      return "waiting";
    case WatcherState::kUnknown:
      break;
  }
  return "unknown";
}

absl::string_view NameOf(Comparison comparison) {
  switch (comparison) {
    case Comparison::kNotMade:
      return "not_made";
    case Comparison::kEqual:
      return "equal";
    case Comparison::kDifferent:
      return "different";
    case Comparison::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace dunlin::client::cli
