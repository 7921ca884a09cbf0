#include "client/cli/text_output.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/cli/argument_parsers.h"
#include "client/cli/names.h"
#include "storage/utf8.h"

namespace dunlin::client::cli {
namespace {

std::string EscapeByte(char byte) {
  switch (byte) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      return absl::StrFormat("\\x%02x", static_cast<unsigned char>(byte));
  }
}

// C0 and DEL are one byte; C1 (U+0080 to U+009F), which terminals obey as well, are two.
bool IsControl(absl::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) {
    return first < 0x20 || first == 0x7F;
  }
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

std::string Upper(absl::string_view name) { return absl::AsciiStrToUpper(name); }

void AddRow(absl::string_view name, absl::string_view value, std::string* table) {
  absl::StrAppendFormat(table, "%-20s %s\n", name, value);
}

void AddRow(absl::string_view name, uint64_t value, std::string* table) { AddRow(name, absl::StrCat(value), table); }

// Always with a unit, which Abseil leaves out of nothing.
std::string DurationToText(absl::Duration duration) {
  return duration == absl::ZeroDuration() ? "0s" : absl::FormatDuration(duration);
}

std::string LagToText(const Lag& lag) {
  return absl::StrFormat("%d changes, %s, %s", lag.sequences, DurationToText(lag.duration),
                         lag.connected ? "connected" : "not connected");
}

std::string BytesToText(uint64_t bytes) {
  return absl::StrFormat("%d (%.1f MiB)", bytes, static_cast<double>(bytes) / (1 << 20));
}

std::string RingToText(const RingStatus& ring) {
  return absl::StrFormat("%d of %d used, %d overflows", ring.used, ring.capacity, ring.overflows);
}

void AddSyncRows(const ReplicaStatus& status, std::string* table) {
  AddRow("sync state", NameOf(status.sync_state), table);
  if (!status.sync_detail.empty()) {
    AddRow("sync detail", EscapeForTerminal(status.sync_detail), table);
  }
  AddRow("epoch", status.epoch, table);
  AddRow("applied sequence", status.applied_sequence, table);
  AddRow("redis sequence", status.redis_sequence, table);
  AddRow("lag", LagToText(status.lag), table);
  AddRow("outbox",
         absl::StrFormat("%d writes, oldest %s, %d bytes never sent", status.outbox_depth,
                         DurationToText(status.outbox_age), status.outbox_bytes),
         table);
  AddRow("ring", RingToText(status.ring), table);
  AddRow("gaps repaired", status.gaps_repaired, table);
  AddRow("writes superseded", status.writes_superseded, table);
  AddRow("barrier generation", status.barrier_generation, table);
  AddRow("rebuilds", status.rebuilds, table);
  AddRow("tombstones collected", status.tombstones_collected, table);
  if (status.duplicate_identity || status.version_conflicts > 0) {
    AddRow(
        "identity",
        absl::StrFormat("%s, %d conflicting versions",
                        status.duplicate_identity ? "another replica runs on a copy of this data directory" : "alone",
                        status.version_conflicts),
        table);
  }
}

}  // namespace

std::string EscapeForTerminal(absl::string_view bytes) {
  std::string escaped;
  while (!bytes.empty()) {
    const size_t character = Utf8CharacterSize(bytes);
    const size_t length = std::max<size_t>(1, character);
    const absl::string_view sequence = bytes.substr(0, length);
    const bool printable = character > 0 && !IsControl(sequence) && sequence != "\\";
    if (printable) {
      absl::StrAppend(&escaped, sequence);
    } else {
      for (const char byte : sequence) {
        absl::StrAppend(&escaped, EscapeByte(byte));
      }
    }
    bytes.remove_prefix(length);
  }
  return escaped;
}

std::string KeyLine(const Entry& entry) { return EscapeForTerminal(entry.key) + "\n"; }

std::string KeyAndValueLine(const Entry& entry) {
  return absl::StrCat(EscapeForTerminal(entry.key), "\t", EscapeForTerminal(entry.value), "\n");
}

std::string WriteLine(const WriteResult& result) {
  return absl::StrFormat("version=%s\trevision=%d\n", FormatVersion(result.version), result.revision);
}

std::string DeleteLine(const DeleteResult& result) {
  return absl::StrCat("existed=", result.existed ? "true" : "false", "\t", WriteLine(result));
}

std::string EventLine(const WatchEvent& event) {
  const std::string type = Upper(NameOf(event.type));
  return absl::StrCat(type, "\t", event.type == EventType::kPut ? KeyAndValueLine(event.entry) : KeyLine(event.entry));
}

std::string MarkerLine(WatchMarker marker) { return Upper(NameOf(marker)) + "\n"; }

std::string DamagedLine(absl::string_view key) { return absl::StrCat("DAMAGED\t", EscapeForTerminal(key), "\n"); }

std::string WatcherLine(const WatcherStatus& watcher) {
  std::string line =
      absl::StrFormat("%d\t%s\tlag=%s\tqueued=%d (%s)\tage=%s\t%s", watcher.id, NameOf(watcher.state),
                      DurationToText(watcher.lag), watcher.queued_events, BytesToText(watcher.queued_bytes),
                      DurationToText(absl::Trunc(watcher.age, absl::Seconds(1))), EscapeForTerminal(watcher.peer));
  for (const std::string& key : watcher.keys) {
    absl::StrAppend(&line, "\t", EscapeForTerminal(key));
  }
  for (const std::string& prefix : watcher.prefixes) {
    absl::StrAppend(&line, "\t", EscapeForTerminal(prefix), "*");
  }
  const size_t named = watcher.keys.size() + watcher.prefixes.size();
  if (watcher.selectors_count > named) {
    absl::StrAppend(&line, "\tand ", watcher.selectors_count - named, " more");
  }
  return absl::StrCat(line, named == 0 ? "\t*\n" : "\n");
}

std::string StatusTable(const ReplicaStatus& status) {
  std::string table;
  AddRow("replica", EscapeForTerminal(status.replica_id), &table);
  AddRow("store id", absl::StrFormat("%016x", status.store_id), &table);
  AddRow("namespace", EscapeForTerminal(status.namespace_name), &table);
  AddRow("serving", status.serving ? "yes" : "no", &table);
  AddRow("serving detail", EscapeForTerminal(status.serving_detail), &table);
  AddSyncRows(status, &table);
  AddRow("revision", status.revision, &table);
  AddRow("entries", status.entries, &table);
  AddRow("tombstones", status.tombstones, &table);
  AddRow("database bytes", BytesToText(status.database_bytes), &table);
  AddRow("damaged records", status.damaged_records, &table);
  if (!status.store_detail.empty()) {
    AddRow("store detail", EscapeForTerminal(status.store_detail), &table);
  }
  AddRow("watchers", status.watchers, &table);
  AddRow("digest", absl::BytesToHexString(status.digest), &table);
  AddRow("uptime", DurationToText(absl::Trunc(status.uptime, absl::Seconds(1))), &table);
  AddRow("version", absl::StrCat(status.version, " (", status.build, ")"), &table);
  return table;
}

std::string VerifyTable(const VerifyResult& result) {
  std::string table;
  AddRow("entries", result.entries_checked, &table);
  AddRow("tombstones", result.tombstones_checked, &table);
  AddRow("changes", result.changes_checked, &table);
  AddRow("expiries", absl::StrFormat("%d, %d left over", result.expiries_checked, result.leftover_expiries), &table);
  AddRow("damaged", result.damaged_count, &table);
  AddRow("counts", NameOf(result.counts), &table);
  AddRow("digest", NameOf(result.digest), &table);
  if (!result.not_compared_reason.empty()) {
    AddRow("not compared", EscapeForTerminal(result.not_compared_reason), &table);
  }
  AddRow("revisions", absl::StrFormat("%d to %d", result.first_revision, result.last_revision), &table);
  AddRow("duration", DurationToText(absl::Trunc(result.duration, absl::Milliseconds(1))), &table);
  AddRow("repair started", result.repair_started ? "yes" : "no", &table);
  for (const DamagedKey& damaged : result.damaged) {
    absl::StrAppend(&table, "DAMAGED\t", EscapeForTerminal(damaged.key), "\t", EscapeForTerminal(damaged.reason), "\n");
  }
  return table;
}

}  // namespace dunlin::client::cli
