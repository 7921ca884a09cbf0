#ifndef DUNLIN_TESTS_CHAOS_WATCH_CHECK_H_
#define DUNLIN_TESTS_CHAOS_WATCH_CHECK_H_

#include <cstdint>
#include <map>
#include <string>

#include "client/types.h"
#include "tests/chaos/checker.h"

namespace dunlin::chaos {

// WatchCheck follows what the watch streams of one replica say, one after the other, each resumed where the last one
// ended: for no key an older version after a newer one, over all of them; and the state that follows from them. Or of
// several replicas: then a full state may be an older one.
//
// Thread-safety: one thread at a time.
class WatchCheck {
 public:
  explicit WatchCheck(bool roams = false) : roams_(roams) {}

  // A stream begins that resumes after what has been taken. Without a token it begins anew: with `initial_state`.
  void Begin(bool resumed);
  void Take(const client::WatchMessage& message);

  // Whether everything up to some moment is there; otherwise a state is being sent.
  bool synced() const { return synced_; }
  // Compares the state with what the replica holds. Returns "" if it is that, else what differs.
  // REQUIRES: synced().
  std::string Compare(const Holdings& replica) const;

  // The first thing that no stream may say; "" while all is well.
  const std::string& violation() const { return violation_; }
  uint64_t events() const { return events_; }
  uint64_t resets() const { return resets_; }

 private:
  void BeginState();
  void TakeEvent(const client::WatchEvent& event);

  const bool roams_;
  // Key -> version, of what can be read.
  std::map<std::string, client::Version> state_;
  // Key -> the highest version that was said.
  std::map<std::string, client::Version> highest_;
  bool synced_ = false;
  std::string violation_;
  uint64_t events_ = 0;
  uint64_t resets_ = 0;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_WATCH_CHECK_H_
