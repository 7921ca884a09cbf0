#include "server/process_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/time/time.h"
#include "server/limits.h"

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

}  // namespace

void LimitSpareMemory() {
  // Setting either stops the learning of both.
  mallopt(M_MMAP_THRESHOLD, kSeparateBlockMinBytes);
  mallopt(M_TRIM_THRESHOLD, kArenaSpareMaxBytes);
}

MemoryTrimmer::MemoryTrimmer() : least_bytes_(AnonymousBytes()) {
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
    TrimIfLarger();
  }
}

void MemoryTrimmer::TrimIfLarger() {
  if (AnonymousBytes() < least_bytes_ + kUntrimmedMaxBytes) {
    return;
  }
  malloc_trim(/*pad=*/0);
  least_bytes_ = std::min(least_bytes_, AnonymousBytes());
}

}  // namespace dunlin
