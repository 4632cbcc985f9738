#include "main/federation_room.hpp"

#include "actors/node.hpp"
#include "http/server/auth/tokens.hpp"
#include "main/database.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hub::app {

namespace {

std::chrono::steady_clock::time_point steady_now() {
  return std::chrono::steady_clock::now();
}

/// Of its own, so that nobody's sign-in waits for calls of jobs, and small.
http::client::engine_options engine_options_of(const config::call_settings& from) {
  http::client::engine_options options;
  options.max_in_flight = 128;
  options.max_in_flight_per_host = 96; // more than questions about tokens, so that sign-ins fit in
  options.max_waiting = 500;
  options.connect_within = from.connect_within;
  options.within = from.within;
  return options;
}

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

storage::provisioning provisioning_of(const config::oidc_settings& from) {
  storage::provisioning others;
  for (const auto& name : from.provision_domains)
    others.domains.push_back(lowered(name));
  if (const auto rank = domain::parse_role(from.provision_role))
    others.rank = *rank;
  return others;
}

} // namespace

federation_room::federation_room(const config::settings& settings,
                                 const std::string& connection_string) {
  const auto& oidc = settings.oidc;
  const auto& jwt = settings.jwt;
  const auto& asks = settings.introspection;
  if (oidc.issuer.empty() && jwt.audience.empty() && asks.url.empty())
    return;
  people_ = storage::make_federation_store(
    {.connection_string = connection_string, .seed = actors::random_seed});
  engine_ = std::make_unique<http::client::engine>(engine_options_of(settings.calls));
  others_ = provisioning_of(oidc);
  const http::send_function send =
    [this](http::client::call what, std::function<void(domain::result<http::client::reply>)> done) {
      this->send(std::move(what), std::move(done));
    };
  if (!oidc.issuer.empty())
    provider_ = std::make_unique<http::oidc_provider>(
      http::provider_settings{oidc.issuer, oidc.client_id, oidc.client_secret, oidc.scopes},
      send,
      steady_now,
      actors::wall_clock);
  if (!jwt.audience.empty() || !asks.url.empty())
    set_up_tokens(settings, send);
}

void federation_room::set_up_tokens(const config::settings& settings,
                                    const http::send_function& send) {
  const auto& jwt = settings.jwt;
  const auto& asks = settings.introspection;
  http::access_token_settings how;
  how.workspace = default_workspace();
  how.jwt = {jwt.issuer.empty() ? settings.oidc.issuer : jwt.issuer, jwt.audience};
  how.issuer = settings.oidc.issuer;
  how.clients_may_enter = settings.token_clients;
  if (!settings.admin_token.empty())
    how.own_key_hash = http::token_hash(settings.admin_token);
  auto* keys = provider_ ? &provider_->keys() : nullptr;
  if (!jwt.secret.empty()) {
    how.secret = http::key_set_of(jwt.secret);
    keys = nullptr;
  } else if (!jwt.jwks_url.empty()) {
    keys_ = std::make_unique<http::remote_keys>(
      http::keeping_rules{}, steady_now, http::fetch_keys_from(jwt.jwks_url, send));
    keys = keys_.get();
  }
  if (!asks.url.empty())
    introspector_ = std::make_unique<http::introspector>(
      http::introspection_settings{
        asks.url, asks.client_id, asks.client_secret, asks.audience, asks.cache},
      http::introspection_bounds{},
      send,
      actors::wall_clock);
  tokens_ = std::make_unique<http::access_tokens>(
    std::move(how), keys, introspector_.get(), *people_, actors::wall_clock);
}

http::sign_in_provider federation_room::by_provider() const {
  return {provider_.get(), people_.get(), others_};
}

void federation_room::send(http::client::call what,
                           std::function<void(domain::result<http::client::reply>)> done) {
  {
    const std::lock_guard lock{mutex_};
    if (engine_) // never calls back from here
      return static_cast<void>(engine_->send(std::move(what), std::move(done)));
  }
  done(domain::fail(domain::errc::unavailable, "the hub is stopping; nothing was sent"));
}

http::client::stats federation_room::calls() {
  const std::lock_guard lock{mutex_};
  return engine_ ? engine_->figures() : http::client::stats{};
}

void federation_room::stop() {
  std::unique_ptr<http::client::engine> last;
  {
    const std::lock_guard lock{mutex_};
    last = std::move(engine_);
  }
  last.reset(); // what its callbacks send from now on is refused
  if (people_)
    people_->stop();
}

} // namespace hub::app
