#include "storage/journal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/file_error.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

absl::Status ErrnoToStatus(int error, absl::string_view path, absl::string_view what) {
  return FileErrorToStatus(error, absl::StrCat("journal: ", what, " ", path));
}

// Writes all of `bytes`. Returns 0 or an errno.
int WriteAll(int descriptor, absl::string_view bytes, size_t offset) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written == 0) {
      return ENOSPC;
    }
    const size_t taken = written < 0 ? 0 : static_cast<size_t>(written);
    bytes.remove_prefix(taken);
    offset += taken;
  }
  return 0;
}

// The batches at the beginning of a segment, and where they end.
struct Parsed {
  std::vector<ReadBatch> batches;
  size_t end = 0;
};

Parsed Parse(uint64_t store_id, absl::string_view bytes) {
  Parsed parsed;
  while (true) {
    const absl::optional<ReadBatch> batch = ReadJournalBatch(store_id, bytes.substr(parsed.end));
    const bool follows = batch.has_value() &&
                         (parsed.batches.empty() ? batch->place.previous_checksum == 0
                                                 : batch->place.previous_checksum == parsed.batches.back().checksum &&
                                                       batch->place.number == parsed.batches.back().place.number + 1);
    if (!follows) {
      return parsed;
    }
    parsed.batches.push_back(*batch);
    parsed.end += batch->size_bytes;
  }
}

absl::Status DamagedError(absl::string_view directory, uint64_t number) {
  return absl::DataLossError(
      absl::StrCat("journal of ", directory, ": commit ", number,
                   " is damaged or missing, and later ones are there: restore the directory, or start with an empty "
                   "one"));
}

}  // namespace

std::string Journal::PathOf(const std::string& directory, size_t segment) {
  return absl::StrCat(directory, "/journal.", segment);
}

std::string Journal::FailedSyncPathOf(const std::string& directory) {
  return absl::StrCat(directory, "/journal.failed");
}

absl::Status Journal::Create(const std::string& directory) {
  for (size_t i = 0; i < kSegments; ++i) {
    const std::string path = PathOf(directory, i);
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) {
      return ErrnoToStatus(errno, path, "creating");
    }
    close(descriptor);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const Options& options, DiskFailure* failure) {
  std::unique_ptr<Journal> journal(new Journal(options, failure));
  for (size_t i = 0; i < kSegments; ++i) {
    DUNLIN_RETURN_IF_ERROR(journal->OpenSegment(i));
    // A disk that is full now may have room when it is needed.
    (void)journal->Reserve(&journal->segments_[i], options.segment_size_bytes);
  }
  return journal;
}

absl::Status Journal::OpenSegment(size_t number) {
  const std::string path = PathOf(options_.directory, number);
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) {
    return absl::DataLossError(absl::StrCat(path,
                                            " is missing: what was written last may be in it; restore the "
                                            "directory, or start with an empty one"));
  }
  if (descriptor < 0) {
    return ErrnoToStatus(errno, path, "opening");
  }
  segments_[number].descriptor = descriptor;
  struct stat file {};
  if (fstat(descriptor, &file) != 0) {
    return ErrnoToStatus(errno, path, "opening");
  }
  segments_[number].size_bytes = static_cast<size_t>(file.st_size);
  return absl::OkStatus();
}

Journal::~Journal() {
  for (const Segment& segment : segments_) {
    if (segment.descriptor >= 0) {
      close(segment.descriptor);
    }
  }
}

// ---- Replaying ----

void Journal::Unmap::operator()(char* bytes) const { munmap(bytes, size); }

absl::StatusOr<Journal::Content> Journal::ReadSegment(size_t number) const {
  Content content;
  const size_t size_bytes = segments_[number].size_bytes;
  if (size_bytes == 0) {
    return content;
  }
  // In one piece from the system: page by page, that would take as long as reading it.
  void* const memory =
      mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    return ErrnoToStatus(errno, PathOf(options_.directory, number), "making room to read");
  }
  content.bytes = {static_cast<char*>(memory), Unmap{size_bytes}};
  while (content.size < size_bytes) {
    const ssize_t read = pread(segments_[number].descriptor, content.bytes.get() + content.size,
                               size_bytes - content.size, static_cast<off_t>(content.size));
    if (read < 0 && errno != EINTR) {
      return ErrnoToStatus(errno, PathOf(options_.directory, number), "reading");
    }
    if (read == 0) {
      break;
    }
    content.size += read < 0 ? 0 : static_cast<size_t>(read);
  }
  return content;
}

absl::Status Journal::Replay(uint64_t first,
                             absl::FunctionRef<absl::Status(uint64_t number, absl::string_view rows)> visit) {
  std::array<Content, kSegments> contents;
  std::array<Parsed, kSegments> parsed;
  for (size_t i = 0; i < kSegments; ++i) {
    DUNLIN_ASSIGN_OR_RETURN(contents[i], ReadSegment(i));
    parsed[i] = Parse(options_.store_id, contents[i].view());
  }
  const auto first_number = [&](size_t i) {
    return parsed[i].batches.empty() ? uint64_t{0} : parsed[i].batches.front().place.number;
  };
  const size_t older = first_number(0) <= first_number(1) ? 0 : 1;
  uint64_t next = first;
  for (const size_t i : {older, 1 - older}) {
    for (const ReadBatch& batch : parsed[i].batches) {
      if (batch.place.number > next) {
        return DamagedError(options_.directory, next);
      }
      if (batch.place.number == next) {
        DUNLIN_RETURN_IF_ERROR(visit(next, batch.rows));
        ++next;
        current_ = i;
        used_bytes_ = parsed[i].end;
        last_checksum_ = batch.checksum;
      }
    }
  }
  // There can be no more of them. The narrower the range, the fewer bytes look as if a batch began there, whose
  // checksum has to be made.
  const uint64_t numbers_max = next + (contents[0].size + contents[1].size) / kJournalBatchSizeMinBytes;
  for (size_t i = 0; i < kSegments; ++i) {
    if (TellsOfSyncedCommit(options_.store_id, next, numbers_max, contents[i].view().substr(parsed[i].end))) {
      return DamagedError(options_.directory, next);
    }
  }
  last_number_ = next - 1;
  synced_upto_ = first - 1;
  // What was read may be in the system's memory alone, if only the process had ended.
  for (size_t i = 0; i < kSegments && next > first; ++i) {
    DUNLIN_RETURN_IF_ERROR(Sync(i));
  }
  return absl::OkStatus();
}

// ---- Appending ----

absl::Status Journal::Error(int error, absl::string_view what) const {
  const absl::Status status = ErrnoToStatus(error, PathOf(options_.directory, current_), what);
  return IsDiskFailure(error) ? failure_->Note(status) : status;
}

absl::Status Journal::Append(uint64_t number, JournalBatch* batch) {
  const absl::string_view bytes = batch->Finish(options_.store_id, {number, last_checksum_, synced_upto_});
  Segment& segment = segments_[current_];
  DUNLIN_RETURN_IF_ERROR(Reserve(&segment, std::max(options_.segment_size_bytes, used_bytes_ + bytes.size())));
  if (const int error = WriteAll(segment.descriptor, bytes, used_bytes_); error != 0) {
    return Error(error, "writing");
  }
  last_number_ = number;
  used_bytes_ += bytes.size();
  last_checksum_ = batch->checksum();
  return absl::OkStatus();
}

// Any error: what the disk has is unknown from here on.
absl::Status Journal::Sync(size_t segment) {
  if (options_.sync && fdatasync(segments_[segment].descriptor) != 0) {
    const int error = errno;
    NoteFailedSync();
    return failure_->Note(ErrnoToStatus(error, PathOf(options_.directory, segment), "syncing"));
  }
  synced_upto_ = last_number_;
  return absl::OkStatus();
}

// For the next start on the same run of the machine; after another one, everything may be missing anyway. A file system
// that does not take even a name has to be repaired first, which is told in docs/RELIABILITY.md.
void Journal::NoteFailedSync() const {
  const int descriptor = open(FailedSyncPathOf(options_.directory).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (descriptor >= 0) {
    close(descriptor);
  }
}

bool Journal::HasFailedSync() const { return access(FailedSyncPathOf(options_.directory).c_str(), F_OK) == 0; }

void Journal::ForgetFailedSync() { (void)unlink(FailedSyncPathOf(options_.directory).c_str()); }

// Without syncs nobody waits for the disk, and a file that is made longer by each write does as well.
absl::Status Journal::Reserve(Segment* segment, size_t size_bytes) {
  if (!options_.sync || segment->size_bytes >= size_bytes) {
    return absl::OkStatus();
  }
  const int error = fallocate(segment->descriptor, 0, 0, static_cast<off_t>(size_bytes)) == 0 ? 0 : errno;
  // File systems that cannot reserve are left to themselves.
  if (error != 0 && error != EOPNOTSUPP) {
    return Error(error, "making room in");
  }
  segment->size_bytes = size_bytes;
  return absl::OkStatus();
}

void Journal::Switch() {
  // Of a disk that has failed nothing can be believed any more.
  if (synced_upto_ != last_number_ && failure_->status().ok()) {
    (void)Sync(current_);
  }
  Segment& other = segments_[1 - current_];
  if (other.size_bytes > options_.segment_size_bytes && options_.segment_size_bytes > 0 &&
      ftruncate(other.descriptor, static_cast<off_t>(options_.segment_size_bytes)) == 0) {
    other.size_bytes = options_.segment_size_bytes;
  }
  current_ = 1 - current_;
  used_bytes_ = 0;
  last_checksum_ = 0;
}

void Journal::Restart() {
  synced_upto_ = last_number_;
  used_bytes_ = 0;
  last_checksum_ = 0;
}

}  // namespace dunlin
