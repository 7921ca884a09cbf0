#ifndef DUNLIN_CLIENT_CLI_LINE_READER_H_
#define DUNLIN_CLIENT_CLI_LINE_READER_H_

#include <istream>
#include <memory>
#include <string>

namespace dunlin::client::cli {

// LineReader is where the shell gets its lines from.
//
// Thread-safety: none; one thread uses it.
class LineReader {
 public:
  virtual ~LineReader() = default;

  // Sets `*line` to the next line, without its newline. Returns false at the end of input.
  virtual bool ReadLine(std::string* line) = 0;
};

// Reads lines from `in`, without a prompt. REQUIRES: `in` outlives it.
std::unique_ptr<LineReader> NewStreamLineReader(std::istream& in);

// Lets a person type at the terminal, with a prompt, the usual editing keys, their ~/.editrc, and a history that is
// loaded from and saved to `history_path`; an empty path keeps no history. Ctrl-C abandons the line.
//
// While it lives, SIGINT is ignored, so that Ctrl-C while a command runs does not end the shell.
std::unique_ptr<LineReader> NewTerminalLineReader(std::string prompt, std::string history_path);

// ${XDG_STATE_HOME:-~/.local/state}/dunlin/history. Creates the folder, for the user alone, since what is put may be
// secret. Empty if there is no home or the folder cannot be made.
std::string HistoryPath();

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_LINE_READER_H_
