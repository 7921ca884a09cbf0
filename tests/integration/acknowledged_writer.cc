#include "tests/integration/acknowledged_writer.h"

#include "absl/strings/str_cat.h"

namespace dunlin {

AcknowledgedWriter::AcknowledgedWriter(Client* client, size_t threads) : client_(client), results_(threads) {
  for (size_t thread = 0; thread < threads; ++thread) {
    threads_.emplace_back([this, thread] { Run(thread); });
  }
}

AcknowledgedWriter::~AcknowledgedWriter() {
  stop_.store(true, std::memory_order_relaxed);
  WaitUntilGone();
}

const std::vector<AcknowledgedWriter::Result>& AcknowledgedWriter::WaitUntilGone() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
  return results_;
}

void AcknowledgedWriter::Run(size_t thread) {
  Result& result = results_[thread];
  for (uint64_t number = 0; !stop_.load(std::memory_order_relaxed); ++number) {
    const std::string key = absl::StrCat("acknowledged/", thread, "/", number);
    const absl::Status status = client_->Put(key, key).status();
    if (!status.ok()) {
      result.refused = key;
      result.error = status;
      return;
    }
    result.acknowledged.push_back(key);
    acknowledged_.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace dunlin
