#ifndef DUNLIN_STORAGE_LOGGER_H_
#define DUNLIN_STORAGE_LOGGER_H_

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/mutex.h"

namespace dunlin {

// How much a message matters to an operator.
enum class LogLevel {
  kDebug,    // only of use to somebody who reads the source
  kInfo,     // a change of state that happens rarely
  kWarning,  // something failed and is being healed
  kError,    // something failed and a person has to act
};

// LogField is one named fact of a log line: `{"epoch", epoch}`.
//
// It borrows text: the text must live until Log() returns, as a temporary in the argument list does.
class LogField {
 public:
  using Value = std::variant<absl::string_view, int64_t, uint64_t, double, bool>;

  LogField(absl::string_view name, absl::string_view value) : name_(name), value_(value) {}
  LogField(absl::string_view name, const char* value) : name_(name), value_(absl::string_view(value)) {}

  template <typename Number, std::enable_if_t<std::is_arithmetic_v<Number>, bool> = true>
  LogField(absl::string_view name, Number value) : name_(name), value_(Widen(value)) {}

  absl::string_view name() const { return name_; }
  const Value& value() const { return value_; }

 private:
  template <typename Number>
  static Value Widen(Number value) {
    if constexpr (std::is_same_v<Number, bool>) {
      return value;
    } else if constexpr (std::is_floating_point_v<Number>) {
      return static_cast<double>(value);
    } else if constexpr (std::is_signed_v<Number>) {
      return static_cast<int64_t>(value);
    } else {
      return static_cast<uint64_t>(value);
    }
  }

  absl::string_view name_;
  Value value_;
};

// Logger is how every layer tells operators what happened, without knowing where log lines go.
//
// A message is a short constant phrase, so that it can be searched for and counted; what varies goes into fields:
//
//   logger->Info("subscribed", {{"epoch", epoch}, {"sequence", sequence}});
//
// Values of entries, passwords and connection URLs are never logged; keys only at kDebug.
//
// Thread-safety: implementations are safe for concurrent use, and a call may block for the time of a write to stderr.
class Logger {
 public:
  using Fields = absl::Span<const LogField>;

  virtual ~Logger() = default;

  // Whether Log() at `level` has any effect: ask before computing an expensive field.
  virtual bool Enabled(LogLevel level) const = 0;

  virtual void Log(LogLevel level, absl::string_view message, Fields fields) = 0;

  void Debug(absl::string_view message, Fields fields = {}) { Log(LogLevel::kDebug, message, fields); }
  void Info(absl::string_view message, Fields fields = {}) { Log(LogLevel::kInfo, message, fields); }
  void Warning(absl::string_view message, Fields fields = {}) { Log(LogLevel::kWarning, message, fields); }
  void Error(absl::string_view message, Fields fields = {}) { Log(LogLevel::kError, message, fields); }
};

// NullLogger says nothing: for tests, and for libraries whose caller gave no logger.
class NullLogger final : public Logger {
 public:
  bool Enabled(LogLevel) const override { return false; }
  void Log(LogLevel, absl::string_view, Fields) override {}
};

// LogThrottle lets a message that a loop repeats through at most once a period. The first one passes at once.
//
//   if (std::optional<uint64_t> hidden = throttle_.Admit(now)) {
//     logger->Warning("cannot reach redis", {{"error", error}, {"not_shown", *hidden}});
//   }
//
// Thread-safety: safe for concurrent use.
class LogThrottle {
 public:
  explicit LogThrottle(absl::Duration period) : period_(period) {}

  // Returns how many messages were held back since the last one that passed, or nothing if this one is to be held back.
  std::optional<uint64_t> Admit(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (now < next_) {
      ++hidden_;
      return std::nullopt;
    }
    next_ = now + period_;
    return std::exchange(hidden_, 0);
  }

 private:
  const absl::Duration period_;

  Mutex mutex_;
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t hidden_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_LOGGER_H_
