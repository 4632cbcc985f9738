#pragma once

#include "http/server/edge/request.hpp"
#include "http/server/edge/responder.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::http {

/// Whether a Host header names this machine (localhost, 127.0.0.0/8, [::1]) or one of `allowed`,
/// with any port.
bool is_known_host(std::string_view host, const std::vector<std::string>& allowed);

/// Refuses calls under a name nobody allowed: a page elsewhere can make its own name mean 127.0.0.1
/// and have the browser of somebody on this machine read and change everything (DNS rebinding).
/// Webhooks prove themselves by their signature, and /up tells nothing.
std::function<std::optional<edge::reply>(const edge::request&)>
host_check(std::vector<std::string> allowed);

} // namespace hub::http
