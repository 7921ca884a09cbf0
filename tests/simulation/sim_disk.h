#ifndef DUNLIN_TESTS_SIMULATION_SIM_DISK_H_
#define DUNLIN_TESTS_SIMULATION_SIM_DISK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/simulation/dice.h"
#include "tests/support/file_handler.h"

namespace dunlin {

// SimDisk is the disk of all simulated replicas of this process: real files, of whose writes it knows which have been
// synced, so that a power failure can take the others back. Nothing is really synced.
//
// What a store writes to its database is synced before anybody goes on, so that only its journal is looked at. How each
// kind of write may be torn is shown by tests/storage/power_loss_test; here, a write is there or is not.
//
// Thread-safety: one thread.
class SimDisk final : public FileHandler {
 public:
  // The only one. All files below TempDir::Parent() that are opened from now on lie on it.
  static SimDisk& Get();

  // Whether everything that was written below `directory` is synced.
  bool IsSynced(const std::string& directory) const;

  // The next sync of a file there fails, or no further one does.
  void FailNextSync(const std::string& directory);
  void FailNoSync(const std::string& directory);

  // Takes back some of what is not synced there, as `dice` draws it: all, or each write by itself, so that later ones
  // may stay; all if a sync has failed. REQUIRES: no file there is open.
  void LosePower(const std::string& directory, Dice* dice);

  Verdict BeforeWrite(const std::string& path, uint64_t offset, size_t size, uint64_t file_size) override;
  void AfterWrite(const std::string& path, uint64_t offset, absl::string_view bytes) override;
  int Sync(const std::string& path, SyncKind kind) override;
  void AfterTruncate(const std::string& path, uint64_t size) override;
  void AfterCreate(const std::string& path) override;
  void AfterRename(const std::string& from, const std::string& to) override;
  void AfterRemove(const std::string& path) override;

 private:
  SimDisk();

  struct Written {
    uint64_t offset = 0;
    size_t size = 0;
  };
  // What is not synced, by file, in its order. Paths are relative to TempDir::Parent().
  std::map<std::string, std::vector<Written>> unsynced_;
  // By the beginning of the paths of a directory's files, whether the next sync fails, and whether one has.
  std::set<std::string> failing_;
  std::set<std::string> failed_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_DISK_H_
