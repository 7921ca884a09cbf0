#ifndef DUNLIN_STORAGE_JOURNAL_H_
#define DUNLIN_STORAGE_JOURNAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/disk_failure.h"
#include "storage/journal_batch.h"

namespace dunlin {

// Journal makes commits durable before the database has them: each is written to the end of a file and synced, which
// costs one write of the disk, wherever its rows belong. It has two segments, DIRECTORY/journal.0 and .1, of a fixed
// size: while the database takes over what one of them has, commits go to the other one.
//
// After the process has ended, in whatever way, Replay() gives back every commit, in order. A power failure cuts off
// the end, but nothing that was synced, or stands before what was.
//
// Errors: kResourceExhausted when the disk is full: then nothing has happened. When a write or a sync fails otherwise,
// the disk has failed: `failure` is told, and it is its status that is returned.
//
// Thread-safety: one thread at a time.
class Journal {
 public:
  struct Options {
    std::string directory;
    uint64_t store_id = 0;
    // What a segment takes of the disk from the beginning. One that has to hold a larger commit grows, for as long.
    size_t segment_size_bytes = 0;
    // false: commits are not synced; a power failure may lose the latest ones, or cut the journal so that the store
    // cannot be opened.
    bool sync = true;
  };

  static constexpr size_t kSegments = 2;
  // The file of a segment.
  static std::string PathOf(const std::string& directory, size_t segment);
  // A file that is there, empty, from a sync that failed until ForgetFailedSync().
  static std::string FailedSyncPathOf(const std::string& directory);

  // Creates what is missing of the files in `directory`, empty. Names are for the caller to sync.
  static absl::Status Create(const std::string& directory);

  // Opens the files. `failure` must outlive the journal. Errors: kDataLoss when a file is missing.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const Options& options, DiskFailure* failure);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // Calls `visit` with each commit from number `first` on, in order. To be called once, before anything else. The
  // journal goes on after the last one.
  // Errors: kDataLoss when one is damaged or missing that was there; those of reading.
  absl::Status Replay(uint64_t first, absl::FunctionRef<absl::Status(uint64_t number, absl::string_view rows)> visit);

  // Appends commit `number`: it survives the end of the process. After an error the next one takes its place.
  absl::Status Append(uint64_t number, JournalBatch* batch);

  // Makes all that has been appended survive a power failure.
  absl::Status Sync() { return Sync(current_); }

  // Whether a sync has failed since that was last forgotten, be it before the journal was opened: of what was appended
  // since the one before, any part may be missing, and Replay() cannot tell.
  bool HasFailedSync() const;
  void ForgetFailedSync();

  // How many bytes of the segment are in use.
  size_t used_bytes() const { return used_bytes_; }

  // The database has all that the other segment holds: the next commits go there, once all that the present one holds
  // is synced. When that fails, `failure` tells.
  void Switch();

  // The database has everything: the segment begins anew.
  void Restart();

 private:
  struct Segment {
    int descriptor = -1;
    size_t size_bytes = 0;
  };

  // What a segment holds.
  struct Unmap {
    size_t size;
    void operator()(char* bytes) const;
  };
  struct Content {
    std::unique_ptr<char[], Unmap> bytes;
    size_t size = 0;
    absl::string_view view() const { return {bytes.get(), size}; }
  };

  Journal(const Options& options, DiskFailure* failure) : options_(options), failure_(failure) {}

  absl::Status OpenSegment(size_t number);
  absl::StatusOr<Content> ReadSegment(size_t number) const;
  absl::Status Sync(size_t segment);
  void NoteFailedSync() const;
  // Gives the segment at least this size on the disk.
  absl::Status Reserve(Segment* segment, size_t size_bytes);
  absl::Status Error(int error, absl::string_view what) const;

  const Options options_;
  DiskFailure* const failure_;
  std::array<Segment, kSegments> segments_;
  // The segment in use, how far, and the checksum of the last batch in it.
  size_t current_ = 0;
  size_t used_bytes_ = 0;
  uint64_t last_checksum_ = 0;
  // The last commit that was written, and the last that was synced.
  uint64_t last_number_ = 0;
  uint64_t synced_upto_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_JOURNAL_H_
