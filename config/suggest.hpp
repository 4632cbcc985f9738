#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hub::config {

/// The candidate that is at most `most_slips` slips of the finger away, the nearest; empty for
/// none.
std::string_view nearest(std::string_view typed,
                         std::span<const std::string_view> candidates,
                         std::size_t most_slips);

/// `; did you mean 'x'?` when one of the candidates is close to what was typed, otherwise nothing.
std::string did_you_mean(std::string_view typed, std::span<const std::string_view> candidates);

} // namespace hub::config
