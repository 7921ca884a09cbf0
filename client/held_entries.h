#ifndef DUNLIN_CLIENT_HELD_ENTRIES_H_
#define DUNLIN_CLIENT_HELD_ENTRIES_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "client/types.h"

namespace dunlin::client {

// HeldEntries remembers what the reader of a watch holds, so that it is told real changes alone: what a stream repeats
// after a resume is left out, and a full state that replaces everything (kReset … kSynced) becomes the difference to
// what was held before.
//
// It keeps the key and version of each live entry that matches the watch, not its value.
//
// Thread-safety: one thread at a time.
class HeldEntries {
 public:
  // Another stream follows the one before. It goes on after a token, or begins with a full state without saying kReset:
  // in either case a full state that was being sent does not come to its end.
  void OnResumed() { replacing_ = false; }
  void OnBegunAnew() { BeginReplacement(); }

  // Returns of a message what is new to the reader; perhaps nothing. A kReset is never among it. The kSynced that ends
  // a replacement comes with a kDelete for each entry that is gone; its version is the one that was held, since nobody
  // tells which deletion it was. Entries that are the same are not told again.
  //
  // Before the first kSynced of a watch without an initial state nothing is known of keys that have not been seen: what
  // is deleted among them is passed on, even if it was told before.
  WatchMessage Take(WatchMessage message);

  size_t size() const { return held_.size(); }

 private:
  struct Held {
    Version version;
    // The replacement in which it was last seen.
    uint64_t replacement = 0;
  };

  void BeginReplacement();
  bool TakePut(const WatchEvent& event);
  bool TakeEnd(const WatchEvent& event);
  void EndReplacement(WatchMessage* message);

  absl::flat_hash_map<std::string, Held> held_;
  uint64_t replacement_ = 0;
  bool replacing_ = false;
  // held_ has everything that matches.
  bool complete_ = false;
};

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_HELD_ENTRIES_H_
