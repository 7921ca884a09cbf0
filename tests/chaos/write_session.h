#ifndef DUNLIN_TESTS_CHAOS_WRITE_SESSION_H_
#define DUNLIN_TESTS_CHAOS_WRITE_SESSION_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/chaos/history.h"

namespace dunlin::chaos {

// WriteSession is one client: it draws a write from its seed, makes it at some replica and notes in the history what
// that means: acknowledged, refused, or uncertain.
//
// Thread-safety: one thread at a time.
class WriteSession {
 public:
  struct Options {
    // Of the replicas.
    std::vector<std::string> addresses;
    // Part of every value, so that no two sessions write the same.
    std::string name;
    uint64_t keys = 2000;
    uint64_t seed = 1;
    absl::Duration timeout = absl::Seconds(2);
  };

  // `history` must outlive this object.
  WriteSession(Options options, History* history);

  void MakeOne();

 private:
  void Put(size_t replica);
  void PutExpiring(size_t replica);
  void Delete(size_t replica);
  void BatchWrite(size_t replica);
  void PutIf(size_t replica);

  // What became of a write that was not acknowledged.
  void NoteFailure(size_t replica, const absl::Status& status, WriteKind kind, const std::string& key,
                   const Content& content);
  size_t PickReplica();
  std::string PickKey();
  std::string NewValue();
  uint64_t Draw(uint64_t below) { return random_() % below; }

  const Options options_;
  History* const history_;
  std::vector<std::unique_ptr<Client>> clients_;
  // A replica that did not answer is left alone until then.
  std::vector<absl::Time> avoided_until_;
  std::mt19937_64 random_;
  uint64_t values_ = 0;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_WRITE_SESSION_H_
