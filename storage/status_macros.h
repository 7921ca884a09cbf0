#ifndef DUNLIN_STORAGE_STATUS_MACROS_H_
#define DUNLIN_STORAGE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function if `expression`, an absl::Status, is an error.
#define DUNLIN_RETURN_IF_ERROR(expression)        \
  do {                                            \
    ::absl::Status dunlin_status_ = (expression); \
    if (!dunlin_status_.ok()) {                   \
      return dunlin_status_;                      \
    }                                             \
  } while (false)

// Evaluates `expression`, an absl::StatusOr: returns its error, or assigns or declares `target` from its value.
#define DUNLIN_ASSIGN_OR_RETURN(target, expression) \
  DUNLIN_ASSIGN_OR_RETURN_(DUNLIN_CONCAT_(dunlin_status_or_, __LINE__), target, expression)

#define DUNLIN_CONCAT_INNER_(a, b) a##b
#define DUNLIN_CONCAT_(a, b) DUNLIN_CONCAT_INNER_(a, b)
#define DUNLIN_ASSIGN_OR_RETURN_(status_or, target, expression) \
  auto status_or = (expression);                                \
  if (!status_or.ok()) {                                        \
    return std::move(status_or).status();                       \
  }                                                             \
  target = *std::move(status_or)

#endif  // DUNLIN_STORAGE_STATUS_MACROS_H_
