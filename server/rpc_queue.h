#ifndef DUNLIN_SERVER_RPC_QUEUE_H_
#define DUNLIN_SERVER_RPC_QUEUE_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "storage/mutex.h"

namespace dunlin {

// RpcQueue is a completion queue of gRPC with the one thread that waits at it: what happens to the calls of a server is
// told there, one thing after the other.
//
// Whatever is called on it must not block.
//
// Thread-safety: Start() and Stop() for one thread; the rest as told there.
class RpcQueue {
 public:
  // Operation is something that gRPC was asked to do: its "tag".
  class Operation {
   public:
    // Called once, on the queue's thread, when it has been done; or not, if not `ok`.
    virtual void OnEnded(bool ok) = 0;

   protected:
    ~Operation() = default;
  };

  // Passes what an operation comes to on to a member function of `T`, which must outlive it.
  template <typename T>
  class Notice final : public Operation {
   public:
    Notice(T* object, void (T::*member)(bool ok)) : object_(object), member_(member) {}
    void OnEnded(bool ok) override { (object_->*member_)(ok); }

   private:
    T* const object_;
    void (T::*const member_)(bool ok);
  };

  // What has become of an operation by the time that it has been asked for: nothing yet, so that its end will be told;
  // or its end, with or without `ok`.
  enum class Outcome { kOpen, kDone, kFailed };

  explicit RpcQueue(std::unique_ptr<grpc::CompletionQueue> queue) : queue_(std::move(queue)) {}
  // Stop(), if that has not been done. REQUIRES: the server has been shut down, or has never started.
  ~RpcQueue() { Stop(); }
  RpcQueue(const RpcQueue&) = delete;
  RpcQueue& operator=(const RpcQueue&) = delete;

  // For gRPC's calls.
  grpc::CompletionQueue* get() { return queue_.get(); }

  // What gRPC has to be given for an operation.
  static void* Tag(Operation* operation) { return operation; }

  // Count the calls that are awaited, or that gRPC has not let go of: the queue outlives them. One is added from any
  // thread before Stop() is called, or by the queue's, which removes it.
  void AddCall() { calls_.fetch_add(1, std::memory_order_relaxed); }
  void RemoveCall() { calls_.fetch_sub(1, std::memory_order_relaxed); }

  // Runs `ask`, which asks gRPC for `operation`. If that has been done at once, its end is not told at the queue, which
  // so saves waking its thread: it is what this returns. From any thread. REQUIRES: as Post().
  Outcome Ask(Operation* operation, absl::FunctionRef<void()> ask) ABSL_LOCKS_EXCLUDED(posted_mutex_);

  // Has `operation` ended with `ok` on the queue's thread, soon. All that are posted until it comes to that wake it but
  // once. From any thread. REQUIRES: a call that is counted until `operation` has ended.
  void Post(Operation* operation, bool ok = true) ABSL_LOCKS_EXCLUDED(posted_mutex_);

  // Whether this is the queue's thread.
  bool IsCurrent() const;

  // Starts the thread, called `name`, a literal; see this_thread.h. It stands behind others by `niceness`.
  // REQUIRES: a server that calls arrive at by this queue has started.
  void Start(const char* name, int niceness = 0);

  // Waits until no call is left, and ends the thread. REQUIRES: the server has been shut down, which ends all calls.
  void Stop();

 private:
  void OnStopRequested(bool) { stop_requested_ = true; }
  void OnPosted(bool) ABSL_LOCKS_EXCLUDED(posted_mutex_);
  void Run();

  struct Posted {
    Operation* operation;
    bool ok;
  };

  const std::unique_ptr<grpc::CompletionQueue> queue_;

  // Relaxed: those who add a call have done so before Stop(), and the thread looks at it after that.
  std::atomic<size_t> calls_{0};

  // Used by the thread alone once it runs.
  bool stop_requested_ = false;
  bool shut_down_ = false;

  Mutex posted_mutex_;
  // Not empty from when the thread is woken until it has come to that.
  std::vector<Posted> posted_ ABSL_GUARDED_BY(posted_mutex_);
  Notice<RpcQueue> post_{this, &RpcQueue::OnPosted};
  grpc::Alarm post_alarm_;

  Notice<RpcQueue> stop_request_{this, &RpcQueue::OnStopRequested};
  grpc::Alarm stop_alarm_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_RPC_QUEUE_H_
