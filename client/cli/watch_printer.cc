#include "client/cli/watch_printer.h"

#include <algorithm>

#include "client/cli/text_output.h"

namespace dunlin::client::cli {
namespace {

// RESET and GAP take effect before the events of their message, every other marker after them.
bool MarkerComesFirst(const WatchMessage& message) {
  return message.marker == WatchMarker::kReset || message.marker == WatchMarker::kGap;
}

}  // namespace

WatchPrinter::WatchPrinter(std::ostream& out, OutputFormat format, const WatchLimits& limits)
    : out_(out), format_(format), limits_(limits), events_left_(limits.events) {}

bool WatchPrinter::Print(const WatchMessage& message) {
  const size_t events = std::min<uint64_t>(events_left_, message.events.size());
  const bool marker = ShowsMarker(message, events);
  const bool marker_first = marker && MarkerComesFirst(message);
  const bool marker_last = marker && !marker_first;
  // A message cut short by the limit has not been seen as a whole: its token would skip the rest.
  std::optional<MessageEnd> end;
  if (events == message.events.size()) {
    end = MessageEnd{message.token, message.lag};
  }
  const size_t damaged = message.damaged_keys.size();
  if (marker_first) {
    out_ << Line(message.marker, damaged + events == 0 ? end : std::nullopt);
  }
  for (size_t i = 0; i < damaged; ++i) {
    const bool last = i + 1 == damaged && events == 0 && !marker_last;
    out_ << LineOfDamaged(message.damaged_keys[i], last ? end : std::nullopt);
  }
  for (size_t i = 0; i < events; ++i) {
    const bool last = i + 1 == events && !marker_last;
    out_ << Line(message.events[i], last ? end : std::nullopt);
  }
  if (marker_last) {
    out_ << Line(message.marker, end);
  }
  events_left_ -= events;
  return out_.flush() && events_left_ > 0;
}

std::string WatchPrinter::Line(const WatchEvent& event, const std::optional<MessageEnd>& end) const {
  return format_ == OutputFormat::kJson ? JsonLine(event, end) : EventLine(event);
}

std::string WatchPrinter::Line(WatchMarker marker, const std::optional<MessageEnd>& end) const {
  return format_ == OutputFormat::kJson ? JsonLine(marker, end) : MarkerLine(marker);
}

std::string WatchPrinter::LineOfDamaged(const std::string& key, const std::optional<MessageEnd>& end) const {
  return format_ == OutputFormat::kJson ? DamagedJsonLine(key, end) : DamagedLine(key);
}

bool WatchPrinter::ShowsMarker(const WatchMessage& message, size_t events) const {
  if (message.marker == WatchMarker::kNone || (message.marker == WatchMarker::kHeartbeat && !limits_.heartbeats)) {
    return false;
  }
  // SYNCED would be a lie behind a message cut short by the limit.
  return MarkerComesFirst(message) || events == message.events.size();
}

}  // namespace dunlin::client::cli
