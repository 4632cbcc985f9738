#pragma once

#include "domain/time.hpp"
#include "http/server/auth/send.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace hub::http {

struct introspection_settings {
  std::string url;
  std::string client_id;
  std::string client_secret;
  std::string audience; // must be among the token's; "*": any token the provider calls active
  std::chrono::milliseconds cache{30'000};
};

struct introspection_bounds {
  std::size_t under_way = 64;                      // questions to the provider at once
  std::size_t waiting = 1000;                      // calls that wait for their answers
  std::size_t kept = 10'000;                       // answers
  std::chrono::milliseconds cache_refused{10'000}; // at most; else as others
};

/// Asks the provider about tokens it has given out (RFC 7662), one question for all who come with
/// one token at a time, and remembers the answer for a moment: a token that is revoked there is
/// good here for no longer than that. Thread-safe; never waits.
class introspector {
public:
  using claims = std::shared_ptr<const nlohmann::json>;
  using done_function = std::function<void(domain::result<claims>)>;

  /// `send` must have called back before this is destroyed.
  introspector(introspection_settings settings,
               introspection_bounds bounds,
               send_function send,
               std::function<domain::time_point()> now);

  /// What the provider says of an active token; `unauthorized` for any other, `unavailable` while
  /// it does not say, or too many ask. `count_guess` is asked before the provider is, and before a
  /// token that is known to be none is refused; its failure is the answer.
  void check(const std::string& token,
             const std::function<domain::outcome()>& count_guess,
             const done_function& done);

private:
  struct remembered {
    claims held; // null: not active
    domain::time_point until{};
  };
  using moment = domain::time_point;

  [[nodiscard]] client::call question(const std::string& token) const;
  void settle(const std::string& hash, const domain::result<client::reply>& got);
  [[nodiscard]] domain::result<claims> read(const domain::result<client::reply>& got,
                                            moment now) const;
  void remember(const std::string& hash, const claims& held, moment now);

  const introspection_settings settings_;
  const introspection_bounds bounds_;
  const send_function send_;
  const std::function<moment()> now_;

  std::mutex mutex_;
  std::unordered_map<std::string, remembered> kept_; // by the token's SHA-256
  std::unordered_map<std::string, std::vector<done_function>> under_way_;
  std::size_t waiting_ = 0;
};

} // namespace hub::http
