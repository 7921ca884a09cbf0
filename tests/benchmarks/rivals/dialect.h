#ifndef DUNLIN_TESTS_BENCHMARKS_RIVALS_DIALECT_H_
#define DUNLIN_TESTS_BENCHMARKS_RIVALS_DIALECT_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/benchmarks/load/stream_load.h"

namespace dunlin::bench {

// Dialect is how a key-value store with a gRPC interface is asked for the things that all of them can do, so that all
// are measured by the same program.
//
// Thread-safety: a plain value; its functions may be called by many threads.
struct Dialect {
  // "/package.Service/Method" of each call.
  std::string get_method;
  std::string put_method;
  std::string watch_method;
  std::function<grpc::ByteBuffer(const std::string& key)> get;
  std::function<grpc::ByteBuffer(const std::string& key, const std::string& value)> put;
  // Of changes from now on.
  std::function<grpc::ByteBuffer(const std::string& key)> watch;
  std::function<grpc::ByteBuffer(const std::string& prefix)> watch_prefix;
  std::function<StreamLoad::Told(const grpc::ByteBuffer& message)> read;
  // What was put, as the message's events tell.
  std::function<std::vector<std::string>(const grpc::ByteBuffer& message)> values;
};

// Of Dunlin, and of the floor, which speaks the same.
Dialect DunlinDialect();
// Of etcd. Gets are serializable: answered by the member that is asked, as a replica answers.
Dialect EtcdDialect();

// A BatchGet of Dunlin.
inline constexpr char kBatchGetMethod[] = "/dunlin.v1.KVService/BatchGet";
grpc::ByteBuffer BatchGetOf(const std::vector<std::string>& keys);
// A BatchWrite of Dunlin that puts `value` under each key.
inline constexpr char kBatchWriteMethod[] = "/dunlin.v1.KVService/BatchWrite";
grpc::ByteBuffer BatchPutOf(const std::vector<std::string>& keys, const std::string& value);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_RIVALS_DIALECT_H_
