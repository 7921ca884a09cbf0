#ifndef DUNLIN_SERVER_STREAM_QUEUES_H_
#define DUNLIN_SERVER_STREAM_QUEUES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "server/limits.h"
#include "server/rpc_queue.h"

namespace dunlin {

// StreamQueues are the queues at which it is told what becomes of streams, kStreamQueues of them. Their threads do not
// wait for connections, and sleep until there is something to tell
// (docs/decisions/0028-streams-have-queues-of-their-own.md).
//
// Thread-safety: Next() is safe for concurrent use; the rest is for one thread.
class StreamQueues {
 public:
  StreamQueues();
  StreamQueues(const StreamQueues&) = delete;
  StreamQueues& operator=(const StreamQueues&) = delete;

  // One for another stream.
  RpcQueue* Next() { return queues_[next_.fetch_add(1, std::memory_order_relaxed) % queues_.size()].get(); }

  // As RpcQueue's. REQUIRES of Stop(): no more streams arrive.
  void Start();
  void Stop();

 private:
  std::array<std::unique_ptr<RpcQueue>, kStreamQueues> queues_;
  // Relaxed: any order does.
  std::atomic<size_t> next_{0};
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_STREAM_QUEUES_H_
