#pragma once

#include "http/sandbox/world.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace hub::http::sandbox {

/// Serves SMTP, a thread a connection; there are few.
class smtp_server {
public:
  struct options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
    std::size_t most_connections = 50;
    std::chrono::milliseconds patience{60'000}; // for one line
  };

  smtp_server(options chosen, world& where);
  ~smtp_server();
  smtp_server(const smtp_server&) = delete;
  smtp_server& operator=(const smtp_server&) = delete;

  /// Binds and listens; the port. Throws std::system_error when it cannot.
  std::uint16_t start();
  void stop();

private:
  struct session {
    std::thread thread;
    std::atomic<bool> over = false;
  };

  void accept_all();
  void serve(int descriptor);
  void sweep();

  const options options_;
  world& world_;
  int listening_ = -1;
  std::atomic<bool> stopping_ = false;
  std::thread acceptor_;
  std::list<session> sessions_; // the acceptor's
};

} // namespace hub::http::sandbox
