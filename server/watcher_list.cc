#include "server/watcher_list.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/limits.h"
#include "server/proto_conversion.h"
#include "server/token.h"
#include "storage/status_macros.h"
#include "storage/utf8.h"

namespace dunlin {
namespace {

v1::WatcherStatus::State StateOf(WatchSession::Mode mode) {
  switch (mode) {
    case WatchSession::Mode::kWaiting:
      return v1::WatcherStatus::STATE_WAITING;
    case WatchSession::Mode::kSnapshot:
      return v1::WatcherStatus::STATE_SNAPSHOT;
    case WatchSession::Mode::kReplay:
      return v1::WatcherStatus::STATE_REPLAY;
    case WatchSession::Mode::kLive:
      return v1::WatcherStatus::STATE_LIVE;
  }
  return v1::WatcherStatus::STATE_UNSPECIFIED;
}

void FillSelection(const Selection& selection, v1::WatcherStatus* watcher) {
  if (selection.parts()[0].kind == Selector::Kind::kEverything) {
    return;
  }
  const size_t listed = std::min(selection.parts().size(), kWatcherSelectorsListedMax);
  for (size_t i = 0; i < listed; ++i) {
    const Selector& part = selection.parts()[i];
    *(part.kind == Selector::Kind::kKey ? watcher->add_keys() : watcher->add_prefixes()) = part.text;
  }
  watcher->set_selectors_count(static_cast<uint32_t>(selection.parts().size()));
}

v1::WatcherStatus Describe(const WatchStream& stream, absl::Time now) {
  const WatchStream::Facts facts = stream.facts();
  v1::WatcherStatus watcher;
  watcher.set_id(stream.id());
  watcher.set_peer(ReplaceInvalidUtf8(stream.peer()));
  FillSelection(stream.selection(), &watcher);
  watcher.set_state(StateOf(facts.mode));
  watcher.set_revision(facts.revision);
  watcher.set_queued_events(facts.queued.events);
  watcher.set_queued_bytes(facts.queued.size_bytes);
  ToProto(std::max(absl::ZeroDuration(), now - facts.behind_since), watcher.mutable_lag());
  ToProto(now - stream.opened_at(), watcher.mutable_age());
  return watcher;
}

}  // namespace

absl::Status ListWatchers(const v1::GetStatusRequest& request, const WatchService& watches, absl::Time now,
                          v1::GetStatusResponse* response) {
  if (request.watchers_page_size() > kWatchersPageMax) {
    return absl::InvalidArgumentError(absl::StrCat("watchers_page_size is ", request.watchers_page_size(),
                                                   "; the limit is ", kWatchersPageMax,
                                                   ": go on with next_watchers_page_token"));
  }
  uint64_t after_id = 0;
  if (!request.watchers_page_token().empty()) {
    DUNLIN_ASSIGN_OR_RETURN(after_id, DecodeWatcherToken(request.watchers_page_token()));
  }
  const size_t page_size = request.watchers_page_size();
  if (page_size == 0) {
    return absl::OkStatus();
  }
  // One more, to know whether there is another page.
  const auto streams = watches.List(after_id, page_size + 1);
  size_t size = 0;
  for (const std::shared_ptr<const WatchStream>& stream : streams) {
    v1::WatcherStatus watcher = Describe(*stream, now);
    size += watcher.ByteSizeLong();
    if (response->watchers_size() == static_cast<int>(page_size) || size > kReplySizeMaxBytes) {
      response->set_next_watchers_page_token(EncodeWatcherToken(response->watchers().rbegin()->id()));
      break;
    }
    *response->add_watchers() = std::move(watcher);
  }
  return absl::OkStatus();
}

}  // namespace dunlin
