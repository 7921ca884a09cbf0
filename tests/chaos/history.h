#ifndef DUNLIN_TESTS_CHAOS_HISTORY_H_
#define DUNLIN_TESTS_CHAOS_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/types.h"
#include "storage/mutex.h"

namespace dunlin::chaos {

enum class WriteKind { kPut, kExpiringPut, kDelete, kBatch, kConditional };
inline constexpr WriteKind kWriteKinds[] = {WriteKind::kPut, WriteKind::kExpiringPut, WriteKind::kDelete,
                                            WriteKind::kBatch, WriteKind::kConditional};
absl::string_view NameOf(WriteKind kind);

// What a write puts under a key, in little: of a value its hash, which is enough because no value is written twice.
//
// Thread-safety: a plain value.
struct Content {
  bool deleted = false;
  uint64_t value_hash = 0;

  friend bool operator==(const Content& a, const Content& b) {
    return a.deleted == b.deleted && a.value_hash == b.value_hash;
  }
};

Content ContentOf(absl::string_view value);
inline Content Deletion() { return Content{true, 0}; }

// One acknowledged write of one key.
//
// Thread-safety: a plain value.
struct Acknowledgement {
  // The history's own number for it.
  uint32_t key = 0;
  WriteKind kind = WriteKind::kPut;
  uint8_t replica = 0;
  Content content;
  client::Version version;
  absl::Time at;
};

// History is what the clients of a run know: every write that was acknowledged, and those of which nobody was told
// whether they took place. It is what the checker holds against the replicas.
//
// Thread-safety: safe for concurrent use.
class History {
 public:
  // What has to be known of a key to judge what is stored under it.
  struct KeyHistory {
    // The acknowledged write of the highest version.
    std::optional<Acknowledgement> last;
    // Writes that may have taken place.
    std::vector<Content> uncertain;
    // Writes that were refused, so that nothing of them may be there.
    std::vector<Content> refused;
  };

  History() = default;
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  void Acknowledge(absl::string_view key, WriteKind kind, size_t replica, const Content& content,
                   const client::Version& version) ABSL_LOCKS_EXCLUDED(mutex_);
  void LeaveUncertain(absl::string_view key, const Content& content) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refuse(absl::string_view key, const Content& content) ABSL_LOCKS_EXCLUDED(mutex_);

  std::map<std::string, KeyHistory> ByKey() const ABSL_LOCKS_EXCLUDED(mutex_);
  // All acknowledged writes of `key`, in the order in which the answers came.
  std::vector<Acknowledgement> Of(absl::string_view key) const ABSL_LOCKS_EXCLUDED(mutex_);

  // How many keys were written by acknowledged writes of `kind`.
  uint64_t acknowledged(WriteKind kind) const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t acknowledged() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t uncertain() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t refused() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  uint32_t NumberOf(absl::string_view key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<std::string, uint32_t> numbers_ ABSL_GUARDED_BY(mutex_);
  // By number.
  std::vector<KeyHistory> keys_ ABSL_GUARDED_BY(mutex_);
  // In the order of their coming.
  std::vector<Acknowledgement> acknowledged_ ABSL_GUARDED_BY(mutex_);
  uint64_t counts_[std::size(kWriteKinds)] ABSL_GUARDED_BY(mutex_) = {};
  uint64_t uncertain_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_HISTORY_H_
