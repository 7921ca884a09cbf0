#ifndef DUNLIN_TESTS_STORAGE_POWER_LOSS_MACHINE_H_
#define DUNLIN_TESTS_STORAGE_POWER_LOSS_MACHINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/optional.h"
#include "storage/write.h"
#include "tests/storage/scenario.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// PowerLossMachine lets a real store and its committer live through random operations while everything that they do to
// their files is recorded, with a mark at the moment at which an operation is answered; and it judges what a power
// failure leaves of the files.
//
// Operation 0 is opening the new store. A state is what the model shows after an operation; an image of the disk has to
// show one of the states since the last operation that was answered and has to be durable, exactly: every row, count
// and digest, the outbox and the positions.
//
// Thread-safety: one thread.
class PowerLossMachine {
 public:
  PowerLossMachine(uint64_t seed, bool sync);

  // Whether the store was opened.
  const absl::Status& opened() const { return tester_->opened(); }
  RecordedFiles& files() { return *files_; }
  StoreTester& tester() { return *tester_; }

  // Lives through some operations that the seed draws: writes, several of them in one transaction, batches of others,
  // epochs, progress of the mirror, sweeps. Returns what is wrong with the answers; empty if nothing. Once the store
  // has failed, all have to be refused for it.
  std::string Step();

  // Closes the store and ends the record.
  std::vector<FileEvent> Finish();

  // How many operations were carried out.
  size_t answered() const { return answered_; }

  // What the store in `directory` lacks of the operations up to and with `answered` ("lost: ..."), or what else is
  // wrong with it ("damaged: ..."); empty if nothing. If nothing was answered, not even the opening, an empty directory
  // is fine. Runs in a process of its own: a damaged database may end it.
  //
  // With `failed_in_last_step`, it may also show the transaction that the disk has failed in the last step of its
  // commit, whose versions nobody has been told: then each row alone is compared.
  std::string Judge(const std::string& directory, absl::optional<uint64_t> answered, bool failed_in_last_step) const;

 private:
  // An operation that waits for its answer.
  struct Pending {
    uint64_t number = 0;
    LocalWrite write;
    WriteAnswer write_answer;
    RemoteBatch batch;
    ApplyAnswer apply_answer;
    bool is_write = false;
  };

  uint64_t Now() { return tester_->clock().NowUnixMillis(); }
  void StartWrite(LocalWrite write);
  void StartApply(RemoteBatch batch);
  LocalWrite BulkWrite();
  std::string Await();
  std::string Group();
  std::string EnterEpoch();
  void AdvanceMirrored();
  void Sweep();
  // Notes the state after an operation.
  void Push();
  std::string JudgeHere(const std::string& directory, absl::optional<uint64_t> answered,
                        bool failed_in_last_step) const;

  Scenario scenario_;
  TempDir dir_;
  std::unique_ptr<RecordedFiles> files_;
  std::unique_ptr<StoreTester> tester_;
  std::unique_ptr<StoreModel> model_;
  uint64_t store_id_ = 0;
  std::vector<Pending> pending_;
  // Indexed by operation.
  std::vector<StoreModel> states_;
  uint64_t next_number_ = 1;
  size_t answered_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_POWER_LOSS_MACHINE_H_
