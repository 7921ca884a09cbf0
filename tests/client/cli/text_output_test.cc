// Goal: text output is readable, keeps one line a line, and no value can give commands to a terminal.
// Method: lines compared whole; every single byte and every control character goes through the escape.

#include "client/cli/text_output.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/cli/shell_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::client::cli {
namespace {

using ::testing::HasSubstr;

TEST(TextOutputTest, PrintableTextStaysAsItIs) {
  for (const char* text : {"", "plain", R"({"a": 'b'})", "Gr\xC3\xBC\xC3\x9F\x65", "\xF0\x9F\x90\xA6"}) {
    EXPECT_EQ(EscapeForTerminal(text), text);
  }
}

TEST(TextOutputTest, ControlCharactersAndForeignBytesAreEscaped) {
  const std::pair<std::string, const char*> cases[] = {
      {"a\tb\nc\rd", R"(a\tb\nc\rd)"},
      {std::string("\0", 1), R"(\x00)"},
      {"\x1b[2J", R"(\x1b[2J)"},
      {"\x7f", R"(\x7f)"},
      {"back\\slash", R"(back\\slash)"},
      {"\xff", R"(\xff)"},
      {"\xC2\x9B", R"(\xc2\x9b)"},
      {"\xC2\xA0", "\xC2\xA0"},
      {"\xC3", R"(\xc3)"},
  };
  for (const auto& [bytes, escaped] : cases) {
    EXPECT_EQ(EscapeForTerminal(bytes), escaped) << absl::CHexEscape(bytes);
  }
}

TEST(TextOutputTest, TheShellReadsBackWhatWasEscaped) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.push_back(static_cast<char>(byte));
  }
  const std::string quoted = absl::StrCat("\"", absl::StrReplaceAll(EscapeForTerminal(bytes), {{"\"", "\\\""}}), "\"");
  EXPECT_EQ(ParseShellLine(quoted)->at(0), bytes);
}

TEST(TextOutputTest, EntriesAndEventsAreTabSeparatedLines) {
  Entry entry;
  entry.key = "k\t1";
  entry.value = "v\n2";
  EXPECT_EQ(KeyLine(entry), "k\\t1\n");
  EXPECT_EQ(KeyAndValueLine(entry), "k\\t1\tv\\n2\n");
  EXPECT_EQ(EventLine(WatchEvent{EventType::kPut, entry}), "PUT\tk\\t1\tv\\n2\n");
  EXPECT_EQ(EventLine(WatchEvent{EventType::kDelete, entry}), "DELETE\tk\\t1\n");
  EXPECT_EQ(EventLine(WatchEvent{EventType::kExpire, entry}), "EXPIRE\tk\\t1\n");
  EXPECT_EQ(MarkerLine(WatchMarker::kSynced), "SYNCED\n");
}

TEST(TextOutputTest, WritesShowVersionAndRevision) {
  DeleteResult result;
  result.version = Version{17, 0xd0};
  result.revision = 3;
  EXPECT_EQ(WriteLine(result), "version=17-00000000000000d0\trevision=3\n");
  EXPECT_EQ(DeleteLine(result), "existed=false\tversion=17-00000000000000d0\trevision=3\n");
  result.existed = true;
  EXPECT_THAT(DeleteLine(result), HasSubstr("existed=true"));
}

TEST(TextOutputTest, DurationsOfTheStatusHaveAUnitAlsoWhereTheyAreNothing) {
  ReplicaStatus status;
  status.lag = Lag{0, absl::ZeroDuration(), true};
  const std::string idle = StatusTable(status);
  EXPECT_THAT(idle, HasSubstr("lag                  0 changes, 0s, connected\n"));
  EXPECT_THAT(idle, HasSubstr("outbox               0 writes, oldest 0s, 0 bytes never sent\n"));
  EXPECT_THAT(idle, HasSubstr("uptime               0s\n"));
  status.lag = Lag{7, absl::Milliseconds(20), true};
  EXPECT_THAT(StatusTable(status), HasSubstr("lag                  7 changes, 20ms, connected\n"));
}

TEST(TextOutputTest, TheDurationOfAVerificationHasAUnitAlsoWhereItIsNothing) {
  VerifyResult result;
  result.duration = absl::Microseconds(200);
  EXPECT_THAT(VerifyTable(result), HasSubstr("duration             0s\n"));
}

TEST(TextOutputTest, TheStatusTableShowsWhatOperatorsLookFor) {
  ReplicaStatus status;
  status.replica_id = "r1";
  status.serving = true;
  status.serving_detail = "has everything";
  status.sync_state = SyncState::kCatchingUp;
  status.sync_detail = "redis said\nno";
  status.lag = Lag{5, absl::Milliseconds(1500), false};
  status.database_bytes = 3 << 20;
  status.digest = "\xab\xcd";
  status.store_detail = "no room";
  const std::string table = StatusTable(status);
  for (const char* row :
       {"replica              r1\n", "serving              yes\n", "serving detail       has everything\n",
        "sync state           catching_up\n", "sync detail          redis said\\nno\n",
        "lag                  5 changes, 1.5s, not connected\n", "database bytes       3145728 (3.0 MiB)\n",
        "digest               abcd\n", "store detail         no room\n"}) {
    EXPECT_THAT(table, HasSubstr(row));
  }
}

}  // namespace
}  // namespace dunlin::client::cli
