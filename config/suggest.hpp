#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hub::config {

/// `; did you mean 'x'?` when one of the candidates is close to what was typed, otherwise nothing.
std::string did_you_mean(std::string_view typed, std::span<const std::string_view> candidates);

} // namespace hub::config
