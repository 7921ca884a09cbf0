#include "server/watch_snapshot.h"

#include <utility>

#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// Text doubles what a value takes.
size_t ValueSizeMax(const std::string& value, EventForm form) {
  return form.value == ValueForm::kNone ? 0 : value.size() * (form.value == ValueForm::kBytesAndText ? 2 : 1);
}

void AppendEntry(StoredEntry entry, EventForm form, v1::WatchResponse* message) {
  if (form.value == ValueForm::kNone) {
    entry.value.clear();
  }
  v1::Event* event = message->add_events();
  event->set_type(v1::Event::TYPE_PUT);
  ToProto(std::move(entry), form.value == ValueForm::kBytesAndText, event->mutable_entry());
  event->set_previous_unknown(form.previous);
}

}  // namespace

void WatchSnapshot::Restart() {
  part_ = 0;
  key_.clear();
}

absl::Status WatchSnapshot::Append(EventForm form, v1::WatchResponse* message) {
  size_t size = 0;
  while (!complete() && selection_->parts()[part_].kind == Selector::Kind::kKey) {
    if (message->events_size() + message->damaged_keys_size() == static_cast<int>(kWatchMessageEventsMax)) {
      return absl::OkStatus();
    }
    DUNLIN_ASSIGN_OR_RETURN(const bool fits, AppendKey(form, &size, message));
    if (!fits) {
      return absl::OkStatus();
    }
    ++part_;
  }
  return complete() || size > 0 ? absl::OkStatus() : AppendPage(form, message);
}

absl::StatusOr<bool> WatchSnapshot::AppendKey(EventForm form, size_t* size, v1::WatchResponse* message) const {
  const std::string& key = selection_->parts()[part_].text;
  absl::StatusOr<StoredEntry> entry = store_->Get(key);
  if (absl::IsNotFound(entry.status())) {
    return true;
  }
  if (absl::IsDataLoss(entry.status())) {
    message->add_damaged_keys(key);
    *size += key.size();
    return true;
  }
  DUNLIN_RETURN_IF_ERROR(entry.status());
  const size_t more = key.size() + ValueSizeMax(entry->value, form);
  if (*size > 0 && *size + more > kWatchMessageMaxBytes) {
    return false;
  }
  *size += more;
  AppendEntry(*std::move(entry), form, message);
  return true;
}

absl::Status WatchSnapshot::AppendPage(EventForm form, v1::WatchResponse* message) {
  const size_t size_max = form.value == ValueForm::kBytesAndText ? kWatchMessageMaxBytes / 2 : kWatchMessageMaxBytes;
  DUNLIN_ASSIGN_OR_RETURN(EntryPage page,
                          store_->List(selection_->parts()[part_].text, key_, kWatchMessageEventsMax, size_max,
                                       /*keys_only=*/form.value == ValueForm::kNone));
  for (StoredEntry& entry : page.entries) {
    AppendEntry(std::move(entry), form, message);
  }
  for (std::string& key : page.damaged_keys) {
    message->add_damaged_keys(std::move(key));
  }
  if (page.complete) {
    ++part_;
    key_.clear();
  } else {
    key_ = std::move(page.covered_key);
  }
  return absl::OkStatus();
}

}  // namespace dunlin
