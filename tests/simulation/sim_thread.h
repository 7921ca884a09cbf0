#ifndef DUNLIN_TESTS_SIMULATION_SIM_THREAD_H_
#define DUNLIN_TESTS_SIMULATION_SIM_THREAD_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/sim_redis.h"

namespace dunlin {

// What the parts of a simulated replica live in.
struct SimEnvironment {
  EventLoop* loop = nullptr;
  Dice* dice = nullptr;
  SimRedis* redis = nullptr;
  int replica = 0;
  // How long a thread takes to notice that it has something to do.
  absl::Duration wake_max = absl::Milliseconds(1);
};

// SimThread stands for a thread of a replica: a loop that turns when it is woken, sleeps, and stands still while a call
// of it is under way. Whatever it has scheduled is forgotten when it is destroyed: that is the crash.
//
// Thread-safety: one thread, despite the name.
class SimThread {
 public:
  explicit SimThread(const SimEnvironment& environment) : environment_(environment) {}
  virtual ~SimThread() {
    if (connection_ != nullptr) {
      environment_.redis->Drop(connection_);
    }
  }
  SimThread(const SimThread&) = delete;
  SimThread& operator=(const SimThread&) = delete;

  // It has something to do, and will see so after a moment.
  void Wake() {
    if (!std::exchange(woken_, true)) {
      Later(environment_.dice->Between(absl::ZeroDuration(), environment_.wake_max), [this] {
        woken_ = false;
        TurnUnlessBusy();
      });
    }
  }

 protected:
  // One round of the loop after another, until there is nothing to do at once.
  virtual void Turn() = 0;

  absl::Time now() const { return environment_.loop->Now(); }
  Dice& dice() const { return *environment_.dice; }
  SimRedis& redis() const { return *environment_.redis; }
  bool busy() const { return busy_; }
  const SimRedis::ConnectionPtr& connection() const { return connection_; }

  // Returns `what` as a function that does nothing after the crash.
  template <typename What>
  auto WhileAlive(What what) {
    return [alive = std::weak_ptr<void>(alive_), what = std::move(what)](auto... arguments) {
      if (!alive.expired()) {
        what(std::move(arguments)...);
      }
    };
  }

  void Later(absl::Duration delay, std::function<void()> what) {
    environment_.loop->After(delay, WhileAlive(std::move(what)));
  }

  void Sleep(absl::Time until) {
    if (until >= timer_) {
      return;
    }
    timer_ = until;
    environment_.loop->At(until, WhileAlive([this, number = ++timers_] {
                            // One that was overtaken would set another, and so for ever.
                            if (number == timers_) {
                              timer_ = absl::InfiniteFuture();
                              TurnUnlessBusy();
                            }
                          }));
  }

  // Stands still until Resume().
  void Pause() { busy_ = true; }
  void Resume() {
    busy_ = false;
    Turn();
  }

  // Connects anew, and tells the outcome.
  void Connect(std::function<void(const absl::Status& status)> done) {
    if (connection_ != nullptr) {
      redis().Drop(connection_);
    }
    Pause();
    redis().Connect(
        environment_.replica,
        WhileAlive([this, done = std::move(done)](const absl::StatusOr<SimRedis::ConnectionPtr>& connected) {
          if (connected.ok()) {
            connection_ = *connected;
          }
          done(connected.status());
          Resume();
        }));
  }

  // Makes a call and stands still until `done` has been called.
  template <typename Reply>
  void Call(std::function<absl::StatusOr<Reply>(ModelRedis& redis)> script,
            std::function<void(absl::StatusOr<Reply> reply)> done) {
    Pause();
    redis().Call<Reply>(connection_, std::move(script),
                        WhileAlive([this, done = std::move(done)](absl::StatusOr<Reply> reply) {
                          done(std::move(reply));
                          Resume();
                        }));
  }

 private:
  void TurnUnlessBusy() {
    if (!busy_) {
      Turn();
    }
  }

  const SimEnvironment environment_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool woken_ = false;
  // A call is under way.
  bool busy_ = false;
  absl::Time timer_ = absl::InfiniteFuture();
  uint64_t timers_ = 0;
  SimRedis::ConnectionPtr connection_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_THREAD_H_
