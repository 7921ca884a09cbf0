#ifndef DUNLIN_STORAGE_PAGE_CHECK_H_
#define DUNLIN_STORAGE_PAGE_CHECK_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace dunlin {

// Reads every page that the last commit of the database in `directory` refers to: the tables, the table of tables, and
// the list of free pages. Checks that each can be walked through, that keys ascend, that a table has as many rows as it
// claims to have, and that pages with rows stand where they belong. What the rows say is left to Scrubber.
//
// LMDB's pages have no checksums, and LMDB believes what they say: whoever reads a damaged one may be ended by the
// system or by an assertion. So a child process does the reading, and its death is a finding. It is forked, takes none
// of the caller's files along, and ends with the caller's thread at the latest.
//
// No page that it reads may be written meanwhile: nobody has the database open, or the caller holds a read transaction
// on it from before the call to its end. `interrupted` is asked several times a second.
//
// Errors: kDataLoss when pages are damaged, naming the table; kCancelled when it was interrupted;
// kUnavailable when somebody else has ended the child, such as the system for want of memory; those of opening a
// file otherwise. No database at all is fine.
//
// Thread-safety: safe for concurrent use.
absl::Status CheckPages(const std::string& directory, size_t map_size_bytes, absl::FunctionRef<bool()> interrupted);

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_PAGE_CHECK_H_
