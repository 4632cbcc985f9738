#pragma once

#include "domain/scrub.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

/// What scrubbing cannot know by itself: who wrote, and which addresses are the company's own.
struct privacy_rules {
  std::vector<std::string> names; // of the people a text may name, as their channel shows them
  own_addresses own;
};

/// One piece of text that was taken out, as `preview_changelog` shows it to people.
struct redacted_piece {
  std::string type; // as `to_string(pii_type)`, or "name"
  std::string original;
};

/// `text`, which is valid UTF-8, with each of the names replaced by "[NAME]".
///
/// Whole names count, and their parts of three letters and more that are no everyday words of
/// English or Spanish; case, accents and what stands between the parts do not. In scripts that
/// write no spaces a name of two characters and more counts wherever it stands. At most 64 names
/// are looked for. What was taken out is added to `taken` where that is given.
std::string scrub_names(std::string_view text,
                        const std::vector<std::string>& names,
                        std::vector<redacted_piece>* taken = nullptr);

/// `text` without personal data and without the names: what may leave for a model. Broken UTF-8 is
/// mended, and characters that people cannot see but models read (Unicode tags) are dropped.
std::string redacted(std::string_view text,
                     const privacy_rules& rules,
                     std::vector<redacted_piece>* taken = nullptr);

} // namespace hub::domain
