#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub::domain {

/// An http or https URL, as far as its server goes.
struct web_address {
  std::string scheme; // http or https
  std::string host;   // lower case; an IPv6 address in brackets
  std::string port;   // empty: the scheme's
};

/// Nothing for other schemes, user names, fragments, and whatever different programs could read
/// differently: backslashes, spaces, anything but ASCII.
[[nodiscard]] std::optional<web_address> parse_web_address(std::string_view url);

/// Whether secrets may be sent there: by TLS, or without leaving this machine.
[[nodiscard]] bool keeps_secrets(const web_address& where);

[[nodiscard]] bool same_server(const web_address& left, const web_address& right);

/// Whether a browser of this site that follows `path` stays on it: "/a?b", never "//elsewhere".
[[nodiscard]] bool is_local_path(std::string_view path);

} // namespace hub::domain
