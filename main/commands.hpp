#pragma once

#include "config/load.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hub::app {

/// What the process tells its caller; documented in `--help`.
enum class exit_code : int {
  ok = 0,
  failed = 1,       // it was tried and did not work
  usage = 2,        // the command line is wrong
  bad_settings = 3, // settings are missing or wrong
  no_database = 4,  // the database cannot be reached or prepared
  unhealthy = 5,    // doctor found something
};

struct serve_options {
  bool simulate = false;
  double simulated_per_second = 2;
};

struct simulate_options {
  std::string url; // empty: the configured address
  std::string channel = "all";
  int count = 50;
  double per_second = 10;     // 0: as fast as the server answers
  double personal_data = 0.3; // share of messages with some
  std::uint64_t seed = 0;     // 0: random, printed
};

struct replay_options {
  std::string url;
  bool all = false;
  std::vector<std::string> ids;
  std::string key; // empty: HUB_ADMIN_TOKEN
};

struct key_options {
  std::string name;
  std::vector<std::string> scopes;
  int days = 0;          // 0: for ever
  std::string workspace; // id or name; empty: the first one
};

struct invite_options {
  std::string email;
  std::string role = "agent";
  std::string url;       // empty: this hub's own
  std::string workspace; // id or name; empty: the first one
};

struct workspace_options {
  std::string name;
  std::string owner; // email; empty: nobody yet
  std::string url;   // empty: this hub's own
};

struct rotate_options {
  bool forget_old = false;
  std::string to; // a file for HUB_SEALING_KEYS; empty: this hub's own keys are rotated
};

struct source_options {
  std::string workspace; // id or name; empty: the first one
  std::string platform;
  std::string account;
  std::string id;  // of a secret address
  std::string url; // the hub's, as providers reach it; empty: this hub's own
};

struct setting_options {
  std::string workspace; // id or name; empty: the first one
  std::string key;
  std::optional<std::string> value; // of what is no secret; unset: from the file
  std::string file;                 // empty: standard input
};

struct sandbox_options {
  std::string bind = "127.0.0.1:4010";
  std::string smtp = "127.0.0.1:4025";
  std::string whatsapp_callback; // empty: statuses are not posted
  std::string whatsapp_secret;   // signs them
  int follow = 0;                // a process id; 0: nobody
};

exit_code serve(config::configuration settings, const serve_options& options);
exit_code migrate(const config::configuration& settings);
exit_code simulate(const config::configuration& settings, const simulate_options& options);
exit_code show_config(const config::configuration& settings, bool as_json);
exit_code doctor(const config::configuration& settings, bool recount);
exit_code sandbox(const sandbox_options& options);
/// Makes an API key and prints it, the only time it is seen.
exit_code create_key(const config::configuration& settings, const key_options& options);
/// Invites somebody, or gives them a new link, and prints it.
exit_code invite_user(const config::configuration& settings, const invite_options& options);
/// Makes a new sealing key and seals everything again with it, beside a hub that serves.
exit_code rotate_keys(const config::configuration& settings, const rotate_options& options);
/// Seals with the current key what another one sealed.
exit_code reseal_all(const config::configuration& settings);
/// Shows the sealing keys' ids and how much each has sealed.
exit_code show_keys(const config::configuration& settings);
/// Makes a workspace and prints its id and, with an owner, a link that signs them in.
exit_code create_workspace(const config::configuration& settings, const workspace_options& options);
exit_code list_workspaces(const config::configuration& settings);
exit_code replay(const config::configuration& settings, const replay_options& options);
/// Says which workspace an account of a provider belongs to.
exit_code connect_source(const config::configuration& settings, const source_options& options);
exit_code disconnect_source(const config::configuration& settings, const source_options& options);
exit_code list_sources(const config::configuration& settings, const source_options& options);
/// Makes a secret address of a workspace's webhooks and prints it, the only time it is seen.
exit_code make_path(const config::configuration& settings, const source_options& options);
exit_code list_paths(const config::configuration& settings, const source_options& options);
exit_code remove_path(const config::configuration& settings, const source_options& options);
/// What a workspace sets for itself.
exit_code list_settings(const config::configuration& settings, const setting_options& options);
exit_code set_setting(const config::configuration& settings, const setting_options& options);
exit_code unset_setting(const config::configuration& settings, const setting_options& options);

/// Where this hub's server is reached from here, as its settings say.
std::string local_url(const config::configuration& settings);

} // namespace hub::app
