#ifndef DUNLIN_SERVER_PROCESS_MEMORY_H_
#define DUNLIN_SERVER_PROCESS_MEMORY_H_

#include <cstddef>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace dunlin {

// Keeps the C library's allocator from learning, from every large block that is freed, to keep as much at the end of
// each of its arenas (mallopt(3)), of which there are up to eight for each processor.
// REQUIRES: called before there is a second thread.
void LimitSpareMemory();

// MemoryTrimmer gives memory back to the system that the process has freed: bursts of large values would leave a
// replica with hundreds of megabytes, in holes between blocks that are still used. It looks every now and then, and
// trims when the process holds more by kUntrimmedMaxBytes that it does not use than the last trim has left.
//
// Thread-safety: the object owns its thread, and nothing else is to be called.
class MemoryTrimmer {
 public:
  MemoryTrimmer();
  MemoryTrimmer(const MemoryTrimmer&) = delete;
  MemoryTrimmer& operator=(const MemoryTrimmer&) = delete;
  ~MemoryTrimmer();

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  void TrimIfWorthIt();

  // The thread's own: what no trim would get, as far as is known.
  size_t left_bytes_ = 0;

  Mutex mutex_;
  CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_PROCESS_MEMORY_H_
