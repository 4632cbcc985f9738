#pragma once

#include "domain/access.hpp"
#include "http/server/auth/introspection.hpp"
#include "http/server/auth/jwt.hpp"
#include "http/server/auth/oidc_provider.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hub::storage {
class federation_store;
} // namespace hub::storage

namespace hub::http {

/// Checks bearer tokens that are no keys of ours. Thread-safe.
class token_checker {
public:
  using done_function = std::function<void(domain::result<domain::principal>)>;

  virtual ~token_checker() = default;
  /// Whether a token of this form is one to check; tells nothing about whether it holds.
  [[nodiscard]] virtual bool takes(std::string_view token) const = 0;
  /// Whose it is and what they may do: `unauthorized` for one that does not hold, `unavailable`
  /// while that cannot be found out. `count_guess` is asked before what does not hold is refused,
  /// and before anybody else is asked about it; its failure is then the answer.
  virtual void
  check(std::string token, std::function<domain::outcome()> count_guess, done_function done) = 0;
};

/// What a token says of its bearer, once it is known to hold.
struct token_facts {
  std::string issuer;  // empty: the provider did not say
  std::string subject; // empty: it is about no person
  std::string client;  // the program that was given it: its `client_id`, or `azp`
  std::string email;   // verified by the provider; empty: none such
  domain::permission_set scopes;
  bool names_email = false; // verified or not: it is about a person
};

/// Reads `scope` and `permissions`: names that are none of ours say nothing here.
[[nodiscard]] token_facts read_token_facts(const nlohmann::json& claims);

/// What a person may do with a token: what they may do at all, as far as it was given for that. As
/// with keys, nobody is made an owner by it.
[[nodiscard]] domain::principal limited_to(domain::principal who, domain::permission_set scopes);

/// A program with a token of its own. It never sees personal data, and never changes who may enter
/// or what the hub calls: that would outlast the token.
[[nodiscard]] domain::principal client_of(const token_facts& facts, const domain::uuid& workspace);

struct access_token_settings {
  domain::uuid workspace; // of clients
  access_rules jwt;       // no audience: none are taken
  key_set secret;         // that they are signed with; else the keys below
  std::string issuer;     // of tokens that the provider is asked about and does not say it of
  bool clients_may_enter = false;
  std::string own_key_hash; // SHA-256 of a key somebody chose: it may look like any token
};

/// JWTs, checked with their issuer's keys, and other tokens, which the provider is asked about.
class access_tokens final : public token_checker {
public:
  /// `keys` for JWTs that no secret signs, `asked` for other tokens; null: there are none. All must
  /// outlive this.
  access_tokens(access_token_settings settings,
                remote_keys* keys,
                introspector* asked,
                storage::federation_store& people,
                std::function<domain::time_point()> now);

  [[nodiscard]] bool takes(std::string_view token) const override;
  void check(std::string token,
             std::function<domain::outcome()> count_guess,
             done_function done) override;

private:
  struct question;
  using question_ptr = std::shared_ptr<question>;

  [[nodiscard]] bool takes_signed(std::string_view token) const;
  void check_signed(const question_ptr& asked);
  void check_claims(const question_ptr& asked, const domain::outcome& signature);
  void find_bearer(const question_ptr& asked, token_facts facts);
  void enter_as_client(const question_ptr& asked, const token_facts& facts) const;
  static void refuse(const question_ptr& asked, const domain::failure& why);

  const access_token_settings settings_;
  remote_keys* const keys_;
  introspector* const asked_;
  storage::federation_store& people_;
  const std::function<domain::time_point()> now_;
};

} // namespace hub::http
