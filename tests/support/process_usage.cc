#include "tests/support/process_usage.h"

#include <time.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace dunlin {
namespace {

[[noreturn]] void Fail(pid_t pid) {
  std::cerr << "the kernel does not tell what process " << pid << " takes" << std::endl;
  std::abort();
}

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

int64_t AnonymousBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kilobytes = 0;
    if (words.size() == 3 && words[0] == "RssAnon:" && absl::SimpleAtoi(words[1], &kilobytes)) {
      return kilobytes << 10;
    }
  }
  Fail(pid);
}

absl::Duration ProcessorTime(pid_t pid) {
  clockid_t clock = 0;
  timespec used = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    Fail(pid);
  }
  return absl::DurationFromTimespec(used);
}

std::string DescribeThreads(pid_t pid) {
  std::vector<std::string> threads;
  // A process, or a thread, that ends meanwhile is left out.
  std::error_code error;
  const std::filesystem::directory_iterator tasks(absl::StrCat("/proc/", pid, "/task"), error);
  for (auto task = begin(tasks); task != end(tasks); task.increment(error)) {
    const std::string stat = FirstLine(task->path() / "stat");
    const size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && name_end + 2 < stat.size()) {
      threads.push_back(absl::StrCat(FirstLine(task->path() / "comm"), " ", stat.substr(name_end + 2, 1), " ",
                                     FirstLine(task->path() / "wchan")));
    }
  }
  return absl::StrJoin(threads, "; ");
}

std::string DescribePressure() {
  std::vector<std::string> lines;
  for (const absl::string_view resource : {"cpu", "io"}) {
    if (const std::string line = FirstLine(absl::StrCat("/proc/pressure/", resource)); !line.empty()) {
      lines.push_back(absl::StrCat(resource, ": ", line));
    }
  }
  return absl::StrJoin(lines, "; ");
}

}  // namespace dunlin
