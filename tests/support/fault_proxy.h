#ifndef DUNLIN_TESTS_SUPPORT_FAULT_PROXY_H_
#define DUNLIN_TESTS_SUPPORT_FAULT_PROXY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "tests/support/loopback_listener.h"
#include "tests/support/proxy_link.h"

namespace dunlin {

// FaultProxy stands between clients and a server of 127.0.0.1 and makes the faults of a network: what connects to
// port() is connected to the target, until the test says otherwise. Each call has taken effect when it returns.
//
//   Cut()         every connection is reset, and so is every new one: a server that is gone
//   BlackHole()   nothing goes through, nobody is told: a cable that was pulled. What was sent waits, as it would in
//                 TCP, and goes on its way when it is over
//   Silence()     the same for one connection: a peer that is gone without a word, which its other connections are not.
//                 Nobody is told of its end either, until the proxy's
//   SetDelay(), SetRate()   a slow link
//   ConnectFrom() clients of another machine, as far as the server can tell
//   ResetConnections(), ResetAfter()   connections that break, at once or in the middle of a message
//
// Thread-safety: safe for concurrent use.
class FaultProxy {
 public:
  // Aborts the test program when it gets no port. `rewrite`: see ProxyLink.
  explicit FaultProxy(uint16_t target_port, ProxyLink::Rewrite rewrite = nullptr);
  // Resets all connections.
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  uint16_t port() const { return listener_.port(); }

  // Where connections that are made from now on lead.
  void SetTarget(uint16_t target_port) ABSL_LOCKS_EXCLUDED(mutex_);

  // As it was in the beginning.
  void Heal() ABSL_LOCKS_EXCLUDED(mutex_);
  void Cut() ABSL_LOCKS_EXCLUDED(mutex_);
  void BlackHole() ABSL_LOCKS_EXCLUDED(mutex_);
  // The connection that the server knows by this port, as Redis tells in CLIENT LIST.
  void Silence(uint16_t source_port) ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections that are made from now on come to the server from this address of the machine, such as 127.0.0.2, given
  // in host order.
  void ConnectFrom(uint32_t source_address) ABSL_LOCKS_EXCLUDED(mutex_);
  // For what comes from now on, each way.
  void SetDelay(absl::Duration delay) ABSL_LOCKS_EXCLUDED(mutex_);
  // Each way of each connection; 0: no limit.
  void SetRate(size_t bytes_per_second) ABSL_LOCKS_EXCLUDED(mutex_);
  void ResetConnections() ABSL_LOCKS_EXCLUDED(mutex_);
  // Once `bytes` more have been passed to clients, the connection that carried the last of them is reset.
  void ResetAfter(size_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // The connections of clients that exist at the moment.
  size_t connections() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Orders {
    uint16_t target_port = 0;
    bool cut = false;
    LinkConditions conditions;
    // By the ports from which they come to the server.
    std::set<uint16_t> silenced;
    uint64_t resets = 0;
    // Changes with every ResetAfter().
    uint64_t reset_after_number = 0;
    size_t reset_after_bytes = SIZE_MAX;
  };

  void Run();
  void Accept(const Orders& orders);
  void CountConnections() ABSL_LOCKS_EXCLUDED(mutex_);
  static LinkConditions ConditionsOf(const ProxyLink& link, const Orders& orders);
  // Waits until something can be done.
  void Wait(const Orders& orders) const;
  Orders TakeOrders() ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets `change` change the orders and waits until they are followed.
  template <typename Change>
  void Order(Change change) ABSL_LOCKS_EXCLUDED(mutex_);

  const ProxyLink::Rewrite rewrite_;
  const LoopbackListener listener_;
  // Readable once there are new orders.
  const int wake_;

  // Used by the thread alone.
  std::list<ProxyLink> links_;
  uint64_t resets_ = 0;
  uint64_t reset_after_number_ = 0;
  size_t to_client_max_ = SIZE_MAX;

  mutable Mutex mutex_;
  Orders orders_ ABSL_GUARDED_BY(mutex_);
  uint64_t given_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t followed_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  CondVar followed_changed_;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_FAULT_PROXY_H_
