#include "tests/benchmarks/data_set.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "tests/benchmarks/load/grpc_target.h"
#include "tests/benchmarks/load/load_target.h"
#include "tests/benchmarks/load/nats_bucket.h"
#include "tests/benchmarks/load/nats_target.h"
#include "tests/benchmarks/rivals/dialect.h"

namespace dunlin::bench {
namespace {

// Of one BatchWrite, which is its limit.
constexpr size_t kBatchKeys = 1000;
constexpr size_t kFillOutstanding = 64;

// Makes `calls` calls, as many at a time as there are slots.
void CallAll(size_t calls, const std::string& address, LoadTarget* target) {
  const size_t at_a_time = std::min(target->slots(), calls);
  for (size_t slot = 0; slot < at_a_time; ++slot) {
    target->Start(slot);
  }
  for (size_t ended = 0; ended < calls; ++ended) {
    const std::optional<LoadTarget::Ended> call = target->Next(absl::InfiniteFuture());
    if (!call.has_value() || !call->ok) {
      std::cerr << "bench: a write of the data set failed at " << address << std::endl;
      std::abort();
    }
    if (ended + at_a_time < calls) {
      target->Start(call->slot);
    }
  }
}

void SendAll(size_t calls, const std::string& address, const std::string& method, size_t slots,
             const std::function<grpc::ByteBuffer(size_t)>& request_of) {
  size_t started = 0;
  grpc::ByteBuffer request;
  GrpcTarget::Options options;
  options.address = address;
  options.method = method;
  options.slots = slots;
  options.next_request = [&]() -> const grpc::ByteBuffer& {
    request = request_of(started++);
    return request;
  };
  GrpcTarget target(options);
  CallAll(calls, address, &target);
}

}  // namespace

std::string ManyKeys(size_t i) { return absl::StrFormat("devices/%08d/reading", i); }

std::string DataSetKey(size_t i) { return ManyKeys(i % kDataSetKeys); }

std::string DataSetValue(uint64_t number) {
  std::string value = absl::StrCat(number, "/");
  value.resize(kDataSetValueBytes, 'v');
  return value;
}

RequestPool::RequestPool(size_t size, const std::function<grpc::ByteBuffer(uint64_t random)>& make) {
  requests_.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    requests_.push_back(make(Random()));
  }
}

const grpc::ByteBuffer& RequestPool::Next() { return requests_[Random() % requests_.size()]; }

uint64_t RequestPool::Random() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_;
}

void FillWithMany(const std::string& address, size_t keys) {
  SendAll(keys / kBatchKeys, address, kBatchWriteMethod, /*slots=*/4, [](size_t batch) {
    std::vector<std::string> names;
    for (size_t i = 0; i < kBatchKeys; ++i) {
      names.push_back(ManyKeys(batch * kBatchKeys + i));
    }
    return BatchPutOf(names, DataSetValue(batch));
  });
}

void FillDunlin(const std::string& address) { FillWithMany(address, kDataSetKeys); }

void FillEtcd(const std::string& address) {
  const Dialect etcd = EtcdDialect();
  SendAll(kDataSetKeys, address, etcd.put_method, kFillOutstanding,
          [&](size_t i) { return etcd.put(DataSetKey(i), DataSetValue(i)); });
}

void FillNats(const std::string& address) {
  NatsTarget::Options options;
  options.address = address;
  options.slots = kFillOutstanding;
  options.next_call = [i = size_t{0}]() mutable {
    const size_t next = i++;
    return NatsTarget::Call{NatsBucket::PutSubject(DataSetKey(next)), DataSetValue(next)};
  };
  NatsTarget target(options);
  CallAll(kDataSetKeys, address, &target);
}

}  // namespace dunlin::bench
