#pragma once

#include "config/settings.hpp"
#include "http/client/engine.hpp"
#include "http/server/auth/access_tokens.hpp"
#include "http/server/auth/introspection.hpp"
#include "http/server/auth/oidc_provider.hpp"
#include "http/server/routes/accounts.hpp"
#include "storage/identity/federation.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace hub::app {

/// People and programs that others vouch for: the provider they sign in through, the tokens they
/// call with, and the connections it takes. Empty where the settings name nobody.
class federation_room {
public:
  federation_room(const config::settings& settings, const std::string& connection_string);
  ~federation_room() { stop(); }
  federation_room(const federation_room&) = delete;
  federation_room& operator=(const federation_room&) = delete;

  /// Null: no such tokens are taken.
  [[nodiscard]] http::token_checker* tokens() const { return tokens_.get(); }
  [[nodiscard]] http::sign_in_provider by_provider() const;

  /// What the calls to providers come to; nothing once they have ended.
  [[nodiscard]] http::client::stats calls();

  /// Ends calls to providers; whoever waits for them is told.
  void stop();

private:
  void set_up_tokens(const config::settings& settings, const http::send_function& send);
  void send(http::client::call what, std::function<void(domain::result<http::client::reply>)> done);

  // The engine calls back into all the others until it is gone.
  std::unique_ptr<storage::federation_store> people_;
  std::unique_ptr<http::oidc_provider> provider_;
  std::unique_ptr<http::remote_keys> keys_;
  std::unique_ptr<http::introspector> introspector_;
  std::unique_ptr<http::access_tokens> tokens_;
  storage::provisioning others_;
  std::mutex mutex_; // guards which engine there is
  std::unique_ptr<http::client::engine> engine_;
};

} // namespace hub::app
