#pragma once

#include <functional>
#include <string_view>
#include <utility>
#include <vector>

/// What the program did, for whoever looks for it; errors are Statuses and go elsewhere.
namespace vecferry {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogField = std::pair<std::string_view, std::string_view>;
using LogSink =
    std::function<void(LogLevel, std::string_view message, const std::vector<LogField>& fields)>;

/// Set where log lines go; silent until then. Call before any thread starts.
void set_log_sink(LogSink sink);

/// Thread: safe for concurrent use. Never log vectors, payloads or keys.
void log(LogLevel level, std::string_view message, const std::vector<LogField>& fields = {});

}  // namespace vecferry
