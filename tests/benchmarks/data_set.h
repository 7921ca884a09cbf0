#ifndef DUNLIN_TESTS_BENCHMARKS_DATA_SET_H_
#define DUNLIN_TESTS_BENCHMARKS_DATA_SET_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace dunlin::bench {

// The keys and values that all servers hold: keys of 24 bytes, values of 100.
inline constexpr size_t kDataSetKeys = 100'000;
inline constexpr size_t kDataSetValueBytes = 100;

// Its i-th key, and how all of them begin.
std::string DataSetKey(size_t i);
inline constexpr char kDataSetPrefix[] = "devices/";
// A value, different for each `number`.
std::string DataSetValue(uint64_t number);

// RequestPool is a number of requests, made beforehand, which it gives in random order: always the same, so that each
// server gets the same.
//
// Thread-safety: one thread at a time.
class RequestPool {
 public:
  // `make` makes a request of a random number.
  RequestPool(size_t size, const std::function<grpc::ByteBuffer(uint64_t random)>& make);

  const grpc::ByteBuffer& Next();

 private:
  // xorshift64 (Marsaglia 2003): nothing that would show up beside a call.
  uint64_t Random();

  uint64_t state_ = 88172645463325252;
  std::vector<grpc::ByteBuffer> requests_;
};

// The i-th of any number of keys of the same length.
std::string ManyKeys(size_t i);
// Puts a value of the data set's length under the first `keys` of them, which is a multiple of 1,000, by Dunlin.
void FillWithMany(const std::string& address, size_t keys);

// Puts the data set into a server that speaks Dunlin's language, etcd's, or that of NATS. Abort the program when a
// write fails.
void FillDunlin(const std::string& address);
void FillEtcd(const std::string& address);
void FillNats(const std::string& address);

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_DATA_SET_H_
