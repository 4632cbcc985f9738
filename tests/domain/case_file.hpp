#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace hub::tests {

/// A recorded delivery as a case file tells it: `body` as text, `body_json` as JSON, `body_hex` as
/// bytes, `form` as fields, or `body_repeat` as {before, unit, times, after}.
std::string body_of(const nlohmann::json& recorded);

} // namespace hub::tests
