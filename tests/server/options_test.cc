// Goal: every option works from every source, in the promised order of precedence, and every mistake is named with its
// option, its origin, its value and what would be right. Method: tables, with an environment and files of the test's
// own.

#include "server/options.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/limits.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<ParsedOptions> Parse(const std::vector<std::string>& arguments) const {
    return ParseOptions(arguments, [this](const char* name) {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    });
  }

  // Parses what must be right.
  Options Read(std::vector<std::string> arguments) const {
    if (environment_.count("DUNLIN_DATA_DIR") == 0) arguments.insert(arguments.begin(), {"--data-dir", folder_});
    const absl::StatusOr<ParsedOptions> parsed = Parse(arguments);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed.ok() ? std::get<Options>(*parsed) : Options();
  }

  // Parses what must be wrong.
  std::string Mistake(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--data-dir", folder_});
    const absl::Status status = Parse(arguments).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  std::string Write(const std::string& name, const std::string& content) const {
    const std::string path = absl::StrCat(folder_, "/", name);
    std::ofstream(path) << content;
    return path;
  }

  const std::string folder_ = ::testing::TempDir();
  std::map<std::string, std::string> environment_;
};

// Each option with a value that is not its default, and how to see that it arrived.
struct OptionCase {
  const char* name;
  std::string value;
  std::function<bool(const Options&)> arrived;
};

std::vector<OptionCase> EveryOption() {
  return {
      {"data-dir", "/tmp", [](const Options& o) { return o.data_dir == "/tmp"; }},
      {"listen", "[::1]:0", [](const Options& o) { return o.listen == "[::1]:0"; }},
      {"port-file", "/tmp/port", [](const Options& o) { return o.port_file == "/tmp/port"; }},
      {"log-format", "json", [](const Options& o) { return o.log_format == LogFormat::kJson; }},
      {"log-level", "error", [](const Options& o) { return o.log_level == LogLevel::kError; }},
      {"drain-timeout", "1m", [](const Options& o) { return o.drain_timeout == absl::Minutes(1); }},
      {"redis", "redis://u:p@h/1", [](const Options& o) { return o.redis.Reveal() == "redis://u:p@h/1"; }},
      {"namespace", "fleet-2", [](const Options& o) { return o.namespace_name == "fleet-2"; }},
      {"replica-id", "rack 7", [](const Options& o) { return o.replica_id == "rack 7"; }},
      {"offline-patience", "inf", [](const Options& o) { return o.offline_patience == absl::InfiniteDuration(); }},
      {"ring-slots", "1024", [](const Options& o) { return o.ring_slots == 1024; }},
      {"tombstone-horizon", "36h", [](const Options& o) { return o.tombstone_horizon == absl::Hours(36); }},
      {"outbox-quota", "64MiB", [](const Options& o) { return o.outbox_quota_bytes == size_t{64} << 20; }},
      {"outbox-age-max", "90s", [](const Options& o) { return o.outbox_age_max == absl::Seconds(90); }},
      {"durability", "lose-on-power-failure",
       [](const Options& o) { return o.durability == Durability::kLoseOnPowerFailure; }},
      {"store-check", "refuse", [](const Options& o) { return o.store_check == StoreCheck::kRefuse; }},
      {"value-size-max", "3MiB", [](const Options& o) { return o.value_size_max_bytes == size_t{3} << 20; }},
      {"database-quota", "32MiB", [](const Options& o) { return o.database_quota_bytes == size_t{32} << 20; }},
      {"database-map-size", "1TiB", [](const Options& o) { return o.database_map_size_bytes == size_t{1} << 40; }},
      {"rpc-threads", "3", [](const Options& o) { return o.rpc_threads == 3; }},
      {"watch-streams-max", "7", [](const Options& o) { return o.watch_streams_max == 7; }},
      {"watch-heartbeat", "250ms", [](const Options& o) { return o.watch_heartbeat == absl::Milliseconds(250); }},
      {"connections-max", "11", [](const Options& o) { return o.connections_max == 11; }},
      {"max-connection-streams", "9", [](const Options& o) { return o.connection_streams_max == 9; }},
      {"max-metadata-size", "64KiB", [](const Options& o) { return o.metadata_size_max_bytes == size_t{64} << 10; }},
  };
}

std::string VariableOf(const std::string& option) {
  return absl::StrCat("DUNLIN_", absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

TEST_F(OptionsTest, TheTableHereKnowsEveryOption) {
  std::vector<std::string> names = {"redis-password-file", "redis-sentinel-password-file"};
  for (const OptionCase& option : EveryOption()) names.push_back(option.name);
  std::vector<std::string> described;
  for (const auto& [name, value] : DescribeOptions(Options())) described.push_back(name);
  EXPECT_THAT(described, ::testing::UnorderedElementsAreArray(names));
}

TEST_F(OptionsTest, EveryOptionIsReadFromFlagEnvironmentAndFile) {
  for (const OptionCase& option : EveryOption()) {
    const std::string flag = absl::StrCat("--", option.name);
    const bool is_data_dir = flag == "--data-dir";
    const std::vector<std::string> needed =
        is_data_dir ? std::vector<std::string>() : std::vector<std::string>{"--data-dir", folder_};
    const auto with = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), needed.begin(), needed.end());
      const absl::StatusOr<ParsedOptions> parsed = Parse(arguments);
      EXPECT_TRUE(parsed.ok()) << parsed.status();
      return parsed.ok() && option.arrived(std::get<Options>(*parsed));
    };
    EXPECT_TRUE(with({flag, option.value})) << flag;
    EXPECT_TRUE(with({absl::StrCat(flag, "=", option.value)})) << flag;
    environment_ = {{VariableOf(option.name), option.value}};
    EXPECT_TRUE(with({})) << VariableOf(option.name);
    environment_.clear();
    const std::string file = Write("each.conf", absl::StrCat(option.name, " = \"", option.value, "\"\n"));
    EXPECT_TRUE(with({"--config", file})) << option.name << " in a file";
    EXPECT_TRUE(is_data_dir || !with({})) << flag << " must differ from its default for this test to mean anything";
  }
}

TEST_F(OptionsTest, AFlagBeatsTheEnvironmentWhichBeatsTheFileWhichBeatsTheDefault) {
  const std::string file = Write("precedence.conf", "watch-streams-max = 3\n");
  EXPECT_EQ(Read({}).watch_streams_max, kWatchStreamsMaxDefault);
  EXPECT_EQ(Read({"--config", file}).watch_streams_max, 3u);
  environment_["DUNLIN_WATCH_STREAMS_MAX"] = "2";
  EXPECT_EQ(Read({"--config", file}).watch_streams_max, 2u);
  EXPECT_EQ(Read({"--config", file, "--watch-streams-max", "1"}).watch_streams_max, 1u);
}

TEST_F(OptionsTest, TheConfigFileMayComeFromTheEnvironment) {
  environment_["DUNLIN_CONFIG"] = Write("environment.conf", "namespace = from-file\n");
  EXPECT_EQ(Read({}).namespace_name, "from-file");
}

TEST_F(OptionsTest, AnEmptyVariableCountsAsUnset) {
  const std::string file = Write("empty.conf", "namespace = from-file\n");
  environment_["DUNLIN_NAMESPACE"] = "";
  EXPECT_EQ(Read({"--config", file}).namespace_name, "from-file");
}

TEST_F(OptionsTest, AnEmptyFlagMakesItStandAloneWhateverElseIsSet) {
  environment_["DUNLIN_REDIS"] = "redis://h";
  EXPECT_TRUE(Read({"--redis", ""}).redis.empty());
  EXPECT_TRUE(Read({"--redis="}).redis.empty());
}

TEST_F(OptionsTest, VariablesThatAreNotOursAreIgnored) {
  environment_["DUNLIN_PORT"] = "tcp://10.0.0.1:7700";  // Kubernetes sets this beside a service called dunlin
  Read({});
}

TEST_F(OptionsTest, DefaultsAreUsable) {
  const Options options = Read({});
  char host[65] = {};
  ASSERT_EQ(gethostname(host, sizeof(host) - 1), 0);
  EXPECT_EQ(options.replica_id, host);
  EXPECT_EQ(options.listen, "127.0.0.1:7700");
  EXPECT_EQ(options.namespace_name, "default");
  EXPECT_EQ(options.durability, Durability::kSync);
  EXPECT_EQ(options.watch_heartbeat, kWatchHeartbeatPeriod);
  EXPECT_TRUE(options.redis.empty());
}

TEST_F(OptionsTest, AMistakeNamesTheOptionTheValueAndTheRemedy) {
  const struct {
    std::vector<std::string> arguments;
    const char* message;
  } kCases[] = {
      {{"--frobnicate"}, "unknown option \"--frobnicate\"; dunlind --help lists the options"},
      {{"--frobnicate=1"}, "unknown option \"--frobnicate\""},
      {{"-x"}, "unknown option \"-x\""},
      {{"start"}, "unexpected argument \"start\"; dunlind --help"},
      {{"--listen"}, "--listen: 1 required ADDRESS missing; write --option VALUE or --option=VALUE"},
      {{"--ring-slots", "8", "--ring-slots", "8"}, "--ring-slots is given more than once"},
      {{"--listen", "7700"}, "--listen: \"7700\": the port is missing; write host:port"},
      {{"--listen", ":7700"}, "--listen: \":7700\": the host is missing"},
      {{"--port-file", "/no/such/port"}, "--port-file: \"/no/such/port\" cannot be used: the folder /no/such"},
      {{"--log-format", "xml"}, "--log-format: \"xml\" is not one of text, json"},
      {{"--log-level", "loud"}, "--log-level: \"loud\" is not one of debug, info, warning, error"},
      {{"--drain-timeout", "10"}, "--drain-timeout: \"10\" is not a duration"},
      {{"--drain-timeout", "2h"}, "--drain-timeout: \"2h\" is not from 0 to 1h"},
      {{"--namespace", "a{b}"}, "--namespace: \"a{b}\" does not have 1 to 64 of the characters"},
      {{"--replica-id", ""}, "--replica-id: \"\" does not have 1 to 64 printable"},
      {{"--offline-patience", "-1s"}, "--offline-patience: \"-1s\" is not from 0 to inf"},
      {{"--ring-slots", "1000"}, "--ring-slots: \"1000\" is not a power of two from 2 to 16777216"},
      {{"--durability", "none"}, "--durability: \"none\" is not one of sync, lose-on-power-failure"},
      {{"--store-check", "on"}, "--store-check: \"on\" is not one of off, refuse, rebuild"},
      {{"--store-check", "rebuild"}, "--store-check rebuild is given, but --redis is not: there is no fleet"},
      {{"--value-size-max", "4MiB"}, "--value-size-max: \"4MiB\" is not from 1 to 3MiB"},
      {{"--value-size-max", "1MB"}, "--value-size-max: \"1MB\" is not a size; write a number of bytes"},
      {{"--database-quota", "1"}, "--database-quota: \"1\" is not from 16MiB to 64TiB"},
      {{"--database-quota", "1TiB"}, "--database-quota 1TiB is above --database-map-size 64GiB; raise"},
      {{"--watch-streams-max", "0"}, "--watch-streams-max: \"0\" is not a whole number from 1 to 1000000"},
      {{"--watch-heartbeat", "1ms"}, "--watch-heartbeat: \"1ms\" is not from 100ms to 1h"},
      {{"--max-connection-streams", "many"}, "--max-connection-streams: \"many\" is not a whole number"},
      {{"--max-metadata-size", "2MiB"}, "--max-metadata-size: \"2MiB\" is not from 1KiB to 1MiB"},
      {{"--config", "/no/such.conf"}, "--config: cannot read /no/such.conf: No such file"},
      {{"--redis-password-file", "/no/such"}, "--redis-password-file: cannot read /no/such: No such file"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(Mistake(test.arguments), HasSubstr(test.message)) << ::testing::PrintToString(test.arguments);
  }
}

TEST_F(OptionsTest, TheDataDirectoryIsRequiredAndChecked) {
  EXPECT_EQ(Parse({}).status().message(), "--data-dir is missing; name the folder to keep the data in");
  EXPECT_THAT(std::string(Parse({"--data-dir", "/no/such/data"}).status().message()),
              HasSubstr("--data-dir: \"/no/such/data\" cannot be used: the folder /no/such: No such file"));
}

TEST_F(OptionsTest, AMistakeNamesWhereItWasMade) {
  environment_["DUNLIN_RING_SLOTS"] = "7";
  EXPECT_THAT(Mistake({}), HasSubstr("--ring-slots (set by DUNLIN_RING_SLOTS): \"7\" is not a power of two"));
  environment_ = {{"DUNLIN_CONFIG", "/no/such.conf"}};
  EXPECT_THAT(Mistake({}), HasSubstr("--config (set by DUNLIN_CONFIG): cannot read /no/such.conf"));
  environment_.clear();
  const std::string file = Write("mistake.conf", "\nring-slots = 7\n");
  EXPECT_THAT(Mistake({"--config", file}), HasSubstr(absl::StrCat("--ring-slots (set at ", file, ":2): \"7\"")));
  const std::string unknown = Write("unknown.conf", "ring-slotz = 8\n");
  EXPECT_THAT(Mistake({"--config", unknown}), HasSubstr(absl::StrCat(unknown, ":1: unknown option \"ring-slotz\"")));
}

TEST_F(OptionsTest, AMistakeThatIsOverruledIsNotOne) {
  environment_["DUNLIN_RING_SLOTS"] = "7";
  EXPECT_EQ(Read({"--ring-slots", "8"}).ring_slots, 8u);
}

TEST_F(OptionsTest, ThePasswordIsTheFirstLineOfItsFile) {
  const struct {
    const char* content;
    const char* password;
  } kCases[] = {{"hunter2", "hunter2"}, {"hunter2\n", "hunter2"}, {"hunter2\r\n", "hunter2"}, {" a b \nrest", " a b "}};
  for (const auto& test : kCases) {
    const std::string file = Write("password", test.content);
    EXPECT_EQ(Read({"--redis", "redis://h", "--redis-password-file", file}).redis_password.Reveal(), test.password);
  }
  const std::string empty = Write("password", "\nhunter2\n");
  EXPECT_THAT(Mistake({"--redis", "redis://h", "--redis-password-file", empty}), HasSubstr("the first line of"));
}

TEST_F(OptionsTest, PasswordFilesAreNamedByFlagEnvironmentAndFile) {
  environment_["DUNLIN_REDIS"] = "redis+sentinel://h/mymaster";
  const std::string password = Write("password", "hunter2");
  for (const std::string name : {"redis-password-file", "redis-sentinel-password-file"}) {
    const auto told = [&](const std::vector<std::string>& arguments) {
      const Options options = Read(arguments);
      return (name == "redis-password-file" ? options.redis_password : options.redis_sentinel_password).Reveal();
    };
    EXPECT_EQ(told({}), "");
    EXPECT_EQ(told({absl::StrCat("--", name), password}), "hunter2");
    environment_[VariableOf(name)] = password;
    EXPECT_EQ(told({}), "hunter2") << VariableOf(name);
    environment_.erase(VariableOf(name));
    EXPECT_EQ(told({"--config", Write("password.conf", absl::StrCat(name, " = \"", password, "\"\n"))}), "hunter2");
  }
}

TEST_F(OptionsTest, APasswordWithoutARedisIsAMistake) {
  EXPECT_THAT(Mistake({"--redis-password-file", Write("password", "hunter2")}),
              HasSubstr("--redis-password-file is given, but --redis is not"));
}

TEST_F(OptionsTest, ConnectionsLeaveRoomForEverythingElse) {
  rlimit former = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  rlimit some = former;
  some.rlim_cur = 600;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &some), 0);
  EXPECT_EQ(Read({}).connections_max, 600 - kReservedDescriptors);
  const std::string mistake = Mistake({"--connections-max", "500"});
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  for (const char* part : {"--connections-max 500", "472", "600 open files", "ulimit -n"}) {
    EXPECT_THAT(mistake, HasSubstr(part));
  }
}

TEST_F(OptionsTest, ASentinelPasswordWithoutSentinelsIsAMistake) {
  const std::string file = Write("password", "hunter2");
  EXPECT_EQ(Read({"--redis", "redis+sentinel://h/mymaster", "--redis-sentinel-password-file", file})
                .redis_sentinel_password.Reveal(),
            "hunter2");
  for (const char* url : {"", "redis://h"}) {
    EXPECT_THAT(Mistake({"--redis", url, "--redis-sentinel-password-file", file}),
                HasSubstr("--redis-sentinel-password-file is given, but --redis names no sentinels"));
  }
}

TEST_F(OptionsTest, SecretsAreNotDescribed) {
  const std::string file = Write("password", "hunter2");
  const Options options = Read({"--redis", "redis+sentinel://user:hunter3@h/m", "--redis-password-file", file,
                                "--redis-sentinel-password-file", file});
  for (const auto& [name, value] : DescribeOptions(options)) {
    EXPECT_THAT(value, Not(HasSubstr("hunter"))) << name;
    EXPECT_EQ(value == "(set)", absl::StartsWith(name, "redis")) << name;
  }
}

TEST_F(OptionsTest, HelpAndVersionAreTexts) {
  for (const char* flag : {"--help", "-h"}) {
    const absl::StatusOr<ParsedOptions> help = Parse({flag});
    ASSERT_TRUE(help.ok()) << help.status();
    const std::string text = std::get<TextRequest>(*help).text;
    for (const auto& [name, value] : DescribeOptions(Options())) {
      EXPECT_THAT(text, HasSubstr(absl::StrCat("--", name, " ")));
    }
    EXPECT_THAT(text, HasSubstr("127.0.0.1:7700"));
    EXPECT_THAT(text, HasSubstr("DUNLIN_DATA_DIR"));
  }
  const absl::StatusOr<ParsedOptions> version = Parse({"--version"});
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_THAT(std::get<TextRequest>(*version).text, ::testing::MatchesRegex("dunlind [0-9.]+ \\(commit .+\\)\n"));
}

}  // namespace
}  // namespace dunlin
