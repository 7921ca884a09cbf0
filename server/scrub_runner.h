#ifndef DUNLIN_SERVER_SCRUB_RUNNER_H_
#define DUNLIN_SERVER_SCRUB_RUNNER_H_

#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"
#include "storage/scrubber.h"
#include "storage/store.h"

namespace dunlin {

// ScrubRunner verifies a store on a thread of its own, so that whoever asks for it need not wait on one of gRPC's: one
// verification at a time, page after page.
//
// Thread-safety: safe for concurrent use. The object owns its thread.
class ScrubRunner {
 public:
  struct Request {
    // Whether nobody wants the answer any more. Asked again and again, on the runner's thread.
    absl::AnyInvocable<bool()> abandoned;
    // Called once, on the runner's thread, or within Run() when the request is refused.
    absl::AnyInvocable<void(absl::StatusOr<ScrubReport>)> done;
  };

  // `store` must outlive this object.
  explicit ScrubRunner(const Store* store);
  ScrubRunner(const ScrubRunner&) = delete;
  ScrubRunner& operator=(const ScrubRunner&) = delete;
  // Shuts down, and waits until what is under way has been answered.
  ~ScrubRunner();

  // Verifies the store. Errors: kResourceExhausted while another verification is under way; kCancelled when it was
  // abandoned; kUnavailable after Shutdown(); those of Scrubber.
  void Run(Request request) ABSL_LOCKS_EXCLUDED(mutex_);

  // Has what is under way broken off after its page, and takes in nothing any more. Does not wait.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ScrubReport> Scrub(Request* request) ABSL_LOCKS_EXCLUDED(mutex_);
  // OK, or why there is to be no more of it.
  absl::Status Interrupted(Request* request) ABSL_LOCKS_EXCLUDED(mutex_);

  const Store* const store_;

  Mutex mutex_;
  CondVar changed_;
  // Under way from the call to the answer.
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Request> next_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Last, so that it starts when all else is ready.
  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SCRUB_RUNNER_H_
