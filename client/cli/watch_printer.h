#ifndef DUNLIN_CLIENT_CLI_WATCH_PRINTER_H_
#define DUNLIN_CLIENT_CLI_WATCH_PRINTER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "client/cli/json_output.h"
#include "client/cli/output_format.h"
#include "client/cli/watch_limits.h"
#include "client/types.h"

namespace dunlin::client::cli {

// WatchPrinter shows a watch stream, one line an event, damaged key or marker, and counts the events.
//
// In JSON the last line of a message carries its token: who has read that line, and only who has, may resume there.
//
// Thread-safety: none; one thread uses it.
class WatchPrinter {
 public:
  WatchPrinter(std::ostream& out, OutputFormat format, const WatchLimits& limits);

  // Prints a message and flushes. Returns false when nothing more is wanted: the limit is reached, or nobody reads.
  bool Print(const WatchMessage& message);

 private:
  // `end`, for the last line of a message, shows in JSON only.
  std::string Line(const WatchEvent& event, const std::optional<MessageEnd>& end) const;
  std::string Line(WatchMarker marker, const std::optional<MessageEnd>& end) const;
  std::string LineOfDamaged(const std::string& key, const std::optional<MessageEnd>& end) const;

  // Whether the marker shows in a message of which so many `events` do.
  bool ShowsMarker(const WatchMessage& message, size_t events) const;

  std::ostream& out_;
  const OutputFormat format_;
  const WatchLimits limits_;

  uint64_t events_left_;
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_WATCH_PRINTER_H_
