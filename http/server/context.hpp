#pragma once

#include "actors/directory.hpp"
#include "actors/feed/protocol.hpp"
#include "actors/jobs/job_figures.hpp"
#include "actors/journal/journal_metrics.hpp"
#include "actors/journal/protocol.hpp"
#include "actors/limiter/limiter_figures.hpp"
#include "domain/ai_choice.hpp"
#include "domain/intake.hpp"
#include "http/server/metrics.hpp"
#include "storage/files/file_store.hpp"
#include "storage/reads/read_store.hpp"

#include <caf/fwd.hpp>

#include <functional>
#include <string>
#include <vector>

namespace hub::http {

/// The secrets that webhooks are checked against; never empty in a running hub.
struct webhook_secrets {
  std::string slack_signing;
  std::string intercom;
  std::string whatsapp;
  std::string whatsapp_verify_token;
};

class doorkeeper;
class releasing;
class workspaces;

/// What routes work with. Everything outlives the server.
struct context {
  caf::actor_system& system;
  const actors::directory& where;
  actors::journal_actor journal;
  const actors::journal_metrics& journal_figures;
  storage::read_store& reads;
  http::metrics& figures;
  webhook_secrets secrets;
  /// The first workspace, which is whoever runs the hub's, and whose webhooks are nobody else's.
  domain::uuid workspace;
  doorkeeper& door;
  bool simulation = false;
  std::function<domain::time_point()> now;
  std::function<std::uint64_t()> seed; // fresh randomness for id generators
  std::string version;
  /// Of the machinery that does jobs and calls providers.
  const actors::job_figures* jobs = nullptr;
  domain::job_rules_table job_rules = domain::all_job_rules();
  const actors::limiter_figures* providers = nullptr;
  /// Something made waiting jobs of this kind due.
  std::function<void(domain::job_kind)> look_again = {};
  /// Files that came with reports; null where none are fetched.
  storage::file_store* files = nullptr;
  /// Providers that the sandbox plays, and where it is; empty: none.
  std::vector<std::string> sandboxed = {};
  std::string sandbox_url = {};
  /// Whether people may also sign in through an identity provider.
  bool signs_in_by_provider = false;
  /// Which models a workspace asks.
  std::function<domain::ai_choice(const domain::uuid& workspace)> ai_of = [](const domain::uuid&) {
    return domain::ai_choice{};
  };
  /// What is known of the workspaces; null where there is the first one only.
  workspaces* known = nullptr;
  /// Has texts written, and says how they are let go; null where no machinery runs.
  releasing* release = nullptr;
  /// Tells what happens to tickets as it happens.
  actors::feed_actor feed = {};
};

} // namespace hub::http
