#pragma once

struct sockaddr;

namespace hub::http::client {

/// Whether an address lies on the public internet: not private, loopback, link-local, shared
/// (CGNAT), multicast, documentation, reserved or a cloud's metadata service, also when an IPv6
/// address carries such an IPv4 address (mapped, NAT64). Anything but IPv4 and IPv6 does not.
[[nodiscard]] bool is_public(const sockaddr& address);

} // namespace hub::http::client
