#include "http/sandbox/server.hpp"
#include "main/commands.hpp"

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <iostream>
#include <optional>
#include <system_error>

namespace hub::app {

namespace {

using namespace std::chrono_literals;

struct endpoint {
  std::string host;
  std::uint16_t port = 0;
};

/// "127.0.0.1:4010" or "[::1]:4010"; nullopt for what is not loopback.
std::optional<endpoint> loopback(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos)
    return std::nullopt;
  endpoint made{text.substr(0, colon)};
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, made.port);
  if (read.ec != std::errc{} || read.ptr != end)
    return std::nullopt;
  if (made.host == "localhost")
    made.host = "127.0.0.1";
  else if (made.host == "[::1]")
    made.host = "::1";
  else if (!made.host.starts_with("127."))
    return std::nullopt;
  return made;
}

std::string url(std::string_view scheme, const endpoint& where, std::uint16_t port) {
  const bool v6 = where.host.find(':') != std::string::npos;
  return std::string{scheme} + "://" + (v6 ? '[' + where.host + ']' : where.host) + ':'
         + std::to_string(port);
}

exit_code refused(exit_code code, const std::string& why) {
  std::cerr << "feedback-hub: " << why << '\n';
  return code;
}

/// Closes a descriptor at the end.
class owned {
public:
  explicit owned(int descriptor) : descriptor_{descriptor} {}
  ~owned() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

private:
  int descriptor_;
};

/// Readable when the process ends; it need not be a child.
int watch_process(int pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

} // namespace

exit_code sandbox(const sandbox_options& options) {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  // Before any thread, so that all inherit it.
  pthread_sigmask(SIG_BLOCK, &stops, nullptr);
  const auto http = loopback(options.bind);
  const auto smtp = loopback(options.smtp);
  if (!http || !smtp)
    return refused(exit_code::usage,
                   "the sandbox listens on loopback alone: give an address such as 127.0.0.1:4010");
  const owned signals{::signalfd(-1, &stops, SFD_CLOEXEC)};
  const owned followed{options.follow > 0 ? watch_process(options.follow) : -1};
  if (options.follow > 0 && followed.get() < 0)
    return refused(exit_code::failed,
                   "cannot follow process " + std::to_string(options.follow) + ": "
                     + std::generic_category().message(errno));

  http::sandbox::server server{
    {.address = http->host,
     .port = http->port,
     .smtp_address = smtp->host,
     .smtp_port = smtp->port,
     .whatsapp_callback = {options.whatsapp_callback, options.whatsapp_secret},
     .now = {}}};
  http::sandbox::server::ports ports;
  try {
    ports = server.start();
  } catch (const std::system_error& error) {
    return refused(exit_code::failed,
                   "cannot listen on " + options.bind + " and " + options.smtp + ": " + error.what()
                     + "; is another sandbox running? --bind and --smtp choose "
                       "other ports");
  }
  const nlohmann::json first_line{{"http", url("http", *http, ports.http)},
                                  {"smtp", url("smtp", *smtp, ports.smtp)},
                                  {"pid", ::getpid()}};
  std::cout << first_line.dump() << std::endl; // a reader waits for it

  std::array<pollfd, 2> watched{{{signals.get(), POLLIN, 0}, {followed.get(), POLLIN, 0}}};
  while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
  }
  server.stop(2s);
  return exit_code::ok;
}

} // namespace hub::app
