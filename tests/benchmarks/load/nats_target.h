#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_TARGET_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "tests/benchmarks/load/load_target.h"
#include "tests/benchmarks/load/nats_bucket.h"

namespace dunlin::bench {

// NatsTarget is the key-value store of NATS: each call is a message to its bucket, and ends with the answer.
//
// Thread-safety: one thread at a time.
class NatsTarget final : public LoadTarget {
 public:
  struct Call {
    std::string subject;
    std::string payload;
  };
  struct Options {
    std::string address;
    size_t connections = 4;
    size_t slots = 64;
    std::function<Call()> next_call;
  };

  // Aborts the program when the server cannot be reached.
  explicit NatsTarget(Options options);

  size_t slots() const override { return options_.slots; }
  void Start(size_t slot) override;
  std::optional<Ended> Next(absl::Time deadline) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void OnAnswer(absl::string_view subject, absl::string_view data) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar answered_;
  std::deque<Ended> ended_ ABSL_GUARDED_BY(mutex_);
  // The slots' answers come to INBOX.SLOT. Last, so that no answer comes to an object that is half gone.
  std::vector<std::string> inboxes_;
  std::vector<std::unique_ptr<NatsBucket>> connections_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_TARGET_H_
