#include "tests/support/event_source.hpp"

#include "tests/support/hub_process.hpp"

#include <charconv>
#include <stdexcept>
#include <utility>

namespace hub::testing {

using clock = std::chrono::steady_clock;

event_source::event_source(std::uint16_t port, const std::string& query, const std::string& headers)
  : connection_{port} {
  connection_.send("GET /api/stream" + query + " HTTP/1.1\r\nHost: localhost\r\n" + headers
                   + "\r\n");
  const auto deadline = clock::now() + std::chrono::seconds{20};
  while (raw_.find("\r\n\r\n") == std::string::npos)
    if (!fill(deadline))
      throw std::runtime_error("the stream has no head");
  const auto end = raw_.find("\r\n\r\n") + 4;
  head_ = raw_.substr(0, end);
  raw_.erase(0, end);
  status_ = std::stoi(head_.substr(head_.find(' ') + 1, 3));
}

bool event_source::fill(clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock::now());
  if (over_ || left <= milliseconds{0})
    return false;
  const auto bytes = connection_.read_some(left);
  raw_ += bytes;
  if (bytes.empty())
    over_ = connection_.ended(milliseconds{0});
  return !bytes.empty();
}

void event_source::take_chunks() {
  for (;;) {
    const auto line = raw_.find("\r\n");
    if (line == std::string::npos)
      return;
    std::size_t size = 0;
    std::from_chars(raw_.data(), raw_.data() + line, size, 16);
    if (size == 0) {
      over_ = true;
      return;
    }
    if (raw_.size() < line + 2 + size + 2)
      return;
    text_ += raw_.substr(line + 2, size);
    raw_.erase(0, line + 2 + size + 2);
  }
}

std::optional<stream_event> event_source::take_event() {
  for (auto end = text_.find("\n\n"); end != std::string::npos; end = text_.find("\n\n")) {
    auto block = text_.substr(0, end + 1);
    text_.erase(0, end + 2);
    stream_event event{.id = {}, .kind = "message", .data = nullptr};
    std::string data;
    for (auto line_end = block.find('\n'); line_end != std::string::npos;
         line_end = block.find('\n')) {
      const auto line = block.substr(0, line_end);
      block.erase(0, line_end + 1);
      if (line.starts_with("id: "))
        last_id_ = line.substr(4);
      else if (line.starts_with("event: "))
        event.kind = line.substr(7);
      else if (line.starts_with("data: "))
        data += line.substr(6);
    }
    if (data.empty())
      continue;
    event.id = last_id_;
    event.data = nlohmann::json::parse(data);
    return event;
  }
  return std::nullopt;
}

std::optional<stream_event> event_source::next(milliseconds patience) {
  const auto deadline = clock::now() + patience;
  for (;;) {
    take_chunks();
    if (auto event = take_event())
      return event;
    if (!fill(deadline) && (over_ || clock::now() >= deadline))
      return std::nullopt;
  }
}

bool event_source::ended(milliseconds patience) {
  const auto deadline = clock::now() + patience;
  while (!over_ && clock::now() < deadline) {
    fill(deadline);
    take_chunks();
  }
  return over_;
}

std::string tests_own_key() {
  return std::string{"Authorization: Bearer "} + admin_token + "\r\n";
}

} // namespace hub::testing
