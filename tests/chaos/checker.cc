#include "tests/chaos/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace dunlin::chaos {
namespace {

// Clocks of different programs are compared to judge whether an entry has expired.
constexpr absl::Duration kExpiryLeeway = absl::Seconds(1);

// How many of a key's writes are told with a violation.
constexpr size_t kWritesTold = 5;

std::string Describe(const client::Version& version) { return absl::StrFormat("%d-%x", version.time, version.origin); }

std::string Describe(const Acknowledgement& write) {
  return absl::StrCat(NameOf(write.kind), " of version ", Describe(write.version), " acknowledged by replica ",
                      write.replica, " at ", absl::FormatTime("%H:%M:%E3S", write.at, absl::LocalTimeZone()));
}

std::string DescribeLast(const std::vector<Acknowledgement>& writes) {
  const size_t first = writes.size() > kWritesTold ? writes.size() - kWritesTold : 0;
  std::vector<std::string> told;
  for (size_t i = first; i < writes.size(); ++i) {
    told.push_back(Describe(writes[i]));
  }
  return told.empty() ? "none" : absl::StrJoin(told, ", ");
}

bool Contains(const std::vector<Content>& contents, const Content& content) {
  return std::find(contents.begin(), contents.end(), content) != contents.end();
}

// Whether an entry can be read, at a moment between `from` and `until`; nothing if that depends on the moment.
std::optional<bool> IsAlive(const Stored& stored, absl::Time from, absl::Time until) {
  if (stored.content.deleted) {
    return false;
  }
  if (!stored.expires_at.has_value() || *stored.expires_at > until + kExpiryLeeway) {
    return true;
  }
  return *stored.expires_at < from - kExpiryLeeway ? std::optional<bool>(false) : std::nullopt;
}

// "" when the record of Redis is right for its key.
std::string CheckRecord(const History::KeyHistory& history, const Stored* stored) {
  const std::optional<Acknowledgement>& last = history.last;
  if (stored == nullptr) {
    return last.has_value() ? absl::StrCat("lost: ", Describe(*last), "; Redis holds nothing") : "";
  }
  if (last.has_value() && stored->version < last->version) {
    return absl::StrCat("lost: ", Describe(*last), "; Redis holds the older version ", Describe(stored->version));
  }
  if (Contains(history.refused, stored->content) && !stored->content.deleted) {
    return absl::StrCat("stored although it was refused: version ", Describe(stored->version));
  }
  if (last.has_value() && stored->version == last->version) {
    return stored->content == last->content ? "" : absl::StrCat("Redis holds another value than the ", Describe(*last));
  }
  if (!Contains(history.uncertain, stored->content)) {
    return absl::StrCat("version ", Describe(stored->version), " is stored, which nobody has written so late",
                        last.has_value() ? absl::StrCat("; the last was the ", Describe(*last)) : "");
  }
  return "";
}

void CheckRedis(const History& history, const Holdings& redis, std::vector<std::string>* wrong) {
  const std::map<std::string, History::KeyHistory> keys = history.ByKey();
  for (const auto& [key, key_history] : keys) {
    const auto found = redis.entries.find(key);
    const std::string problem = CheckRecord(key_history, found == redis.entries.end() ? nullptr : &found->second);
    if (!problem.empty()) {
      wrong->push_back(
          absl::StrCat(key, ": ", problem, "; of its writes the last to be answered: ", DescribeLast(history.Of(key))));
    }
  }
  for (const auto& [key, stored] : redis.entries) {
    if (keys.count(key) == 0) {
      wrong->push_back(absl::StrCat(key, ": is stored, but nobody has written that key"));
    }
  }
}

void CheckReplica(const Holdings& redis, const Holdings& replica, std::vector<std::string>* wrong) {
  const absl::Time from = std::min(redis.read_from, replica.read_from);
  const absl::Time until = std::max(redis.read_until, replica.read_until);
  for (const auto& [key, stored] : redis.entries) {
    const auto found = replica.entries.find(key);
    const bool is_there = found != replica.entries.end();
    const std::optional<bool> should_be = IsAlive(stored, from, until);
    if (should_be.has_value() && *should_be != is_there) {
      wrong->push_back(absl::StrCat(key, ": ", replica.name, is_there ? " still shows it" : " lacks it",
                                    ", against version ", Describe(stored.version), " in Redis"));
    } else if (is_there && (found->second.version != stored.version || !(found->second.content == stored.content))) {
      wrong->push_back(absl::StrCat(key, ": ", replica.name, " shows version ", Describe(found->second.version),
                                    ", Redis holds ", Describe(stored.version)));
    }
  }
  for (const auto& [key, stored] : replica.entries) {
    if (redis.entries.count(key) == 0) {
      wrong->push_back(
          absl::StrCat(key, ": ", replica.name, " shows version ", Describe(stored.version), ", Redis holds nothing"));
    }
  }
}

}  // namespace

std::vector<std::string> CheckHoldings(const History& history, const Holdings& redis,
                                       const std::vector<Holdings>& replicas) {
  std::vector<std::string> wrong;
  CheckRedis(history, redis, &wrong);
  for (const Holdings& replica : replicas) {
    CheckReplica(redis, replica, &wrong);
    if (replica.digest != replicas.front().digest) {
      wrong.push_back(absl::StrCat("the digests of ", replicas.front().name, " and ", replica.name,
                                   " differ: ", absl::BytesToHexString(replicas.front().digest), " and ",
                                   absl::BytesToHexString(replica.digest)));
    }
  }
  return wrong;
}

}  // namespace dunlin::chaos
