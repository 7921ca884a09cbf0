#include "server/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "storage/this_thread.h"

namespace dunlin {
namespace {

sigset_t StopSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  const sigset_t set = StopSet();
  pthread_sigmask(SIG_BLOCK, &set, &former_mask_);
  signal(SIGPIPE, SIG_IGN);
  signals_ = FileDescriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  stop_ = FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  thread_ = std::thread([this] { Run(); });
}

StopSignals::~StopSignals() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
}

int StopSignals::Wait() {
  MutexLock lock(&mutex_);
  while (!stopping_) arrived_.Wait(&mutex_);
  return signal_;
}

void StopSignals::RequestStop() { Record(0); }

bool StopSignals::Record(int signal) {
  MutexLock lock(&mutex_);
  if (stopping_) return false;
  stopping_ = true;
  signal_ = signal;
  arrived_.SignalAll();
  return true;
}

void StopSignals::Run() {
  NameThisThread("signals");
  pollfd ready[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (true) {
    poll(ready, 2, -1);
    if (ready[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
    const int signal = static_cast<int>(info.ssi_signo);
    // No destructors: whatever keeps the orderly end from finishing could keep them too.
    if (!Record(signal)) _exit(128 + signal);
  }
}

}  // namespace dunlin
