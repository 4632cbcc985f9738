#pragma once

#include "config/settings.hpp"
#include "domain/ai_choice.hpp"
#include "domain/scrub.hpp"

namespace hub::config {

/// Which models are asked where nobody says otherwise: none without a key, unless the server is not
/// OpenAI's own.
[[nodiscard]] domain::ai_choice ai_choice_of(const settings& settings);

/// What of a text may stay when it leaves.
[[nodiscard]] domain::own_addresses own_addresses_of(const settings& settings);

} // namespace hub::config
