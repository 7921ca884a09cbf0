#ifndef DUNLIN_SERVER_LOG_LINE_H_
#define DUNLIN_SERVER_LOG_LINE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/logger.h"

namespace dunlin {

// What a line of the log says.
struct LogRecord {
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  // The id of the thread, as the operating system shows it.
  int64_t thread = 0;
  absl::string_view message;
  Logger::Fields fields;
};

// "debug", "info", "warning" or "error".
absl::string_view LogLevelName(LogLevel level);

// The two forms of a line, without its end. Times are UTC.
//
// A line is valid UTF-8 without ASCII control characters whatever it is made from: bytes that are not UTF-8 become
// U+FFFD and control characters are escaped, so that nobody can forge a line by what he sends.

// For people: `2024-05-01T12:00:00.123Z INFO    subscribed epoch=7f3a reason="timed out"`
std::string TextLine(const LogRecord& record);

// For machines: `{"time":"2024-05-01T12:00:00.123Z","level":"info","message":"subscribed","thread":71,"epoch":"7f3a"}`
// A field that bears the name of one of the first four is called "field_time" and so on. Numbers that are not finite
// are null. Numbers above 2^53 are written in full, which not every reader keeps.
std::string JsonLine(const LogRecord& record);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_LOG_LINE_H_
