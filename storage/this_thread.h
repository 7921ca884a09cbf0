#ifndef DUNLIN_STORAGE_THIS_THREAD_H_
#define DUNLIN_STORAGE_THIS_THREAD_H_

#include <pthread.h>
#include <sys/resource.h>

namespace dunlin {

// What the system is told of the calling thread. Without it all works as well, so that an error is none.

// Names it for those who look at the process (`top -H`, gdb, perf), by at most 15 characters.
inline void NameThisThread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

// Lets it stand behind others where processors are short: as nice(1), but in Linux of this thread alone.
inline void LowerThisThread(int niceness) { (void)setpriority(PRIO_PROCESS, 0, niceness); }

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_THIS_THREAD_H_
