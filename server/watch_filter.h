#ifndef DUNLIN_SERVER_WATCH_FILTER_H_
#define DUNLIN_SERVER_WATCH_FILTER_H_

#include "storage/change.h"

namespace dunlin {

// WatchFilter names the kinds of events that a reader leaves out: those that put a value, or those that remove one. A
// plain value.
struct WatchFilter {
  bool no_puts = false;
  bool no_deletes = false;

  bool Passes(ChangeType type) const { return type == ChangeType::kPut ? !no_puts : !no_deletes; }
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_WATCH_FILTER_H_
