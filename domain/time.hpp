#pragma once

#include "domain/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace hub::domain {

/// A moment, in milliseconds since the Unix epoch, UTC. The hub never stores finer time, so that a
/// moment survives PostgreSQL, JSON and a cursor unchanged.
using time_point = std::chrono::sys_time<std::chrono::milliseconds>;

/// `2026-01-31T09:05:00.123Z`. Years outside 0000–9999 are clamped to those bounds.
std::string to_rfc3339(time_point at);

/// Reads RFC 3339 (any offset, up to nanoseconds, cut to milliseconds).
result<time_point> parse_rfc3339(std::string_view text);

/// Reads decimal Unix seconds with optional fraction, as Slack (`1531420618.000200`) and WhatsApp
/// write them; refuses what does not fit years 1970–9999.
result<time_point> parse_unix_seconds(std::string_view text);

} // namespace hub::domain
