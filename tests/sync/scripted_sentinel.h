#ifndef DUNLIN_TESTS_SYNC_SCRIPTED_SENTINEL_H_
#define DUNLIN_TESTS_SYNC_SCRIPTED_SENTINEL_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"
#include "sync/redis_url.h"
#include "tests/support/loopback_listener.h"

namespace dunlin {

// ScriptedSentinel answers the question for the master's address with bytes that the test has set, and everything else
// with OK: what a real Sentinel says only by bad luck, such as the name of a server that is no master any more.
//
// Thread-safety: safe for concurrent use.
class ScriptedSentinel {
 public:
  ScriptedSentinel();
  ~ScriptedSentinel();
  ScriptedSentinel(const ScriptedSentinel&) = delete;
  ScriptedSentinel& operator=(const ScriptedSentinel&) = delete;

  RedisAddress address() const { return RedisAddress{"127.0.0.1", listener_.port()}; }

  // The answer from now on: the address of 127.0.0.1 and `port`, or these bytes. Empty bytes: none at all.
  void Name(uint16_t port);
  void Answer(const std::string& bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // How often it has been asked.
  int questions() const { return questions_.load(); }

 private:
  void Run();
  // Answers what has come; returns whether the connection lasts.
  bool Serve(int connection);
  bool Reply(const std::string& request, int connection) ABSL_LOCKS_EXCLUDED(mutex_);

  const LoopbackListener listener_;
  std::atomic<int> questions_{0};
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  std::string answer_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_SCRIPTED_SENTINEL_H_
