#include "tests/benchmarks/rivals/dialect.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdlib>
#include <iostream>

#include "dunlin/v1/kv.pb.h"
#include "google/protobuf/message_lite.h"

#include "etcd/etcd.pb.h"
#include "tests/benchmarks/load/grpc_target.h"

namespace dunlin::bench {
namespace {

template <typename Message>
Message Decode(const grpc::ByteBuffer& bytes) {
  grpc::ByteBuffer shared = bytes;  // the reader wants a mutable one; the bytes themselves are not copied
  grpc::ProtoBufferReader reader(&shared);
  Message message;
  if (!message.ParseFromZeroCopyStream(&reader)) {
    std::cerr << "bench: a message does not parse" << std::endl;
    std::abort();
  }
  return message;
}

}  // namespace

Dialect DunlinDialect() {
  Dialect dialect;
  dialect.get_method = "/dunlin.v1.KVService/Get";
  dialect.put_method = "/dunlin.v1.KVService/Put";
  dialect.watch_method = "/dunlin.v1.KVService/Watch";
  dialect.get = [](const std::string& key) {
    v1::GetRequest request;
    request.set_key(key);
    return Encode(request);
  };
  dialect.put = [](const std::string& key, const std::string& value) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    return Encode(request);
  };
  dialect.watch = [](const std::string& key) {
    v1::WatchRequest request;
    request.set_key(key);
    return Encode(request);
  };
  dialect.watch_prefix = [](const std::string& prefix) {
    v1::WatchRequest request;
    request.set_prefix(prefix);
    return Encode(request);
  };
  dialect.read = [](const grpc::ByteBuffer& bytes) {
    const auto message = Decode<v1::WatchResponse>(bytes);
    return StreamLoad::Told{message.marker() == v1::MARKER_SYNCED, static_cast<uint64_t>(message.events_size())};
  };
  dialect.values = [](const grpc::ByteBuffer& bytes) {
    std::vector<std::string> values;
    const auto message = Decode<v1::WatchResponse>(bytes);
    for (const v1::Event& event : message.events()) {
      values.push_back(event.entry().value());
    }
    return values;
  };
  return dialect;
}

Dialect EtcdDialect() {
  Dialect dialect;
  dialect.get_method = "/etcdserverpb.KV/Range";
  dialect.put_method = "/etcdserverpb.KV/Put";
  dialect.watch_method = "/etcdserverpb.Watch/Watch";
  dialect.get = [](const std::string& key) {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    request.set_serializable(true);
    return Encode(request);
  };
  dialect.put = [](const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    return Encode(request);
  };
  dialect.watch = [](const std::string& key) {
    etcdserverpb::WatchRequest request;
    request.mutable_create_request()->set_key(key);
    return Encode(request);
  };
  dialect.watch_prefix = [](const std::string& prefix) {
    etcdserverpb::WatchRequest request;
    request.mutable_create_request()->set_key(prefix);
    // The first key after all that begin so; no prefix here ends in the highest byte.
    std::string end = prefix;
    ++end.back();
    request.mutable_create_request()->set_range_end(end);
    return Encode(request);
  };
  dialect.read = [](const grpc::ByteBuffer& bytes) {
    const auto message = Decode<etcdserverpb::WatchResponse>(bytes);
    return StreamLoad::Told{message.created(), static_cast<uint64_t>(message.events_size())};
  };
  dialect.values = [](const grpc::ByteBuffer& bytes) {
    std::vector<std::string> values;
    const auto message = Decode<etcdserverpb::WatchResponse>(bytes);
    for (const etcdserverpb::Event& event : message.events()) {
      values.push_back(event.kv().value());
    }
    return values;
  };
  return dialect;
}

grpc::ByteBuffer BatchGetOf(const std::vector<std::string>& keys) {
  v1::BatchGetRequest request;
  for (const std::string& key : keys) {
    request.add_keys(key);
  }
  return Encode(request);
}

grpc::ByteBuffer BatchPutOf(const std::vector<std::string>& keys, const std::string& value) {
  v1::BatchWriteRequest request;
  for (const std::string& key : keys) {
    v1::Write::Put* const put = request.add_writes()->mutable_put();
    put->set_key(key);
    put->set_value(value);
  }
  return Encode(request);
}

}  // namespace dunlin::bench
