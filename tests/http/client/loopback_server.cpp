#include "tests/http/client/loopback_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace hub::tests {

server_connection::server_connection(int descriptor, ssl_ctx_st* tls) : descriptor_{descriptor} {
  if (tls == nullptr)
    return;
  tls_ = SSL_new(tls);
  SSL_set_fd(tls_, descriptor_);
}

server_connection::~server_connection() {
  if (tls_ != nullptr)
    SSL_free(tls_);
  ::close(descriptor_);
}

bool server_connection::fill() {
  if (tls_ != nullptr && open_ && SSL_is_init_finished(tls_) == 0)
    open_ = SSL_accept(tls_) == 1;
  if (!open_)
    return false;
  std::array<char, 16384> some{};
  const auto got = tls_ != nullptr ? SSL_read(tls_, some.data(), static_cast<int>(some.size()))
                                   : ::recv(descriptor_, some.data(), some.size(), 0);
  if (got <= 0)
    return false;
  received_.append(some.data(), static_cast<std::size_t>(got));
  return true;
}

std::string server_connection::read_request() {
  auto end = received_.find("\r\n\r\n");
  for (; end == std::string::npos; end = received_.find("\r\n\r\n"))
    if (!fill())
      return {};
  end += 4;
  std::size_t body = 0;
  if (const auto at = received_.find("Content-Length: "); at < end)
    body = std::strtoul(received_.c_str() + at + 16, nullptr, 10);
  while (received_.size() < end + body)
    if (!fill())
      return {};
  auto request = received_.substr(0, end + body);
  received_.erase(0, end + body);
  return request;
}

std::optional<std::string> server_connection::read_line() {
  auto end = received_.find("\r\n");
  for (; end == std::string::npos; end = received_.find("\r\n"))
    if (!fill())
      return std::nullopt;
  auto line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

bool server_connection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = tls_ != nullptr
                        ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                        : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool server_connection::answer(std::string_view body, std::string_view more_headers) {
  return write(std::string{"HTTP/1.1 200 OK\r\nContent-Length: "}
                 .append(std::to_string(body.size()))
                 .append("\r\n")
                 .append(more_headers)
                 .append("\r\n")
                 .append(body));
}

void server_connection::reset() {
  const linger none{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  // Closes the socket now, and keeps the number: another thread may still shut it.
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, descriptor_);
  ::close(nothing);
}

void server_connection::await_end() {
  while (fill())
    received_.clear();
}

void server_connection::shut() {
  ::shutdown(descriptor_, SHUT_RDWR);
}

loopback_server::loopback_server(script play) : play_{std::move(play)} {
  listen();
}

loopback_server::loopback_server(script play,
                                 const std::string& certificate,
                                 const std::string& key)
  : play_{std::move(play)}, tls_{SSL_CTX_new(TLS_server_method())} {
  std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to clients that have gone
  if (SSL_CTX_use_certificate_chain_file(tls_, certificate.c_str()) != 1
      || SSL_CTX_use_PrivateKey_file(tls_, key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("the test's certificate cannot be used");
  listen();
}

void loopback_server::listen() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 1024) != 0
      || ::getsockname(listener_, generic, &size) != 0)
    throw std::system_error(errno, std::generic_category(), "listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread{[this] { accept_all(); }};
}

void loopback_server::accept_all() {
  while (!stopping_) {
    const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0)
      return;
    ++connections_;
    const std::lock_guard lock{mutex_};
    auto& fresh = served_.emplace_back();
    fresh.connection = std::make_unique<server_connection>(accepted, tls_);
    auto* connection = fresh.connection.get();
    fresh.thread = std::thread{[this, connection] {
      play_(*connection);
      connection->shut();
    }};
  }
}

loopback_server::~loopback_server() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& each : served_)
    each.connection->shut();
  for (auto& each : served_)
    each.thread.join();
  served_.clear();
  if (tls_ != nullptr)
    SSL_CTX_free(tls_);
}

std::string loopback_server::url(std::string_view path, std::string_view scheme) const {
  return std::string{scheme}.append("://127.0.0.1:").append(std::to_string(port_)).append(path);
}

} // namespace hub::tests
