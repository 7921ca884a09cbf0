#include "server/watch_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/limits.h"
#include "server/position_wait.h"
#include "server/request_parser.h"
#include "server/token.h"
#include "server/validation.h"
#include "storage/status_macros.h"
#include "storage/this_thread.h"

namespace dunlin {
namespace {

absl::Status ShuttingDown() {
  return absl::UnavailableError("the replica is shutting down: resume with the last token, here or at another replica");
}

}  // namespace

WatchService::WatchService(const Options& options, const ReplicaParts& parts) : options_(options), parts_(parts) {
  parts_.feed->SetCarrier(this);
  thread_ = std::thread([this] { Run(); });
}

WatchService::~WatchService() {
  Shutdown(absl::ZeroDuration());
  parts_.feed->SetCarrier(nullptr);
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void WatchService::Open(StreamCall* call, const grpc::ByteBuffer& request) {
  auto stream = std::make_shared<WatchStream>(this, call, NewId());
  absl::StatusOr<WatchStream::Options> options = Admit(request);
  if (!options.ok()) {
    stream->Refuse(options.status());
    return;
  }
  const absl::optional<Position> awaited =
      options->session.awaits_arrival ? options->session.resume : absl::optional<Position>();
  // First, because from Add() on a shutdown may end it.
  stream->Prepare(*std::move(options), steady_.Now());
  const absl::Status added = Add(stream);
  if (added.ok()) {
    stream->PutInLine();
    if (awaited.has_value()) {
      stream->AwaitArrival(*awaited);
    }
  } else {
    stream->Refuse(added);
  }
}

uint64_t WatchService::NewId() {
  MutexLock lock(&mutex_);
  return ++last_id_;
}

absl::Status WatchService::Add(const std::shared_ptr<WatchStream>& stream) {
  MutexLock lock(&mutex_);
  if (draining_) {
    return ShuttingDown();
  }
  if (streams_.size() >= options_.streams_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this replica serves ", streams_.size(),
                     " watch streams already, its limit (--watch-streams-max): watch at another replica"));
  }
  streams_.emplace(stream->id(), stream);
  return absl::OkStatus();
}

absl::StatusOr<WatchStream::Options> WatchService::Admit(const grpc::ByteBuffer& request) {
  v1::WatchRequest watch;
  DUNLIN_RETURN_IF_ERROR(ParseRequest(request, &watch));
  DUNLIN_RETURN_IF_ERROR(ValidateWatchFilters(watch));
  WatchStream::Options options;
  DUNLIN_ASSIGN_OR_RETURN(options.session.selection, ToSelection(watch));
  options.session.initial_state = watch.initial_state();
  options.session.as_text = watch.as_text();
  options.session.filter.no_puts = watch.no_puts();
  options.session.filter.no_deletes = watch.no_deletes();
  options.session.keys_only = watch.keys_only();
  options.session.every_change = watch.every_change();
  options.session.previous = watch.previous();
  if (!watch.resume_token().empty()) {
    DUNLIN_ASSIGN_OR_RETURN(options.session.resume, DecodePositionToken("resume_token", watch.resume_token()));
    options.session.awaits_arrival = CanAwait(parts_, *options.session.resume);
  }
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration progress_interval, ToProgressInterval(watch));
  options.heartbeat = std::min(options_.heartbeat, progress_interval);
  DUNLIN_ASSIGN_OR_RETURN(options.max_lag, ToMaxLag(watch));
  DUNLIN_RETURN_IF_ERROR(parts_.gate->Check());
  return options;
}

void WatchService::Enqueue(std::shared_ptr<WatchStream> stream) {
  MutexLock lock(&mutex_);
  if (!stream->in_line_) {
    stream->in_line_ = true;
    line_.push_back(std::move(stream));
    if (!ChangeFeed::IsCarrying()) {
      changed_.SignalAll();
    }
  }
}

void WatchService::Remove(const std::shared_ptr<WatchStream>& stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream->id());
  changed_.SignalAll();
}

void WatchService::Shutdown(absl::Duration patience) {
  const absl::Time give_up = steady_.Now() + patience;
  std::vector<std::shared_ptr<WatchStream>> open;
  {
    MutexLock lock(&mutex_);
    draining_ = true;
    for (const auto& [id, stream] : streams_) {
      open.push_back(stream);
    }
  }
  for (const std::shared_ptr<WatchStream>& stream : open) {
    stream->End(ShuttingDown());
  }
  bool cancelled = false;
  MutexLock lock(&mutex_);
  while (!streams_.empty()) {
    if (!cancelled && steady_.Now() >= give_up) {
      cancelled = true;
      for (const auto& [id, stream] : streams_) {
        // Under the lock, so that OnDone() waits for it.
        stream->Abort(ShuttingDown());
      }
    }
    changed_.WaitWithTimeout(&mutex_, cancelled ? absl::InfiniteDuration() : give_up - steady_.Now());
  }
}

size_t WatchService::streams() const {
  MutexLock lock(&mutex_);
  return streams_.size();
}

std::vector<std::shared_ptr<const WatchStream>> WatchService::List(uint64_t after_id, size_t streams_max) const {
  std::vector<std::shared_ptr<const WatchStream>> listed;
  MutexLock lock(&mutex_);
  for (auto it = streams_.upper_bound(after_id); it != streams_.end() && listed.size() < streams_max; ++it) {
    listed.push_back(it->second);
  }
  return listed;
}

// ---- The turns ----

void WatchService::Run() {
  NameThisThread("watch");
  // Where processors are short, writes and reads come before those who watch: there may be thousands of them.
  LowerThisThread(kWatchThreadNiceness);
  absl::Time look_at = absl::InfiniteFuture();
  while (true) {
    const std::shared_ptr<WatchStream> stream = AwaitNext(look_at);
    {
      MutexLock lock(&mutex_);
      if (stopped_) {
        return;
      }
    }
    MutexLock turn(&turn_);
    const absl::Time now = steady_.Now();
    if (stream != nullptr) {
      stream->Pump(now);
      if (!stream->in_schedule_) {
        stream->in_schedule_ = true;
        Schedule(stream, stream->Look(now));
      }
    }
    look_at = LookAround(now);
  }
}

void WatchService::CarryOn() {
  if (turn_.TryLock()) {
    const absl::Time now = steady_.Now();
    for (const std::shared_ptr<WatchStream>& stream : TakeFewLive()) {
      stream->Pump(now);
    }
    turn_.Unlock();
  }
  MutexLock lock(&mutex_);
  if (!line_.empty()) {
    changed_.SignalAll();
  }
}

std::vector<std::shared_ptr<WatchStream>> WatchService::TakeFewLive() {
  std::vector<std::shared_ptr<WatchStream>> streams;
  MutexLock lock(&mutex_);
  if (line_.size() <= kStreamsCarriedMax &&
      std::all_of(line_.begin(), line_.end(), [](const auto& stream) { return stream->IsLive(); })) {
    while (!line_.empty()) {
      streams.push_back(TakeNext());
    }
  }
  return streams;
}

std::shared_ptr<WatchStream> WatchService::AwaitNext(absl::Time at) {
  MutexLock lock(&mutex_);
  if (line_.empty() && !stopped_) {
    changed_.WaitWithTimeout(&mutex_, at - steady_.Now());
  }
  return line_.empty() ? nullptr : TakeNext();
}

std::shared_ptr<WatchStream> WatchService::TakeNext() {
  std::shared_ptr<WatchStream> stream = std::move(line_.front());
  line_.pop_front();
  stream->in_line_ = false;
  return stream;
}

absl::Time WatchService::LookAround(absl::Time now) {
  while (!schedule_.empty() && schedule_.top().at <= now) {
    const std::shared_ptr<WatchStream> stream = schedule_.top().stream.lock();
    schedule_.pop();
    if (stream != nullptr) {
      Schedule(stream, stream->Look(now));
      EndIfLagging(stream, now);
    }
  }
  return schedule_.empty() ? absl::InfiniteFuture() : schedule_.top().at;
}

void WatchService::EndIfLagging(const std::shared_ptr<WatchStream>& stream, absl::Time now) {
  const absl::Status lag = stream->CheckLag(now);
  if (lag.ok()) {
    return;
  }
  stream->End(lag);
  if (stream->writing()) {
    // Its reader does not read. Under the lock, so that OnDone() waits for it.
    MutexLock lock(&mutex_);
    if (streams_.count(stream->id()) > 0) {
      stream->Abort(lag);
    }
  }
}

void WatchService::Schedule(const std::shared_ptr<WatchStream>& stream, absl::Time at) {
  if (at < absl::InfiniteFuture()) {
    schedule_.push({at, stream});
  }
}

}  // namespace dunlin
