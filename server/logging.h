#ifndef DUNLIN_SERVER_LOGGING_H_
#define DUNLIN_SERVER_LOGGING_H_

#include <memory>

#include "storage/logger.h"

namespace dunlin {

// How a line looks; see server/log_line.h.
enum class LogFormat { kText, kJson };

// Returns a logger that writes one line a message to standard error, at once, leaving out what is below `level`. Lines
// of several threads do not mix.
std::unique_ptr<Logger> MakeLogger(LogFormat format, LogLevel level);

// Sends what gRPC and protobuf have to say to `logger` instead of to standard error in formats of their own, and from
// null to nowhere. Their text becomes a field, and their levels are lowered: what they call an error is mostly
// something that a client did wrong, and the client is told.
//
// Thread-safety: safe for concurrent use, as the libraries may log at any time.
// REQUIRES: `logger` outlives the process, or a later call of this.
void CaptureLibraryLogs(Logger* logger);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_LOGGING_H_
