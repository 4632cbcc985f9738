#pragma once

#include "domain/limiter.hpp"
#include "domain/time.hpp"
#include "http/server/auth/traffic_control.hpp"
#include "http/server/call.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hub::storage {
class identity_store;
struct acting;
} // namespace hub::storage

namespace hub::http {

class password_hasher;
class token_checker;
struct api_key;

/// Whether the caller knows the hub under a name other than this machine's own: such names are
/// served through TLS.
[[nodiscard]] bool is_beyond_this_machine(const edge::request& request);

/// The cookie that holds a session's token. Under a name beyond this machine, which is served
/// through TLS, browsers are told to send it there alone.
[[nodiscard]] std::string
session_cookie(std::string_view token, bool beyond_this_machine, std::chrono::seconds lasts);
/// The first cookie of that name.
[[nodiscard]] std::optional<std::string> cookie_in(const edge::request& request,
                                                   std::string_view name);
/// The session's token among the request's cookies.
[[nodiscard]] std::optional<std::string> session_token_in(const edge::request& request);

/// Who called: the peer, or, where the peer is a proxy that is trusted, whom the last of
/// `X-Forwarded-For` that is no such proxy names.
[[nodiscard]] std::string address_of(const edge::request& request,
                                     const std::vector<std::string>& trusted_proxies);

/// How often one address may fail to prove who it is: so many at once, then one every `every`.
struct failure_rules {
  std::chrono::milliseconds every{3000};
  int burst = 20;
};

/// Counts guesses by address. Thread-safe; remembers a bounded number of addresses.
class failure_counter {
public:
  explicit failure_counter(failure_rules rules) : rules_{rules} {}

  /// Counts a guess before it is checked, so that many at once are many; how long the address must
  /// wait instead, where there were too many.
  [[nodiscard]] std::optional<std::chrono::seconds> begin(const std::string& address);
  /// Nobody could say whether the guess was right: it does not count.
  void give_back(const std::string& address);
  /// The guess was right: nothing is held against the address.
  void forgive(const std::string& address);

private:
  static domain::tick_point now() { return std::chrono::steady_clock::now(); }

  failure_rules rules_;
  std::mutex mutex_;
  std::unordered_map<std::string, domain::token_bucket> buckets_;
};

struct gate_options {
  std::vector<std::string> trusted_proxies;
  failure_rules failures;
  traffic_control::rules_table traffic{}; // by `traffic_scope`
  /// Of bearer tokens that are no keys of ours; null: there are none. Must outlive the gate.
  token_checker* tokens = nullptr;
};

/// Where every call but the open ones comes through: finds out whose it is, by session or key, and
/// lets in who may. Each check asks the database, so that whoever is locked out or revoked stays
/// out from the next call on, on every node; while it is away, a key that was good just now still
/// shows operators how the hub is. Thread-safe.
class gate final : public doorkeeper {
public:
  /// `store` and `hasher` must outlive the gate.
  gate(storage::identity_store& store,
       password_hasher& hasher,
       std::function<domain::time_point()> now,
       std::function<std::uint64_t()> seed,
       gate_options options);

  /// 401 to whom it does not know, 403 to who may not, 429 to who fails or asks too often.
  void admit(const edge::request& request,
             std::optional<domain::permission> needs,
             edge::responder responder,
             admitted inside) override;
  void look_again(const call& from,
                  std::optional<domain::permission> needs,
                  std::function<void(bool)> done) override;

  [[nodiscard]] storage::identity_store& store() { return store_; }
  [[nodiscard]] password_hasher& hasher() { return hasher_; }
  [[nodiscard]] failure_counter& failures() { return failures_; }
  [[nodiscard]] const traffic_control& traffic() const { return traffic_; }
  /// The right to one more open stream, as long as a copy is held.
  [[nodiscard]] domain::result<traffic_control::stream_place> stream_place_for(const call& from);
  [[nodiscard]] std::string address_of(const edge::request& request) const {
    return http::address_of(request, options_.trusted_proxies);
  }
  /// What a change by this caller is recorded with, at this moment.
  [[nodiscard]] storage::acting acting_for(const call& from) const;
  /// … by somebody who is nobody yet.
  [[nodiscard]] storage::acting acting_for(const edge::request& from,
                                           const domain::uuid& workspace) const;
  [[nodiscard]] domain::uuid fresh_id() const;
  [[nodiscard]] domain::time_point now() const { return now_(); }

private:
  struct entry; // one request on its way in

  void begin(const std::shared_ptr<entry>& at_gate);
  void verify(const std::shared_ptr<entry>& at_gate,
              const api_key& key,
              const std::string& hash_of_token,
              const std::string& secret_hash);
  void note_use(const domain::principal& who, const std::string& prefix);

  void check_session(const std::shared_ptr<entry>& at_gate);
  void check_key(const std::shared_ptr<entry>& at_gate, std::string_view token);
  void let_in(const std::shared_ptr<entry>& at_gate);
  void check_token(const std::shared_ptr<entry>& at_gate, std::string_view token);
  void refuse(const std::shared_ptr<entry>& at_gate, const domain::failure& why);
  /// A secret that was verified, so that Argon2 runs once a key and not once a call. The row is
  /// still read every time.
  struct verified_key {
    std::string hash_of_token;
    std::string secret_hash;
    domain::principal who; // as last read
    domain::time_point seen_at{};
    domain::time_point noted_at{}; // that it was used
  };

  [[nodiscard]] bool is_verified(const std::string& prefix,
                                 const std::string& hash_of_token,
                                 const std::string& secret_hash,
                                 const domain::principal& who);
  [[nodiscard]] bool remembers(const std::shared_ptr<entry>& at_gate,
                               const std::string& prefix,
                               const std::string& hash_of_token);
  void remember(const std::string& prefix, verified_key key);

  storage::identity_store& store_;
  password_hasher& hasher_;
  std::function<domain::time_point()> now_;
  std::function<std::uint64_t()> seed_;
  gate_options options_;
  failure_counter failures_;
  traffic_control traffic_;

  std::mutex mutex_;
  std::unordered_map<std::string, verified_key> verified_; // by prefix
};

} // namespace hub::http
