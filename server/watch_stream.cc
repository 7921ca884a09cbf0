#include "server/watch_stream.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/limits.h"
#include "server/position_wait.h"
#include "server/status_mapping.h"
#include "server/watch_service.h"
#include "storage/status_macros.h"

namespace dunlin {

void WatchStream::Prepare(Options options, absl::Time now) {
  self_ = shared_from_this();
  heartbeat_ = options.heartbeat;
  max_lag_ = options.max_lag;
  said_at_ = now;
  opened_at_ = now;
  peer_ = call()->context()->peer();
  selection_ = options.session.selection;
  // The session ends with the stream, so its wake-ups cannot outlive it.
  session_ = std::make_unique<WatchSession>(std::move(options.session), service_->parts_.store, service_->parts_.feed,
                                            [this] { PutInLine(); });
}

void WatchStream::Refuse(const absl::Status& error) {
  self_ = shared_from_this();
  finished_ = true;
  session_.reset();
  Finish(ToGrpcStatus(error));
}

void WatchStream::Pump(absl::Time now) {
  if (finished_) {
    return;
  }
  if (WaitsForWrite()) {
    // Something has come to its queue.
    PublishFacts();
    return;
  }
  pump_again_.store(false, std::memory_order_relaxed);
  absl::Status end;
  {
    MutexLock lock(&mutex_);
    end = end_;
  }
  if (end.ok()) {
    end = SayNext(now);
  }
  if (!end.ok()) {
    finished_ = true;
    // Before gRPC may let go of the stream, so that the feed does not call into it any more.
    session_.reset();
    Finish(ToGrpcStatus(end));
    return;
  }
  PublishFacts();
}

bool WatchStream::WaitsForWrite() {
  if (!writing()) {
    return false;
  }
  pump_again_.store(true);
  return writing_.load();
}

// ---- The token of another replica ----

// The callback may outlive the stream, and a stream the service.
void WatchStream::AwaitArrival(const Position& resume) {
  WaitForPosition(service_->parts_, resume, kArrivalWaitMax, [stream = weak_from_this()](const absl::Status& status) {
    if (const std::shared_ptr<WatchStream> self = stream.lock(); self != nullptr) {
      self->OnArrival(status);
    }
  });
}

void WatchStream::OnArrival(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (!done_) {
    arrival_ = status;
    PutInLine();
  }
}

// What has not come in time, or cannot be waited for, is told as a state.
void WatchStream::TakeArrival() {
  absl::optional<absl::Status> arrival;
  {
    MutexLock lock(&mutex_);
    arrival.swap(arrival_);
  }
  if (arrival.has_value()) {
    session_->Arrived(arrival->ok() ? service_->parts_.replicator->FindCheckpoint(*session_->options().resume)
                                    : absl::nullopt);
  }
}

// While it waits it says so more often.
absl::Duration WatchStream::heartbeat() const {
  const bool waits = session_->mode() == WatchSession::Mode::kWaiting;
  return waits ? std::min(heartbeat_, kArrivalHeartbeatPeriod) : heartbeat_;
}

// ---- What it says ----

absl::Status WatchStream::SayNext(absl::Time now) {
  TakeArrival();
  taken_revision_ = session_->revision();
  WatchOutput output;
  DUNLIN_ASSIGN_OR_RETURN(const WatchSession::Step step, session_->Next(&output));
  if (step == WatchSession::Step::kMessage) {
    Say(&output, now);
  } else if (now >= heartbeat_at()) {
    session_->Heartbeat(&output.message);
    Say(&output, now);
  } else if (step == WatchSession::Step::kMore) {
    PutInLine();
  }
  return absl::OkStatus();
}

void WatchStream::Say(WatchOutput* output, absl::Time now) {
  FillLag(service_->parts_, output->message.mutable_lag());
  const grpc::ByteBuffer message = service_->encoder_.Encode(*output, session_->form());
  said_at_ = now;
  // The thread of the call's queue sees both, because StartWrite() comes after.
  pump_again_.store(!session_->caught_up(), std::memory_order_relaxed);
  writing_.store(true, std::memory_order_relaxed);
  const RpcQueue::Outcome outcome = StartWrite(message);
  if (outcome != RpcQueue::Outcome::kOpen) {
    OnWriteDone(outcome == RpcQueue::Outcome::kDone);
  }
}

absl::Time WatchStream::Look(absl::Time now) {
  if (finished_) {
    return absl::InfiniteFuture();
  }
  absl::Time next = heartbeat_at();
  if (next <= now) {
    PutInLine();
    next = now + heartbeat();
  }
  const bool taken = !writing();
  if (taken) {
    taken_revision_ = session_->revision();
  }
  reader_lag_.Update(
      {session_->synced(), taken && session_->caught_up(), taken_revision_, service_->parts_.feed->revision()}, now);
  PublishFacts();
  return std::min(next, now + max_lag_ / kWatchLagLooks);
}

absl::Time WatchStream::BehindSince() const {
  return std::min(reader_lag_.behind_since(), writing() ? said_at_ : absl::InfiniteFuture());
}

void WatchStream::PublishFacts() {
  Facts facts;
  facts.mode = session_->mode();
  facts.revision = session_->revision();
  facts.queued = session_->queued();
  facts.caught_up = session_->caught_up();
  facts.behind_since = reader_lag_.behind_since();
  MutexLock lock(&mutex_);
  facts_ = facts;
  facts_said_at_ = said_at_;
}

WatchStream::Facts WatchStream::facts() const {
  MutexLock lock(&mutex_);
  Facts facts = facts_;
  if (writing()) {
    facts.behind_since = std::min(facts.behind_since, facts_said_at_);
  } else if (facts.caught_up) {
    facts.behind_since = absl::InfiniteFuture();
  }
  return facts;
}

absl::Status WatchStream::CheckLag(absl::Time now) const {
  const absl::Duration lag = now - BehindSince();
  if (finished_ || lag <= max_lag_) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("this reader is behind by ", absl::FormatDuration(lag),
                                             ", more than its max_lag of ", absl::FormatDuration(max_lag_),
                                             ": resume with the token of the last message that it has read"));
}

void WatchStream::End(const absl::Status& error) {
  {
    MutexLock lock(&mutex_);
    if (end_.ok()) {
      end_ = error;
    }
  }
  PutInLine();
}

// ServerContext::TryCancel() would do the same with CANCELLED, which tells the caller not to try again. With a
// status of our own gRPC sends it at once, past the messages that wait for the reader.
void WatchStream::Abort(const absl::Status& error) {
  const grpc::Status status = ToGrpcStatus(error);
  grpc_call_cancel_with_status(call()->context()->c_call(), static_cast<grpc_status_code>(status.error_code()),
                               status.error_message().c_str(), nullptr);
}

void WatchStream::OnWriteDone(bool ok) {
  writing_.store(false);
  if (!ok) {
    End(absl::CancelledError("the stream is broken"));
  } else if (pump_again_.load()) {
    PutInLine();
  }
}

void WatchStream::OnCancel() { End(absl::CancelledError("the caller has cancelled the stream")); }

void WatchStream::OnDone() {
  {
    MutexLock lock(&mutex_);
    done_ = true;
  }
  const std::shared_ptr<WatchStream> self = std::move(self_);
  service_->Remove(self);
}

void WatchStream::PutInLine() { service_->Enqueue(shared_from_this()); }

}  // namespace dunlin
