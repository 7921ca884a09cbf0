#ifndef DUNLIN_CLIENT_CLI_INTERRUPT_HANDLER_H_
#define DUNLIN_CLIENT_CLI_INTERRUPT_HANDLER_H_

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace dunlin::client::cli {

// InterruptHandler turns Ctrl-C (SIGINT) and SIGTERM into a call of a function, for as long as it lives; afterwards the
// signals do what they did before.
//
// The function runs on a thread of the handler's own, not inside a signal handler, so it may do anything that a thread
// may. It is called at most once.
//
// Thread-safety: interrupted() is safe from any thread. REQUIRES: one InterruptHandler lives at a time, since the
// signals belong to the process.
class InterruptHandler {
 public:
  explicit InterruptHandler(std::function<void()> on_interrupt);
  ~InterruptHandler();
  InterruptHandler(const InterruptHandler&) = delete;
  InterruptHandler& operator=(const InterruptHandler&) = delete;

  // Whether a signal has come. True before the function is called.
  bool interrupted() const { return interrupted_.load(); }

 private:
  void WaitForSignal();

  const std::function<void()> on_interrupt_;
  // Signal handlers can do little more than write to it; the thread sleeps on it.
  const int event_fd_;
  struct sigaction old_interrupt_ = {};
  struct sigaction old_terminate_ = {};

  // Set by the handler's thread, read by the one that was interrupted. Sequential order: nothing here is hot.
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> stopping_{false};

  std::thread thread_;
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_INTERRUPT_HANDLER_H_
