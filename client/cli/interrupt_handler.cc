#include "client/cli/interrupt_handler.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace dunlin::client::cli {
namespace {

constexpr int kNone = -1;

// Where OnSignal() writes. A signal handler reaches nothing but globals. Release and acquire order the descriptor's
// creation before its use on whichever thread the signal hits.
std::atomic<int> g_event_fd{kNone};

void Notify(int event_fd) {
  const uint64_t one = 1;
  // Fails only when the counter is full: then the thread is awake anyway.
  [[maybe_unused]] const ssize_t written = write(event_fd, &one, sizeof(one));
}

void OnSignal(int) {
  const int saved_errno = errno;
  const int event_fd = g_event_fd.load(std::memory_order_acquire);
  if (event_fd != kNone) {
    Notify(event_fd);
  }
  errno = saved_errno;
}

}  // namespace

InterruptHandler::InterruptHandler(std::function<void()> on_interrupt)
    : on_interrupt_(std::move(on_interrupt)), event_fd_(eventfd(0, EFD_CLOEXEC)) {
  if (event_fd_ == kNone || g_event_fd.exchange(event_fd_, std::memory_order_release) != kNone) {
    abort();  // Out of descriptors at the start of a command line, or a second handler: a broken invariant.
  }
  thread_ = std::thread([this] { WaitForSignal(); });
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &old_interrupt_);
  sigaction(SIGTERM, &action, &old_terminate_);
}

InterruptHandler::~InterruptHandler() {
  sigaction(SIGTERM, &old_terminate_, nullptr);
  sigaction(SIGINT, &old_interrupt_, nullptr);
  g_event_fd.store(kNone, std::memory_order_release);
  stopping_.store(true);
  Notify(event_fd_);
  thread_.join();
  close(event_fd_);
}

void InterruptHandler::WaitForSignal() {
  uint64_t count = 0;
  while (read(event_fd_, &count, sizeof(count)) < 0 && errno == EINTR) {
  }
  if (!stopping_.load()) {
    interrupted_.store(true);
    on_interrupt_();
  }
}

}  // namespace dunlin::client::cli
