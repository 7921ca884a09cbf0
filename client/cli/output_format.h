#ifndef DUNLIN_CLIENT_CLI_OUTPUT_FORMAT_H_
#define DUNLIN_CLIENT_CLI_OUTPUT_FORMAT_H_

namespace dunlin::client::cli {

// --output: text for people and pipes (text_output.h), JSON for programs (json_output.h).
enum class OutputFormat { kText, kJson };

}  // namespace dunlin::client::cli

#endif  // DUNLIN_CLIENT_CLI_OUTPUT_FORMAT_H_
