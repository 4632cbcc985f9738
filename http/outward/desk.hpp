#pragma once

#include "actors/outward/provider_desk.hpp"
#include "http/client/engine.hpp"
#include "http/providers/intercom.hpp"
#include "http/providers/openai.hpp"
#include "http/providers/slack.hpp"
#include "http/providers/smtp.hpp"
#include "http/providers/whatsapp.hpp"

#include <functional>
#include <memory>
#include <string>

namespace hub::http {

/// Where providers are and as whom the hub calls them. Without a token a provider is not set up,
/// and sending through it fails for good.
struct provider_accounts {
  providers::slack::credentials slack;
  providers::intercom::credentials intercom;
  providers::whatsapp::credentials whatsapp;
  providers::openai::credentials openai;
  providers::smtp::server mail;
  std::string mail_from; // a bare address
};

/// As whom a workspace calls, now. Called from any thread, once for each call: another token is
/// used from the next one on.
using accounts_source =
  std::function<std::shared_ptr<const provider_accounts>(const domain::uuid& workspace)>;

/// Words messages for each provider, has the engine send them and reads the answers. `engine` must
/// outlive it; `now` dates what providers say.
std::unique_ptr<actors::provider_desk> make_provider_desk(client::engine& engine,
                                                          accounts_source accounts,
                                                          std::function<domain::time_point()> now);

} // namespace hub::http
