#pragma once

#include <string>
#include <string_view>

namespace hub::http::edge {

/// True for 1 to 128 characters of [A-Za-z0-9._-]: safe in a header, a log line and a shell.
bool is_sane_request_id(std::string_view text);

/// 128 random bits in hex: unique, not secret.
std::string make_request_id();

/// The caller's id if it is sane, else one of ours.
std::string request_id_from(std::string_view offered);

} // namespace hub::http::edge
