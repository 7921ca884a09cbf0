#include <histedit.h>
#include <signal.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "client/cli/line_reader.h"

namespace dunlin::client::cli {
namespace {

constexpr int kHistoryLinesMax = 1000;

// libedit counts characters, not bytes, only where the locale knows more than one byte a character.
void UseUtf8Locale() {
  if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
}

// What Ctrl-C does: the line is forgotten and the next one begun.
unsigned char AbandonLine(EditLine* editor, int) {
  const LineInfo* line = el_line(editor);
  const int typed = static_cast<int>(line->lastchar - line->buffer);
  el_cursor(editor, static_cast<int>(line->lastchar - line->cursor));
  el_deletestr(editor, typed);
  std::fputs("^C\n", stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

class TerminalLineReader : public LineReader {
 public:
  TerminalLineReader(std::string prompt, std::string history_path)
      : prompt_(std::move(prompt)), history_path_(std::move(history_path)) {
    UseUtf8Locale();
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &old_interrupt_);
    OpenHistory();
    OpenEditor();
  }

  ~TerminalLineReader() override {
    if (!history_path_.empty()) {
      HistEvent event;
      history(history_, &event, H_SAVE, history_path_.c_str());
    }
    el_end(editor_);
    history_end(history_);
    sigaction(SIGINT, &old_interrupt_, nullptr);
  }

  bool ReadLine(std::string* line) override {
    // By itself libedit would first print the prompt, and whoever is quick would type Ctrl-C as a signal.
    el_set(editor_, EL_PREP_TERM, 1);
    int length = 0;
    const char* text = el_gets(editor_, &length);
    if (text == nullptr || length <= 0) {
      return false;
    }
    line->assign(text, static_cast<size_t>(length));
    if (line->back() == '\n') {
      line->pop_back();
    }
    if (line->find_first_not_of(" \t") != std::string::npos) {
      HistEvent event;
      history(history_, &event, H_ENTER, line->c_str());
    }
    return true;
  }

 private:
  static char* Prompt(EditLine* editor) {
    TerminalLineReader* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt_.data();
  }

  void OpenHistory() {
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLinesMax);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_path_.empty()) {
      history(history_, &event, H_LOAD, history_path_.c_str());
    }
  }

  void OpenEditor() {
    editor_ = el_init("dunlin", stdin, stdout, stderr);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &TerminalLineReader::Prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    // While a line is edited Ctrl-C must come as a key, not as a signal.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_set(editor_, EL_ADDFN, "abandon-line", "Forget the line", AbandonLine);
    el_set(editor_, EL_BIND, "^C", "abandon-line", nullptr);
    el_source(editor_, nullptr);
  }

  std::string prompt_;
  const std::string history_path_;
  struct sigaction old_interrupt_ = {};
  History* history_ = nullptr;
  EditLine* editor_ = nullptr;
};

std::filesystem::path StateHome() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  if (state_home != nullptr && *state_home == '/') {
    return state_home;
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? std::filesystem::path(home) / ".local" / "state" : std::filesystem::path();
}

}  // namespace

std::unique_ptr<LineReader> NewTerminalLineReader(std::string prompt, std::string history_path) {
  return std::make_unique<TerminalLineReader>(std::move(prompt), std::move(history_path));
}

std::string HistoryPath() {
  const std::filesystem::path state_home = StateHome();
  if (state_home.empty()) {
    return "";
  }
  const std::filesystem::path folder = state_home / "dunlin";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return error ? "" : (folder / "history").string();
}

}  // namespace dunlin::client::cli
