#ifndef DUNLIN_SYNC_INTERRUPTER_H_
#define DUNLIN_SYNC_INTERRUPTER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace dunlin {

// Interrupter lets one thread wait for a file descriptor in a way that any other thread can end.
//
// Thread-safety: safe for concurrent use.
class Interrupter {
 public:
  Interrupter();
  ~Interrupter();
  Interrupter(const Interrupter&) = delete;
  Interrupter& operator=(const Interrupter&) = delete;

  // Ends the waits under way and every later one, for good.
  void Interrupt();

  // Waits until `descriptor` can be read (written) without blocking, or has failed, which reading will tell.
  // Errors: kCancelled after Interrupt(), also if the descriptor is ready; kDeadlineExceeded;
  // kResourceExhausted when the process has run out of file descriptors.
  absl::Status WaitReadable(int descriptor, absl::Time deadline) const;
  absl::Status WaitWritable(int descriptor, absl::Time deadline) const;

 private:
  absl::Status Wait(int descriptor, short events, absl::Time deadline) const;

  // An eventfd, readable once interrupted; -1 if the process had no descriptor left.
  const int event_descriptor_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_INTERRUPTER_H_
