#include "tests/benchmarks/load/nats_bucket.h"

#include <cstdlib>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/eventually.h"

namespace dunlin::bench {
namespace {

using nlohmann::json;

constexpr char kBucket[] = "bench";
constexpr char kStream[] = "KV_bench";
constexpr int64_t kPatienceMs = 10'000;
// Of JetStream: what shall be made has that name already.
constexpr int kStreamNameInUse = 10058;

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "bench: NATS: " << what << std::endl;
  std::abort();
}

void Check(natsStatus status, const char* what) {
  if (status != NATS_OK) {
    Fail(absl::StrCat(what, ": ", natsStatus_GetText(status)));
  }
}

absl::string_view DataOf(const natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))};
}

// As clients of NATS make a bucket.
std::string StreamConfig() {
  return json{{"name", kStream},           {"subjects", {absl::StrCat("$KV.", kBucket, ".>")}},
              {"retention", "limits"},     {"storage", "file"},
              {"discard", "new"},          {"max_msgs_per_subject", 1},
              {"num_replicas", 1},         {"deny_delete", true},
              {"allow_rollup_hdrs", true}, {"allow_direct", true}}
      .dump();
}

}  // namespace

struct NatsBucket::Subscription {
  Handler handle;
  natsSubscription* subscription = nullptr;
  // The handler will not be called any more.
  std::promise<void> ended;

  static void OnMessage(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    static_cast<Subscription*>(self)->handle(natsMsg_GetSubject(message), DataOf(message));
    natsMsg_Destroy(message);
  }
  static void OnEnd(void* self) { static_cast<Subscription*>(self)->ended.set_value(); }
};

NatsBucket::NatsBucket(const std::string& address) {
  const std::string url = absl::StrCat("nats://", address);
  if (!Eventually([&] { return natsConnection_ConnectTo(&connection_, url.c_str()) == NATS_OK; })) {
    Fail(absl::StrCat("nobody answers at ", url));
  }
  const json reply = json::parse(Call(absl::StrCat("$JS.API.STREAM.CREATE.", kStream), StreamConfig()));
  if (reply.contains("error") && reply["error"]["err_code"] != kStreamNameInUse) {
    Fail(reply["error"].dump());
  }
}

NatsBucket::~NatsBucket() {
  natsConnection_Close(connection_);
  for (const auto& subscription : subscriptions_) {
    subscription->ended.get_future().wait();
    natsSubscription_Destroy(subscription->subscription);
  }
  natsConnection_Destroy(connection_);
}

std::string NatsBucket::PutSubject(absl::string_view key) { return absl::StrCat("$KV.", kBucket, ".", key); }

std::string NatsBucket::GetSubject(absl::string_view key) {
  return absl::StrCat("$JS.API.DIRECT.GET.", kStream, ".", PutSubject(key));
}

std::string NatsBucket::NewInbox() const {
  natsInbox* inbox = nullptr;
  Check(natsInbox_Create(&inbox), "inbox");
  std::string name = inbox;
  natsInbox_Destroy(inbox);
  return name;
}

void NatsBucket::Subscribe(const std::string& subject, Handler handle) {
  auto subscription = std::make_unique<Subscription>();
  subscription->handle = std::move(handle);
  Check(natsConnection_Subscribe(&subscription->subscription, connection_, subject.c_str(), Subscription::OnMessage,
                                 subscription.get()),
        "subscribe");
  Check(natsSubscription_SetOnCompleteCB(subscription->subscription, Subscription::OnEnd, subscription.get()), "end");
  Check(natsSubscription_SetPendingLimits(subscription->subscription, -1, -1), "limits");
  subscriptions_.push_back(std::move(subscription));
}

void NatsBucket::Send(const std::string& subject, const std::string& reply_to, absl::string_view payload) {
  Check(natsConnection_PublishRequest(connection_, subject.c_str(), reply_to.c_str(), payload.data(),
                                      static_cast<int>(payload.size())),
        "publish");
}

void NatsBucket::Watch(absl::string_view pattern, Handler handle) {
  const std::string inbox = NewInbox();
  Subscribe(inbox, std::move(handle));
  const json consumer = {{"stream_name", kStream},
                         {"config",
                          {{"deliver_subject", inbox},
                           {"deliver_policy", "new"},
                           {"ack_policy", "none"},
                           {"filter_subject", PutSubject(pattern)},
                           {"max_deliver", 1},
                           {"mem_storage", true},
                           {"num_replicas", 1}}}};
  const json reply = json::parse(Call(absl::StrCat("$JS.API.CONSUMER.CREATE.", kStream), consumer.dump()));
  if (reply.contains("error")) {
    Fail(reply["error"].dump());
  }
}

std::string NatsBucket::Call(const std::string& subject, const std::string& payload) {
  natsMsg* reply = nullptr;
  Check(natsConnection_RequestString(&reply, connection_, subject.c_str(), payload.c_str(), kPatienceMs),
        subject.c_str());
  std::string data(DataOf(reply));
  natsMsg_Destroy(reply);
  return data;
}

}  // namespace dunlin::bench
