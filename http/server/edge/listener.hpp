#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace hub::http::edge {

/// The listening socket, shared by all reactor threads. It is closed when the last of them has let
/// go of it, so that none can accept on a descriptor number that already means something else.
class listener {
public:
  /// Throws std::system_error when it cannot bind or listen.
  listener(const std::string& address, std::uint16_t port, int threads);
  ~listener();
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::uint16_t port() const;
  /// Called once by each reactor thread.
  void let_go();

private:
  void close();

  std::atomic<int> descriptor_ = -1;
  std::atomic<int> users_;
};

/// "127.0.0.1" or "::1"; an IPv4 address mapped into IPv6 reads as the IPv4 address.
std::string address_text(const sockaddr_storage& from);

} // namespace hub::http::edge
