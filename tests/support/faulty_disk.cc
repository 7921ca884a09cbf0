// A shared library for LD_PRELOAD that gives a real process a disk which fails when a test says so. In its environment:
//
//   DUNLIN_FAULTY_DISK         the directory whose files are concerned
//   DUNLIN_FAULTY_DISK_SWITCH  a file: while it exists, every sync below the directory fails with EIO
//
// Syncs that do not fail do nothing.

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "tests/support/file_handler.h"
#include "tests/support/interposed_files.h"

namespace dunlin {
namespace {

class FaultyDisk final : public FileHandler {
 public:
  explicit FaultyDisk(std::string switch_path) : switch_path_(std::move(switch_path)) {}

  Verdict BeforeWrite(const std::string&, uint64_t, size_t, uint64_t) override { return {}; }
  void AfterWrite(const std::string&, uint64_t, absl::string_view) override {}
  int Sync(const std::string&, SyncKind) override { return access(switch_path_.c_str(), F_OK) == 0 ? EIO : 0; }
  void AfterTruncate(const std::string&, uint64_t) override {}
  void AfterCreate(const std::string&) override {}
  void AfterRename(const std::string&, const std::string&) override {}
  void AfterRemove(const std::string&) override {}

 private:
  const std::string switch_path_;
};

// Before main(), whatever else is constructed then: nothing here depends on any of it.
__attribute__((constructor)) void Install() {
  const char* const directory = std::getenv("DUNLIN_FAULTY_DISK");
  const char* const switch_path = std::getenv("DUNLIN_FAULTY_DISK_SWITCH");
  if (directory != nullptr && switch_path != nullptr) {
    // Files are closed until the very end of the process.
    InterposeFiles(directory, new FaultyDisk(switch_path));
  }
}

}  // namespace
}  // namespace dunlin
