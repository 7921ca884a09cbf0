#ifndef DUNLIN_SERVER_WATCHER_LIST_H_
#define DUNLIN_SERVER_WATCHER_LIST_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "dunlin/v1/replica.pb.h"
#include "server/watch_service.h"

namespace dunlin {

// Adds to `response` the page of open watch streams that `request` asks for, as of `now` of SteadyClock.
// Errors: kInvalidArgument for a page size or token that cannot be used.
absl::Status ListWatchers(const v1::GetStatusRequest& request, const WatchService& watches, absl::Time now,
                          v1::GetStatusResponse* response);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCHER_LIST_H_
