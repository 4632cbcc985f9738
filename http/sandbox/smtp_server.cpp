#include "http/sandbox/smtp_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace hub::http::sandbox {
namespace {

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto look_around = 100ms; // how soon a stop is noticed

time_point wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// One client's socket: lines in, replies out, nothing for longer than it is worth.
class line_socket {
public:
  line_socket(int descriptor, const std::atomic<bool>& stopping)
    : descriptor_{descriptor}, stopping_{stopping} {}
  ~line_socket() { ::close(descriptor_); }
  line_socket(const line_socket&) = delete;
  line_socket& operator=(const line_socket&) = delete;

  /// The next line without its CRLF; nullopt when it does not come, or is longer than `most`.
  std::optional<std::string> line(std::size_t most, std::chrono::milliseconds patience) {
    const auto deadline = steady::now() + patience;
    std::size_t searched = 0;
    while (true) {
      if (const auto end = received_.find("\r\n", searched); end != std::string::npos) {
        auto line = received_.substr(0, end);
        received_.erase(0, end + 2);
        return line;
      }
      searched = received_.empty() ? 0 : received_.size() - 1;
      if (received_.size() > most || !fill(deadline))
        return std::nullopt;
    }
  }

  bool say(std::string_view text, std::chrono::milliseconds patience) {
    std::string bytes{text};
    bytes += "\r\n";
    const auto deadline = steady::now() + patience;
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto size =
        ::send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size > 0)
        sent += static_cast<std::size_t>(size);
      else if (errno != EINTR && (errno != EAGAIN || !ready(POLLOUT, deadline)))
        return false;
    }
    return true;
  }

  /// Waits for a while, unless the server stops.
  void wait(std::chrono::milliseconds delay) const {
    const auto deadline = steady::now() + delay;
    while (!stopping_ && steady::now() < deadline)
      std::this_thread::sleep_for(
        std::min<steady::duration>(look_around, deadline - steady::now()));
  }

  void reset_on_close() const {
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

private:
  bool ready(short events, steady::time_point deadline) const {
    while (!stopping_ && steady::now() < deadline) {
      pollfd watched{descriptor_, events, 0};
      const auto found = ::poll(&watched, 1, static_cast<int>(look_around.count()));
      if (found > 0)
        return true;
      if (found < 0 && errno != EINTR)
        return false;
    }
    return false;
  }

  bool fill(steady::time_point deadline) {
    if (!ready(POLLIN, deadline))
      return false;
    std::array<char, 16UL * 1024> bytes{};
    const auto size = ::recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size > 0)
      received_.append(bytes.data(), static_cast<std::size_t>(size));
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
  }

  const int descriptor_;
  const std::atomic<bool>& stopping_;
  std::string received_;
};

[[noreturn]] void fail(const char* what, int descriptor) {
  const auto error = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  throw std::system_error{error, std::generic_category(), what};
}

} // namespace

smtp_server::smtp_server(options chosen, world& where)
  : options_{std::move(chosen)}, world_{where} {}

smtp_server::~smtp_server() {
  stop();
}

std::uint16_t smtp_server::start() {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in);
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
  if (::inet_pton(AF_INET, options_.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(options_.port);
  } else if (::inet_pton(AF_INET6, options_.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(options_.port);
    length = sizeof(sockaddr_in6);
  } else {
    throw std::system_error{EINVAL, std::generic_category(), "not an address"};
  }
  const int descriptor = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    fail("socket", -1);
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length) != 0)
    fail("bind", descriptor);
  if (::listen(descriptor, SOMAXCONN) != 0)
    fail("listen", descriptor);
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    fail("getsockname", descriptor);
  listening_ = descriptor;
  acceptor_ = std::thread{[this] { accept_all(); }};
  return ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

void smtp_server::stop() {
  stopping_ = true;
  if (acceptor_.joinable())
    acceptor_.join();
  for (auto& each : sessions_)
    each.thread.join();
  sessions_.clear();
  if (listening_ >= 0)
    ::close(std::exchange(listening_, -1));
}

void smtp_server::sweep() {
  for (auto each = sessions_.begin(); each != sessions_.end();) {
    if (each->over) {
      each->thread.join();
      each = sessions_.erase(each);
    } else {
      ++each;
    }
  }
}

void smtp_server::accept_all() {
  while (!stopping_) {
    pollfd watched{listening_, POLLIN, 0};
    const auto found = ::poll(&watched, 1, static_cast<int>(look_around.count()));
    sweep();
    if (found <= 0)
      continue;
    const int descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0)
      continue;
    if (sessions_.size() >= options_.most_connections) {
      constexpr std::string_view busy = "421 4.3.2 too many connections\r\n";
      ::send(descriptor, busy.data(), busy.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      ::close(descriptor);
      continue;
    }
    auto& made = sessions_.emplace_back();
    made.thread = std::thread{[this, descriptor, &made] {
      serve(descriptor);
      made.over = true;
    }};
  }
}

void smtp_server::serve(int descriptor) {
  line_socket socket{descriptor, stopping_};
  smtp_dialogue dialogue;
  smtp_step step{"CONNECT", smtp_dialogue::greeting()};
  while (!stopping_) {
    const auto done = world_.smtp(step, wall_clock());
    socket.wait(done.delay);
    if (done.hang_up) {
      if (*done.hang_up == edge::farewell::reset)
        socket.reset_on_close();
      return;
    }
    if (!done.say.empty() && !socket.say(done.say, options_.patience))
      return;
    if (done.close)
      return;
    do {
      const auto most =
        dialogue.in_data() ? smtp_dialogue::largest_message : smtp_dialogue::longest_command;
      const auto line = socket.line(most, options_.patience);
      if (!line) {
        socket.say("421 4.4.2 too slow or too long", 100ms);
        return;
      }
      step = dialogue.line(*line);
    } while (step.say.empty());
  }
}

} // namespace hub::http::sandbox
