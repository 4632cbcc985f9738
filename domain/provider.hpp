#pragma once

#include "domain/limiter.hpp"
#include "domain/result.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace hub::domain {

/// Whom the hub calls.
enum class provider : std::uint8_t { slack, intercom, whatsapp, notion, openai, smtp };

inline constexpr std::array all_providers{provider::slack,
                                          provider::intercom,
                                          provider::whatsapp,
                                          provider::notion,
                                          provider::openai,
                                          provider::smtp};

[[nodiscard]] std::string_view to_string(provider which);
[[nodiscard]] result<provider> parse_provider(std::string_view text);

/// What the provider documents, a little below it; settings override.
[[nodiscard]] limiter_rules default_limits(provider which);

} // namespace hub::domain
