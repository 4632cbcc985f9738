#include "actors/node.hpp"
#include "config/log.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"
#include "http/server/host_check.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/webhooks/webhooks.hpp"
#include "main/access_room.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"
#include "main/job_machinery.hpp"
#include "main/release_room.hpp"
#include "main/sample_traffic.hpp"
#include "main/version.hpp"
#include "main/workspace_room.hpp"
#include "storage/housekeeping.hpp"
#include "storage/journal/journal_writer.hpp"
#include "storage/reads/read_store.hpp"

#include <caf/actor_system.hpp>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace hub::app {

namespace {

using config::log;
using config::log_level;
using namespace std::chrono_literals;

constexpr auto drain_within = 8s;    // of the ten seconds a stop may take
constexpr auto jobs_end_within = 5s; // attempts that take longer are given back
constexpr auto database_watch = 500ms;
constexpr auto journal_connects_within = 15s;
constexpr auto stop_after_drain_within = 10s;
constexpr auto give_up_start_within = 5s;
constexpr auto house_kept_every = 1h;
constexpr auto house_tried_again_after = 10min;

/// SIGINT, SIGTERM and SIGHUP: blocked before any thread starts, and read by a thread of their own.
/// The first asks the hub to stop; a second ends the process at once, and so does a stop that takes
/// too long.
class stop_signals {
public:
  stop_signals() {
    sigemptyset(&stops_);
    sigaddset(&stops_, SIGINT);
    sigaddset(&stops_, SIGTERM);
    sigaddset(&stops_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &stops_, nullptr);
    std::signal(SIGPIPE, SIG_IGN); // a client that leaves is no reason to end
    // Detached: it waits for as long as the process lives.
    std::thread{[stops = stops_, shared = shared_] { listen(stops, *shared); }}.detach();
  }

  [[nodiscard]] bool asked() const { return shared_->asked; }

  /// From here on a stop has time to finish what is in flight.
  void serving() const { shared_->serving = true; }

  void wait() const { shared_->asked.wait(false); }

private:
  struct state {
    std::atomic<bool> serving{false};
    std::atomic<bool> asked{false};
  };

  static void listen(const sigset_t& stops, state& shared) {
    int number = 0;
    sigwait(&stops, &number);
    log(log_level::info, "stopping", {{"signal", static_cast<std::int64_t>(number)}});
    const bool serving = shared.serving;
    shared.asked = true;
    shared.asked.notify_all();
    const auto patience = serving ? drain_within + stop_after_drain_within : give_up_start_within;
    const timespec bound{.tv_sec = std::chrono::seconds{patience}.count(), .tv_nsec = 0};
    const int again = sigtimedwait(&stops, nullptr, &bound);
    if (again < 0)
      log(log_level::error, "stop_takes_too_long", {{"seconds", std::int64_t{bound.tv_sec}}});
    config::stop_logging();
    std::_Exit(again < 0 ? static_cast<int>(exit_code::failed) : 128 + again);
  }

  sigset_t stops_{};
  std::shared_ptr<state> shared_ = std::make_shared<state>();
};

exit_code failed(exit_code code, const char* what, const domain::failure& why) {
  log(log_level::error, what, {{"why", why.message}});
  std::cerr << "feedback-hub: " << why.message << '\n';
  return code;
}

http::edge::limits limits_of(const config::http_limits& from) {
  return {.max_target = from.max_target,
          .max_head = from.max_head,
          .max_headers = from.max_headers,
          .max_body = from.max_body,
          .max_pipelined = from.max_pipelined,
          .max_stream_buffer = from.max_stream_buffer,
          .max_connections = from.max_connections,
          .max_connections_per_address = from.max_connections_per_address,
          .head_timeout = from.head_timeout,
          .body_timeout = from.body_timeout,
          .idle_timeout = from.idle_timeout,
          .handler_timeout = from.handler_timeout,
          .write_timeout = from.write_timeout};
}

http::edge::server_options server_options_of(const config::http_settings& from,
                                             http::metrics& figures) {
  http::edge::server_options options;
  options.address = from.bind.host == "localhost" ? "127.0.0.1" : from.bind.host;
  options.port = from.bind.port;
  options.threads = from.threads > 0
                      ? from.threads
                      : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  options.limits = limits_of(from.limits);
  options.cors_origins = from.cors_origins;
  options.turn_away = http::host_check(from.allowed_hosts);
  options.observe = [&figures](const http::edge::exchange& what) {
    figures.count_request(what);
    // Probes come every few seconds and say nothing when all is well.
    if (!what.fault.empty())
      log(log_level::error,
          "request_failed",
          {{"request_id", what.request_id}, {"fault", what.fault}});
    const bool probe = what.route == "/up" || what.route == "/metrics" || what.route == "/health";
    log(probe && what.status < 400 ? log_level::debug : log_level::info,
        "request",
        {{"request_id", what.request_id},
         {"method", what.method},
         {"route", what.route},
         {"status", static_cast<std::int64_t>(what.status)},
         {"peer", what.peer},
         {"bytes_in", static_cast<std::int64_t>(what.request_bytes)},
         {"bytes_out", static_cast<std::int64_t>(what.response_bytes)},
         {"ms", static_cast<double>(what.duration.count()) / 1000.0}});
  };
  return options;
}

/// A busy table or a broken old partition is no reason not to serve: it is only told.
bool keep_house(const database& db) {
  const auto kept = storage::keep_house(db.serving, {});
  if (!kept)
    log(log_level::warn, "house_not_kept", {{"why", kept.why().message}});
  return kept.has_value();
}

/// Brings the embedded database back when it dies, and keeps house in any.
class housekeeper {
public:
  /// `kept`: whether the house was in order just now.
  housekeeper(const database& db, bool kept) : db_{db}, kept_{kept}, thread_{[this] { run(); }} {}
  ~housekeeper() {
    stopping_ = true;
    if (db_.embedded)
      db_.embedded->give_up_restarting(); // it may be recovering, which can take minutes
    thread_.join();
  }
  housekeeper(const housekeeper&) = delete;
  housekeeper& operator=(const housekeeper&) = delete;

private:
  void run() {
    auto next_round = std::chrono::steady_clock::now() + pause();
    while (!stopping_) {
      std::this_thread::sleep_for(100ms);
      const auto now = std::chrono::steady_clock::now();
      if (db_.embedded && now >= next_look_) {
        next_look_ = now + database_watch;
        look_after_server();
      }
      if (now >= next_round) {
        kept_ = keep_house(db_);
        next_round = now + pause();
      }
    }
  }

  [[nodiscard]] std::chrono::minutes pause() const {
    return kept_ ? house_kept_every : house_tried_again_after;
  }

  void look_after_server() {
    const auto restarted = db_.embedded->restart_if_dead();
    if (!restarted)
      log(log_level::error, "database_not_restarted", {{"why", restarted.why().message}});
    else if (*restarted)
      log(log_level::warn, "database_restarted");
  }

  const database& db_;
  bool kept_; // the thread's own
  std::atomic<bool> stopping_{false};
  std::chrono::steady_clock::time_point next_look_;
  std::thread thread_;
};

actors::node_options node_options_of(const config::settings& settings,
                                     const std::string& connection_string,
                                     const storage::key_ring& keys,
                                     const workspace_room& workspaces,
                                     storage::read_store& reads) {
  actors::node_options options;
  options.journal_writers = settings.intake.writers;
  options.journal_queue_limit = settings.intake.journal_queue;
  options.journal_max_batch = settings.intake.journal_batch;
  options.ticket_idle = settings.intake.ticket_idle;
  options.rules_of = [&workspaces](const domain::uuid& workspace) {
    return workspaces.rules_of(workspace);
  };
  options.reads = &reads;
  options.make_store = [connection_string, &keys](int slot) {
    return storage::make_journal_writer(
      {.connection_string = connection_string, .slot = static_cast<std::int16_t>(slot)}, keys);
  };
  return options;
}

void announce(const config::configuration& settings,
              const std::string& url,
              const std::optional<std::string>& first_token,
              const database& db,
              const storage::migration_report& migrated,
              std::chrono::milliseconds took) {
  const auto& values = settings.values;
  std::cerr << "Feedback Hub " << version << " is serving after " << took.count() << " ms\n"
            << "  open       " << url << "\n"
            << "  sign in    " << url << "/sign-in" << (first_token ? "#" + *first_token : "")
            << "\n"
            << "  tickets    " << url << "/api/tickets\n"
            << "  health     " << url << "/health\n"
            << "  database   "
            << (db.embedded ? "its own PostgreSQL in " + (values.data_dir / "postgres").string()
                            : std::string{"DATABASE_URL"})
            << ", schema " << migrated.version;
  if (!migrated.applied.empty())
    std::cerr << " (" << migrated.applied.size() << " migrations applied)";
  std::cerr << "\n";
  const bool generated = std::ranges::any_of(
    settings.effective, [](const auto& line) { return line.source == "generated"; });
  if (generated)
    std::cerr << "  secrets    some webhook secrets were generated; see "
              << (values.data_dir / "secrets.json").string() << "\n";
  std::cerr << std::flush;
}

/// Everything that must be there before anything is served.
struct storage_room {
  storage::key_ring keys;
  database db;
  storage::migration_report migrated;
  bool house_kept = false;
};

/// Nothing, and `code`, when it failed, which it has told.
std::optional<storage_room>
open_storage(const config::settings& values, const stop_signals& signals, exit_code& code) {
  auto keys = open_keys(values);
  if (!keys) {
    code = failed(exit_code::bad_settings, "keys_not_opened", keys.why());
    return std::nullopt;
  }
  auto db = open_database(values, [&signals] { return signals.asked(); });
  if (!db) {
    code = failed(exit_code::no_database, "database_not_started", db.why());
    return std::nullopt;
  }
  auto migrated = make_ready(*db);
  if (!migrated) {
    code = failed(exit_code::no_database, "database_not_migrated", migrated.why());
    return std::nullopt;
  }
  const bool kept = keep_house(*db);
  return storage_room{*std::move(keys), *std::move(db), *std::move(migrated), kept};
}

bool wait_until_writing(const actors::node& node, const stop_signals& signals) {
  const auto end = std::chrono::steady_clock::now() + journal_connects_within;
  while (!node.wait_until_writing(100ms))
    if (signals.asked() || std::chrono::steady_clock::now() >= end)
      return false;
  return true;
}

http::context context_of(const config::settings& values,
                         actors::node& node,
                         storage::read_store& reads,
                         http::metrics& figures,
                         http::doorkeeper& door) {
  return {.system = node.system(),
          .where = node.where(),
          .journal = node.journal(),
          .journal_figures = node.journal_figures(),
          .reads = reads,
          .figures = figures,
          .secrets = secrets_of(values),
          .workspace = default_workspace(),
          .door = door,
          .simulation = values.simulation,
          .now = actors::wall_clock,
          .seed = actors::random_seed,
          .version = version,
          .feed = node.feed()};
}

/// Of two engines that call other providers each.
http::client::stats sum_of(http::client::stats one, http::client::stats other) {
  one.in_flight += other.in_flight;
  one.waiting += other.waiting;
  one.connections_opened += other.connections_opened;
  one.connections_reused += other.connections_reused;
  std::ranges::move(other.calls, std::back_inserter(one.calls));
  return one;
}

void mount_everything(http::edge::server& server,
                      http::context& hub,
                      const job_machinery& jobs,
                      access_room& access) {
  auto& door = access.door();
  const auto by_provider = access.by_provider();
  hub.signs_in_by_provider = by_provider.provider != nullptr;
  jobs.show_to(hub);
  hub.figures.read_also({.journal = &hub.journal_figures,
                         .reads = &hub.reads,
                         .edge = [&server] { return server.stats(); },
                         .jobs = hub.jobs,
                         .providers = hub.providers,
                         .calls = [&jobs, &access] { return sum_of(jobs.calls(), access.calls()); },
                         .traffic = &door.traffic()});
  http::mount_webhooks(server, hub);
  http::mount_tickets(server, hub);
  http::mount_triage(server, hub);
  http::mount_reveal(server, hub);
  http::mount_changelog(server, hub);
  http::mount_notifications(server, hub);
  const http::stream_places places =
    [&door](const http::call& from) -> domain::result<std::shared_ptr<const void>> {
    auto place = door.stream_place_for(from);
    if (!place)
      return place.why();
    return std::shared_ptr<const void>{*std::move(place)};
  };
  http::mount_attachments(server, hub, places);
  http::mount_live(server, hub, places);
  http::mount_deliveries(server, hub);
  http::mount_jobs(server, hub);
  http::mount_operations(server, hub);
  http::mount_account(server, hub, door);
  http::mount_oidc(server, hub, door, by_provider);
  http::mount_people(server, hub, door);
  http::mount_settings(server, hub, door);
}

/// Binds the address; the settings then name the port that was taken.
domain::outcome listen(http::edge::server& server, config::configuration& settings) {
  try {
    settings.values.http.bind.port = server.start();
    return domain::done{};
  } catch (const std::system_error& error) {
    return domain::fail(domain::errc::unavailable,
                        "cannot listen on " + local_url(settings) + ": " + error.what()
                          + "; is another hub running? HUB_BIND chooses another port");
  }
}

/// Stops in the order in which nobody asks for what is gone.
void stop(http::edge::server& server,
          job_machinery& jobs,
          actors::node& node,
          storage::read_store& reads,
          access_room& access,
          workspace_room& workspaces,
          std::optional<housekeeper>& keeper,
          const database& db) {
  bool clean = false;
  {
    // Attempts end while requests do.
    const std::jthread jobs_end{[&jobs] { jobs.stop(jobs_end_within); }};
    node.end_feed();
    clean = server.drain(drain_within);
  }
  keeper.reset(); // it must not bring back a database that is being stopped
  server.stop();
  access.stop(); // it may have let calls in until now
  workspaces.stop();
  node.stop();
  reads.stop();
  if (db.embedded)
    if (auto stopped = db.embedded->stop(); !stopped)
      log(log_level::warn, "database_not_stopped", {{"why", stopped.why().message}});
  log(log_level::info, "stopped", {{"clean", clean}});
}

} // namespace

std::string local_url(const config::configuration& settings) {
  const auto& bind = settings.values.http.bind;
  // Whoever listens everywhere is found on this machine by its loopback address.
  const auto host = bind.host == "0.0.0.0" ? "127.0.0.1" : bind.host == "::" ? "::1" : bind.host;
  const bool v6 = host.find(':') != std::string::npos;
  return "http://" + (v6 ? '[' + host + ']' : host) + ':' + std::to_string(bind.port);
}

exit_code serve(config::configuration settings, const serve_options& options) {
  const auto start = std::chrono::steady_clock::now();
  const stop_signals signals;
  const auto& values = settings.values;
  config::start_logging(values.log.format, values.log.level);
  struct log_guard {
    ~log_guard() { config::stop_logging(); }
  } const flush_log;

  auto code = exit_code::ok;
  const auto opened = open_storage(values, signals, code);
  if (signals.asked())
    return exit_code::ok; // nothing was served yet
  if (!opened)
    return code;
  const auto& [keys, db, migrated, house_kept] = *opened;

  auto reads = storage::make_read_store(
    {.connection_string = db.serving, .connections = values.database.readers}, keys);
  workspace_room workspaces{settings, db.serving, keys};
  if (auto known = workspaces.start(); !known)
    return failed(exit_code::no_database, "workspaces_not_read", known.why());
  actors::node node{node_options_of(values, db.serving, keys, workspaces, *reads)};
  if (!wait_until_writing(node, signals)) {
    if (signals.asked())
      return exit_code::ok;
    return failed(exit_code::no_database,
                  "journal_not_connected",
                  domain::fail(domain::errc::unavailable,
                               "the journal could not connect to the database within 15 s"));
  }

  job_machinery jobs{values, workspaces, db.serving, keys, *reads, node};
  http::metrics figures;
  access_room access{values, db.serving};
  if (auto seeded = access.seed_admin_key(values.admin_token); !seeded)
    return failed(exit_code::bad_settings, "admin_key_not_seeded", seeded.why());
  const auto token = access.first_token();
  if (!token)
    return failed(exit_code::no_database, "first_owner_not_made", token.why());
  auto hub = context_of(values, node, *reads, figures, access.door());
  hub.known = &workspaces;
  release_room release{node.system(), workspaces, jobs.asker()};
  hub.release = &release;
  hub.ai_of = [&workspaces](const domain::uuid& workspace) { return workspaces.ai_of(workspace); };
  http::edge::server server{server_options_of(values.http, figures)};
  mount_everything(server, hub, jobs, access);
  if (auto listening = listen(server, settings); !listening)
    return failed(exit_code::failed, "not_listening", listening.why());
  signals.serving();
  const auto url = local_url(settings);
  const auto took =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  announce(settings, url, *token, db, migrated, took);
  const auto& bound_to = values.http.bind.host;
  if (!http::is_known_host(
        bound_to.find(':') == std::string::npos ? bound_to : '[' + bound_to + ']', {}))
    log(log_level::warn,
        "serving_beyond_this_machine",
        {{"bind", bound_to},
         {"advice",
          "what goes over the network is in the clear: let nothing but a proxy with TLS reach this "
          "port, and name it in HUB_TRUSTED_PROXIES and its names in HUB_ALLOWED_HOSTS"}});
  log(log_level::info, "serving", {{"url", url}, {"ms", static_cast<std::int64_t>(took.count())}});

  std::optional<housekeeper> keeper{std::in_place, db, house_kept};
  std::optional<sample_traffic> samples;
  if (options.simulate)
    samples.emplace(hub.secrets, url, options.simulated_per_second);

  signals.wait();
  samples.reset();
  stop(server, jobs, node, *reads, access, workspaces, keeper, db);
  return exit_code::ok;
}

} // namespace hub::app
