#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::tests {

/// One answer, read completely; the names of its headers are in lower case.
struct http_response {
  int status = 0;
  std::string head; // the bytes, with the empty line
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;      // without its chunks' frames
  bool complete = false; // the body ended as its framing says

  /// The first header of that name; empty if there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
};

/// One TCP connection that sends exactly the bytes it is told to: tests need requests that no
/// library would send.
class http_client {
public:
  using milliseconds = std::chrono::milliseconds;

  struct settings {
    int receive_buffer = 0; // 0: the system's
    std::string address = "127.0.0.1";
    std::string source = {}; // the client's own address; empty: the system's choice
  };

  /// A socket that is not connected yet.
  explicit http_client(const settings& how);
  /// Throws std::system_error when it cannot.
  void connect(std::uint16_t port, const settings& how);

  /// Throws std::system_error when it cannot connect.
  explicit http_client(std::uint16_t port);
  http_client(std::uint16_t port, const settings& how);
  http_client(http_client&& other) noexcept;
  http_client& operator=(http_client&& other) noexcept;
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client();

  /// False when the server has gone.
  bool send(std::string_view bytes);
  /// Sends what fits now; the number of bytes, -1 when the server has gone.
  std::ptrdiff_t send_some(std::string_view bytes);
  /// "GET path" with a Host header.
  bool get(std::string_view path, std::string_view extra_headers = {});

  /// The next answer; nullopt when none came in time or the connection ended before its head did.
  std::optional<http_response> read(milliseconds patience = milliseconds(5000),
                                    bool answers_head = false);
  /// Everything until the connection ends or `patience` is over.
  std::string read_all(milliseconds patience = milliseconds(5000));
  /// Whatever arrives next; empty when nothing did, or the connection ended.
  std::string read_some(milliseconds patience);
  /// True when the server closes or resets without sending anything more.
  bool ended(milliseconds patience = milliseconds(5000));

  /// Says that nothing more will be sent, and goes on listening.
  void finish_sending();
  /// Closes with a reset instead of a farewell.
  void reset();
  void close();
  [[nodiscard]] int descriptor() const { return descriptor_; }

private:
  bool fill(std::chrono::steady_clock::time_point deadline);
  bool read_head(http_response& into, std::chrono::steady_clock::time_point deadline);
  bool read_chunks(http_response& into, std::chrono::steady_clock::time_point deadline);
  std::optional<std::string> line(std::chrono::steady_clock::time_point deadline);

  int descriptor_ = -1;
  bool at_end_ = false;
  std::string received_;
};

} // namespace hub::tests
