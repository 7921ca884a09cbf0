#ifndef DUNLIN_SERVER_READINESS_LOOP_H_
#define DUNLIN_SERVER_READINESS_LOOP_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/readiness.h"
#include "server/replica_parts.h"
#include "server/rpc_server.h"
#include "storage/clock.h"
#include "storage/logger.h"
#include "storage/mutex.h"

namespace dunlin {

// ReadinessLoop asks Readiness some times a second and tells the verdict to the services' gate, which keeps it for the
// status, to health checks and to the log. A store that fails is logged once, as an error.
//
// Thread-safety: safe for concurrent use. The object owns its thread.
class ReadinessLoop {
 public:
  // All must outlive this object.
  ReadinessLoop(absl::Duration patience, const ReplicaParts& parts, ServingGate* gate, RpcServer* server,
                Logger* logger);
  ReadinessLoop(const ReadinessLoop&) = delete;
  ReadinessLoop& operator=(const ReadinessLoop&) = delete;
  // Drains.
  ~ReadinessLoop();

  // NOT_SERVING from now on. Draining again does nothing.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  void Update(bool draining);

  const ReplicaParts parts_;
  ServingGate* const gate_;
  RpcServer* const server_;
  Logger* const logger_;
  const SteadyClock steady_;

  // Used by one thread at a time: the loop's, and after it has ended Drain()'s.
  Readiness readiness_;
  // The last one told; none at first.
  ReadinessVerdict verdict_;
  bool failure_logged_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_READINESS_LOOP_H_
