#pragma once

#include "http/server/context.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace hub::http {

[[nodiscard]] const char* to_string(domain::circuit_breaker::state state);

/// What operators see of each live actor of a kind beyond what all kinds show: an array, null for
/// kinds that show nothing more. Of what belongs to a workspace, only this one's.
[[nodiscard]] nlohmann::json
actor_details(const context& hub, const std::string& kind, const domain::uuid& workspace);

} // namespace hub::http
