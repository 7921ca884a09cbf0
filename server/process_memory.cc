#include "server/process_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/time/time.h"
#include "server/limits.h"
#include "storage/this_thread.h"

namespace dunlin {
namespace {

// What is resident without the pages of files, from proc(5); 0 where the kernel does not tell.
size_t AnonymousBytes() {
  std::ifstream file("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  size_t shared = 0;
  file >> size >> resident >> shared;
  return file ? (resident - shared) * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

// What the process holds and does not use, and some megabytes of stacks and tables beside.
size_t UnusedBytes() {
  const struct mallinfo2 heap = mallinfo2();
  const size_t used = heap.uordblks + heap.hblkhd;
  return std::max(AnonymousBytes(), used) - used;
}

}  // namespace

void LimitSpareMemory() {
  // Setting either stops the learning of both.
  mallopt(M_MMAP_THRESHOLD, kSeparateBlockMinBytes);
  mallopt(M_TRIM_THRESHOLD, kArenaSpareMaxBytes);
}

MemoryTrimmer::MemoryTrimmer() {
  thread_ = std::thread([this] { Run(); });
}

MemoryTrimmer::~MemoryTrimmer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.SignalAll();
  }
  thread_.join();
}

void MemoryTrimmer::Run() {
  NameThisThread("memory");
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) {
        stopped_.WaitWithTimeout(&mutex_, kTrimPeriod);
      }
      if (stopping_) {
        return;
      }
    }
    TrimIfWorthIt();
  }
}

void MemoryTrimmer::TrimIfWorthIt() {
  const size_t unused = UnusedBytes();
  if (unused < left_bytes_ + kUntrimmedMaxBytes) {
    left_bytes_ = std::min(left_bytes_, unused);
    return;
  }
  malloc_trim(/*pad=*/0);
  left_bytes_ = UnusedBytes();
}

}  // namespace dunlin
