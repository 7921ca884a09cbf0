#ifndef DUNLIN_TESTS_SIMULATION_SIM_SUBSCRIBER_H_
#define DUNLIN_TESTS_SIMULATION_SIM_SUBSCRIBER_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "sync/event_ring.h"
#include "sync/retry.h"
#include "tests/simulation/sim_thread.h"

namespace dunlin {

// SimSubscriber stands for the subscriber's thread: it keeps a subscription and puts what is published into the ring.
//
// Thread-safety: one thread.
class SimSubscriber final : public SimThread {
 public:
  // `ring` must outlive this object. `wake` is called when there is something new, `on_dropped` with each event that
  // the full ring does not take.
  SimSubscriber(const SimEnvironment& environment, EventRing<std::string>* ring, std::function<void()> wake,
                std::function<void(const std::string& event)> on_dropped)
      : SimThread(environment),
        ring_(ring),
        wake_(std::move(wake)),
        on_dropped_(std::move(on_dropped)),
        retry_(environment.dice->Number()) {}

  // Whether Redis has acknowledged the subscription, and it has not been lost since.
  bool subscribed() const { return subscribed_; }

  // Whether the subscription has been had (OK) or lost since the last call, the latest of it.
  absl::optional<absl::Status> TakeNews() { return std::exchange(news_, absl::nullopt); }
  // Whether events have been dropped since the last call because the ring was full.
  bool TakeOverflow() { return std::exchange(overflowed_, false); }

 private:
  void Turn() override {
    if (subscribing_ || now() < retry_at_) {
      return;
    }
    subscribing_ = true;
    Connect([this](const absl::Status& status) {
      if (!status.ok()) {
        OnLost(status);
        return;
      }
      redis().Subscribe(connection(), WhileAlive([this] { OnSubscribed(); }),
                        WhileAlive([this](const std::string& event) { OnEvent(event); }),
                        WhileAlive([this](const absl::Status& error) { OnLost(error); }));
    });
  }

  void OnSubscribed() {
    retry_.Succeeded();
    subscribed_ = true;
    news_ = absl::OkStatus();
    wake_();
  }

  void OnLost(const absl::Status& error) {
    subscribing_ = false;
    subscribed_ = false;
    news_ = error;
    retry_at_ = retry_.Failed(now());
    Sleep(retry_at_);
    wake_();
  }

  void OnEvent(const std::string& event) {
    std::string copy = event;
    if (!ring_->TryPush(std::move(copy), event.size())) {
      overflowed_ = true;
      on_dropped_(event);
    }
    wake_();
  }

  EventRing<std::string>* const ring_;
  const std::function<void()> wake_;
  const std::function<void(const std::string& event)> on_dropped_;
  Retry retry_;
  absl::Time retry_at_ = absl::InfinitePast();
  // Connecting, or subscribed.
  bool subscribing_ = false;
  bool subscribed_ = false;
  absl::optional<absl::Status> news_;
  bool overflowed_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_SUBSCRIBER_H_
