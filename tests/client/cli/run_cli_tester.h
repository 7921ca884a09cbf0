#ifndef DUNLIN_TESTS_CLIENT_CLI_RUN_CLI_TESTER_H_
#define DUNLIN_TESTS_CLIENT_CLI_RUN_CLI_TESTER_H_

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/client/cli/cli_run.h"
#include "tests/client/fake_replica.h"

namespace dunlin::client::cli {

// A replica that the test plays, and commands that are run against it.
class RunCliTest : public ::testing::Test {
 protected:
  // Runs a command against the replica. No call here may meet its deadline on a slow machine.
  CliRun Run(std::vector<std::string> arguments, const std::string& input = "", bool out_is_terminal = false) {
    arguments.insert(arguments.begin(), {"--server", replica_.address(), "--timeout", "1m"});
    return RunWith(arguments, input, out_is_terminal);
  }

  FakeReplica replica_;
};

}  // namespace dunlin::client::cli

#endif  // DUNLIN_TESTS_CLIENT_CLI_RUN_CLI_TESTER_H_
