#include "config/access_check.hpp"

#include "domain/web_address.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace hub::config {

namespace {

constexpr std::size_t shortest_secret = 32;

bool keeps_secrets(std::string_view url) {
  const auto where = domain::parse_web_address(url);
  return where && domain::keeps_secrets(*where);
}

class check {
public:
  explicit check(const settings& values) : values_{values} {}

  std::vector<std::string> all() && {
    check_addresses();
    check_oidc();
    check_jwt();
    check_introspection();
    if (values_.token_clients && values_.jwt.audience.empty() && values_.introspection.url.empty())
      fault("tokens.clients is on, but no tokens are taken: set jwt.audience or introspection.url");
    return std::move(faults_);
  }

private:
  void fault(std::string sentence) { faults_.push_back(std::move(sentence)); }

  /// `dependent` says nothing without `needed`.
  void needs(bool dependent_is_set, const char* dependent, bool needed_is_set, const char* needed) {
    if (dependent_is_set && !needed_is_set)
      fault(std::string{dependent} + " is set, but " + needed + " is missing");
  }

  void check_addresses() {
    const std::initializer_list<std::pair<const char*, const std::string&>> addresses{
      {"oidc.issuer", values_.oidc.issuer},
      {"jwt.jwks_url", values_.jwt.jwks_url},
      {"introspection.url", values_.introspection.url}};
    for (const auto& [name, url] : addresses)
      if (!url.empty() && !keeps_secrets(url))
        fault(std::string{name}
              + " must be an address that starts with https://, or with http:// on this machine, "
                "without user name and fragment");
    if (values_.oidc.issuer.find('?') != std::string::npos)
      fault("oidc.issuer must not have a query");
  }

  void check_oidc() {
    const auto& oidc = values_.oidc;
    const bool there = !oidc.issuer.empty();
    needs(!oidc.client_id.empty(), "oidc.client_id", there, "oidc.issuer");
    needs(!oidc.client_secret.empty(), "oidc.client_secret", there, "oidc.issuer");
    needs(!oidc.provision_domains.empty(), "oidc.provision_domains", there, "oidc.issuer");
    needs(there, "oidc.issuer", !oidc.client_id.empty(), "oidc.client_id");
    if (there && std::ranges::find(oidc.scopes, "openid") == oidc.scopes.end())
      fault("oidc.scopes must have openid among them");
  }

  void check_jwt() {
    const auto& jwt = values_.jwt;
    const auto& oidc = values_.oidc;
    const bool wanted = !jwt.secret.empty() || !jwt.jwks_url.empty() || !jwt.issuer.empty();
    if (!jwt.secret.empty() && jwt.secret.size() < shortest_secret)
      fault("jwt.secret must have at least 32 bytes; `openssl rand -hex 32` makes a good one");
    if (!jwt.secret.empty() && !jwt.jwks_url.empty())
      fault("both jwt.secret and jwt.jwks_url are set: keep one, so that it is clear who signs");
    if (wanted && jwt.audience.empty())
      fault("jwt.audience is missing: without it a token for anybody would do here");
    if (jwt.audience.empty())
      return;
    if (jwt.issuer.empty() && oidc.issuer.empty())
      fault("jwt.issuer is missing: nobody says whose tokens are taken");
    const bool own_keys = !jwt.secret.empty() || !jwt.jwks_url.empty();
    if (!own_keys && !jwt.issuer.empty() && jwt.issuer != oidc.issuer)
      fault("jwt.issuer is not the identity provider's, so jwt.secret or jwt.jwks_url is missing");
    if (!oidc.client_id.empty() && jwt.audience == oidc.client_id)
      fault("jwt.audience must not be oidc.client_id: the ID tokens of people who sign in would "
            "then pass for access tokens");
  }

  void check_introspection() {
    const auto& asks = values_.introspection;
    const bool there = !asks.url.empty();
    needs(there, "introspection.url", !asks.client_id.empty(), "introspection.client_id");
    needs(there, "introspection.url", !asks.client_secret.empty(), "introspection.client_secret");
    needs(!asks.client_id.empty(), "introspection.client_id", there, "introspection.url");
    needs(!asks.client_secret.empty(), "introspection.client_secret", there, "introspection.url");
    needs(!asks.audience.empty(), "introspection.audience", there, "introspection.url");
    if (there && asks.audience.empty())
      fault(
        "introspection.audience is missing: without it a token for anybody would do here; * says "
        "that this is meant");
  }

  const settings& values_;
  std::vector<std::string> faults_;
};

} // namespace

std::vector<std::string> faults_of_access(const settings& values) {
  return check{values}.all();
}

} // namespace hub::config
