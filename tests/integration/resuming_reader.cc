// A reader as a process: `resuming_reader HOST:PORT` watches everything at a replica, goes on by itself when its stream
// ends, and prints a line for each event and marker, as `dunlin watch` does. Values must be text without control
// characters.

#include <cstdlib>
#include <iostream>
#include <memory>

#include "client/client.h"
#include "client/resuming_watcher.h"

namespace dunlin {
namespace {

bool Print(const client::WatchMessage& message) {
  for (const client::WatchEvent& event : message.events) {
    if (event.type == client::EventType::kPut) {
      std::cout << "PUT\t" << event.entry.key << '\t' << event.entry.value << '\n';
    } else {
      std::cout << "DELETE\t" << event.entry.key << '\n';
    }
  }
  if (message.marker == client::WatchMarker::kSynced) {
    std::cout << "SYNCED\n";
  }
  return static_cast<bool>(std::cout.flush());
}

int Run(const char* server) {
  ClientOptions options;
  options.server = server;
  const auto replica = Client::Create(options);
  if (!replica.ok()) {
    std::cerr << replica.status() << std::endl;
    return EXIT_FAILURE;
  }
  client::WatchOptions watch;
  watch.initial_state = true;
  const auto watcher = client::ResumingWatcher::Create({replica->get()}, watch);
  std::cerr << (watcher.ok() ? (*watcher)->ForEach(Print) : watcher.status()) << std::endl;
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: resuming_reader HOST:PORT" << std::endl;
    return 2;
  }
  return dunlin::Run(argv[1]);
}
