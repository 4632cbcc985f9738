#include "http/client/public_address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace hub::http::client {

namespace {

struct v4_range {
  std::uint32_t first;
  unsigned bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24U) | (b << 16U) | (c << 8U) | d;
}

// IANA's special-purpose registry, and Azure's metadata service, which hides in public space.
constexpr std::array<v4_range, 16> closed_v4{{
  {v4(0, 0, 0, 0), 8},
  {v4(10, 0, 0, 0), 8},
  {v4(100, 64, 0, 0), 10},
  {v4(127, 0, 0, 0), 8},
  {v4(168, 63, 129, 16), 32},
  {v4(169, 254, 0, 0), 16},
  {v4(172, 16, 0, 0), 12},
  {v4(192, 0, 0, 0), 24},
  {v4(192, 0, 2, 0), 24},
  {v4(192, 88, 99, 0), 24},
  {v4(192, 168, 0, 0), 16},
  {v4(198, 18, 0, 0), 15},
  {v4(198, 51, 100, 0), 24},
  {v4(203, 0, 113, 0), 24},
  {v4(224, 0, 0, 0), 4},
  {v4(240, 0, 0, 0), 4},
}};

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(closed_v4, [&](const v4_range& range) {
    return (address ^ range.first) >> (32U - range.bits) == 0;
  });
}

using v6_bytes = std::array<std::uint8_t, 16>;

struct v6_range {
  v6_bytes first;
  unsigned bits;
};

bool within(const v6_bytes& address, const v6_range& range) {
  for (unsigned bit = 0; bit < range.bits; bit += 8) {
    const auto left = range.bits - bit;
    const unsigned mask = left >= 8 ? 0xFFU : 0xFFU << (8U - left);
    if (((address[bit / 8] ^ range.first[bit / 8]) & mask) != 0)
      return false;
  }
  return true;
}

constexpr v6_range global{{0x20}, 3};
constexpr v6_range mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}, 96};
constexpr v6_range nat64{{0x00, 0x64, 0xFF, 0x9B}, 96};

// Within 2000::/3: protocol assignments (Teredo among them), documentation twice, 6to4.
constexpr std::array<v6_range, 4> closed_v6{{
  {{0x20, 0x01, 0x00}, 23},
  {{0x20, 0x01, 0x0D, 0xB8}, 32},
  {{0x20, 0x02}, 16},
  {{0x3F, 0xFF}, 20},
}};

bool is_public_v6(const v6_bytes& address) {
  if (within(address, mapped) || within(address, nat64))
    return is_public_v4(v4(address[12], address[13], address[14], address[15]));
  return within(address, global) && std::ranges::none_of(closed_v6, [&](const v6_range& range) {
           return within(address, range);
         });
}

} // namespace

bool is_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return is_public_v4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    v6_bytes bytes{};
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return is_public_v6(bytes);
  }
  return false;
}

} // namespace hub::http::client
