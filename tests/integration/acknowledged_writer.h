#ifndef DUNLIN_TESTS_INTEGRATION_ACKNOWLEDGED_WRITER_H_
#define DUNLIN_TESTS_INTEGRATION_ACKNOWLEDGED_WRITER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "client/client.h"

namespace dunlin {

// AcknowledgedWriter puts one new key after the other, each with itself as its value, from a few threads, until the
// replica is gone, and remembers what was acknowledged.
//
// Thread-safety: one thread uses an AcknowledgedWriter.
class AcknowledgedWriter {
 public:
  // What one thread came to.
  struct Result {
    std::vector<std::string> acknowledged;
    // The one Put that failed, and how. Empty when the writer was stopped before.
    std::string refused;
    absl::Status error;
  };

  // Starts writing. `client` must outlive this object.
  AcknowledgedWriter(Client* client, size_t threads);
  // Stops.
  ~AcknowledgedWriter();
  AcknowledgedWriter(const AcknowledgedWriter&) = delete;
  AcknowledgedWriter& operator=(const AcknowledgedWriter&) = delete;

  // So far.
  uint64_t acknowledged() const { return acknowledged_.load(std::memory_order_relaxed); }

  // Waits until every thread has met its error, which it does only when the replica goes away.
  const std::vector<Result>& WaitUntilGone();

 private:
  void Run(size_t thread);

  Client* const client_;

  // A statistic and a flag: nothing is ordered by them, hence relaxed.
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> stop_{false};

  // Each belongs to its thread until that has ended.
  std::vector<Result> results_;
  std::vector<std::thread> threads_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_ACKNOWLEDGED_WRITER_H_
