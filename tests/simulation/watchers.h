#ifndef DUNLIN_TESTS_SIMULATION_WATCHERS_H_
#define DUNLIN_TESTS_SIMULATION_WATCHERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "dunlin/v1/kv.pb.h"
#include "server/watch_session.h"
#include "storage/version.h"
#include "storage/write.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/sim_fleet.h"
#include "tests/simulation/sim_replica.h"

namespace dunlin {

// Watchers are readers of watch streams: each watches everything at one replica, now fast, now slow, and goes on at
// another one with its last token, when its replica crashes or when it feels like it. Some know one replica alone, and
// come back to that. They hold what they are told, and say what is wrong with it:
//   - events of one stream come in the order of their revisions;
//   - no older version of a key comes after a newer one, at whichever replica, unless RESET comes between;
//   - whoever has been told all that there is to be told holds exactly what the replica does.
//
// They drive the server's real sessions; what they model is what WatchStream does: wait, take a message, open.
//
// Thread-safety: one thread.
class Watchers {
 public:
  // `fleet` must outlive this object. Their dice are their own.
  Watchers(uint64_t seed, SimFleet* fleet);
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  // Opens the streams.
  void Start();

  // One of them goes to another replica.
  void MoveSomebody();

  // The replica is about to crash: its streams end.
  void OnCrash(int replica);

  // Whether each has been told all that its replica has.
  bool CaughtUp() const;

  // Compares what each holds with what its replica does, if it has been told all. What is held and not there counts
  // once it has been so for longer than SweepPatience().
  void CheckStates();
  // By then a replica has swept what has expired, however slow its disk is.
  static constexpr absl::Duration SweepPatience() { return absl::Seconds(2); }

  // The streams that were opened with a token of another replica, and those of them that did not begin with RESET.
  uint64_t moved() const { return moved_; }
  uint64_t resumed() const { return resumed_; }
  uint64_t events() const { return events_; }

 private:
  struct Held {
    Version version;
    std::string value;
  };
  struct Watcher {
    explicit Watcher(uint64_t seed) : dice(seed) {}

    int number = 0;
    Dice dice;
    // How long it takes to read a message.
    absl::Duration pace;
    // Which replica it always watches; any of them if that is not set.
    absl::optional<uint64_t> home;
    // Where it watches; null while it has no stream.
    SimReplica* replica = nullptr;
    std::unique_ptr<WatchSession> session;
    // Of the stream, so that what was meant for an earlier one is told from it.
    uint64_t opened = 0;
    bool pump_due = false;
    bool moves = false;
    // The revision of the last event of the stream.
    uint64_t revision = 0;
    bool synced = false;
    absl::optional<Position> token;
    std::map<std::string, Held> held;
    // Of each key, dead or alive, since the last RESET.
    std::map<std::string, Oracle::Told> told;
    // The latest time of a replica's clock at which it has looked.
    uint64_t latest_unix_ms = 0;
    // What it holds and the replica does not, since when.
    std::map<std::string, absl::Time> gone;
  };

  void Open(Watcher* watcher);
  void Close(Watcher* watcher);
  void OpenLater(Watcher* watcher);
  void PumpLater(Watcher* watcher);
  void PumpAfter(Watcher* watcher, absl::Duration delay_max);
  void Pump(Watcher* watcher);
  void Take(Watcher* watcher, const v1::WatchResponse& message, bool in_order);
  void TakeEvent(Watcher* watcher, const v1::Event& event);
  void CheckState(Watcher* watcher);
  void CheckGone(Watcher* watcher, const EntryPage& page);
  static bool MayHaveExpired(const Watcher& watcher, const std::string& key);
  static bool IsToldAll(const Watcher& watcher);
  void Fail(const Watcher& watcher, const std::string& what);

  Dice dice_;
  SimFleet* const fleet_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  uint64_t moved_ = 0;
  uint64_t resumed_ = 0;
  uint64_t events_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_WATCHERS_H_
