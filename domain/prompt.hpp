#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::domain {

/// What is said to a model: nothing else leaves.
struct prompt {
  std::string system;
  std::string user;
};

/// A JSON object of strings, one member a line, in the given order. Whatever a value holds, it
/// stays inside its string: quotes, control characters and line breaks are escaped, and so are
/// `<` and `>`, which begin and end the marks that models tell speakers apart by.
std::string data_block(const std::vector<std::pair<std::string_view, std::string>>& members);

/// At most `characters` characters of `text`, with an ellipsis where it was cut.
std::string abbreviated(std::string_view text, std::size_t characters);

/// Whether there is a letter or a digit in `text`.
[[nodiscard]] bool says_something(std::string_view text);

/// `text` as one paragraph: white space folded, controls and marks that reorder text dropped.
std::string one_paragraph(std::string_view text);

} // namespace hub::domain
