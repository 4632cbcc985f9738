#pragma once

#include "domain/result.hpp"
#include "http/client/call.hpp"

#include <string>

namespace hub::http::client {

/// Refuses what cannot be written as one request: line breaks in headers, other protocols, broken
/// URLs. The value is the key of the server called: scheme, host and port.
domain::result<std::string> check(const call& what);

/// As above; refuses line breaks in addresses, and bare ones in the message, which some servers
/// take for the end of it.
domain::result<std::string> check(const mail& what);

} // namespace hub::http::client
