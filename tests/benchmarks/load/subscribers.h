#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_SUBSCRIBERS_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_SUBSCRIBERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "server/file_descriptor.h"

namespace dunlin::bench {

// Subscribers are many connections that listen to one channel of a Redis on 127.0.0.1 and throw away what they are
// told: what a fleet of so many replicas is for Redis. What they cost is the caller's processor time, not that of
// Redis.
//
// Thread-safety: the object owns its thread, and nothing else is to be called.
class Subscribers {
 public:
  // Returns when all have subscribed. Aborts the program when Redis does not take them.
  Subscribers(uint16_t port, const std::string& channel, size_t count);
  Subscribers(const Subscribers&) = delete;
  Subscribers& operator=(const Subscribers&) = delete;
  ~Subscribers();

 private:
  void Listen();

  std::vector<FileDescriptor> connections_;
  FileDescriptor poll_;
  FileDescriptor stop_;
  std::thread thread_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_SUBSCRIBERS_H_
