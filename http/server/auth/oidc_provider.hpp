#pragma once

#include "domain/time.hpp"
#include "http/server/auth/jwt.hpp"
#include "http/server/auth/kept_document.hpp"
#include "http/server/auth/send.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hub::http {

/// `application/x-www-form-urlencoded`, also as a query.
[[nodiscard]] std::string
form_of(const std::vector<std::pair<std::string_view, std::string_view>>& fields);
/// `Authorization: Basic …` of a client, whose parts are form-encoded first (RFC 6749, 2.3.1).
[[nodiscard]] std::string basic_authorization(std::string_view id, std::string_view secret);

/// Keys that change, wherever they come from.
class remote_keys {
public:
  using steady = kept_document<key_set>::clock;

  remote_keys(keeping_rules rules,
              std::function<steady::time_point()> now,
              kept_document<key_set>::fetch_function fetch)
    : keys_{rules, std::move(now), std::move(fetch)} {}

  /// `done` hears whether one of the keys has signed it: `unauthorized` if none, `unavailable` when
  /// they cannot be had. For a key that is not among them they are fetched anew.
  void check(const std::shared_ptr<const signed_token>& token,
             std::function<void(domain::outcome)> done);

private:
  kept_document<key_set> keys_;
};

/// A GET of a key set at an address that the operator has set.
[[nodiscard]] kept_document<key_set>::fetch_function fetch_keys_from(std::string url,
                                                                     send_function send);

/// What a provider says of itself (OpenID Connect Discovery 1.0, 3).
struct provider_description {
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string keys_url;
  std::string userinfo_endpoint; // empty: none
  bool names_itself = false;     // in its answers to the browser (RFC 9207)
  bool wants_secret_posted = false;
};

/// `malformed` for what is no such document, is another issuer's, or sends secrets through the
/// open.
[[nodiscard]] domain::result<provider_description> read_description(std::string_view document,
                                                                    std::string_view issuer);

struct provider_settings {
  std::string issuer; // to the letter
  std::string client_id;
  std::string client_secret; // empty: a public client
  std::vector<std::string> scopes;
};

/// One sign-in, as far as it is between browser, hub and provider.
struct sign_in_round {
  std::string state;
  std::string nonce;
  std::string code_verifier; // PKCE (RFC 7636)
  std::string redirect_uri;
};

/// Who came back from the provider.
struct arrived_person {
  std::string subject;
  std::string email; // verified by the provider; empty: none such
  std::string name;
};

/// Talks to the OpenID provider: finds out what it can, sends browsers there, and exchanges what
/// they come back with. Thread-safe; never waits.
class oidc_provider {
public:
  using steady = std::chrono::steady_clock;

  /// `send` must have called back before this is destroyed.
  oidc_provider(provider_settings settings,
                send_function send,
                std::function<steady::time_point()> steady_now,
                std::function<domain::time_point()> now);

  [[nodiscard]] const std::string& issuer() const { return settings_.issuer; }
  [[nodiscard]] remote_keys& keys() { return keys_; }

  /// Where to send the browser.
  void begin(sign_in_round round, std::function<void(domain::result<std::string>)> done);
  /// `forbidden` unless an answer that says it is of `named` (empty: says nothing) can be this
  /// provider's: another one's code must not be sent here (RFC 9207).
  void check_sender(std::string named, std::function<void(domain::outcome)> done);
  /// Exchanges the code and reads who it is. `unauthorized` when anything about it is wrong,
  /// `unavailable` when the provider does not answer.
  void finish(std::string code,
              sign_in_round round,
              std::function<void(domain::result<arrived_person>)> done);

private:
  struct exchange;
  using description = std::shared_ptr<const provider_description>;
  using exchange_ptr = std::shared_ptr<exchange>;

  void ask_for_token(const exchange_ptr& work);
  void read_token(const exchange_ptr& work, const domain::result<client::reply>& got);
  void read_id_token(const exchange_ptr& work);
  void ask_for_email(const exchange_ptr& work);
  /// A call to an address out of the description.
  [[nodiscard]] client::call call_to(const std::string& url, const char* operation) const;

  const provider_settings settings_;
  const send_function send_;
  const std::function<domain::time_point()> now_;
  kept_document<provider_description> description_;
  remote_keys keys_;
};

} // namespace hub::http
