#include "tests/oidc/oidc_process.hpp"

#include "tests/support/webhook_driver.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace hub::testing {

using nlohmann::json;

namespace {

/// Fetches what the provider is made of, unless it is there as the lock file says.
constexpr auto install =
  "{ cmp -s package-lock.json node_modules/.installed || "
  "{ npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 </dev/null && "
  "cp package-lock.json node_modules/.installed; }; }";

} // namespace

oidc_process::oidc_process(std::uint16_t hub_port) {
  const auto command = std::string{"cd '"} + HUB_PROVIDER + "' && " + install
                       + " && exec node provider.mjs " + std::to_string(hub_port) + ' '
                       + std::to_string(::getpid()) + " 2>provider.log";
  pipe_ = ::popen(command.c_str(), "re");
  std::array<char, 4096> line{};
  if (pipe_ == nullptr)
    throw std::runtime_error("the provider did not start");
  // It says what it thinks of its own settings first.
  while (std::fgets(line.data(), line.size(), pipe_) != nullptr) {
    const auto said = json::parse(line.data(), nullptr, false);
    if (!said.is_object())
      continue;
    issuer_ = said.at("issuer");
    pid_ = said.at("pid");
    port_ = static_cast<std::uint16_t>(std::stoi(issuer_.substr(issuer_.rfind(':') + 1)));
    return;
  }
  ::pclose(pipe_);
  throw std::runtime_error("the provider did not start: npm.log or provider.log in " HUB_PROVIDER
                           " says why; script/bootstrap test installs node and npm");
}

oidc_process::~oidc_process() {
  ::kill(pid_, SIGTERM);
  ::pclose(pipe_);
}

std::map<std::string, std::string> oidc_process::hub_environment() const {
  return {{"HUB_OIDC_ISSUER", issuer_},
          {"HUB_OIDC_CLIENT_ID", "hub"},
          {"HUB_OIDC_CLIENT_SECRET", "the hub: its secret"},
          {"HUB_INTROSPECTION_URL", issuer_ + "/token/introspection"},
          {"HUB_INTROSPECTION_CLIENT_ID", "hub-api"},
          {"HUB_INTROSPECTION_CLIENT_SECRET", "another secret"},
          {"HUB_INTROSPECTION_AUDIENCE", "*"}};
}

json oidc_process::tell(const std::string& what, const json& body) {
  // Unwatched: it is not the hub that answers.
  const auto got =
    hub_client{port_}.try_call("POST",
                               "/test/" + what,
                               body.dump(),
                               {{"Content-Type", "application/json"}, {"Authorization", "none"}});
  if (!got || got->status != 200)
    throw std::runtime_error("the provider refused " + what + ": " + (got ? got->text : "silence"));
  return got->body;
}

int oidc_process::calls(const std::string& path) {
  return tell("calls").value(path, 0);
}

std::string oidc_process::jwt(const json& wanted) {
  return tell("jwt", wanted).at("token");
}

} // namespace hub::testing
