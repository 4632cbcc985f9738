#pragma once

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

namespace hub::testing {

/// An OpenID provider in a process of its own, that a hub on the given port may send people to.
class oidc_process {
public:
  /// Throws std::runtime_error when it does not start.
  explicit oidc_process(std::uint16_t hub_port);
  ~oidc_process();
  oidc_process(const oidc_process&) = delete;
  oidc_process& operator=(const oidc_process&) = delete;

  [[nodiscard]] const std::string& issuer() const { return issuer_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Settings of a hub whose people sign in there.
  [[nodiscard]] std::map<std::string, std::string> hub_environment() const;

  /// What it is told below /test/; see provider.mjs.
  nlohmann::json tell(const std::string& what,
                      const nlohmann::json& body = nlohmann::json::object());
  /// How often a path was called.
  int calls(const std::string& path);
  /// A signed token of these claims.
  std::string jwt(const nlohmann::json& wanted);

private:
  std::FILE* pipe_ = nullptr;
  pid_t pid_ = 0;
  std::string issuer_;
  std::uint16_t port_ = 0;
};

} // namespace hub::testing
