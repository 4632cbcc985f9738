#pragma once

#include <cstdint>
#include <string_view>

namespace hub::domain {

/// The languages that the hub reads and answers in.
enum class language : std::uint8_t { english, spanish };

/// Whether `folded` (see `fold`) joins other words without saying anything itself.
[[nodiscard]] bool is_stop_word(language spoken, std::string_view folded);

/// Whether `folded` is an everyday word of either language, names such as "Will" or "Rosa" among
/// them: hiding it wherever it stands would make a text unreadable.
[[nodiscard]] bool is_common_word(std::string_view folded);

/// The language of a text by its stop words; English where it is neither or undecided.
[[nodiscard]] language language_of(std::string_view text);

} // namespace hub::domain
