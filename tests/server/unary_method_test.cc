// Goal: every unary call is answered exactly once, with a Response or a precise error, whatever the caller sends and
// whichever thread answers or forgets to. Method: the generated KVService with a handler that the test scripts, behind
// a real server on port 0; hostile bytes go through a raw client.

#include "server/unary_method.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/call_queue.h"
#include "server/limits.h"
#include "server/rpc_server.h"
#include "server/rpc_service.h"
#include "storage/mutex.h"
#include "tests/server/raw_call.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;
using GetResponder = Responder<v1::GetResponse>;
using Script = absl::AnyInvocable<void(v1::GetRequest&&, GetResponder)>;

class ScriptedService final : public RpcService {
 public:
  Script handler;

  std::string name() const override { return v1::KVService::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue* queue) override {
    ServeUnary<v1::GetRequest, v1::GetResponse>(queue, DUNLIN_RPC_METHOD(&service_, Get),
                                                [this](v1::GetRequest&& request, GetResponder responder) {
                                                  handler(std::move(request), std::move(responder));
                                                });
  }

 private:
  v1::KVService::WithRawMethod_Get<v1::KVService::Service> service_;
};

class UnaryMethodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RpcServerOptions options;
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<RpcServer>> server = RpcServer::Start(options, {&service_}, &logger_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials());
    stub_ = v1::KVService::NewStub(channel_);
  }

  grpc::Status Get(const std::string& key, v1::GetResponse* response, grpc::ClientContext* context) {
    v1::GetRequest request;
    request.set_key(key);
    return stub_->Get(context, request, response);
  }

  grpc::Status Get(const std::string& key, v1::GetResponse* response) {
    grpc::ClientContext context;
    return Get(key, response, &context);
  }

  RawAnswer GetRaw(const std::string& bytes) { return RawCall(channel_, "/dunlin.v1.KVService/Get", bytes); }

  NullLogger logger_;
  ScriptedService service_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::KVService::Stub> stub_;
};

v1::GetResponse Echo(const v1::GetRequest& request) {
  v1::GetResponse response;
  response.mutable_entry()->set_key(request.key());
  return response;
}

// Whatever a handler did to it, and however large it was.
TEST_F(UnaryMethodTest, ARequestHasNothingOfTheOneBefore) {
  std::vector<v1::GetRequest> seen;
  service_.handler = [&seen](v1::GetRequest&& request, GetResponder responder) {
    const v1::GetResponse echo = Echo(request);
    seen.push_back(seen.size() % 2 == 0 ? v1::GetRequest(request) : std::move(request));
    responder.Finish(echo);
  };
  std::vector<v1::GetRequest> sent;
  for (int i = 0; i < 20; ++i) {
    v1::GetRequest request;
    request.set_key(std::string(i % 3 == 0 ? kRequestKeptMaxBytes : i, 'k'));
    if (i % 4 == 0) {
      request.set_at_least("token");
    }
    if (i % 5 == 0) {
      request.mutable_max_staleness()->set_seconds(i);
    }
    grpc::ClientContext context;
    v1::GetResponse response;
    ASSERT_TRUE(stub_->Get(&context, request, &response).ok());
    EXPECT_EQ(response.entry().key(), request.key());
    sent.push_back(request);
  }
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(seen.at(i).SerializeAsString(), sent[i].SerializeAsString()) << i;
  }
}

TEST_F(UnaryMethodTest, TheHandlersMessageIsTheAnswer) {
  service_.handler = [](const v1::GetRequest& request, GetResponder responder) { responder.Finish(Echo(request)); };
  v1::GetResponse response;
  EXPECT_TRUE(Get("hello", &response).ok());
  EXPECT_EQ(response.entry().key(), "hello");
}

TEST_F(UnaryMethodTest, TheHandlersErrorIsTheAnswer) {
  service_.handler = [](const v1::GetRequest&, GetResponder responder) {
    responder.Finish(absl::StatusOr<v1::GetResponse>(absl::NotFoundError("no such key")));
  };
  v1::GetResponse response;
  const grpc::Status status = Get("hello", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such key");
}

TEST_F(UnaryMethodTest, EncodedBytesAreSharedBetweenAnswers) {
  v1::GetRequest shared_request;
  shared_request.set_key("shared");
  const grpc::Slice slice(Echo(shared_request).SerializeAsString());
  const grpc::ByteBuffer encoded(&slice, 1);
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) { responder.FinishEncoded(encoded); };
  for (int i = 0; i < 2; ++i) {
    v1::GetResponse response;
    EXPECT_TRUE(Get("any", &response).ok());
    EXPECT_EQ(response.entry().key(), "shared");
  }
}

// Threads that a handler starts, which may end before it does.
class Threads {
 public:
  ~Threads() {
    MutexLock lock(&mutex_);
    for (std::thread& thread : threads_) thread.join();
  }
  template <typename Body>
  void Start(Body body) {
    MutexLock lock(&mutex_);
    threads_.emplace_back(std::move(body));
  }

 private:
  Mutex mutex_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(UnaryMethodTest, AnAnswerMayComeFromAnotherThread) {
  Threads threads;
  service_.handler = [&](v1::GetRequest&& request, GetResponder responder) {
    threads.Start([request = std::move(request), responder = std::move(responder)]() mutable {
      responder.Finish(Echo(request));
    });
  };
  for (int i = 0; i < 20; ++i) {
    v1::GetResponse response;
    EXPECT_TRUE(Get(std::to_string(i), &response).ok());
    EXPECT_EQ(response.entry().key(), std::to_string(i));
  }
}

TEST_F(UnaryMethodTest, BytesThatDoNotParseAreTheCallersFaultAndNeverReachTheHandler) {
  bool called = false;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) {
    called = true;
    responder.Finish(v1::GetResponse());
  };
  const struct {
    std::string bytes;
    std::string message;
  } kCases[] = {
      {OneField(1, "caf\xE9"), "dunlin.v1.GetRequest: field key is not valid UTF-8 at byte 3 of its 4"},
      {OneField(1, "hello").substr(0, 5), "dunlin.v1.GetRequest: the encoding is broken at byte 2 of 5"},
      {"\xFF\xFF\xFF", "dunlin.v1.GetRequest: the encoding is broken"},
  };
  for (const auto& test : kCases) {
    const RawAnswer answer = GetRaw(test.bytes);
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(answer.status.error_message(), HasSubstr(test.message));
  }
  EXPECT_FALSE(called);
}

TEST_F(UnaryMethodTest, AnOversizedRequestIsRefusedWithTheLimit) {
  service_.handler = [](const v1::GetRequest& request, GetResponder responder) { responder.Finish(Echo(request)); };
  const grpc::Status status = GetRaw(OneField(1, std::string(kRequestSizeMaxBytes, 'k'))).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr(std::to_string(kRequestSizeMaxBytes)));
}

TEST_F(UnaryMethodTest, ADroppedResponderIsAnsweredInternal) {
  service_.handler = [](const v1::GetRequest&, GetResponder) {};
  v1::GetResponse response;
  const grpc::Status status = Get("hello", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("dropped"));
}

TEST_F(UnaryMethodTest, AResponderDroppedByAnotherThreadIsAnsweredInternal) {
  Threads threads;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) {
    threads.Start([dropped = std::move(responder)] {});
  };
  v1::GetResponse response;
  EXPECT_EQ(Get("hello", &response).error_code(), grpc::StatusCode::INTERNAL);
}

// Keeps responders, as a handler that waits for something does.
class Shelf {
 public:
  void Put(GetResponder responder) {
    MutexLock lock(&mutex_);
    responders_.push_back(std::move(responder));
    changed_.SignalAll();
  }

  std::vector<GetResponder> Take(size_t count) {
    MutexLock lock(&mutex_);
    while (responders_.size() < count) changed_.Wait(&mutex_);
    return std::move(responders_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<GetResponder> responders_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(UnaryMethodTest, ACancelledCallEndsAndALateAnswerIsHarmless) {
  Shelf shelf;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) { shelf.Put(std::move(responder)); };
  grpc::ClientContext context;
  v1::GetResponse response;
  grpc::Status status;
  std::thread caller([&] { status = Get("hello", &response, &context); });
  std::vector<GetResponder> responders = shelf.Take(1);
  EXPECT_FALSE(responders[0].cancelled());
  context.TryCancel();
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  // Ends only once the server side of the call has ended too, although its handler still holds the responder.
  server_->Shutdown(absl::InfiniteFuture());
  EXPECT_TRUE(responders[0].cancelled());
  responders[0].Finish(v1::GetResponse());
}

TEST_F(UnaryMethodTest, ShutdownDoesNotWaitForAHandlerBeyondItsDeadline) {
  Shelf shelf;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) { shelf.Put(std::move(responder)); };
  grpc::Status status;
  v1::GetResponse response;
  std::thread caller([&] { status = Get("hello", &response); });
  std::vector<GetResponder> responders = shelf.Take(1);
  server_->Shutdown(absl::Now());
  caller.join();
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(responders[0].cancelled());
}

TEST_F(UnaryMethodTest, AnswersAndCancellationsThatRaceEndEveryCallOnce) {
  constexpr int kCalls = 200;
  Shelf shelf;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) { shelf.Put(std::move(responder)); };
  for (int i = 0; i < kCalls; ++i) {
    grpc::ClientContext context;
    v1::GetResponse response;
    grpc::Status status;
    std::thread caller([&] { status = Get("hello", &response, &context); });
    std::vector<GetResponder> responders = shelf.Take(1);
    std::thread canceller([&] { context.TryCancel(); });
    responders[0].Finish(v1::GetResponse());
    canceller.join();
    caller.join();
    ASSERT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::CANCELLED) << status.error_message();
  }
  server_->Shutdown(absl::InfiniteFuture());
}

TEST_F(UnaryMethodTest, TheHandlerKnowsTheCallersDeadline) {
  absl::Time seen;
  service_.handler = [&](const v1::GetRequest&, GetResponder responder) {
    seen = responder.deadline();
    responder.Finish(v1::GetResponse());
  };
  v1::GetResponse response;
  ASSERT_TRUE(Get("hello", &response).ok());
  EXPECT_EQ(seen, absl::InfiniteFuture());

  grpc::ClientContext context;
  const absl::Time deadline = absl::Now() + absl::Minutes(5);
  context.set_deadline(absl::ToChronoTime(deadline));
  ASSERT_TRUE(Get("hello", &response, &context).ok());
  EXPECT_LT(absl::AbsDuration(seen - deadline), absl::Minutes(1));
}

}  // namespace
}  // namespace dunlin
