#pragma once

#include "http/sandbox/status_sender.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace hub::http::sandbox {

struct server_options {
  std::string address = "127.0.0.1"; // loopback
  std::uint16_t port = 0;
  std::string smtp_address = "127.0.0.1"; // loopback
  std::uint16_t smtp_port = 0;
  status_sender::target whatsapp_callback;
  std::function<time_point()> now; // empty: the wall clock
};

/// The sandbox on its sockets: providers under their names, control under /sandbox, the page at /.
class server {
public:
  explicit server(server_options options);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  struct ports {
    std::uint16_t http = 0;
    std::uint16_t smtp = 0;
  };
  /// Throws std::system_error when it cannot listen.
  ports start();
  /// Answers what was asked, then closes; no more than `patience`.
  void stop(std::chrono::milliseconds patience);

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

} // namespace hub::http::sandbox
