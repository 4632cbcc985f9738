#pragma once

#include "config/settings.hpp"

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace hub::config {

/// One named value of a log line. Never customer text, personal data or a secret.
struct log_field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

/// Starts logging to standard error: one JSON object a line, or text for people. Before this call
/// lines of level warn and above appear as text.
void start_logging(log_format format, log_level level);

/// Writes what is queued and stops; lines logged later are lost.
void stop_logging();

/// Logs one event (snake_case) with its fields. Never blocks: when the reader of the log is slower
/// than the hub, the oldest lines go.
void log(log_level level, std::string_view event, std::initializer_list<log_field> fields = {});

/// Whether lines of that level appear at all.
[[nodiscard]] bool logs(log_level level);

} // namespace hub::config
