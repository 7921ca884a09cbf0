#ifndef DUNLIN_TESTS_FUZZ_SEEDS_H_
#define DUNLIN_TESTS_FUZZ_SEEDS_H_

#include <map>
#include <string>

// The inputs that fuzzing begins with: what the program itself encodes, so that a fuzzer need not discover a format
// before it can break it. They are kept as files in corpus/TARGET/, beside those that once found a bug; write_seeds.cc
// writes them and seeds_test.cc sees that they are up to date.
namespace dunlin {

// File name -> content.
using Seeds = std::map<std::string, std::string>;

// storage_seeds.cc
Seeds RecordSeeds();
// sync_seeds.cc
Seeds EventMessageSeeds();
Seeds RelayRepliesSeeds();
Seeds RedisConnectionSeeds();
// server_seeds.cc
Seeds TokenSeeds();
Seeds ValidationSeeds();

// Target -> its seeds.
inline std::map<std::string, Seeds> AllSeeds() {
  return {
      {"event_message", EventMessageSeeds()}, {"record", RecordSeeds()}, {"redis_connection", RedisConnectionSeeds()},
      {"relay_replies", RelayRepliesSeeds()}, {"token", TokenSeeds()},   {"validation", ValidationSeeds()},
  };
}

// What every seed file's name begins with.
inline constexpr char kSeedPrefix[] = "seed-";

}  // namespace dunlin

#endif  // DUNLIN_TESTS_FUZZ_SEEDS_H_
