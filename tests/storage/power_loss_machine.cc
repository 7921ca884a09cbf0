#include "tests/storage/power_loss_machine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/hybrid_clock.h"
#include "storage/limits.h"
#include "storage/store.h"
#include "storage/table_env.h"
#include "storage/tables.h"
#include "tests/storage/open_tables.h"
#include "tests/support/fake_clock.h"

namespace dunlin {
namespace {

constexpr size_t kMapSizeBytes = size_t{64} << 20;

// What of the model's rows is not there and has not been replaced by a later one.
std::string LacksRows(const TableTxn& txn, const StoreModel& model) {
  for (const auto& [key, expected] : model.rows()) {
    const absl::StatusOr<absl::optional<absl::string_view>> bytes = txn.Get(Table::kRecords, key);
    if (!bytes.ok() || !bytes->has_value()) {
      return absl::StrCat("lost: no row for ", key);
    }
    const absl::StatusOr<RecordRow> row = DecodeRecordRow(key, **bytes);
    if (!row.ok() || (row->encoded != expected.encoded && row->revision <= expected.revision)) {
      return absl::StrCat("lost: an old row for ", key);
    }
  }
  return "";
}

// The database takes over what is committed after every few operations, and on the committer's thread, so that it is
// known what has failed when an operation is answered.
void Prepare(StoreTester* tester) {
  tester->store_options().write_buffer_bytes = 4096;
  tester->committer_options().checkpoints_elsewhere = false;
}

}  // namespace

PowerLossMachine::PowerLossMachine(uint64_t seed, bool sync)
    : scenario_(seed),
      files_(std::make_unique<RecordedFiles>(dir_.path())),
      tester_(std::make_unique<StoreTester>(dir_.path(), sync, Prepare)) {
  if (tester_->opened().ok()) {
    files_->Mark(0);
    store_id_ = tester_->store().store_id();
    model_ = std::make_unique<StoreModel>(store_id_);
    states_.push_back(*model_);
  }
}

std::string PowerLossMachine::Step() {
  // Once this is answered, nothing of the step before is under way.
  (void)tester_->ApplyBatch(EmptyGroup());
  switch (scenario_.Below(12)) {
    case 0:
      Sweep();
      return "";
    case 1:
      AdvanceMirrored();
      return "";
    case 2:
      return EnterEpoch();
    default:
      return Group();
  }
}

std::vector<FileEvent> PowerLossMachine::Finish() {
  tester_->Close();
  std::vector<FileEvent> events = files_->events();
  files_.reset();
  return events;
}

void PowerLossMachine::Push() { states_.push_back(*model_); }

// ---- Operations ----

void PowerLossMachine::StartWrite(LocalWrite write) {
  Pending pending;
  pending.is_write = true;
  pending.number = next_number_++;
  pending.write = write;
  // The mark stands before the answer reaches anybody.
  tester_->committer().Write(std::move(write), [files = files_.get(), number = pending.number,
                                                answer = pending.write_answer.Callback()](auto result) mutable {
    if (result.ok()) {
      files->Mark(number);
    }
    answer(std::move(result));
  });
  pending_.push_back(std::move(pending));
}

void PowerLossMachine::StartApply(RemoteBatch batch) {
  Pending pending;
  pending.number = next_number_++;
  batch.awaits_sync = scenario_.OneIn(2);
  pending.batch = batch;
  tester_->committer().Apply(std::move(batch),
                             [files = files_.get(), number = pending.number, is_durable = pending.batch.awaits_sync,
                              answer = pending.apply_answer.Callback()](auto result) mutable {
                               // A position alone may wait for a while.
                               if (result.ok() && is_durable && result->applied > 0) {
                                 files->Mark(number);
                               }
                               answer(std::move(result));
                             });
  pending_.push_back(std::move(pending));
}

// Enough keys for a tree of some pages, and values that take several pages each.
LocalWrite PowerLossMachine::BulkWrite() {
  LocalWrite write;
  std::set<uint64_t> numbers;
  for (uint64_t count = 1 + scenario_.Below(20); numbers.size() < count;) {
    numbers.insert(scenario_.Below(100));
  }
  for (const uint64_t number : numbers) {
    const std::string key = absl::StrCat("bulk/", number);
    const size_t size = scenario_.OneIn(30) ? 20'000 : scenario_.Below(600);
    write.mutations.push_back(scenario_.OneIn(4) ? DeleteOf(key) : PutOf(key, std::string(size, 'v')));
  }
  return write;
}

std::string PowerLossMachine::Await() {
  std::string wrong;
  for (Pending& pending : std::exchange(pending_, {})) {
    const absl::Status status =
        pending.is_write ? pending.write_answer.Get().status() : pending.apply_answer.Get().status();
    if (!status.ok()) {
      const bool accepted = !pending.is_write || model_->Accepts(pending.write, Now());
      const absl::Status expected = tester_->store().failure();
      if (accepted ? status != expected || expected.ok() : !absl::IsFailedPrecondition(status) && status != expected) {
        wrong = absl::StrCat("operation ", pending.number, ": ", status.ToString());
      }
    } else {
      ++answered_;
      const std::string difference = pending.is_write
                                         ? model_->Write(pending.write, *pending.write_answer.Get(), Now())
                                         : model_->Apply(pending.batch, *pending.apply_answer.Get(), Now());
      wrong = difference.empty() ? wrong : absl::StrCat("operation ", pending.number, ": ", difference);
    }
    Push();
  }
  return wrong;
}

// Up to five operations, mostly in one transaction.
std::string PowerLossMachine::Group() {
  Gate gate;
  const bool together = tester_->store().failure().ok() && scenario_.OneIn(2);
  if (together) {
    tester_->HoldCommitter(&gate);
  }
  for (uint64_t count = together ? 1 + scenario_.Below(5) : 1; count > 0; --count) {
    if (scenario_.OneIn(4)) {
      StartApply(scenario_.Batch(*model_, store_id_, Now()));
    } else {
      StartWrite(scenario_.OneIn(3) ? BulkWrite() : scenario_.Write(*model_));
    }
  }
  gate.Open();
  return Await();
}

std::string PowerLossMachine::EnterEpoch() {
  const EpochChange change = scenario_.Epoch();
  Answer<absl::StatusOr<EpochEntry>> answer;
  tester_->committer().EnterEpoch(change, [files = files_.get(), number = next_number_,
                                           done = answer.Callback()](absl::StatusOr<EpochEntry> entry) mutable {
    if (entry.ok()) {
      files->Mark(number);
    }
    done(std::move(entry));
  });
  ++next_number_;
  const absl::Status status = answer.Get().status();
  if (status.ok()) {
    ++answered_;
    model_->EnterEpoch(change);
  }
  Push();
  return status.ok() || status == tester_->store().failure() ? "" : absl::StrCat("an epoch: ", status.ToString());
}

void PowerLossMachine::AdvanceMirrored() {
  const MirrorProgress progress = scenario_.Progress(*model_);
  // Nothing is written for it at once that could fail.
  const bool takes_place = tester_->store().failure().ok();
  tester_->committer().AdvanceMirrored(progress);
  (void)tester_->ApplyBatch(EmptyGroup());
  if (takes_place) {
    model_->AdvanceMirrored(progress.epoch, progress.revision);
  }
  ++next_number_;
  Push();
}

void PowerLossMachine::Sweep() {
  tester_->wall_clock().Advance(kSweepPeriod + absl::Milliseconds(scenario_.Below(1500)));
  const uint64_t before = tester_->state().revision;
  // The first is answered before the committer looks at what is due, the second after it.
  (void)tester_->ApplyBatch(EmptyGroup());
  (void)tester_->ApplyBatch(EmptyGroup());
  // The checkpoint that comes after the sweep may have failed.
  if (tester_->store().failure().ok() || tester_->state().revision != before) {
    model_->Sweep(kSweepEntriesMax, Now());
  }
  ++next_number_;
  Push();
}

// ---- Judging ----

std::string PowerLossMachine::Judge(const std::string& directory, absl::optional<uint64_t> answered,
                                    bool failed_in_last_step) const {
  int report[2];
  if (pipe(report) != 0) {
    return "no pipe";
  }
  const pid_t child = fork();
  if (child < 0) {
    close(report[0]);
    close(report[1]);
    return "no process to look at it";
  }
  if (child == 0) {
    close(report[0]);
    const std::string wrong = JudgeHere(directory, answered, failed_in_last_step);
    (void)!write(report[1], wrong.data(), wrong.size());
    _exit(0);
  }
  close(report[1]);
  std::string wrong;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(report[0], buffer, sizeof(buffer))) > 0;) {
    wrong.append(buffer, size);
  }
  close(report[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? wrong : absl::StrCat("damaged: it ended the process with status ", status);
}

std::string PowerLossMachine::JudgeHere(const std::string& directory, absl::optional<uint64_t> answered,
                                        bool failed_in_last_step) const {
  StoreState state;
  {
    FakeClock wall_clock;
    HybridClock clock(&wall_clock);
    Store::Options options;
    options.directory = directory;
    options.map_size_bytes = kMapSizeBytes;
    options.sync = false;
    const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options, &clock);
    if (!store.ok()) {
      return absl::StrCat("damaged: ", store.status().ToString());
    }
    state = (*store)->state();
    if ((*store)->store_id() != store_id_) {
      return answered.has_value() || state.revision != 0 ? "lost: the whole store" : "";
    }
  }
  const std::unique_ptr<TableEnv> env = OpenTables(directory);
  const absl::StatusOr<TableTxn> txn = env->BeginRead();
  const std::string tables = CheckTables(*txn, state);
  if (!tables.empty()) {
    return absl::StrCat("damaged: ", tables);
  }
  const uint64_t first = answered.value_or(0);
  for (size_t i = states_.size(); i > first; --i) {
    const StoreModel& candidate = states_[i - 1];
    if (EncodeState(candidate.State(state)) == EncodeState(state) && CompareTables(*txn, candidate).empty()) {
      return "";
    }
  }
  return failed_in_last_step ? LacksRows(*txn, states_[first])
                             : absl::StrCat("lost: the store stands at revision ", state.revision, ", operation ",
                                            first, " was answered at revision ", states_[first].revision());
}

}  // namespace dunlin
