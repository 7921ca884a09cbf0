#ifndef DUNLIN_SERVER_WATCH_OUTPUT_H_
#define DUNLIN_SERVER_WATCH_OUTPUT_H_

#include <vector>

#include "dunlin/v1/kv.pb.h"
#include "storage/change.h"

namespace dunlin {

// WatchOutput is one message of a watch stream before it is encoded. A plain value.
struct WatchOutput {
  // All of the message but what `changes` adds to its events.
  v1::WatchResponse message;
  // Events as the feed delivered them, shared with the other streams that say them: their encoding is shared, too.
  // Then there are none in `message`.
  std::vector<ChangePtr> changes;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_OUTPUT_H_
