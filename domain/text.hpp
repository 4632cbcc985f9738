#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hub::domain {

/// Valid UTF-8 that PostgreSQL accepts: broken sequences and encoded surrogates become U+FFFD, NUL
/// is dropped. Text that is already fine is returned unchanged.
std::string clean_utf8(std::string_view text);

/// The longest prefix of `text` with at most `characters` grapheme clusters and `bytes` bytes;
/// never cuts inside one. `text` must be valid UTF-8.
std::string_view prefix_of(std::string_view text, std::size_t characters, std::size_t bytes);

/// A one-line title: white space folded, the first sentence or line, at most 120 characters with an
/// ellipsis when cut. Never empty: "(no text)" stands for nothing.
std::string title_of(std::string_view text);

/// Lower case without accents, for comparing words across English and Spanish ("Contraseña" and
/// "contrasena" are alike).
std::string fold(std::string_view text);

/// The visible text of an HTML fragment: tags gone, block elements become line breaks, entities
/// decoded, scripts and styles dropped. Linear in the input, whatever the input is.
std::string html_to_text(std::string_view html);

} // namespace hub::domain
