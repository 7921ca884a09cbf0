#include "server/scrub_runner.h"

#include <utility>

#include "absl/status/status.h"
#include "storage/status_macros.h"
#include "storage/this_thread.h"

namespace dunlin {
namespace {

absl::Status ShuttingDown() { return absl::UnavailableError("the replica is shutting down"); }

}  // namespace

ScrubRunner::ScrubRunner(const Store* store) : store_(store), thread_([this] { Loop(); }) {}

ScrubRunner::~ScrubRunner() {
  Shutdown();
  thread_.join();
}

void ScrubRunner::Run(Request request) {
  absl::Status refusal;
  {
    MutexLock lock(&mutex_);
    if (stopping_) {
      refusal = ShuttingDown();
    } else if (busy_) {
      refusal = absl::ResourceExhaustedError("a verification is under way already: wait for its end");
    } else {
      busy_ = true;
      next_ = std::move(request);
      changed_.Signal();
      return;
    }
  }
  request.done(std::move(refusal));
}

void ScrubRunner::Shutdown() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  changed_.Signal();
}

void ScrubRunner::Loop() {
  NameThisThread("scrub");
  while (true) {
    Request request;
    {
      MutexLock lock(&mutex_);
      while (!next_.has_value() && !stopping_) {
        changed_.Wait(&mutex_);
      }
      if (!next_.has_value()) {
        return;
      }
      request = *std::exchange(next_, std::nullopt);
    }
    absl::StatusOr<ScrubReport> report = Scrub(&request);
    {
      // Before the answer: whoever gets it may ask again.
      MutexLock lock(&mutex_);
      busy_ = false;
    }
    request.done(std::move(report));
  }
}

absl::StatusOr<ScrubReport> ScrubRunner::Scrub(Request* request) {
  Scrubber scrubber(store_);
  absl::Status interrupted;
  const absl::Status pages = scrubber.CheckPages([&] { return !(interrupted = Interrupted(request)).ok(); });
  DUNLIN_RETURN_IF_ERROR(interrupted);
  DUNLIN_RETURN_IF_ERROR(pages);
  for (bool more = true; more;) {
    DUNLIN_RETURN_IF_ERROR(Interrupted(request));
    DUNLIN_ASSIGN_OR_RETURN(more, scrubber.Step());
  }
  return scrubber.report();
}

absl::Status ScrubRunner::Interrupted(Request* request) {
  if (request->abandoned()) {
    return absl::CancelledError("nobody waits for the verification any more");
  }
  MutexLock lock(&mutex_);
  return stopping_ ? ShuttingDown() : absl::OkStatus();
}

}  // namespace dunlin
