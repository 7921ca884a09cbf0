#ifndef DUNLIN_SERVER_SIGNALS_H_
#define DUNLIN_SERVER_SIGNALS_H_

#include <signal.h>

#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/file_descriptor.h"
#include "storage/mutex.h"

namespace dunlin {

// StopSignals turns SIGTERM and SIGINT into something a program can wait for. The first one asks for an orderly end;
// the second, from somebody who does not want to wait for it, ends the process at once with 128 + the signal's number,
// as shells report it.
//
// It also ignores SIGPIPE, so that a peer that hangs up is an error of the write and not the end of the process.
//
// REQUIRES: constructed in main() before any other thread is started, because threads inherit which signals are
// blocked, and a signal goes to any thread that does not block it. One at a time.
//
// Thread-safety: safe for concurrent use.
class StopSignals {
 public:
  StopSignals();

  // Gives the signals back their former meaning.
  ~StopSignals();

  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Blocks until a signal has arrived or RequestStop() was called. Returns the signal, or 0 for RequestStop(). Further
  // calls return the same at once.
  int Wait() ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends Wait(): for a program that has to stop for a reason of its own.
  void RequestStop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Records why to stop, unless that is known already. Returns whether it was not.
  bool Record(int signal) ABSL_LOCKS_EXCLUDED(mutex_);

  void Run();

  sigset_t former_mask_;
  FileDescriptor signals_;
  // An eventfd, readable once the thread is to stop.
  FileDescriptor stop_;

  Mutex mutex_;
  CondVar arrived_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SIGNALS_H_
