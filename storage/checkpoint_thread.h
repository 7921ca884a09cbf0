#ifndef DUNLIN_STORAGE_CHECKPOINT_THREAD_H_
#define DUNLIN_STORAGE_CHECKPOINT_THREAD_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"
#include "storage/table_env.h"
#include "storage/this_thread.h"

namespace dunlin {

// CheckpointThread writes what is frozen to the database, each time that it is woken, so that the committer's thread
// need not wait for that. What becomes of it is told by TableEnv::room() and failure().
//
// Thread-safety: safe for concurrent use. The object owns its thread.
class CheckpointThread {
 public:
  // `tables` must outlive this object.
  explicit CheckpointThread(TableEnv* tables) : tables_(tables), thread_([this] { Run(); }) {}
  CheckpointThread(const CheckpointThread&) = delete;
  CheckpointThread& operator=(const CheckpointThread&) = delete;

  // Finishes what is under way, and ends the thread.
  ~CheckpointThread() {
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      wake_.Signal();
    }
    thread_.join();
  }

  void Wake() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    due_ = true;
    wake_.Signal();
  }

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_) {
    NameThisThread("checkpoints");
    while (true) {
      {
        MutexLock lock(&mutex_);
        while (!due_ && !stopping_) {
          wake_.Wait(&mutex_);
        }
        if (stopping_) {
          return;
        }
        due_ = false;
      }
      (void)tables_->WriteFrozen();
    }
  }

  TableEnv* const tables_;
  Mutex mutex_;
  CondVar wake_;
  bool due_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it starts when all else is ready.
  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_CHECKPOINT_THREAD_H_
