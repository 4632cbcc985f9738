#pragma once

#include "domain/time.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace hub::http::providers {

/// What every case takes for the present: 2026-01-01T00:00:00Z.
inline constexpr domain::time_point present{std::chrono::seconds{1767225600}};

/// Calls the translator a case names ("slack.read_post") with what it gives, and shows the result:
/// a request as {method, url, headers, body, repeatable}, a failure as {failure, message,
/// retry_after}, anything else as its members.
nlohmann::json played(const std::string& translator, const nlohmann::json& given);

} // namespace hub::http::providers
