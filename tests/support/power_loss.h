#ifndef DUNLIN_TESTS_SUPPORT_POWER_LOSS_H_
#define DUNLIN_TESTS_SUPPORT_POWER_LOSS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/recorded_files.h"

namespace dunlin {

// PowerLoss tells what may be found on the disk when the power fails at some moment of a record:
//
//  - what was synced by then: what a sync of the file covers, and each write through a write-through descriptor;
//  - of what was not, any part, in units of a sector (512 bytes): nothing, everything, some writes, one write cut off,
//    single sectors. Of several writes to a sector any one may be the last that got there;
//  - a file as long as its last byte that got there, or with zeros up to any of the lengths it has had since;
//  - of the names, those that were synced, and of later creations, renames and removals the first few.
//
// What it leaves out: sectors of which a part is new (disks write sectors whole), and sectors that rot.
//
// Thread-safety: one thread at a time.
class PowerLoss {
 public:
  // `events` must outlive this object.
  explicit PowerLoss(const std::vector<FileEvent>* events) : events_(*events) {}
  PowerLoss(const PowerLoss&) = delete;
  PowerLoss& operator=(const PowerLoss&) = delete;

  // Lets the power fail before event number `point`. REQUIRES: points never decrease.
  void AdvanceTo(size_t point);

  // Writes what is found into the empty `directory`, as `random` draws it.
  void WriteImage(std::mt19937_64* random, const std::string& directory) const;

 private:
  // A change of a file of which it is not known that it is on the disk, or that follows one.
  struct Change {
    const FileEvent* event = nullptr;
    bool durable = false;
    // A sync of it has failed: no later one can be believed to cover it.
    bool lost = false;
  };
  struct File {
    // With every change before the first of `changes`.
    std::string durable_content;
    std::vector<Change> changes;
  };
  // How much of what is not durable is found in one image.
  enum class Extent { kNothing, kEverything, kSomeWrites, kAllButOneWrite, kOneCutOff, kSomeSectors };

  void Take(const FileEvent& event);
  void Sync(File* file);
  std::string ContentOf(const File& file, std::mt19937_64* random) const;

  const std::vector<FileEvent>& events_;
  size_t next_ = 0;
  std::vector<File> files_;
  // Name -> place in files_: as the program sees it, and as it is on the disk.
  std::map<std::string, size_t> names_;
  std::map<std::string, size_t> durable_names_;
  // The names after each change since they were synced.
  std::vector<std::map<std::string, size_t>> later_names_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_POWER_LOSS_H_
