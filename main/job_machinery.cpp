#include "main/job_machinery.hpp"

#include "actors/outward/attachment_fetch.hpp"
#include "actors/outward/notification.hpp"
#include "config/job_rules.hpp"
#include "config/log.hpp"
#include "http/outward/desk.hpp"
#include "http/outward/file_source.hpp"
#include "http/outward/model_desk.hpp"
#include "main/file_stores.hpp"
#include "main/workspace_room.hpp"
#include "storage/jobs/job_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <cstdlib>
#include <map>
#include <utility>

namespace hub::app {

namespace {

using domain::job_kind;

// So many may fail before a claim is lost.
constexpr int renewals_a_lease = 3;

http::client::engine_options engine_options_of(const config::call_settings& from) {
  http::client::engine_options options;
  options.max_in_flight = from.most;
  options.max_in_flight_per_host = from.most_per_host;
  options.max_waiting = from.queue;
  options.connect_within = from.connect_within;
  options.within = from.within;
  options.mail_within = from.mail_within;
  options.max_response = from.largest_answer;
  return options;
}

/// Providers whose address lies in the sandbox.
std::vector<std::string> sandboxed(const config::settings& settings) {
  std::vector<std::string> names;
  const auto& sandbox = settings.sandbox_url;
  const auto look = [&](const char* name, const std::string& url) {
    if (!sandbox.empty() && url.starts_with(sandbox))
      names.emplace_back(name);
  };
  look("slack", settings.slack.api_url);
  look("intercom", settings.intercom.api_url);
  look("whatsapp", settings.whatsapp.api_url);
  look("notion", settings.notion.api_url);
  look("openai", settings.openai.base_url);
  // Its mail server has a port of its own, and no real one listens on this machine beside it.
  if (!sandbox.empty() && settings.smtp.url.starts_with("smtp://127.0.0.1:"))
    names.emplace_back("smtp");
  return names;
}

/// As a fault of a job would end it.
void end_process() {
  config::log(config::log_level::error, "aborted_by_canary");
  config::stop_logging(); // writes what is queued
  std::abort();
}

} // namespace

job_machinery::job_machinery(const config::settings& settings,
                             const workspace_room& workspaces,
                             const std::string& connection_string,
                             const storage::key_ring& keys,
                             storage::read_store& reads,
                             actors::node& node)
  : settings_{settings},
    rules_{config::job_rules(settings.jobs)},
    engine_{std::make_unique<http::client::engine>(engine_options_of(settings.calls))} {
  const auto accounts = [&workspaces](const domain::uuid& workspace) {
    return workspaces.accounts_of(workspace);
  };
  desk_ = http::make_provider_desk(*engine_, accounts, node.around()->now);
  models_ = http::make_model_desk(*engine_, accounts, node.around()->now);
  files_ = http::make_file_source(
    *engine_,
    accounts,
    {.largest = settings.attachments.largest, .within = settings.attachments.within},
    node.around()->now);
  stores_ = make_file_stores(settings, *engine_);
  actors::job_room_options options;
  options.make_store = [connection_string, &keys, lease = settings.jobs.lease] {
    return storage::make_job_store(connection_string, keys, lease);
  };
  options.rules = rules_;
  options.poll_every = settings.jobs.poll_every;
  options.renew_every = settings.jobs.lease / renewals_a_lease;
  options.limits = [&workspaces](const domain::uuid& workspace, domain::provider whom) {
    return workspaces.limits_of(workspace, whom);
  };
  const auto releases = [&workspaces](const domain::uuid& workspace) {
    return workspaces.release_rules_of(workspace);
  };
  options.models = models_.get();
  options.runners = [this, &workspaces, &reads, releases](const actors::limiters_actor& limiters,
                                                          const actors::model_asker_actor& asker) {
    return std::map<job_kind, actors::job_runner>{
      {job_kind::ai_triage, actors::run_triage(asker, reads, triage_options_of(workspaces))},
      {job_kind::canary,
       actors::run_canary(settings_.simulation ? end_process : std::function<void()>{})},
      {job_kind::provider_check,
       actors::run_provider_check(limiters, *desk_, sending_rules_of(job_kind::provider_check))},
      {job_kind::notification_dispatch,
       actors::run_notification(
         limiters, *desk_, reads, releases, sending_rules_of(job_kind::notification_dispatch))},
      {job_kind::attachment_fetch,
       actors::run_attachment_fetch(limiters,
                                    {.reads = reads,
                                     .source = *files_,
                                     .store = *stores_,
                                     .allowed_types = settings_.attachments.types})}};
  };
  options.lost = [&system = node.system()](const std::string& name, const caf::error& why) {
    config::log(
      config::log_level::error, "actor_lost", {{"actor", name}, {"why", system.render(why)}});
    config::stop_logging(); // writes what is queued
    std::abort();
  };
  room_ = std::make_unique<actors::job_room>(node.system(), node.around(), options);
}

job_machinery::~job_machinery() {
  stop(std::chrono::milliseconds{0});
}

actors::sending_rules job_machinery::sending_rules_of(job_kind kind) const {
  return actors::rules_for_calls(settings_.calls.within,
                                 rules_[static_cast<std::size_t>(kind)].retry.most_attempts);
}

actors::triage_options job_machinery::triage_options_of(const workspace_room& workspaces) const {
  return {
    .choice = [&workspaces](const domain::uuid& workspace) { return workspaces.ai_of(workspace); },
    .own = [&workspaces](
             const domain::uuid& workspace) { return workspaces.own_addresses_of(workspace); },
    .within = settings_.jobs.triage.within,
    .shortest_wait = settings_.jobs.triage.first_delay,
    .longest_wait = settings_.jobs.triage.longest_delay};
}

void job_machinery::stop(std::chrono::milliseconds grace) {
  room_->stop(grace);
}

void job_machinery::show_to(http::context& hub) const {
  hub.jobs = &room_->jobs();
  hub.job_rules = rules_;
  hub.providers = &room_->providers();
  hub.files = stores_.get();
  hub.look_again = [room = room_.get()](job_kind kind) {
    if (const auto& supervisor = room->supervisor_of(kind))
      caf::anon_send(supervisor, actors::look_again{});
  };
  hub.sandboxed = sandboxed(settings_);
  hub.sandbox_url = settings_.sandbox_url;
}

} // namespace hub::app
