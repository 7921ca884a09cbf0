#include "tests/benchmarks/rivals/dialect.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include <cstdlib>
#include <iostream>

#include "dunlin/v1/kv.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/message_lite.h"
#include "google/protobuf/wire_format_lite.h"

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

// Looks at the fields of a message of a watch alone, not into them: the generator is to take as little of the machine
// as it can. The stream is open when the number in `open_field` is `open_number`.
StreamLoad::Told ReadFields(const grpc::ByteBuffer& bytes, int events_field, int open_field, uint64_t open_number) {
  using google::protobuf::internal::WireFormatLite;
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  google::protobuf::io::CodedInputStream input(&reader);
  StreamLoad::Told told;
  while (const uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    told.events += field == events_field ? 1 : 0;
    if (field == open_field) {
      uint64_t number = 0;
      input.ReadVarint64(&number);
      told.is_open = told.is_open || number == open_number;
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      std::cerr << "bench: a message does not parse" << std::endl;
      std::abort();
    }
  }
  return told;
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
    return ReadFields(bytes, v1::WatchResponse::kEventsFieldNumber, v1::WatchResponse::kMarkerFieldNumber,
                      v1::MARKER_SYNCED);
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
    return ReadFields(bytes, etcdserverpb::WatchResponse::kEventsFieldNumber,
                      etcdserverpb::WatchResponse::kCreatedFieldNumber, 1);
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
