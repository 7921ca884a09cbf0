#ifndef DUNLIN_CLIENT_CLI_TEXT_OUTPUT_H_
#define DUNLIN_CLIENT_CLI_TEXT_OUTPUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "client/types.h"

// The lines of `--output text`, each with its newline. Fields are separated by tabs, and whatever comes from an entry
// is escaped, so that one line stays one line and no value can give commands to the terminal it is shown on.
namespace dunlin::client::cli {

// Keeps printable UTF-8 as it is. Control characters and bytes that are not UTF-8 become \n, \r, \t or \xHH, and a
// backslash is doubled. ParseShellLine() reads it back from between double quotes, if the quotes in it are escaped.
std::string EscapeForTerminal(absl::string_view bytes);

std::string KeyLine(const Entry& entry);             // KEY
std::string KeyAndValueLine(const Entry& entry);     // KEY <tab> VALUE
std::string WriteLine(const WriteResult& result);    // version=... <tab> revision=...
std::string DeleteLine(const DeleteResult& result);  // existed=... <tab> version=... <tab> revision=...
std::string EventLine(const WatchEvent& event);      // PUT <tab> KEY <tab> VALUE, or DELETE <tab> KEY
std::string MarkerLine(WatchMarker marker);          // SYNCED
std::string DamagedLine(absl::string_view key);      // DAMAGED <tab> KEY

// ID, state, lag, what is queued, age, peer, and then each KEY and each PREFIX*, all separated by tabs.
std::string WatcherLine(const WatcherStatus& watcher);

// A table of two columns for people.
std::string StatusTable(const ReplicaStatus& status);

// The same of a verification, then a line for each finding: DAMAGED, key, reason.
std::string VerifyTable(const VerifyResult& result);

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_TEXT_OUTPUT_H_
