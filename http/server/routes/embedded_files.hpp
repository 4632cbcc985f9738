#pragma once

#include <string_view>

namespace hub::http {

// Files of http/server/static that are part of the binary.

std::string_view embedded_openapi();
std::string_view embedded_front_page();
std::string_view embedded_sign_in_page();
std::string_view embedded_sign_in_script();

} // namespace hub::http
