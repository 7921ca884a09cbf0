// Goal: a stream says what it is given, in order and once, whether gRPC takes a message at once or later, and hears of
// its caller's end whenever that comes. Method: a service whose streams the test scripts, behind a real server on port
// 0; its callers read, do not read, and cancel.

#include "server/server_stream.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/call_queue.h"
#include "server/limits.h"
#include "server/rpc_server.h"
#include "server/rpc_service.h"
#include "server/unary_method.h"
#include "storage/logger.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// What has become of the streams of a service.
struct Tally {
  std::atomic<int> opened{0};
  std::atomic<int> cancelled{0};
  std::atomic<int> done{0};
  // Messages that gRPC had taken by the time that StartWrite() returned, and those that it took later.
  std::atomic<int> taken_at_once{0};
  std::atomic<int> taken_later{0};
};

// Says its messages one after the other, and ends; or, without messages, when its caller has gone.
class ScriptedStream final : public ServerStream {
 public:
  ScriptedStream(StreamCall* call, const std::vector<std::string>* messages, Tally* tally)
      : ServerStream(call), messages_(*messages), tally_(*tally) {
    ++tally_.opened;
  }

  void Say() {
    while (next_ < messages_.size()) {
      const grpc::Slice slice(messages_[next_++]);
      const RpcQueue::Outcome outcome = StartWrite(grpc::ByteBuffer(&slice, 1));
      if (outcome == RpcQueue::Outcome::kOpen) {
        return;
      }
      EXPECT_EQ(outcome, RpcQueue::Outcome::kDone);
      ++tally_.taken_at_once;
    }
    Finish(grpc::Status::OK);
  }

  void OnWriteDone(bool ok) override {
    EXPECT_TRUE(ok);
    ++tally_.taken_later;
    Say();
  }

  void OnCancel() override {
    ++tally_.cancelled;
    if (messages_.empty()) {
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override {
    ++tally_.done;
    delete this;
  }

 private:
  const std::vector<std::string>& messages_;
  Tally& tally_;
  size_t next_ = 0;
};

struct Hold {
  std::promise<void> reached;
  std::promise<void> go_on;
};

// Watch opens a ScriptedStream; Get keeps the thread at which calls arrive until the test lets it go on.
class ScriptedService final : public RpcService {
 public:
  std::vector<std::string> messages;
  Tally tally;
  // For the next Get.
  Hold* hold = nullptr;

  std::string name() const override { return v1::KVService::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue* queue) override {
    ServeUnary<v1::GetRequest, v1::GetResponse>(queue, DUNLIN_RPC_METHOD(&service_, Get),
                                                [this](v1::GetRequest&&, Responder<v1::GetResponse> responder) {
                                                  hold->reached.set_value();
                                                  hold->go_on.get_future().wait();
                                                  responder.Finish(v1::GetResponse());
                                                });
    ServeStream(queue, DUNLIN_RPC_METHOD(&service_, Watch), [this](const grpc::ByteBuffer&, StreamCall* call) {
      // Deletes itself.
      auto* const stream = new ScriptedStream(call, &messages, &tally);
      if (!messages.empty()) {
        stream->Say();
      }
    });
  }

 private:
  v1::KVService::WithRawMethod_Get<v1::KVService::WithRawMethod_Watch<v1::KVService::Service>> service_;
};

class ServerStreamTest : public ::testing::Test {
 protected:
  void Start() {
    RpcServerOptions options;
    options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<RpcServer>> server = RpcServer::Start(options, {&service_}, &logger_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ =
        v1::KVService::NewStub(grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials()));
  }

  // Where the end overtakes the beginning, the service does not hear of either.
  void CallAndCancel() {
    grpc::ClientContext context;
    const std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader = stub_->Watch(&context, v1::WatchRequest());
    context.TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }

  NullLogger logger_;
  ScriptedService service_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<v1::KVService::Stub> stub_;
};

std::string MessageOf(int i, size_t size) {
  v1::WatchResponse message;
  message.set_token(absl::StrCat(i, std::string(size, '.')));
  return message.SerializeAsString();
}

TEST_F(ServerStreamTest, MessagesComeInOrderWhetherTheyAreTakenAtOnceOrLater) {
  constexpr int kMessages = 300;
  for (int i = 0; i < kMessages; ++i) {
    service_.messages.push_back(MessageOf(i, i < kMessages / 2 ? 10 : 100'000));
  }
  Start();
  grpc::ClientContext context;
  const std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader = stub_->Watch(&context, v1::WatchRequest());
  // What it does not read fills what gRPC keeps for it.
  EXPECT_TRUE(Eventually([&] { return service_.tally.taken_at_once > 0 && service_.tally.opened == 1; }));
  v1::WatchResponse message;
  int read = 0;
  for (; reader->Read(&message); ++read) {
    ASSERT_EQ(message.SerializeAsString(), service_.messages[read]) << read;
  }
  EXPECT_EQ(read, kMessages);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(Eventually([&] { return service_.tally.done == 1; }));
  EXPECT_EQ(service_.tally.taken_at_once + service_.tally.taken_later, kMessages);
  EXPECT_GT(service_.tally.taken_at_once, 0);
  EXPECT_GT(service_.tally.taken_later, 0) << "gRPC keeps 15 MB for a reader who does not read";
}

// The thread at which calls arrive finds a call and its end at once, and the end is told elsewhere meanwhile.
TEST_F(ServerStreamTest, ACallerWhoHasGoneBeforeItsStreamIsOpenedIsTold) {
  Start();
  constexpr int kRounds = 100;
  for (int i = 0; i < kRounds && service_.tally.opened < kRounds; ++i) {
    Hold hold;
    service_.hold = &hold;
    std::thread holding([&] {
      grpc::ClientContext context;
      v1::GetResponse response;
      EXPECT_TRUE(stub_->Get(&context, v1::GetRequest(), &response).ok());
    });
    hold.reached.get_future().wait();
    for (size_t k = 0; k < kCallsAwaited; ++k) {
      CallAndCancel();
    }
    hold.go_on.set_value();
    holding.join();
  }
  const auto all_are_done = [&] { return service_.tally.opened > 0 && service_.tally.done == service_.tally.opened; };
  EXPECT_TRUE(Eventually(all_are_done)) << service_.tally.opened << " opened, " << service_.tally.done << " done";
  EXPECT_EQ(service_.tally.cancelled, service_.tally.done);
}

// Of the deadline nothing is left, as when the server is destroyed.
TEST_F(ServerStreamTest, AShutdownWithoutMercyEndsAllStreams) {
  Start();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchResponse>>> readers;
  constexpr int kStreams = 3 * kStreamQueues;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub_->Watch(contexts.back().get(), v1::WatchRequest()));
  }
  EXPECT_TRUE(Eventually([&] { return service_.tally.opened == kStreams; }));
  server_->Shutdown(absl::InfinitePast());
  EXPECT_EQ(service_.tally.cancelled, kStreams);
  EXPECT_EQ(service_.tally.done, kStreams);
  for (const auto& reader : readers) {
    EXPECT_FALSE(reader->Finish().ok());
  }
}

}  // namespace
}  // namespace dunlin
