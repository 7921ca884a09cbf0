#include "sync/primary_watch.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace dunlin {
namespace {

// Announcements are rare and taken at once.
constexpr size_t kRingSlots = 64;
constexpr size_t kRingBytes = size_t{64} << 10;

Subscriber::Options SubscriberOptions(std::shared_ptr<PrimaryFinder> finder, const std::string& client_name) {
  Subscriber::Options options;
  options.channel = "+switch-master";
  options.client_name = client_name;
  options.finder = std::move(finder);
  options.source = Subscriber::Source::kSentinel;
  return options;
}

}  // namespace

PrimaryWatch::PrimaryWatch(std::shared_ptr<PrimaryFinder> finder, const std::string& client_name)
    : finder_(std::move(finder)),
      ring_(*EventRing<std::string>::Create(kRingSlots, kRingBytes)),
      subscriber_(SubscriberOptions(finder_, client_name), ring_.get(), [this] { TakeAnnouncements(); }) {}

PrimaryWatch::~PrimaryWatch() { Stop(); }

void PrimaryWatch::TakeAnnouncements() {
  while (const std::optional<std::string> announcement = ring_->TryPop()) {
    // "NAME OLD-HOST OLD-PORT NEW-HOST NEW-PORT". Names have no spaces.
    const std::vector<absl::string_view> words = absl::StrSplit(*announcement, ' ');
    uint32_t port = 0;
    if (words.size() == 5 && words[0] == finder_->endpoint().master_name && absl::SimpleAtoi(words[4], &port)) {
      finder_->NoteSwitch(RedisAddress{std::string(words[3]), static_cast<uint16_t>(port)});
    }
  }
}

}  // namespace dunlin
