#include "tests/support/power_loss.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

constexpr size_t kSectorSizeBytes = 512;

using Kind = FileEvent::Kind;

// Puts those bytes of `write` into `content` whose sectors `wanted` accepts.
template <typename Wanted>
void ApplyWrite(const FileEvent& write, const Wanted& wanted, std::string* content) {
  for (size_t done = 0; done < write.bytes.size();) {
    const uint64_t place = write.number + done;
    const uint64_t sector = place / kSectorSizeBytes;
    const size_t size = std::min<size_t>(write.bytes.size() - done, (sector + 1) * kSectorSizeBytes - place);
    if (wanted(sector)) {
      if (content->size() < place + size) {
        content->resize(place + size);
      }
      content->replace(place, size, write.bytes, done, size);
    }
    done += size;
  }
}

void Apply(const FileEvent& event, std::string* content) {
  if (event.kind == Kind::kTruncate) {
    content->resize(event.number);
  } else {
    ApplyWrite(
        event, [](uint64_t) { return true; }, content);
  }
}

}  // namespace

void PowerLoss::AdvanceTo(size_t point) {
  for (; next_ < point; ++next_) {
    Take(events_[next_]);
  }
}

void PowerLoss::Take(const FileEvent& event) {
  if (event.kind == Kind::kMark) {
    return;
  }
  if (event.kind == Kind::kNamesSynced) {
    durable_names_ = names_;
    later_names_.clear();
    return;
  }
  if (event.kind == Kind::kCreated) {
    names_[event.path] = files_.size();
    files_.emplace_back();
    later_names_.push_back(names_);
    return;
  }
  const size_t place = names_.at(event.path);
  File& file = files_[place];
  switch (event.kind) {
    case Kind::kRenamed:
      names_[event.to] = place;
      names_.erase(event.path);
      later_names_.push_back(names_);
      break;
    case Kind::kRemoved:
      names_.erase(event.path);
      later_names_.push_back(names_);
      break;
    case Kind::kSynced:
      Sync(&file);
      break;
    case Kind::kWriteSynced:
      file.changes.back().durable = true;
      break;
    case Kind::kWriteFailed:
      file.changes.back().lost = true;
      break;
    case Kind::kSyncFailed:
      for (Change& change : file.changes) {
        change.lost = !change.durable;
      }
      break;
    default:
      file.changes.push_back({&event});
  }
}

void PowerLoss::Sync(File* file) {
  for (Change& change : file->changes) {
    change.durable = !change.lost;
  }
  // Those behind one that is lost have to stay behind it.
  const auto first_lost =
      std::find_if(file->changes.begin(), file->changes.end(), [](const Change& change) { return change.lost; });
  for (auto change = file->changes.begin(); change != first_lost; ++change) {
    Apply(*change->event, &file->durable_content);
  }
  file->changes.erase(file->changes.begin(), first_lost);
}

std::string PowerLoss::ContentOf(const File& file, std::mt19937_64* random) const {
  const auto extent = static_cast<Extent>((*random)() % 6);
  std::vector<size_t> open_writes;
  for (size_t i = 0; i < file.changes.size(); ++i) {
    if (!file.changes[i].durable) {
      open_writes.push_back(i);
    }
  }
  // What kAllButOneWrite leaves out and kOneCutOff cuts off.
  const size_t chosen = open_writes.empty() ? 0 : open_writes[(*random)() % open_writes.size()];
  std::string content = file.durable_content;
  uint64_t length_max = content.size();
  for (size_t i = 0; i < file.changes.size(); ++i) {
    const FileEvent& event = *file.changes[i].event;
    length_max = std::max<uint64_t>(length_max, event.number + event.bytes.size());
    const bool is_write = event.kind == Kind::kWrite;
    const bool whole = file.changes[i].durable || extent == Extent::kEverything ||
                       (extent == Extent::kSomeWrites && (*random)() % 2 == 0) ||
                       (extent == Extent::kAllButOneWrite && i != chosen) ||
                       (extent == Extent::kOneCutOff && i < chosen);
    if (whole) {
      Apply(event, &content);
    } else if (is_write && extent == Extent::kSomeSectors) {
      ApplyWrite(
          event, [&](uint64_t) { return (*random)() % 2 == 0; }, &content);
    } else if (is_write && extent == Extent::kOneCutOff && i == chosen) {
      const uint64_t end = (event.number + (*random)() % event.bytes.size()) / kSectorSizeBytes;
      ApplyWrite(
          event, [&](uint64_t sector) { return sector < end; }, &content);
    }
  }
  if (extent != Extent::kNothing && content.size() < length_max && (*random)() % 2 == 0) {
    content.resize(content.size() + (*random)() % (length_max - content.size() + 1));
  }
  return content;
}

void PowerLoss::WriteImage(std::mt19937_64* random, const std::string& directory) const {
  const size_t names_found = (*random)() % (later_names_.size() + 1);
  for (const auto& [name, place] : names_found == 0 ? durable_names_ : later_names_[names_found - 1]) {
    std::ofstream(absl::StrCat(directory, "/", name), std::ios::binary) << ContentOf(files_[place], random);
  }
}

}  // namespace dunlin
