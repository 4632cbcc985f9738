#pragma once

#include "http/server/edge/responder.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace hub::http::sandbox {

/// A file that customers sent somebody. What it is is in its name: one with `gone` is there no
/// more, one with `page` is a web page, one with `large` has more than 300 KiB; every other one is
/// a small picture. The type it is said to be is the name's ending.
std::optional<edge::reply> file_named(std::string_view name);

} // namespace hub::http::sandbox
