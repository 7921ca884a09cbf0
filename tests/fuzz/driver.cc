// What runs a fuzz target where there is no fuzzer, with any compiler and any sanitizer:
//
//   TARGET [--mutations=N] FOLDER    every input that is kept, and N mutations of them, the same each time
//   TARGET FILE...                   these inputs
//
// With DUNLIN_SEED=N in the environment only that mutation, with DUNLIN_LONG=1 fifty times as many. An input that ends
// the program is printed. Exit code: 0, 1 when the inputs do not reach what they should, 2 when there are none.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutation.h"
#include "tests/support/test_size.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Sanitizers that end the program do it without a signal.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace dunlin {
namespace {

// ---- The end of the program ----

// What is being run. A signal handler reads it.
struct Running {
  const char* name = nullptr;
  const uint8_t* data = nullptr;
  size_t size_bytes = 0;
};
Running running;

void Write(absl::string_view text) {
  // Nothing is left to do when standard error is gone.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

// Calls nothing that a signal handler may not.
void PrintRunning() {
  if (running.name == nullptr) {
    return;
  }
  Write("\nThe program ended on this input: ");
  Write(running.name);
  Write("\n");
  for (size_t i = 0; i < running.size_bytes; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    const char byte[] = {kDigits[running.data[i] >> 4], kDigits[running.data[i] & 0xf]};
    Write(absl::string_view(byte, sizeof(byte)));
  }
  Write("\n(`echo ... | xxd -r -p > FILE` makes a file of it, for this program's argument.)\n");
  running.name = nullptr;
}

void OnSignal(int signal) {
  PrintRunning();
  raise(signal);
}

void PrintRunningAtTheEnd() {
  std::vector<int> signals = {SIGABRT};
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(PrintRunning);
  } else {
    signals.insert(signals.end(), {SIGSEGV, SIGBUS, SIGFPE, SIGILL});
  }
  for (const int signal : signals) {
    struct sigaction action = {};
    action.sa_handler = OnSignal;
    // The second time it ends the program.
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    sigaction(signal, &action, nullptr);
  }
}

// ---- Inputs ----

struct Input {
  std::string name;
  std::string bytes;
};

void Run(const Input& input) {
  // Of exactly its size, so that a sanitizer sees a read beyond it.
  const ExactBytes bytes(input.bytes);
  running = Running{input.name.c_str(), reinterpret_cast<const uint8_t*>(bytes.view().data()), bytes.view().size()};
  LLVMFuzzerTestOneInput(running.data, running.size_bytes);
  running = Running();
}

Input Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Input{path.string(), std::string(std::istreambuf_iterator<char>(file), {})};
}

// A folder's files in the order of their names, which is the same everywhere.
std::vector<Input> ReadAll(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    return std::filesystem::exists(path) ? std::vector<Input>{Read(path)} : std::vector<Input>();
  }
  std::vector<Input> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    inputs.push_back(Read(entry.path()));
  }
  std::sort(inputs.begin(), inputs.end(), [](const Input& a, const Input& b) { return a.name < b.name; });
  return inputs;
}

void RunMutations(const std::vector<Input>& kept, const std::vector<uint64_t>& seeds) {
  std::vector<std::string> bytes;
  std::transform(kept.begin(), kept.end(), std::back_inserter(bytes), [](const Input& input) { return input.bytes; });
  for (const uint64_t seed : seeds) {
    Run(Input{absl::StrCat("mutation DUNLIN_SEED=", seed), Mutate(bytes, seed)});
  }
}

// Returns whether all were reached.
bool ReportMilestones() {
  bool all = true;
  for (const Milestone* milestone : Milestone::All()) {
    std::cout << (milestone->count() > 0 ? "  " : "  NEVER: ") << milestone->name() << ": " << milestone->count()
              << "\n";
    all = all && milestone->count() > 0;
  }
  if (!all) {
    std::cout << "The inputs that are kept do not reach what they should: bring them up to date (tests/README.md).\n";
  }
  return all;
}

int Main(const std::vector<std::string>& arguments) {
  int mutations = 0;
  bool folder = false;
  std::vector<Input> kept;
  for (absl::string_view argument : arguments) {
    if (absl::ConsumePrefix(&argument, "--mutations=")) {
      if (!absl::SimpleAtoi(argument, &mutations)) {
        std::cerr << "--mutations=" << argument << " is not a number\n";
        return 2;
      }
      continue;
    }
    std::vector<Input> inputs = ReadAll(std::string(argument));
    if (inputs.empty()) {
      std::cerr << argument << ": no input is there\n";
      return 2;
    }
    folder = folder || std::filesystem::is_directory(std::string(argument));
    std::move(inputs.begin(), inputs.end(), std::back_inserter(kept));
  }
  if (kept.empty()) {
    std::cerr << "name the folder of the inputs, or files\n";
    return 2;
  }
  PrintRunningAtTheEnd();
  std::for_each(kept.begin(), kept.end(), Run);
  if (!folder) {
    return 0;
  }
  const std::vector<uint64_t> seeds = TestSeeds(mutations);
  RunMutations(kept, seeds);
  std::cout << kept.size() << " inputs and " << seeds.size() << " mutations\n";
  return ReportMilestones() ? 0 : 1;
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) { return dunlin::Main(std::vector<std::string>(argv + 1, argv + argc)); }
