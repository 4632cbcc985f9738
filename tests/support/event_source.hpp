#pragma once

#include "tests/support/http_client.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hub::testing {

/// One event of the live stream.
struct stream_event {
  std::string id;
  std::string kind; // "message" unless the stream says otherwise
  nlohmann::json data;
};

/// Reads `GET /api/stream` as a browser's EventSource does, but for coming back by itself.
class event_source {
public:
  using milliseconds = std::chrono::milliseconds;

  /// `headers`: whole lines with their ends. Throws when no connection is made.
  event_source(std::uint16_t port, const std::string& query, const std::string& headers);

  /// The next event; nullopt when none came in time or the stream has ended.
  std::optional<stream_event> next(milliseconds patience = std::chrono::seconds{20});
  /// True once the hub has ended the stream.
  bool ended(milliseconds patience);

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& head() const { return head_; }
  [[nodiscard]] const std::string& last_id() const { return last_id_; }

private:
  bool fill(std::chrono::steady_clock::time_point deadline);
  void take_chunks();
  std::optional<stream_event> take_event();

  tests::http_client connection_;
  int status_ = 0;
  std::string head_;
  std::string raw_;  // as it came, framed
  std::string text_; // the stream's own bytes
  std::string last_id_;
  bool over_ = false;
};

/// The line that vouches for the tests' own key.
std::string tests_own_key();

} // namespace hub::testing
