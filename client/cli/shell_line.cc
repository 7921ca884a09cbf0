#include "client/cli/shell_line.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "storage/status_macros.h"

namespace dunlin::client::cli {
namespace {

// Reads words from a line, from left to right.
class WordReader {
 public:
  explicit WordReader(absl::string_view line) : line_(line) {}

  // Moves to the next word. Returns false if there is none.
  bool FindWord() {
    while (!AtEnd() && absl::ascii_isspace(Peek())) {
      ++position_;
    }
    return !AtEnd();
  }

  // REQUIRES: FindWord() has returned true.
  absl::StatusOr<std::string> ReadWord() { return Peek() == '"' ? ReadQuoted() : ReadPlain(); }

 private:
  bool AtEnd() const { return position_ == line_.size(); }
  char Peek() const { return line_[position_]; }

  absl::Status Error(absl::string_view what, size_t position) const {
    return absl::InvalidArgumentError(absl::StrFormat("column %d: %s", position + 1, what));
  }

  std::string ReadPlain() {
    const size_t begin = position_;
    while (!AtEnd() && !absl::ascii_isspace(Peek())) {
      ++position_;
    }
    return std::string(line_.substr(begin, position_ - begin));
  }

  absl::StatusOr<std::string> ReadQuoted() {
    const size_t begin = position_++;
    std::string word;
    while (!AtEnd() && Peek() != '"') {
      if (Peek() == '\\') {
        DUNLIN_ASSIGN_OR_RETURN(const char byte, ReadEscape());
        word.push_back(byte);
      } else {
        word.push_back(line_[position_++]);
      }
    }
    if (AtEnd()) {
      return Error("this quote is not closed; write \\\" for a quote inside quotes", begin);
    }
    ++position_;
    if (!AtEnd() && !absl::ascii_isspace(Peek())) {
      return Error("a blank must follow the closing quote", position_);
    }
    return word;
  }

  absl::StatusOr<char> ReadEscape() {
    const size_t begin = position_++;
    const char kind = AtEnd() ? '\0' : line_[position_++];
    switch (kind) {
      case '"':
      case '\\':
        return kind;
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'x':
        return ReadHexByte(begin);
      default:
        return Error("unknown escape; there are \\\" \\\\ \\n \\r \\t and \\xHH", begin);
    }
  }

  absl::StatusOr<char> ReadHexByte(size_t escape_begin) {
    const absl::string_view digits = line_.substr(position_, 2);
    if (digits.size() < 2 || !absl::ascii_isxdigit(digits[0]) || !absl::ascii_isxdigit(digits[1])) {
      return Error("\\x needs two hexadecimal digits", escape_begin);
    }
    position_ += 2;
    return absl::HexStringToBytes(digits)[0];
  }

  const absl::string_view line_;
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseShellLine(absl::string_view line) {
  WordReader reader(line);
  std::vector<std::string> words;
  while (reader.FindWord()) {
    DUNLIN_ASSIGN_OR_RETURN(std::string word, reader.ReadWord());
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace dunlin::client::cli
