#include "server/health_service.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/request_parser.h"
#include "server/status_mapping.h"
#include "server/unary_method.h"

namespace dunlin {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Says the latest status, one message at a time: what came in between is of no interest. The service does that; all but
// the name is guarded by its mutex.
class HealthService::Stream final : public ServerStream {
 public:
  Stream(HealthService* service, std::string name, StreamCall* call)
      : ServerStream(call), name(std::move(name)), service_(service) {}

  void OnWriteDone(bool ok) override { service_->OnWriteDone(this, ok); }
  void OnCancel() override { service_->OnCancel(this); }
  void OnDone() override {
    service_->Forget(this);
    delete this;
  }

  const std::string name;
  // UNKNOWN is never said.
  Status said = HealthCheckResponse::UNKNOWN;
  bool writing = false;
  bool cancelled = false;
  bool finished = false;

 private:
  HealthService* const service_;
};

void HealthService::Pump(Stream* stream) {
  if (stream->writing || stream->finished) {
    return;
  }
  if (stream->cancelled || shut_down_) {
    stream->finished = true;
    stream->Finish(stream->cancelled ? grpc::Status::CANCELLED
                                     : ToGrpcStatus(absl::UnavailableError("the replica is shutting down")));
    return;
  }
  const Status status = StatusOf(stream->name).value_or(HealthCheckResponse::SERVICE_UNKNOWN);
  if (status != stream->said) {
    stream->said = status;
    stream->writing = true;
    HealthCheckResponse response;
    response.set_status(status);
    const grpc::Slice slice(response.SerializeAsString());
    const RpcQueue::Outcome outcome = stream->StartWrite(grpc::ByteBuffer(&slice, 1));
    if (outcome != RpcQueue::Outcome::kOpen) {
      OnWritten(stream, outcome == RpcQueue::Outcome::kDone);
    }
  }
}

void HealthService::OnWritten(Stream* stream, bool ok) {
  stream->writing = false;
  stream->cancelled = stream->cancelled || !ok;
  Pump(stream);
}

void HealthService::OnWriteDone(Stream* stream, bool ok) {
  MutexLock lock(&mutex_);
  OnWritten(stream, ok);
}

void HealthService::OnCancel(Stream* stream) {
  MutexLock lock(&mutex_);
  stream->cancelled = true;
  Pump(stream);
}

void HealthService::Forget(Stream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void HealthService::SetServing(const std::string& service, bool serving) {
  MutexLock lock(&mutex_);
  statuses_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  for (Stream* stream : streams_) {
    Pump(stream);
  }
}

void HealthService::Shutdown() {
  MutexLock lock(&mutex_);
  shut_down_ = true;
  for (Stream* stream : streams_) {
    Pump(stream);
  }
}

absl::optional<HealthService::Status> HealthService::StatusOf(const std::string& service) const {
  const auto found = statuses_.find(service);
  return found == statuses_.end() ? absl::nullopt : absl::make_optional(found->second);
}

void HealthService::Serve(CallQueue* queue) {
  ServeUnary<HealthCheckRequest, HealthCheckResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, Check),
      [this](const HealthCheckRequest& request, Responder<HealthCheckResponse> responder) {
        absl::optional<Status> status;
        {
          MutexLock lock(&mutex_);
          status = StatusOf(request.service());
        }
        if (!status.has_value()) {
          responder.Finish(absl::NotFoundError(absl::StrCat("there is no service \"", request.service(), "\"")));
          return;
        }
        HealthCheckResponse response;
        response.set_status(*status);
        responder.Finish(response);
      });
  ServeStream(queue, DUNLIN_RPC_METHOD(&service_, Watch),
              [this](const grpc::ByteBuffer& request, StreamCall* call) { Open(request, call); });
}

void HealthService::Open(const grpc::ByteBuffer& request, StreamCall* call) {
  HealthCheckRequest watch;
  const absl::Status parsed = ParseRequest(request, &watch);
  // Deletes itself.
  auto* const stream = new Stream(this, watch.service(), call);
  MutexLock lock(&mutex_);
  if (!parsed.ok()) {
    // Its caller may still cancel it.
    stream->finished = true;
    stream->Finish(ToGrpcStatus(parsed));
    return;
  }
  streams_.insert(stream);
  Pump(stream);
}

}  // namespace dunlin
