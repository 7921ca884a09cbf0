#include "storage/page_check.h"

#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/lmdb_error.h"

namespace dunlin {
namespace {

// LMDB's list of free pages is a table with a fixed handle.
constexpr MDB_dbi kFreePages = 0;

// What the child tells, in memory that both processes see.
struct Finding {
  // What is being read; static storage, which the child has at the same address.
  const char* part;
  // Of LMDB or the system, if the child cannot read.
  int error;
  // What is wrong, if it has found damage.
  std::array<char, kPageCheckReasonMaxBytes> reason;
};

// What reading a damaged page may end in. Any other signal comes from somebody else.
constexpr std::array<int, 5> kSignalsOfDamage = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

// How the child ends by itself.
enum ExitCode { kSound = 0, kDamaged = 1, kCannotRead = 2 };

// ---- In the child ----

// PageReader reads; whatever is wrong ends the process.
//
// The process is a copy of one with many threads, of which only this one goes on: locks of the others stay held for
// ever. So it uses nothing but LMDB and the allocator, which glibc makes fit for that.
class PageReader {
 public:
  explicit PageReader(Finding* finding) : finding_(finding) {}

  [[noreturn]] void ReadAll(const std::string& path, size_t map_size_bytes) {
    finding_->part = "the head of the file";
    MDB_env* env = nullptr;
    Expect(mdb_env_create(&env));
    mdb_env_set_userctx(env, this);
    mdb_env_set_assert(env, [](MDB_env* failed, const char* message) {
      static_cast<PageReader*>(mdb_env_get_userctx(failed))->End(kDamaged, message);
    });
    mdb_env_set_mapsize(env, map_size_bytes);
    mdb_env_set_maxdbs(env, kTableCount);
    // Without its table of readers: the caller sees to it that no page is written.
    Expect(mdb_env_open(env, path.c_str(), MDB_RDONLY | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0));
    Expect(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn_));
    Read("the list of free pages", kFreePages);
    // The table of tables is the one without a name.
    Open("the table of tables", nullptr);
    for (size_t i = 0; i < kTableCount; ++i) {
      const char* const name = TableName(static_cast<Table>(i));
      Open(name, name);
    }
    End(kSound, "");
  }

 private:
  void Open(const char* part, const char* name) {
    finding_->part = part;
    MDB_dbi table = 0;
    const int error = mdb_dbi_open(txn_, name, 0, &table);
    // After a first start that was broken off there is none.
    if (error != MDB_NOTFOUND) {
      Expect(error);
      Read(part, table);
    }
  }

  void Read(const char* part, MDB_dbi table) {
    finding_->part = part;
    MDB_stat claimed;
    Expect(mdb_stat(txn_, table, &claimed));
    MDB_cursor* cursor = nullptr;
    Expect(mdb_cursor_open(txn_, table, &cursor));
    MDB_val key;
    MDB_val value;
    size_t rows = 0;
    std::string previous;
    int error = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; error == 0 && rows < claimed.ms_entries; error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
      MDB_val last{previous.size(), previous.data()};
      if (rows > 0 && mdb_cmp(txn_, table, &last, &key) >= 0) {
        End(kDamaged, "its keys do not ascend");
      }
      previous.assign(static_cast<const char*>(key.mv_data), key.mv_size);
      ExpectOwnPage(key.mv_data, claimed.ms_psize);
      if (value.mv_size > 0) {
        ExpectOwnPage(value.mv_data, claimed.ms_psize);
        Touch(value, claimed.ms_psize);
      }
      ++rows;
    }
    if (error != MDB_NOTFOUND) {
      Expect(error);
    }
    if (error == 0 || rows != claimed.ms_entries) {
      End(kDamaged, "it does not have as many rows as it claims");
    }
    mdb_cursor_close(cursor);
  }

  // A page begins with its number (MDB_page in LMDB's mdb.c), from which it follows where the file is mapped: there all
  // pages have to agree, or one stands where another belongs.
  void ExpectOwnPage(const void* byte, size_t page_bytes) {
    const char* const page = static_cast<const char*>(byte) - reinterpret_cast<uintptr_t>(byte) % page_bytes;
    size_t number = 0;
    std::memcpy(&number, page, sizeof(number));
    const uintptr_t mapped_at = reinterpret_cast<uintptr_t>(page) - number * page_bytes;
    if (mapped_at_ != 0 && mapped_at != mapped_at_) {
      End(kDamaged, "a page bears the number of another");
    }
    mapped_at_ = mapped_at;
  }

  // A long value lies on pages of its own, of which only the first has a number.
  static void Touch(const MDB_val& value, size_t page_bytes) {
    const volatile char* const bytes = static_cast<const char*>(value.mv_data);
    for (size_t i = 0; i < value.mv_size; i += page_bytes) {
      static_cast<void>(bytes[i]);
    }
    static_cast<void>(bytes[value.mv_size - 1]);
  }

  // LMDB's own errors, which are negative, do not come of reading a sound database that it knows.
  void Expect(int error) {
    if (error != 0) {
      finding_->error = error;
      End(error < 0 && error != MDB_VERSION_MISMATCH ? kDamaged : kCannotRead, mdb_strerror(error));
    }
  }

  [[noreturn]] void End(ExitCode code, const char* reason) {
    std::snprintf(finding_->reason.data(), finding_->reason.size(), "%s", reason);
    _exit(code);
  }

  Finding* const finding_;
  MDB_txn* txn_ = nullptr;
  uintptr_t mapped_at_ = 0;
};

[[noreturn]] void RunChild(const std::string& path, size_t map_size_bytes, int alive_fd, Finding* finding) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Its death is no news to anybody else, and its memory, which is the caller's, belongs in no file.
  prctl(PR_SET_DUMPABLE, 0);
  // Also what a sanitizer would do.
  for (const int signal : kSignalsOfDamage) {
    std::signal(signal, SIG_DFL);
  }
  // A connection that the caller closes must not stay open because of this copy.
  constexpr int kAliveFd = STDERR_FILENO + 1;
  dup2(alive_fd, kAliveFd);
  close_range(kAliveFd + 1, ~0U, 0);
  PageReader(finding).ReadAll(path, map_size_bytes);
}

// ---- In the caller ----

// Waits for the child's end, which closes the pipe. Returns its status as of waitpid().
int WaitFor(pid_t child, int alive_fd, absl::FunctionRef<bool()> interrupted) {
  pollfd alive{alive_fd, POLLIN, 0};
  const auto ask_every_ms = static_cast<int>(absl::ToInt64Milliseconds(kPageCheckInterruptPeriod));
  while (poll(&alive, 1, ask_every_ms) <= 0) {
    if (interrupted()) {
      kill(child, SIGKILL);
      break;
    }
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

absl::Status ToStatus(const std::string& path, int status, const Finding& finding) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kSound) {
    return absl::OkStatus();
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRead) {
    return LmdbErrorToStatus(finding.error, absl::StrCat("reading ", finding.part, " of ", path));
  }
  if (WIFSIGNALED(status) &&
      std::find(kSignalsOfDamage.begin(), kSignalsOfDamage.end(), WTERMSIG(status)) == kSignalsOfDamage.end()) {
    return absl::UnavailableError(absl::StrCat("checking the pages of ", path, " was ended from outside: ",
                                               strsignal(WTERMSIG(status)), "; nothing is known of them: try again"));
  }
  const std::string reason =
      WIFSIGNALED(status) ? absl::StrCat("reading it ended in: ", strsignal(WTERMSIG(status))) : finding.reason.data();
  return absl::DataLossError(absl::StrCat("the database ", path, " has damaged pages: ", finding.part, ": ", reason,
                                          ": restore it, or start with --store-check=rebuild, which reads everything ",
                                          "from the fleet again"));
}

absl::Status SystemError(absl::string_view call) {
  return absl::ErrnoToStatus(errno, absl::StrCat("checking the pages of the database: ", call));
}

}  // namespace

absl::Status CheckPages(const std::string& directory, size_t map_size_bytes, absl::FunctionRef<bool()> interrupted) {
  const std::string path = DataFileOf(directory);
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return absl::OkStatus();
  }
  void* const shared = mmap(nullptr, sizeof(Finding), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return SystemError("mmap");
  }
  const absl::Cleanup unmap = [shared] { munmap(shared, sizeof(Finding)); };
  auto* const finding = new (shared) Finding{"", 0, {}};
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
    return SystemError("pipe");
  }
  const absl::Cleanup close_reader = [&pipe_fds] { close(pipe_fds[0]); };
  const pid_t child = fork();
  if (child == 0) {
    RunChild(path, map_size_bytes, pipe_fds[1], finding);
  }
  const int fork_error = errno;
  close(pipe_fds[1]);
  if (child < 0) {
    errno = fork_error;
    return SystemError("fork");
  }
  bool was_interrupted = false;
  const int status = WaitFor(child, pipe_fds[0], [&] { return was_interrupted = interrupted(); });
  if (was_interrupted) {
    return absl::CancelledError("checking the pages of the database was broken off");
  }
  return ToStatus(path, status, *finding);
}

}  // namespace dunlin
