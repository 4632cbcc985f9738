#pragma once

#include "domain/result.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hub::domain {

/// What nobody may take for anything but bytes: pages, scripts, programs, and what is not known.
inline constexpr std::string_view opaque_type = "application/octet-stream";

/// The type of a file as its bytes show it. `stated` is the sender's word: it only chooses among
/// types that look alike (an Office document is a ZIP file, CSV is text), and never adds one that a
/// browser would run. Whatever could be a page, a picture with scripts or a program is opaque.
[[nodiscard]] std::string_view type_of_file(std::string_view bytes, std::string_view stated);

/// Whether a type is in a list of types ("application/pdf") and beginnings of types ("image/").
[[nodiscard]] bool is_allowed_type(std::string_view type, std::span<const std::string> allowed);

/// What a file's bytes are sent out as: its type where no reader does more with it than show it,
/// else opaque.
[[nodiscard]] std::string content_type_for(std::string_view type);

/// A file name as a Content-Disposition that saves it under that name (RFC 6266 and 8187): nothing
/// of it can end the header or name a place, whatever it holds. An empty one becomes `attachment`
/// with the ending of its type.
[[nodiscard]] std::string disposition_for(std::string_view file_name, std::string_view type);

} // namespace hub::domain
