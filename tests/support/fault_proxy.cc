#include "tests/support/fault_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

namespace dunlin {
namespace {

int ToPollTimeoutMs(absl::Duration left) {
  if (left == absl::InfiniteDuration()) {
    return -1;
  }
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(std::max(left, absl::ZeroDuration()), absl::Milliseconds(1))));
}

}  // namespace

FaultProxy::FaultProxy(uint16_t target_port, ProxyLink::Rewrite rewrite)
    : rewrite_(std::move(rewrite)), listener_(SOCK_NONBLOCK), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) {
    std::perror("fault proxy");
    std::abort();
  }
  orders_.target_port = target_port;
  thread_ = std::thread([this] { Run(); });
}

FaultProxy::~FaultProxy() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_, 1);
  thread_.join();
  links_.clear();
  close(wake_);
}

// ---- Orders ----

template <typename Change>
void FaultProxy::Order(Change change) {
  MutexLock lock(&mutex_);
  change(&orders_);
  const uint64_t number = ++given_;
  eventfd_write(wake_, 1);
  while (followed_ < number) {
    followed_changed_.Wait(&mutex_);
  }
}

void FaultProxy::SetTarget(uint16_t target_port) {
  Order([&](Orders* orders) { orders->target_port = target_port; });
}

void FaultProxy::Heal() {
  Order([](Orders* orders) {
    orders->cut = false;
    orders->conditions = LinkConditions();
    orders->silenced.clear();
    orders->reset_after_bytes = SIZE_MAX;
    ++orders->reset_after_number;
  });
}

void FaultProxy::Cut() {
  Order([](Orders* orders) { orders->cut = true; });
}

void FaultProxy::BlackHole() {
  Order([](Orders* orders) { orders->conditions.forward = false; });
}

void FaultProxy::Silence(uint16_t source_port) {
  Order([&](Orders* orders) { orders->silenced.insert(source_port); });
}

void FaultProxy::ConnectFrom(uint32_t source_address) {
  Order([&](Orders* orders) { orders->conditions.source_address = source_address; });
}

void FaultProxy::SetDelay(absl::Duration delay) {
  Order([&](Orders* orders) { orders->conditions.delay = delay; });
}

void FaultProxy::SetRate(size_t bytes_per_second) {
  Order([&](Orders* orders) { orders->conditions.bytes_per_second = bytes_per_second; });
}

void FaultProxy::ResetConnections() {
  Order([](Orders* orders) { ++orders->resets; });
}

void FaultProxy::ResetAfter(size_t bytes) {
  Order([&](Orders* orders) {
    orders->reset_after_bytes = bytes;
    ++orders->reset_after_number;
  });
}

size_t FaultProxy::connections() const {
  MutexLock lock(&mutex_);
  return connections_;
}

// ---- The thread ----

FaultProxy::Orders FaultProxy::TakeOrders() {
  eventfd_t ignored;
  eventfd_read(wake_, &ignored);
  MutexLock lock(&mutex_);
  if (orders_.reset_after_number != reset_after_number_) {
    reset_after_number_ = orders_.reset_after_number;
    to_client_max_ = orders_.reset_after_bytes;
  }
  if (orders_.cut || orders_.resets != resets_) {
    resets_ = orders_.resets;
    links_.clear();
  }
  followed_ = given_;
  connections_ = links_.size();
  followed_changed_.SignalAll();
  return orders_;
}

void FaultProxy::Run() {
  while (true) {
    const Orders orders = TakeOrders();
    {
      MutexLock lock(&mutex_);
      if (stopping_) {
        return;
      }
    }
    Accept(orders);
    const absl::Time now = absl::Now();
    links_.remove_if([&](ProxyLink& link) {
      const bool goes_on = link.Step(ConditionsOf(link, orders), orders.target_port, now, &to_client_max_);
      if (to_client_max_ == 0) {
        to_client_max_ = SIZE_MAX;
      }
      return !goes_on;
    });
    CountConnections();
    Wait(orders);
  }
}

void FaultProxy::CountConnections() {
  MutexLock lock(&mutex_);
  connections_ = links_.size();
}

void FaultProxy::Accept(const Orders& orders) {
  while (true) {
    const int client = accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      return;
    }
    links_.emplace_back(client, rewrite_);
    if (orders.cut) {
      links_.pop_back();
    }
  }
}

LinkConditions FaultProxy::ConditionsOf(const ProxyLink& link, const Orders& orders) {
  LinkConditions conditions = orders.conditions;
  conditions.forward = conditions.forward && orders.silenced.count(link.source_port()) == 0;
  return conditions;
}

void FaultProxy::Wait(const Orders& orders) const {
  const absl::Time now = absl::Now();
  absl::Time wake = absl::InfiniteFuture();
  std::vector<pollfd> polled = {{wake_, POLLIN, 0}, {listener_.descriptor(), POLLIN, 0}};
  for (const ProxyLink& link : links_) {
    link.AddInterest(ConditionsOf(link, orders), now, &polled, &wake);
  }
  poll(polled.data(), polled.size(), ToPollTimeoutMs(wake - now));
}

}  // namespace dunlin
