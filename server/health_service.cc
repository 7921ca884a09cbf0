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

// Says the latest status, one message at a time: what came in between is of no interest. All but its constructor is
// called with the service's mutex held, or takes it.
class HealthService::Stream final : public ServerStream {
 public:
  Stream(HealthService* service, std::string name, StreamCall* call)
      : ServerStream(call), service_(service), name_(std::move(name)) {}

  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(service_->mutex_) {
    if (writing_ || finished_) {
      return;
    }
    if (cancelled_ || service_->shut_down_) {
      finished_ = true;
      Finish(cancelled_ ? grpc::Status::CANCELLED
                        : ToGrpcStatus(absl::UnavailableError("the replica is shutting down")));
      return;
    }
    const Status status = service_->StatusOf(name_).value_or(HealthCheckResponse::SERVICE_UNKNOWN);
    if (status != said_) {
      said_ = status;
      writing_ = true;
      HealthCheckResponse response;
      response.set_status(status);
      const grpc::Slice slice(response.SerializeAsString());
      StartWrite(grpc::ByteBuffer(&slice, 1));
    }
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&service_->mutex_);
    writing_ = false;
    cancelled_ = cancelled_ || !ok;
    Pump();
  }

  void OnCancel() override {
    MutexLock lock(&service_->mutex_);
    cancelled_ = true;
    Pump();
  }

  void OnDone() override {
    {
      MutexLock lock(&service_->mutex_);
      service_->streams_.erase(this);
    }
    delete this;
  }

 private:
  HealthService* const service_;
  const std::string name_;
  // UNKNOWN is never said.
  Status said_ ABSL_GUARDED_BY(service_->mutex_) = HealthCheckResponse::UNKNOWN;
  bool writing_ ABSL_GUARDED_BY(service_->mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(service_->mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(service_->mutex_) = false;
};

void HealthService::SetServing(const std::string& service, bool serving) {
  MutexLock lock(&mutex_);
  statuses_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  for (Stream* stream : streams_) {
    stream->Pump();
  }
}

void HealthService::Shutdown() {
  MutexLock lock(&mutex_);
  shut_down_ = true;
  for (Stream* stream : streams_) {
    stream->Pump();
  }
}

absl::optional<HealthService::Status> HealthService::StatusOf(const std::string& service) const {
  const auto found = statuses_.find(service);
  return found == statuses_.end() ? absl::nullopt : absl::make_optional(found->second);
}

void HealthService::Serve(RpcQueue* queue) {
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
  if (!parsed.ok()) {
    stream->Finish(ToGrpcStatus(parsed));
    return;
  }
  MutexLock lock(&mutex_);
  streams_.insert(stream);
  stream->Pump();
}

}  // namespace dunlin
