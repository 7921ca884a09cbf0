#include "tests/benchmarks/load/nats_target.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace dunlin::bench {

NatsTarget::NatsTarget(Options options) : options_(std::move(options)) {
  for (size_t i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<NatsBucket>(options_.address));
    inboxes_.push_back(connections_.back()->NewInbox());
    connections_.back()->Subscribe(
        absl::StrCat(inboxes_.back(), ".*"),
        [this](absl::string_view subject, absl::string_view data) { OnAnswer(subject, data); });
  }
}

void NatsTarget::Start(size_t slot) {
  const Call call = options_.next_call();
  const size_t connection = slot % connections_.size();
  connections_[connection]->Send(call.subject, absl::StrCat(inboxes_[connection], ".", slot), call.payload);
}

// A put is answered with where it stands, a read with the value; what goes wrong with an error, or with nothing.
void NatsTarget::OnAnswer(absl::string_view subject, absl::string_view data) {
  Ended ended;
  ended.ok = absl::SimpleAtoi(subject.substr(subject.rfind('.') + 1), &ended.slot) && !data.empty() &&
             !absl::StrContains(data, "\"error\"");
  MutexLock lock(&mutex_);
  ended_.push_back(ended);
  answered_.Signal();
}

std::optional<LoadTarget::Ended> NatsTarget::Next(absl::Time deadline) {
  MutexLock lock(&mutex_);
  for (absl::Time now = absl::Now(); ended_.empty() && now < deadline; now = absl::Now()) {
    answered_.WaitWithTimeout(&mutex_, deadline - now);
  }
  if (ended_.empty()) {
    return std::nullopt;
  }
  const Ended ended = ended_.front();
  ended_.pop_front();
  return ended;
}

}  // namespace dunlin::bench
