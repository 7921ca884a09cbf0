#ifndef DUNLIN_SERVER_WATCH_SNAPSHOT_H_
#define DUNLIN_SERVER_WATCH_SNAPSHOT_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "dunlin/v1/kv.pb.h"
#include "server/proto_conversion.h"
#include "storage/selector.h"
#include "storage/store.h"

namespace dunlin {

// WatchSnapshot says the entries of a selection as puts, in the order of keys, a message's worth at a time. The
// messages are of different moments.
//
// Thread-safety: one thread uses it.
class WatchSnapshot {
 public:
  // Both must outlive this object.
  WatchSnapshot(const Selection* selection, const Store* store) : selection_(selection), store_(store) {}

  // Begins anew.
  void Restart();

  // Appends what comes next, with values in `form`. Reads at most one page of a prefix; of single keys as many as fit.
  // REQUIRES: it is not complete.
  // Errors: those of the store's reads; damaged records are named in the message instead.
  absl::Status Append(EventForm form, v1::WatchResponse* message);

  // Whether everything has been said.
  bool complete() const { return part_ == selection_->parts().size(); }

 private:
  // Of the single key of the present part. Returns false, and changes nothing, if its entry does not fit.
  absl::StatusOr<bool> AppendKey(EventForm form, size_t* size, v1::WatchResponse* message) const;
  absl::Status AppendPage(EventForm form, v1::WatchResponse* message);

  const Selection* const selection_;
  const Store* const store_;
  // Where it stands: the part, and in it the last key looked at.
  size_t part_ = 0;
  std::string key_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_SNAPSHOT_H_
