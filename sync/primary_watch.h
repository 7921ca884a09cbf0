#ifndef DUNLIN_SYNC_PRIMARY_WATCH_H_
#define DUNLIN_SYNC_PRIMARY_WATCH_H_

#include <memory>
#include <string>

#include "sync/event_ring.h"
#include "sync/primary_finder.h"
#include "sync/subscriber.h"

namespace dunlin {

// PrimaryWatch listens to a sentinel's announcements (+switch-master) on a thread of its own and tells the
// PrimaryFinder. Without it a replica would stay with the old primary after a planned failover until Sentinel demotes
// that, some ten seconds later, and whatever Redis accepted meanwhile would be lost there.
//
// An announcement that is missed, because a sentinel ends at that moment, does no harm: each new subscription begins
// with a question, and a demoted primary closes its connections.
//
// Thread-safety: one thread, the owner's, calls Start() and Stop().
class PrimaryWatch {
 public:
  // REQUIRES: the finder's endpoint names sentinels.
  PrimaryWatch(std::shared_ptr<PrimaryFinder> finder, const std::string& client_name);
  // Stops.
  ~PrimaryWatch();
  PrimaryWatch(const PrimaryWatch&) = delete;
  PrimaryWatch& operator=(const PrimaryWatch&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start() { subscriber_.Start(); }
  // Ends the thread. Stopping again does nothing.
  void Stop() { subscriber_.Stop(); }

 private:
  // On the subscriber's thread.
  void TakeAnnouncements();

  const std::shared_ptr<PrimaryFinder> finder_;
  const std::unique_ptr<EventRing<std::string>> ring_;
  Subscriber subscriber_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_PRIMARY_WATCH_H_
