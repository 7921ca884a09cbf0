#include "tests/support/recorded_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/support/interposed_files.h"

namespace dunlin {

using Kind = FileEvent::Kind;

RecordedFiles::RecordedFiles(const std::string& directory) { InterposeFiles(directory, this); }

RecordedFiles::~RecordedFiles() { InterposeFiles("", nullptr); }

void RecordedFiles::Add(FileEvent event) {
  MutexLock lock(&mutex_);
  events_.push_back(std::move(event));
}

void RecordedFiles::Mark(uint64_t number) { Add({Kind::kMark, "", "", number, ""}); }

std::vector<FileEvent> RecordedFiles::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

uint64_t RecordedFiles::syncs() const {
  MutexLock lock(&mutex_);
  return syncs_;
}

uint64_t RecordedFiles::writes() const {
  MutexLock lock(&mutex_);
  return writes_;
}

// ---- Faults ----

int RecordedFiles::Fault::Strike() {
  if (error == 0 || after-- > 0) {
    return 0;
  }
  return std::exchange(error, 0);
}

void RecordedFiles::FailSyncAfter(SyncKind kind, uint64_t count, int error) {
  MutexLock lock(&mutex_);
  sync_fault_kind_ = kind;
  sync_fault_ = {count, error};
}

void RecordedFiles::FailWriteAfter(uint64_t count, int error) {
  MutexLock lock(&mutex_);
  write_fault_ = {count, error};
}

void RecordedFiles::LimitFileSize(uint64_t bytes) {
  MutexLock lock(&mutex_);
  file_size_max_bytes_ = bytes;
}

// ---- What happens ----

FileHandler::Verdict RecordedFiles::BeforeWrite(const std::string&, uint64_t offset, size_t size, uint64_t file_size) {
  MutexLock lock(&mutex_);
  ++writes_;
  Verdict verdict;
  verdict.error = write_fault_.Strike();
  const uint64_t room_end = std::max(file_size, file_size_max_bytes_);
  if (verdict.error == 0 && size > 0 && offset >= room_end) {
    verdict.error = ENOSPC;
  }
  verdict.size_max_bytes = room_end - std::min(offset, room_end);
  return verdict;
}

void RecordedFiles::AfterWrite(const std::string& path, uint64_t offset, absl::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  Add({Kind::kWrite, path, "", offset, std::string(bytes)});
}

int RecordedFiles::Sync(const std::string& path, SyncKind kind) {
  MutexLock lock(&mutex_);
  ++syncs_;
  const int error = kind == sync_fault_kind_ ? sync_fault_.Strike() : 0;
  switch (kind) {
    case SyncKind::kFile:
      events_.push_back({error == 0 ? Kind::kSynced : Kind::kSyncFailed, path, "", 0, ""});
      break;
    case SyncKind::kWrite:
      events_.push_back({error == 0 ? Kind::kWriteSynced : Kind::kWriteFailed, path, "", 0, ""});
      break;
    case SyncKind::kDirectory:
      if (error == 0) {
        events_.push_back({Kind::kNamesSynced, path, "", 0, ""});
      }
      break;
  }
  return error;
}

void RecordedFiles::AfterTruncate(const std::string& path, uint64_t size) {
  Add({Kind::kTruncate, path, "", size, ""});
}

void RecordedFiles::AfterCreate(const std::string& path) { Add({Kind::kCreated, path, "", 0, ""}); }

void RecordedFiles::AfterRename(const std::string& from, const std::string& to) {
  Add({Kind::kRenamed, from, to, 0, ""});
}

void RecordedFiles::AfterRemove(const std::string& path) { Add({Kind::kRemoved, path, "", 0, ""}); }

}  // namespace dunlin
