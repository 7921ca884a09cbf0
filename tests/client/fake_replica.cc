#include "tests/client/fake_replica.h"

#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "dunlin/v1/replica.grpc.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "storage/mutex.h"
#include "tests/client/fake_entries.h"

namespace dunlin {

// What the services and the test share.
class FakeReplica::State {
 public:
  Mutex mutex;
  CondVar changed;

  FakeEntries entries ABSL_GUARDED_BY(mutex);
  v1::Status status ABSL_GUARDED_BY(mutex);
  std::vector<v1::WatcherStatus> listed_watchers ABSL_GUARDED_BY(mutex);
  v1::VerifyResponse verification ABSL_GUARDED_BY(mutex);

  std::optional<grpc::Status> next_failure ABSL_GUARDED_BY(mutex);
  bool holding ABSL_GUARDED_BY(mutex) = false;
  std::vector<grpc::ServerUnaryReactor*> held ABSL_GUARDED_BY(mutex);

  v1::PutRequest last_put ABSL_GUARDED_BY(mutex);
  v1::DeleteRequest last_delete ABSL_GUARDED_BY(mutex);
  v1::BatchWriteRequest last_batch_write ABSL_GUARDED_BY(mutex);
  std::vector<v1::ListRequest> lists ABSL_GUARDED_BY(mutex);
  v1::WatchRequest last_watch ABSL_GUARDED_BY(mutex);
  absl::Duration last_time_left ABSL_GUARDED_BY(mutex);

  std::vector<v1::WatchResponse> greeting ABSL_GUARDED_BY(mutex);
  std::set<WatchReactor*> watchers ABSL_GUARDED_BY(mutex);

  // Answers a unary call by `serve`, called under the mutex, or as the test has asked for instead.
  template <typename Serve>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Serve serve) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    MutexLock lock(&mutex);
    last_time_left = absl::FromChrono(context->deadline()) - absl::Now();
    if (holding) {
      held.push_back(reactor);
    } else if (next_failure.has_value()) {
      reactor->Finish(*next_failure);
      next_failure.reset();
    } else {
      reactor->Finish(serve());
    }
    return reactor;
  }
};

// One watch stream. It deletes itself when gRPC is done with it; whoever else wants to touch it finds it in
// State::watchers, under the state's mutex, which is taken before the stream's own.
class FakeReplica::WatchReactor : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  explicit WatchReactor(State* state) : state_(*state) {}

  void Send(const v1::WatchResponse& message) {
    MutexLock lock(&mutex_);
    queue_.push_back(message);
    AdvanceLocked();
  }

  void End(const grpc::Status& status) {
    MutexLock lock(&mutex_);
    end_ = end_.value_or(status);
    AdvanceLocked();
  }

  void OnWriteDone(bool) override {
    MutexLock lock(&mutex_);
    queue_.pop_front();
    writing_ = false;
    AdvanceLocked();
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  // gRPC calls it when every other reaction has returned, so that nobody else is inside by then.
  void OnDone() override {
    {
      MutexLock lock(&state_.mutex);
      state_.watchers.erase(this);
      state_.changed.SignalAll();
    }
    delete this;
  }

 private:
  void AdvanceLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) {
      return;
    }
    if (!queue_.empty()) {
      writing_ = true;
      StartWrite(&queue_.front());
    } else if (end_.has_value()) {
      finished_ = true;
      Finish(*end_);
    }
  }

  State& state_;

  Mutex mutex_;
  std::deque<v1::WatchResponse> queue_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

class FakeReplica::KVService : public v1::KVService::CallbackService {
 public:
  explicit KVService(State* state) : state_(*state) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      return state_.entries.Get(*request, response);
    });
  }

  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      state_.last_put = *request;
      return state_.entries.Put(*request, response);
    });
  }

  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context, const v1::DeleteRequest* request,
                                   v1::DeleteResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      state_.last_delete = *request;
      return state_.entries.Delete(*request, response);
    });
  }

  grpc::ServerUnaryReactor* BatchGet(grpc::CallbackServerContext* context, const v1::BatchGetRequest* request,
                                     v1::BatchGetResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      return state_.entries.BatchGet(*request, response);
    });
  }

  grpc::ServerUnaryReactor* BatchWrite(grpc::CallbackServerContext* context, const v1::BatchWriteRequest* request,
                                       v1::BatchWriteResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      state_.last_batch_write = *request;
      return state_.entries.BatchWrite(*request, response);
    });
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const v1::ListRequest* request,
                                 v1::ListResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      state_.lists.push_back(*request);
      return state_.entries.List(*request, response);
    });
  }

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext*,
                                                     const v1::WatchRequest* request) override {
    auto* reactor = new WatchReactor(&state_);
    MutexLock lock(&state_.mutex);
    state_.last_watch = *request;
    if (state_.next_failure.has_value()) {
      reactor->End(*state_.next_failure);
      state_.next_failure.reset();
      return reactor;
    }
    for (const v1::WatchResponse& message : state_.greeting) {
      reactor->Send(message);
    }
    state_.watchers.insert(reactor);
    state_.changed.SignalAll();
    return reactor;
  }

 private:
  State& state_;
};

class FakeReplica::ReplicaService : public v1::ReplicaService::CallbackService {
 public:
  explicit ReplicaService(State* state) : state_(*state) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      *response->mutable_status() = state_.status;
      // The token is the place of the next one.
      const size_t place = request->watchers_page_token().size();
      if (request->watchers_page_size() > 0 && place < state_.listed_watchers.size()) {
        *response->add_watchers() = state_.listed_watchers[place];
        response->set_next_watchers_page_token(place + 1 < state_.listed_watchers.size() ? std::string(place + 1, 't')
                                                                                         : "");
      }
      return grpc::Status::OK;
    });
  }

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context, const v1::VerifyRequest*,
                                   v1::VerifyResponse* response) override {
    return state_.Answer(context, [=] {
      state_.mutex.AssertHeld();
      *response = state_.verification;
      return grpc::Status::OK;
    });
  }

 private:
  State& state_;
};

struct FakeReplica::Server {
  explicit Server(State* state) : kv(state), replica(state) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&kv);
    builder.RegisterService(&replica);
    server = builder.BuildAndStart();
    address = absl::StrCat("127.0.0.1:", port);
  }

  KVService kv;
  ReplicaService replica;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

FakeReplica::FakeReplica() : state_(std::make_unique<State>()), server_(std::make_unique<Server>(state_.get())) {}

FakeReplica::~FakeReplica() {
  {
    MutexLock lock(&state_->mutex);
    for (grpc::ServerUnaryReactor* reactor : state_->held) {
      reactor->Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the replica shuts down"));
    }
    state_->held.clear();
  }
  EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the replica shuts down"));
  AwaitWatchers(0);
  server_->server->Shutdown();
}

const std::string& FakeReplica::address() const { return server_->address; }

void FakeReplica::SetEntry(const std::string& key, const std::string& value) {
  v1::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  v1::PutResponse response;
  MutexLock lock(&state_->mutex);
  state_->entries.Put(request, &response);
}

void FakeReplica::DamageEntry(const std::string& key) {
  MutexLock lock(&state_->mutex);
  state_->entries.Damage(key);
}

void FakeReplica::FailNext(grpc::Status status) {
  MutexLock lock(&state_->mutex);
  state_->next_failure = std::move(status);
}

void FakeReplica::HoldAnswers() {
  MutexLock lock(&state_->mutex);
  state_->holding = true;
}

void FakeReplica::SetStatus(v1::Status status) {
  MutexLock lock(&state_->mutex);
  state_->status = std::move(status);
}

void FakeReplica::SetWatchers(std::vector<v1::WatcherStatus> watchers) {
  MutexLock lock(&state_->mutex);
  state_->listed_watchers = std::move(watchers);
}

void FakeReplica::SetVerification(v1::VerifyResponse verification) {
  MutexLock lock(&state_->mutex);
  state_->verification = std::move(verification);
}

v1::PutRequest FakeReplica::last_put() const {
  MutexLock lock(&state_->mutex);
  return state_->last_put;
}

v1::DeleteRequest FakeReplica::last_delete() const {
  MutexLock lock(&state_->mutex);
  return state_->last_delete;
}

v1::BatchWriteRequest FakeReplica::last_batch_write() const {
  MutexLock lock(&state_->mutex);
  return state_->last_batch_write;
}

std::vector<v1::ListRequest> FakeReplica::lists() const {
  MutexLock lock(&state_->mutex);
  return state_->lists;
}

v1::WatchRequest FakeReplica::last_watch() const {
  MutexLock lock(&state_->mutex);
  return state_->last_watch;
}

absl::Duration FakeReplica::last_time_left() const {
  MutexLock lock(&state_->mutex);
  return state_->last_time_left;
}

void FakeReplica::SetWatchGreeting(std::vector<v1::WatchResponse> messages) {
  MutexLock lock(&state_->mutex);
  state_->greeting = std::move(messages);
}

void FakeReplica::AwaitWatchers(size_t count) {
  MutexLock lock(&state_->mutex);
  while (state_->watchers.size() != count) {
    state_->changed.Wait(&state_->mutex);
  }
}

void FakeReplica::SendToWatchers(const v1::WatchResponse& message) {
  MutexLock lock(&state_->mutex);
  for (WatchReactor* watcher : state_->watchers) {
    watcher->Send(message);
  }
}

void FakeReplica::EndWatches(const grpc::Status& status) {
  MutexLock lock(&state_->mutex);
  for (WatchReactor* watcher : state_->watchers) {
    watcher->End(status);
  }
}

}  // namespace dunlin
