#include "tests/benchmarks/bench.h"

namespace dunlin::bench {

const std::vector<Case>& AllCases() {
  static const auto* const cases = new std::vector<Case>{
      {"get", "reads of one key, and of a hundred, beside a bare gRPC echo and etcd", &MeasureGet},
      {"put", "durable writes beside the disk, a bare gRPC echo and etcd", &MeasurePut},
      {"scaling", "reads and durable writes by the number of calls under way", &MeasureScaling},
      {"fleet", "writes of a fleet of two: beside etcd, and on their way through Redis", &MeasureFleet},
      {"propagation", "from a write to a watcher of another replica", &MeasurePropagation},
      {"start", "cold starts from Redis, restarts, and what the data take there", &MeasureStart},
      {"watch", "watch streams, idle and busy, beside bare gRPC streams and etcd", &MeasureWatch},
      {"fanout", "many watchers of everything while 64 clients write, beside the same", &MeasureFanout},
      {"growth", "reads and writes among 10,000,000 keys, beside those among 100,000", &MeasureGrowth},
  };
  return *cases;
}

}  // namespace dunlin::bench
