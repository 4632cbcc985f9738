#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

struct ssl_ctx_st;
struct ssl_st;

namespace hub::tests {

/// The server's end of one connection: sends and breaks off exactly as it is told.
class server_connection {
public:
  server_connection(int descriptor, ssl_ctx_st* tls);
  ~server_connection();
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  /// False when the TLS handshake failed.
  [[nodiscard]] bool open() const { return open_; }
  /// The next request with its body, by Content-Length; empty when the client has gone.
  std::string read_request();
  /// The next line without its end; nothing when the client has gone.
  std::optional<std::string> read_line();
  bool write(std::string_view bytes);
  /// A 200 answer with that body.
  bool answer(std::string_view body, std::string_view more_headers = {});
  /// Ends with a reset rather than a farewell.
  void reset();
  /// Waits until the client hangs up.
  void await_end();
  /// Wakes whoever reads.
  void shut();

private:
  bool fill();

  int descriptor_;
  ssl_st* tls_ = nullptr;
  bool open_ = true;
  std::string received_;
};

/// A server on 127.0.0.1 that plays `script` on every connection, each on a thread of its own.
class loopback_server {
public:
  using script = std::function<void(server_connection&)>;

  explicit loopback_server(script play);
  /// Speaks TLS with the certificate and key in these PEM files.
  loopback_server(script play, const std::string& certificate, const std::string& key);
  ~loopback_server();
  loopback_server(const loopback_server&) = delete;
  loopback_server& operator=(const loopback_server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(std::string_view path = "/",
                                std::string_view scheme = "http") const;
  /// Connections accepted so far.
  [[nodiscard]] int connections() const { return connections_; }

private:
  void listen();
  void accept_all();

  struct served {
    std::unique_ptr<server_connection> connection;
    std::thread thread;
  };

  script play_;
  ssl_ctx_st* tls_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<served> served_;
  std::thread acceptor_;
};

} // namespace hub::tests
