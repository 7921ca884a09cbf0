// The benchmark program: see tests/bench.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/plot.h"
#include "tests/benchmarks/result.h"
#include "tests/benchmarks/rivals/servers.h"

namespace dunlin::bench {
namespace {

constexpr int kNotWrittenExitCode = 1;
constexpr int kUsageExitCode = 2;

struct CommandLine {
  std::vector<std::string> only;
  std::string json_path;
  std::string plot_directory;
  double seconds = 2;
  size_t rounds = 5;
};

void Describe(CommandLine* line, CLI::App* app) {
  std::vector<std::string> names;
  std::string footer = "Cases:\n";
  for (const Case& each : AllCases()) {
    names.push_back(each.name);
    absl::StrAppend(&footer, "  ", each.name, ": ", each.what, "\n");
  }
  app->add_option("--only", line->only, "the cases to run, separated by commas; default: all")
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app->add_option("--json", line->json_path, "also write the results to this file, as an array of objects");
  app->add_option("--plot", line->plot_directory, "also write plots to this directory, as SVG");
  app->add_option("--seconds", line->seconds, "how long each side is measured in each round; default 2")
      ->check(CLI::Range(0.1, 60.0));
  app->add_option("--rounds", line->rounds, "how often each comparison is made; default 5")
      ->check(CLI::Range(size_t{1}, size_t{100}));
  app->footer(footer);
}

bool WriteFile(const std::string& path, const std::string& text) {
  if (std::ofstream(path) << text) {
    return true;
  }
  std::cerr << "tests/bench: " << path << " cannot be written" << std::endl;
  return false;
}

int Run(const CommandLine& line) {
  const absl::Time start = absl::Now();
  BenchOptions options;
  options.rounds = line.rounds;
  options.window = absl::Seconds(line.seconds);
  options.progress = [start](const std::string& text) {
    std::cerr << absl::StrCat("[", absl::ToInt64Seconds(absl::Now() - start), " s] ", text) << std::endl;
  };
  if (EtcdServer::Program().empty()) {
    std::cerr << "etcd is not installed: what is measured beside it is left out" << std::endl;
  }
  std::vector<Result> results;
  bool written = true;
  for (const Case& each : AllCases()) {
    if (!line.only.empty() && std::find(line.only.begin(), line.only.end(), each.name) == line.only.end()) {
      continue;
    }
    const Report report = each.measure(options);
    results.insert(results.end(), report.results.begin(), report.results.end());
    for (const Plot& plot : line.plot_directory.empty() ? std::vector<Plot>() : report.plots) {
      written = WriteFile(absl::StrCat(line.plot_directory, "/", plot.name, ".svg"), ToSvg(plot)) && written;
    }
  }
  std::cout << ToTable(results) << std::flush;
  written = (line.json_path.empty() || WriteFile(line.json_path, ToJson(results))) && written;
  // A missed goal is a result, not a failure of the run.
  return written ? 0 : kNotWrittenExitCode;
}

int Main(int argc, char** argv) {
  CLI::App app("Measures a replica beside the bare libraries and other stores.", "tests/bench");
  CommandLine line;
  Describe(&line, &app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kUsageExitCode;
  }
  std::error_code error;
  if (!line.plot_directory.empty() && !std::filesystem::is_directory(line.plot_directory, error) &&
      !std::filesystem::create_directories(line.plot_directory, error)) {
    std::cerr << "tests/bench: --plot " << line.plot_directory << " cannot be made: " << error.message() << std::endl;
    return kUsageExitCode;
  }
  return Run(line);
}

}  // namespace
}  // namespace dunlin::bench

int main(int argc, char** argv) { return dunlin::bench::Main(argc, argv); }
