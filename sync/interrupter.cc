#include "sync/interrupter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace dunlin {
namespace {

// poll() counts in milliseconds; rounding up keeps the last fraction of one from becoming a busy loop.
int PollTimeoutMs(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    return -1;
  }
  constexpr absl::Duration kLongest = absl::Hours(1);
  const absl::Duration left = std::clamp(deadline - absl::Now(), absl::ZeroDuration(), kLongest);
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

}  // namespace

Interrupter::Interrupter() : event_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupter::~Interrupter() {
  if (event_descriptor_ >= 0) {
    close(event_descriptor_);
  }
}

void Interrupter::Interrupt() {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the descriptor is readable already.
  [[maybe_unused]] const ssize_t written = write(event_descriptor_, &one, sizeof(one));
}

absl::Status Interrupter::WaitReadable(int descriptor, absl::Time deadline) const {
  return Wait(descriptor, POLLIN, deadline);
}

absl::Status Interrupter::WaitWritable(int descriptor, absl::Time deadline) const {
  return Wait(descriptor, POLLOUT, deadline);
}

absl::Status Interrupter::Wait(int descriptor, short events, absl::Time deadline) const {
  if (event_descriptor_ < 0) {
    return absl::ResourceExhaustedError("no file descriptor was left for an eventfd: raise the limit (ulimit -n)");
  }
  while (true) {
    pollfd polled[] = {{descriptor, events, 0}, {event_descriptor_, POLLIN, 0}};
    const int ready = poll(polled, 2, PollTimeoutMs(deadline));
    if (ready < 0 && errno != EINTR) {
      return absl::InternalError(absl::StrCat("poll: ", std::strerror(errno)));
    }
    if (ready > 0) {
      return polled[1].revents != 0 ? absl::CancelledError("interrupted") : absl::OkStatus();
    }
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError("no answer in time");
    }
  }
}

}  // namespace dunlin
