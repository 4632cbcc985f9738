#pragma once

#include "config/workspace_settings.hpp"
#include "domain/ai_choice.hpp"
#include "domain/intake.hpp"
#include "domain/notification.hpp"
#include "domain/provider.hpp"
#include "domain/scrub.hpp"
#include "http/outward/desk.hpp"
#include "http/server/context.hpp"

#include <array>
#include <memory>

namespace hub::app {

/// What the rooms need to know of one workspace, made of its settings once.
struct workspace_profile {
  config::workspace_view view;
  std::shared_ptr<const http::provider_accounts> accounts;
  std::array<domain::limiter_rules, domain::all_providers.size()> limits;
  http::webhook_secrets secrets; // its own; empty where it has none
  domain::intake_rules rules;
  domain::release_rules release;
  domain::ai_choice ai;
  domain::own_addresses own; // what of a text may stay when it leaves
};

std::shared_ptr<const workspace_profile> profile_of(config::workspace_view view);

/// The secrets that a hub, or a workspace, is signed to with.
http::webhook_secrets secrets_of(const config::settings& settings);

} // namespace hub::app
