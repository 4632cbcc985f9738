#include "tests/support/nginx_process.hpp"

#include "tests/support/process.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace hub::tests {

namespace {

constexpr auto program = "/usr/sbin/nginx";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

bool takes_connections(std::uint16_t port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto at = loopback(port);
  const bool taken = ::connect(probe, std::bit_cast<const sockaddr*>(&at), sizeof at) == 0;
  ::close(probe);
  return taken;
}

} // namespace

std::uint16_t unused_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback(0);
  socklen_t size = sizeof at;
  const bool found = ::bind(probe, std::bit_cast<const sockaddr*>(&at), size) == 0
                     && ::getsockname(probe, std::bit_cast<sockaddr*>(&at), &size) == 0;
  ::close(probe);
  if (!found)
    throw std::runtime_error("no unused port");
  return ntohs(at.sin_port);
}

nginx_process::~nginx_process() {
  if (pid_ <= 0)
    return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

void nginx_process::start(const std::string& http, std::uint16_t port) {
  if (!std::filesystem::exists(program))
    throw std::runtime_error("nginx is not installed; script/bootstrap test installs it");
  const auto prefix = home().string() + "/";
  const auto file = prefix + "nginx.conf";
  const auto log = prefix + "error.log";
  std::ofstream(file)
    << "worker_processes 1; daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
    << "events { worker_connections 1024; }\n"
    << "http { access_log off; client_body_temp_path body; proxy_temp_path proxy;\n"
    << "fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
    << http << "\n}\n";
  const std::array<const char*, 8> arguments = {
    "nginx", "-p", prefix.c_str(), "-c", file.c_str(), "-e", log.c_str(), nullptr};
  if (::posix_spawn(
        &pid_, program, nullptr, nullptr, const_cast<char* const*>(arguments.data()), environ)
      != 0)
    throw std::runtime_error("nginx does not start");
  if (eventually([&] { return takes_connections(port); }))
    return;
  std::ifstream said{log};
  throw std::runtime_error("nginx does not listen: "
                           + std::string{std::istreambuf_iterator<char>{said}, {}});
}

} // namespace hub::tests
