#include "tests/support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace hub::tests {
namespace {

using clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

endpoint parse(const std::string& text, std::uint16_t port) {
  endpoint to;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&to.address, &v4, to.size = sizeof v4);
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&to.address, &v6, to.size = sizeof v6);
  }
  return to;
}

int wait_for(int descriptor, short events, clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
  pollfd one{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&one, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return text;
}

} // namespace

std::string http_response::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name)
      return value;
  return {};
}

bool http_response::has(std::string_view name) const {
  return std::any_of(
    headers.begin(), headers.end(), [&](const auto& each) { return each.first == name; });
}

http_client::http_client(std::uint16_t port) : http_client(port, settings{}) {}

http_client::http_client(std::uint16_t port, const settings& how) : http_client(how) {
  connect(port, how);
}

http_client::http_client(const settings& how)
  : descriptor_(::socket(parse(how.address, 0).address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (descriptor_ < 0)
    fail("socket");
}

void http_client::connect(std::uint16_t port, const settings& how) {
  const int one = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (how.receive_buffer > 0)
    ::setsockopt(
      descriptor_, SOL_SOCKET, SO_RCVBUF, &how.receive_buffer, sizeof how.receive_buffer);
  const auto from = parse(how.source, 0);
  if (from.size > 0) {
    ::setsockopt(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (::bind(descriptor_, std::bit_cast<const sockaddr*>(&from.address), from.size) != 0)
      fail("bind");
  }
  const auto to = parse(how.address, port);
  if (::connect(descriptor_, std::bit_cast<const sockaddr*>(&to.address), to.size) != 0)
    fail("connect");
}

http_client::http_client(http_client&& other) noexcept
  : descriptor_(std::exchange(other.descriptor_, -1)),
    at_end_(other.at_end_),
    received_(std::move(other.received_)) {}

http_client& http_client::operator=(http_client&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    at_end_ = other.at_end_;
    received_ = std::move(other.received_);
  }
  return *this;
}

http_client::~http_client() {
  close();
}

bool http_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::ptrdiff_t http_client::send_some(std::string_view bytes) {
  const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : sent;
}

bool http_client::get(std::string_view path, std::string_view extra_headers) {
  std::string text("GET ");
  text.append(path).append(" HTTP/1.1\r\nHost: x\r\n").append(extra_headers).append("\r\n");
  return send(text);
}

bool http_client::fill(clock::time_point deadline) {
  if (at_end_ || wait_for(descriptor_, POLLIN, deadline) <= 0)
    return false;
  std::array<char, 64 * 1024> room; // NOLINT(cppcoreguidelines-pro-type-member-init)
  const auto size = ::recv(descriptor_, room.data(), room.size(), 0);
  if (size <= 0) {
    at_end_ = size == 0 || errno != EINTR;
    return size < 0 && errno == EINTR;
  }
  received_.append(room.data(), static_cast<std::size_t>(size));
  return true;
}

std::optional<std::string> http_client::line(clock::time_point deadline) {
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos)
    if (!fill(deadline))
      return std::nullopt;
  auto text = received_.substr(0, end);
  received_.erase(0, end + 2);
  return text;
}

bool http_client::read_head(http_response& into, clock::time_point deadline) {
  auto status = line(deadline);
  if (!status || status->size() < 12 || !status->starts_with("HTTP/1.1 "))
    return false;
  into.status = std::stoi(status->substr(9, 3));
  into.head = *status + "\r\n";
  while (auto field = line(deadline)) {
    into.head += *field + "\r\n";
    if (field->empty())
      return true;
    const auto colon = field->find(": ");
    if (colon == std::string::npos)
      return false;
    into.headers.emplace_back(lower(field->substr(0, colon)), field->substr(colon + 2));
  }
  return false;
}

bool http_client::read_chunks(http_response& into, clock::time_point deadline) {
  while (auto size_line = line(deadline)) {
    const auto size = std::stoul(*size_line, nullptr, 16);
    while (received_.size() < size + 2)
      if (!fill(deadline))
        return false;
    into.body.append(received_, 0, size);
    received_.erase(0, size + 2);
    if (size == 0)
      return true;
  }
  return false;
}

std::optional<http_response> http_client::read(milliseconds patience, bool answers_head) {
  const auto deadline = clock::now() + patience;
  http_response answer;
  if (!read_head(answer, deadline))
    return std::nullopt;
  if (answers_head || answer.status < 200 || answer.status == 204 || answer.status == 304) {
    answer.complete = true;
  } else if (answer.has("transfer-encoding")) {
    answer.complete = read_chunks(answer, deadline);
  } else if (answer.has("content-length")) {
    const auto size = std::stoul(answer.header("content-length"));
    while (received_.size() < size && fill(deadline)) {
    }
    answer.complete = received_.size() >= size;
    answer.body = received_.substr(0, size);
    received_.erase(0, size);
  } else {
    while (fill(deadline)) {
    }
    answer.complete = at_end_;
    answer.body = std::exchange(received_, {});
  }
  return answer;
}

std::string http_client::read_all(milliseconds patience) {
  const auto deadline = clock::now() + patience;
  while (fill(deadline)) {
  }
  return std::exchange(received_, {});
}

std::string http_client::read_some(milliseconds patience) {
  if (received_.empty())
    fill(clock::now() + patience);
  return std::exchange(received_, {});
}

bool http_client::ended(milliseconds patience) {
  if (received_.empty())
    fill(clock::now() + patience);
  return received_.empty() && at_end_;
}

void http_client::finish_sending() {
  ::shutdown(descriptor_, SHUT_WR);
}

void http_client::reset() {
  const ::linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void http_client::close() {
  if (descriptor_ >= 0)
    ::close(std::exchange(descriptor_, -1));
}

} // namespace hub::tests
