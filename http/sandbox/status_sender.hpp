#pragma once

#include "http/sandbox/scheduler.hpp"
#include "http/sandbox/world.hpp"

#include <string>

namespace hub::http::sandbox {

/// Posts WhatsApp's statuses to the business's webhook, signed as Meta signs them, and tries again
/// when it does not answer 200, waiting longer each time. In one thread: a slow business gets its
/// statuses late, and in order of their times.
class status_sender {
public:
  struct target {
    std::string url;    // empty: statuses are not posted
    std::string secret; // signs them
  };

  status_sender(target to, world& reports);

  void send(const posting& what) { send(what, 1); }
  [[nodiscard]] bool wanted() const { return !to_.url.empty(); }
  void stop() { later_.stop(); }

private:
  void send(const posting& what, int attempt);
  void post(const posting& what, int attempt);

  const target to_;
  world& reports_;
  scheduler later_;
};

/// "sha256=" and the HMAC in hex: the value of X-Hub-Signature-256.
std::string hub_signature(const std::string& secret, const std::string& body);

} // namespace hub::http::sandbox
