#include "tests/integration/health_watch.h"

#include <algorithm>

#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// HealthCheckResponse is one enumeration in field 1; its zero value leaves the message empty.
HealthWatch::Health Decode(const grpc::ByteBuffer& message) {
  grpc::Slice slice;
  if (!message.DumpToSingleSlice(&slice).ok() || slice.size() != 2) {
    return HealthWatch::Health::kUnknown;
  }
  return static_cast<HealthWatch::Health>(slice.begin()[1]);
}

}  // namespace

HealthWatch::HealthWatch(const std::string& address)
    : stub_(std::make_unique<grpc::GenericStub>(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {
  stream_ = stub_->PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
  thread_ = std::thread([this] { Run(); });
}

HealthWatch::~HealthWatch() {
  context_.TryCancel();
  thread_.join();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void HealthWatch::Run() {
  // There is never more than one operation under way.
  void* tag = nullptr;
  bool ok = false;
  const auto done = [&] { return queue_.Next(&tag, &ok) && ok; };
  stream_->StartCall(nullptr);
  const grpc::Slice empty("");
  bool going = done();
  if (going) {
    stream_->WriteLast(grpc::ByteBuffer(&empty, 1), grpc::WriteOptions(), nullptr);
    going = done();
  }
  while (going) {
    grpc::ByteBuffer message;
    stream_->Read(&message, nullptr);
    going = done();
    if (going) {
      MutexLock lock(&mutex_);
      seen_.push_back(Decode(message));
    }
  }
  grpc::Status status;
  stream_->Finish(&status, nullptr);
  queue_.Next(&tag, &ok);
}

bool HealthWatch::Saw(Health health) const {
  return Eventually([&] {
    MutexLock lock(&mutex_);
    return std::find(seen_.begin(), seen_.end(), health) != seen_.end();
  });
}

}  // namespace dunlin
