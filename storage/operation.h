#ifndef DUNLIN_STORAGE_OPERATION_H_
#define DUNLIN_STORAGE_OPERATION_H_

#include <cstddef>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/write.h"

namespace dunlin {

// What waits for the committer, with whom to tell and, once it has been carried out, what came of it. Plain values.
struct WriteOperation {
  LocalWrite write;
  WriteCallback done;
  absl::StatusOr<WriteResult> result;
};
struct ApplyOperation {
  RemoteBatch batch;
  ApplyCallback done;
  absl::StatusOr<ApplyResult> result;
};
struct EpochOperation {
  EpochChange change;
  EpochCallback done;
  absl::StatusOr<EpochEntry> result;
};
struct RestampOperation {
  Restamping restamping;
  RestampCallback done;
  absl::StatusOr<size_t> result;
};
// MirrorProgress has nobody to tell.
using Operation = std::variant<WriteOperation, ApplyOperation, EpochOperation, RestampOperation, MirrorProgress>;

// What is carried out in one transaction.
using OperationGroup = std::vector<Operation>;

// The memory that `operation` takes.
size_t SizeOf(const Operation& operation);

// Puts `error` in the place of the result.
void SetError(const absl::Status& error, Operation* operation);

// Tells the result.
void TellResult(Operation* operation);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_OPERATION_H_
