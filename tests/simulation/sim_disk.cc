#include "tests/simulation/sim_disk.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/support/interposed_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

constexpr absl::string_view kJournal = "/journal.";

// As the handler is told of what lies in `directory`.
std::string RelativeTo(const std::string& parent, const std::string& directory) {
  return absl::StrCat(absl::StripPrefix(directory, absl::StrCat(parent, "/")), kJournal);
}

}  // namespace

SimDisk::SimDisk() { InterposeFiles(TempDir::Parent(), this); }

SimDisk& SimDisk::Get() {
  static auto* const disk = new SimDisk;
  return *disk;
}

bool SimDisk::IsSynced(const std::string& directory) const {
  const std::string prefix = RelativeTo(TempDir::Parent(), directory);
  const auto first = unsynced_.lower_bound(prefix);
  return first == unsynced_.end() || !absl::StartsWith(first->first, prefix);
}

void SimDisk::FailNextSync(const std::string& directory) { failing_.insert(RelativeTo(TempDir::Parent(), directory)); }

void SimDisk::FailNoSync(const std::string& directory) { failing_.erase(RelativeTo(TempDir::Parent(), directory)); }

void SimDisk::LosePower(const std::string& directory, Dice* dice) {
  const std::string prefix = RelativeTo(TempDir::Parent(), directory);
  const bool loses_all = failed_.erase(prefix) > 0 || dice->Chance(0.5);
  auto file = unsynced_.lower_bound(prefix);
  while (file != unsynced_.end() && absl::StartsWith(file->first, prefix)) {
    // Not through the functions that are interposed.
    std::fstream stream(absl::StrCat(TempDir::Parent(), "/", file->first),
                        std::ios::in | std::ios::out | std::ios::binary);
    for (const Written& written : file->second) {
      if (loses_all || dice->Chance(0.5)) {
        stream.seekp(static_cast<std::streamoff>(written.offset));
        stream << std::string(written.size, '\0');
      }
    }
    if (!stream.flush()) {
      std::cerr << "a simulated disk cannot be changed" << std::endl;
      std::abort();
    }
    file = unsynced_.erase(file);
  }
}

FileHandler::Verdict SimDisk::BeforeWrite(const std::string&, uint64_t, size_t, uint64_t) { return {}; }

void SimDisk::AfterWrite(const std::string& path, uint64_t offset, absl::string_view bytes) {
  if (absl::StrContains(path, kJournal)) {
    unsynced_[path].push_back({offset, bytes.size()});
  }
}

int SimDisk::Sync(const std::string& path, SyncKind kind) {
  if (kind != SyncKind::kFile) {
    return 0;
  }
  for (const std::string& prefix : failing_) {
    if (absl::StartsWith(path, prefix)) {
      failed_.insert(prefix);
      failing_.erase(prefix);
      return EIO;
    }
  }
  unsynced_.erase(path);
  return 0;
}

void SimDisk::AfterTruncate(const std::string&, uint64_t) {}
void SimDisk::AfterCreate(const std::string&) {}
void SimDisk::AfterRename(const std::string&, const std::string&) {}
void SimDisk::AfterRemove(const std::string& path) { unsynced_.erase(path); }

}  // namespace dunlin
