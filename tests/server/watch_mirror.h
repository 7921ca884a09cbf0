#ifndef DUNLIN_TESTS_SERVER_WATCH_MIRROR_H_
#define DUNLIN_TESTS_SERVER_WATCH_MIRROR_H_

#include <cstdint>
#include <map>
#include <string>

#include "dunlin/v1/kv.pb.h"
#include "storage/selector.h"
#include "storage/store.h"

namespace dunlin {

// WatchMirror is a reader of Watch that keeps what the messages say, and checks every message against what went before:
// order of revisions, no older version of a key after a newer one, tokens that cover what was said and no less.
//
// Thread-safety: a plain value.
class WatchMirror {
 public:
  explicit WatchMirror(uint64_t store_id) : store_id_(store_id) {}

  void Apply(const v1::WatchResponse& message);

  // Compares what it holds with what the store holds of `selection`.
  void ExpectEqualTo(const Store& store, const Selection& selection) const;

  const std::map<std::string, v1::Entry>& entries() const { return entries_; }
  bool synced() const { return synced_; }
  uint64_t revision() const { return revision_; }

 private:
  void ApplyEvent(const v1::Event& event);

  uint64_t store_id_;
  std::map<std::string, v1::Entry> entries_;
  // The latest revision of each key ever said, removals too.
  std::map<std::string, uint64_t> said_;
  bool synced_ = false;
  // The latest revision said or covered by a token, once synced.
  uint64_t revision_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_WATCH_MIRROR_H_
