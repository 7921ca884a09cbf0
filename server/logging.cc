#include "server/logging.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "absl/time/clock.h"
#include "server/log_line.h"

namespace dunlin {
namespace {

int64_t ThreadId() {
  static thread_local const int64_t kId = syscall(SYS_gettid);
  return kId;
}

// spdlog does the writing: lines are made here, because its patterns know neither fields nor JSON.
class SpdlogLogger final : public Logger {
 public:
  SpdlogLogger(LogFormat format, LogLevel level)
      : format_(format), level_(level), spdlog_("dunlin", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    spdlog_.set_pattern("%v");
    spdlog_.set_level(spdlog::level::trace);
    // A line that stays in a buffer when the process dies is the one that was needed.
    spdlog_.flush_on(spdlog::level::trace);
  }

  bool Enabled(LogLevel level) const override { return level >= level_; }

  void Log(LogLevel level, absl::string_view message, Fields fields) override {
    if (!Enabled(level)) return;
    const LogRecord record{absl::Now(), level, ThreadId(), message, fields};
    const std::string line = format_ == LogFormat::kJson ? JsonLine(record) : TextLine(record);
    spdlog_.info(spdlog::string_view_t(line));
  }

 private:
  const LogFormat format_;
  const LogLevel level_;
  spdlog::logger spdlog_;
};

// The libraries' hooks are plain functions. Release and acquire, so that the logger is seen complete.
std::atomic<Logger*> library_logger{nullptr};

void LogForLibrary(LogLevel level, const char* library, const char* file, int line, absl::string_view text) {
  Logger* logger = library_logger.load(std::memory_order_acquire);
  if (logger == nullptr) return;
  logger->Log(level, "message of a library", {{"library", library}, {"text", text}, {"file", file}, {"line", line}});
}

void LogForGrpc(gpr_log_func_args* args) {
  const LogLevel level = args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  LogForLibrary(level, "grpc", args->file, args->line, args->message);
}

void LogForProtobuf(google::protobuf::LogLevel level, const char* file, int line, const std::string& text) {
  const bool fatal = level == google::protobuf::LOGLEVEL_FATAL;
  LogForLibrary(fatal ? LogLevel::kError : LogLevel::kDebug, "protobuf", file, line, text);
}

}  // namespace

std::unique_ptr<Logger> MakeLogger(LogFormat format, LogLevel level) {
  return std::make_unique<SpdlogLogger>(format, level);
}

void CaptureLibraryLogs(Logger* logger) {
  library_logger.store(logger, std::memory_order_release);
  // gRPC drops everything until it has read its verbosity from the environment.
  gpr_log_verbosity_init();
  gpr_set_log_function(&LogForGrpc);
  google::protobuf::SetLogHandler(&LogForProtobuf);
}

}  // namespace dunlin
