#pragma once

#include "domain/result.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace hub::domain {

/// Where feedback comes from. A new channel is an enumerator here, its text below, a normaliser, a
/// provider file and a webhook route; the switches complain until all are there.
enum class channel : std::uint8_t { slack, intercom, whatsapp, email, in_app, api };

inline constexpr std::array all_channels{channel::slack,
                                         channel::intercom,
                                         channel::whatsapp,
                                         channel::email,
                                         channel::in_app,
                                         channel::api};

[[nodiscard]] std::string_view to_string(channel which);
[[nodiscard]] result<channel> parse_channel(std::string_view text);

} // namespace hub::domain
