#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// A complete answer. Header names and values that could split the response are refused (500).
struct reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// An answer of unknown length, written from any thread. Copyable; all copies speak to one client.
class stream {
public:
  class state;
  stream() = default;
  explicit stream(std::shared_ptr<state> shared);

  /// True once the client has gone, was too slow, or `end` was called.
  [[nodiscard]] bool closed() const;
  /// Bytes that wait for the client.
  [[nodiscard]] std::size_t queued() const;
  /// Queues `data` at once; false when closed or when the buffer is full (the reader is too slow).
  [[nodiscard]] bool try_write(std::string data);
  /// Waits up to `patience` for room: back-pressure for producers that own a thread. Never call it
  /// from an actor or a reactor thread.
  [[nodiscard]] bool write(std::string data, std::chrono::milliseconds patience);
  void end();
  /// Cuts the connection, so that the reader does not take what came for the whole answer.
  void abort();

private:
  std::shared_ptr<state> state_;
};

/// How a connection ends that gets no answer.
enum class farewell { close, reset };

/// The one-shot right to answer one request, from any thread. Destroyed unused it answers 500, so
/// no request is ever left without an answer; an answer after the time-out or after the client
/// left is dropped.
class responder {
public:
  class state;
  explicit responder(std::unique_ptr<state> held);
  responder(responder&&) noexcept;
  responder& operator=(responder&&) = delete;
  responder(const responder&) = delete;
  responder& operator=(const responder&) = delete;
  ~responder();

  void send(reply answer);
  /// Sends the head (body ignored) and hands out the stream that carries the rest.
  [[nodiscard]] stream open_stream(reply head);
  /// Ends the connection without a word, as a server that dies does.
  void hang_up(farewell how);

private:
  std::unique_ptr<state> state_;
};

} // namespace hub::http::edge
