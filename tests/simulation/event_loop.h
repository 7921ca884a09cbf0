#ifndef DUNLIN_TESTS_SIMULATION_EVENT_LOOP_H_
#define DUNLIN_TESTS_SIMULATION_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "storage/clock.h"

namespace dunlin {

// EventLoop is virtual time: what is to happen at which moment. Events of one moment happen in the order in which they
// were added, so that a run depends on nothing but its inputs.
//
// Thread-safety: one thread.
class EventLoop final : public Clock {
 public:
  // A moment in 2023, the same in every run.
  static absl::Time Start() { return absl::FromUnixSeconds(1'700'000'000); }

  absl::Time Now() const override { return now_; }

  void At(absl::Time when, std::function<void()> what) {
    events_.push(Event{when < now_ ? now_ : when, ++added_, std::move(what)});
  }
  void After(absl::Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }

  // Lets everything happen that is to happen until `end`.
  void RunUntil(absl::Time end) {
    while (!events_.empty() && events_.top().when <= end) {
      // Moved out, because what happens may add events.
      Event event = std::move(const_cast<Event&>(events_.top()));
      events_.pop();
      now_ = event.when;
      event.what();
    }
    now_ = end;
  }

 private:
  struct Event {
    absl::Time when;
    uint64_t number = 0;
    std::function<void()> what;

    // std::priority_queue gives the greatest first.
    bool operator<(const Event& other) const { return when != other.when ? when > other.when : number > other.number; }
  };

  absl::Time now_ = Start();
  uint64_t added_ = 0;
  std::priority_queue<Event> events_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_EVENT_LOOP_H_
