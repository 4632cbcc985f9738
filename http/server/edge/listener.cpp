#include "http/server/edge/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace hub::http::edge {
namespace {

constexpr int backlog = 1024;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

struct endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

endpoint parse(const std::string& text, std::uint16_t port) {
  endpoint result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&result.address, &v4, sizeof v4);
    result.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&result.address, &v6, sizeof v6);
    result.size = sizeof v6;
  } else {
    fail(EINVAL, "not an IPv4 or IPv6 address: " + text);
  }
  return result;
}

} // namespace

listener::listener(const std::string& address, std::uint16_t port, int threads) : users_(threads) {
  const auto at = parse(address, port);
  const int one = 1;
  descriptor_ = ::socket(at.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0)
    fail(errno, "socket");
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (::bind(descriptor_, std::bit_cast<const sockaddr*>(&at.address), at.size) != 0
      || ::listen(descriptor_, backlog) != 0) {
    const int error = errno;
    close();
    fail(error, "cannot listen on " + address + " port " + std::to_string(port));
  }
}

listener::~listener() {
  close();
}

std::uint16_t listener::port() const {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  if (::getsockname(descriptor_, std::bit_cast<sockaddr*>(&at), &size) != 0)
    fail(errno, "getsockname");
  // The port lies at the same place in both families.
  sockaddr_in v4{};
  std::memcpy(&v4, &at, sizeof v4);
  return ntohs(v4.sin_port);
}

void listener::let_go() {
  if (--users_ == 0)
    close();
}

void listener::close() {
  const int open = descriptor_.exchange(-1);
  if (open >= 0)
    ::close(open);
}

std::string address_text(const sockaddr_storage& from) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return text.data();
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &from, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
    ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
  else
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return text.data();
}

} // namespace hub::http::edge
