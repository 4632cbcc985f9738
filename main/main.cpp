#include "config/development_secrets.hpp"
#include "config/load.hpp"
#include "main/commands.hpp"
#include "main/version.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using hub::app::exit_code;

constexpr auto exit_codes = "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 wrong settings, "
                            "4 no database, 5 doctor found a problem.\n"
                            "Settings come from feedback-hub.toml, .env and the environment; "
                            "`feedback-hub config` shows them all.";

/// What every command shares: where settings come from.
struct common_options {
  std::string settings_file;
  std::vector<std::string> overrides;
};

hub::domain::result<hub::config::configuration> load(const common_options& common) {
  auto from = hub::config::process_sources();
  if (!common.settings_file.empty())
    from.settings_file = common.settings_file;
  for (const auto& text : common.overrides) {
    const auto equals = text.find('=');
    if (equals == std::string::npos)
      return hub::domain::fail(hub::domain::errc::invalid_input,
                               "--set takes key=value, as in --set http.bind=127.0.0.1:8080");
    from.overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  auto loaded = hub::config::load(from);
  if (loaded)
    if (auto secrets = hub::config::ensure_development_secrets(*loaded); !secrets)
      return std::move(secrets).why();
  return loaded;
}

using command = std::function<exit_code(hub::config::configuration)>;

CLI::App* add_serve(CLI::App& app, hub::app::serve_options& options) {
  auto* sub = app.add_subcommand("serve", "Run the hub: take in webhooks, serve the API");
  sub->add_flag("--simulate", options.simulate, "Send signed sample traffic to itself");
  sub->add_option("--simulate-rate", options.simulated_per_second, "Sample deliveries per second")
    ->check(CLI::Range(0.01, 1000.0))
    ->capture_default_str();
  return sub;
}

CLI::App* add_simulate(CLI::App& app, hub::app::simulate_options& options) {
  auto* sub = app.add_subcommand("simulate", "Send signed, realistic traffic to a running hub");
  sub->add_option("--url", options.url, "The hub to send to (default: this one)");
  sub->add_option("--channel", options.channel, "Which channel")
    ->check(CLI::IsMember({"all", "slack", "intercom", "whatsapp"}))
    ->capture_default_str();
  sub->add_option("--count", options.count, "How many deliveries")
    ->check(CLI::Range(1, 10'000'000))
    ->capture_default_str();
  sub->add_option("--rate", options.per_second, "Deliveries per second; 0: as fast as it goes")
    ->check(CLI::Range(0.0, 100'000.0))
    ->capture_default_str();
  sub->add_option("--pii", options.personal_data, "Share of messages with personal data")
    ->check(CLI::Range(0.0, 1.0))
    ->capture_default_str();
  sub->add_option("--seed", options.seed, "Repeat a run; 0: a random one, which is printed");
  return sub;
}

constexpr auto about_the_sandbox =
  "Prints one line of JSON with its addresses, {\"http\":…,\"smtp\":…,\"pid\":…}, and serves until it "
  "gets SIGTERM.\n"
  "Point the hub at it, with any token but one that begins with `revoked` or `invalid`:\n"
  "  SLACK_API_URL=http://127.0.0.1:4010/slack/api\n"
  "  INTERCOM_API_URL=http://127.0.0.1:4010/intercom\n"
  "  WHATSAPP_API_URL=http://127.0.0.1:4010/whatsapp/v23.0\n"
  "  NOTION_API_URL=http://127.0.0.1:4010/notion/v1\n"
  "  OPENAI_BASE_URL=http://127.0.0.1:4010/openai/v1\n"
  "  SMTP_URL=smtp://127.0.0.1:4025\n"
  "See what it was sent at http://127.0.0.1:4010/ and, as JSON, at /sandbox/state\n"
  "(?provider=slack, ?since=<number or time>; DELETE forgets everything).\n"
  "Make a provider misbehave: POST /sandbox/faults\n"
  "  {\"provider\":\"slack\",\"kind\":\"drop_after_work\",\"times\":1}\n"
  "  kinds: delay (ms), drop_after_work, status_500, reset, duplicate, rate_limit (retry_after),\n"
  "  outage (close), error (code: one of the provider's own); also operation, probability.\n"
  "  GET lists them, DELETE /sandbox/faults[/id] clears them.\n"
  "WhatsApp numbers decide their fate: …0000 outside the 24 hours, …0001 so and noticed late,\n"
  "  …0002 unreachable, …0003 so and noticed late; POST /sandbox/whatsapp/last_wrote\n"
  "  {\"recipient\":…,\"at\":…} says when somebody last wrote. Slack channels that end in MISSING,\n"
  "  NOTIN, ARCHIVED or RESTRICTED do not work; Intercom conversations `missing…` are not there;\n"
  "  mail to reject@… and later@… is refused.";

CLI::App* add_sandbox(CLI::App& app, hub::app::sandbox_options& options) {
  auto* sub = app.add_subcommand(
    "sandbox", "Play Slack, Intercom, WhatsApp, Notion, OpenAI and a mail server on this machine");
  sub->add_option("--bind", options.bind, "Loopback address and port for HTTP; port 0: a free one")
    ->capture_default_str();
  sub->add_option("--smtp", options.smtp, "Loopback address and port for mail; port 0: a free one")
    ->capture_default_str();
  sub->add_option("--whatsapp-callback",
                  options.whatsapp_callback,
                  "Post WhatsApp's statuses here, as http://127.0.0.1:3000/webhooks/whatsapp");
  sub->add_option("--whatsapp-secret",
                  options.whatsapp_secret,
                  "Sign them with this (default: the hub's WHATSAPP_WEBHOOK_SECRET)");
  sub->add_option("--follow", options.follow, "End when this process ends")
    ->check(CLI::PositiveNumber);
  sub->footer(about_the_sandbox);
  return sub;
}

CLI::App* add_replay(CLI::App& app, hub::app::replay_options& options) {
  auto* sub = app.add_subcommand(
    "replay", "Read quarantined deliveries again, after a fix; the hub must be running");
  sub->add_option("id", options.ids, "Deliveries to replay");
  sub->add_flag("--all", options.all, "Replay everything in quarantine");
  sub->add_option("--url", options.url, "The hub to ask (default: this one)");
  sub
    ->add_option(
      "--key", options.key, "An API key with deliveries:write (default: HUB_ADMIN_TOKEN)")
    ->envname("HUB_API_KEY");
  return sub;
}

constexpr auto in_workspace = "Of which workspace: its id or name (default: the first)";

/// The commands about workspaces, people and keys; each is run by the command it is paired with.
void add_people(CLI::App& app,
                hub::app::key_options& key,
                hub::app::invite_options& invitation,
                hub::app::workspace_options& workspace,
                std::vector<std::pair<CLI::App*, command>>& commands) {
  auto* keys = app.add_subcommand("keys", "API keys for programs");
  keys->require_subcommand(1);
  auto* create = keys->add_subcommand("create", "Make an API key and print it, once");
  create->add_option("--name", key.name, "What it is for")->required();
  create->add_option("--scope", key.scopes, "What it may do, such as tickets:read; may be repeated")
    ->required();
  create->add_option("--days", key.days, "How long it holds; 0: until it is revoked")
    ->check(CLI::Range(0, 3650))
    ->capture_default_str();
  create->add_option("--workspace", key.workspace, in_workspace);
  commands.emplace_back(create, [&key](const hub::config::configuration& settings) {
    return hub::app::create_key(settings, key);
  });
  auto* users = app.add_subcommand("users", "People who may sign in");
  users->require_subcommand(1);
  auto* invite = users->add_subcommand("invite", "Print a link that signs somebody in, once");
  invite->add_option("email", invitation.email, "Whom")->required();
  invite->add_option("--role", invitation.role, "What they are, when they are new")
    ->check(CLI::IsMember({"viewer", "agent", "admin", "owner"}))
    ->capture_default_str();
  invite->add_option("--url", invitation.url, "The hub's address for people (default: this one)");
  invite->add_option("--workspace", invitation.workspace, in_workspace);
  commands.emplace_back(invite, [&invitation](const hub::config::configuration& settings) {
    return hub::app::invite_user(settings, invitation);
  });
  auto* workspaces = app.add_subcommand("workspaces", "Separate worlds of tickets and people");
  workspaces->require_subcommand(1);
  auto* make = workspaces->add_subcommand("create", "Make a workspace and print its id");
  make->add_option("--name", workspace.name, "What it is called; no other is")->required();
  make->add_option(
    "--owner", workspace.owner, "Email of its owner; prints a link for them as well");
  make->add_option("--url", workspace.url, "The hub's address for people (default: this one)");
  commands.emplace_back(make, [&workspace](const hub::config::configuration& settings) {
    return hub::app::create_workspace(settings, workspace);
  });
  auto* list = workspaces->add_subcommand("list", "Show every workspace: its id and its name");
  commands.emplace_back(list, [](const hub::config::configuration& settings) {
    return hub::app::list_workspaces(settings);
  });
}

void add_sealing(CLI::App& app,
                 hub::app::rotate_options& rotation,
                 std::vector<std::pair<CLI::App*, command>>& commands) {
  auto* sealing = app.add_subcommand("sealing", "The keys that seal personal data at rest");
  sealing->require_subcommand(1);
  commands.emplace_back(
    sealing->add_subcommand("status", "Show each key's id and how much it has sealed"),
    [](const hub::config::configuration& settings) { return hub::app::show_keys(settings); });
  auto* rotate = sealing->add_subcommand(
    "rotate", "Make a new key and seal everything again with it; the hub may go on serving");
  rotate->add_flag(
    "--forget-old", rotation.forget_old, "Remove the old keys once nothing needs them");
  rotate->add_option(
    "--to", rotation.to, "Only write the keys with a new one, for HUB_SEALING_KEYS");
  commands.emplace_back(rotate, [&rotation](const hub::config::configuration& settings) {
    return hub::app::rotate_keys(settings, rotation);
  });
  commands.emplace_back(
    sealing->add_subcommand("reseal", "Seal with the current key what another one sealed"),
    [](const hub::config::configuration& settings) { return hub::app::reseal_all(settings); });
}

/// The commands about where deliveries of a workspace come from.
void add_sources(CLI::App& app,
                 hub::app::source_options& source,
                 std::vector<std::pair<CLI::App*, command>>& commands) {
  auto* sources = app.add_subcommand("sources", "Accounts at providers, and whose they are");
  sources->require_subcommand(1);
  const auto add =
    [&](const char* name,
        const char* about,
        exit_code (*run)(const hub::config::configuration&, const hub::app::source_options&)) {
      auto* sub = sources->add_subcommand(name, about);
      sub->add_option("--workspace", source.workspace, in_workspace);
      commands.emplace_back(sub, [&source, run](const hub::config::configuration& settings) {
        return run(settings, source);
      });
      return sub;
    };
  const auto platform = [&](CLI::App* sub) {
    sub->add_option("--platform", source.platform, "Which channel")
      ->required()
      ->check(CLI::IsMember({"slack", "intercom", "whatsapp"}));
    return sub;
  };
  constexpr auto account = "Slack team id, Intercom app id, WhatsApp phone number id";
  platform(
    add("connect", "Take in an account's deliveries in a workspace", hub::app::connect_source))
    ->add_option("--account", source.account, account)
    ->required();
  platform(add("disconnect", "No longer do so", hub::app::disconnect_source))
    ->add_option("--account", source.account, account)
    ->required();
  add("list", "Show a workspace's accounts", hub::app::list_sources);
  platform(add("path",
               "Make an address for a workspace's webhooks alone and print it, once",
               hub::app::make_path))
    ->add_option("--url", source.url, "The hub's address for providers (default: this one)");
  add("paths", "Show a workspace's addresses, without their secrets", hub::app::list_paths);
  add("remove-path", "Take an address away", hub::app::remove_path)
    ->add_option("id", source.id, "As `sources paths` shows it")
    ->required();
}

/// The commands about what a workspace sets for itself.
void add_settings(CLI::App& app,
                  hub::app::setting_options& setting,
                  std::vector<std::pair<CLI::App*, command>>& commands) {
  auto* settings = app.add_subcommand("settings", "What a workspace sets for itself");
  settings->require_subcommand(1);
  const auto add =
    [&](const char* name,
        const char* about,
        exit_code (*run)(const hub::config::configuration&, const hub::app::setting_options&)) {
      auto* sub = settings->add_subcommand(name, about);
      sub->add_option("--workspace", setting.workspace, in_workspace);
      commands.emplace_back(sub, [&setting, run](const hub::config::configuration& with) {
        return run(with, setting);
      });
      return sub;
    };
  add("list", "Show all of it; secrets only whether they are set", hub::app::list_settings);
  auto* set =
    add("set", "Set one thing; a secret is read from standard input", hub::app::set_setting);
  set->add_option("key", setting.key, "Such as slack.bot_token")->required();
  set->add_option("value", setting.value, "What is no secret");
  set->add_option("--file", setting.file, "Read the value from this file");
  add("unset", "No longer set it: the hub's value holds", hub::app::unset_setting)
    ->add_option("key", setting.key, "Such as slack.bot_token")
    ->required();
}

/// What the command line may say, by command.
struct all_options {
  common_options common;
  hub::app::serve_options serve;
  hub::app::simulate_options simulation;
  hub::app::replay_options replay;
  hub::app::sandbox_options sandbox;
  hub::app::key_options key;
  hub::app::invite_options invitation;
  hub::app::rotate_options rotation;
  hub::app::workspace_options workspace;
  hub::app::source_options source;
  hub::app::setting_options setting;
  bool as_json = false;
  bool recount = false;
};

/// Everything that needs the settings.
void add_commands(CLI::App& app,
                  all_options& given,
                  std::vector<std::pair<CLI::App*, command>>& commands) {
  commands.emplace_back(add_serve(app, given.serve), [&](hub::config::configuration settings) {
    return hub::app::serve(std::move(settings), given.serve);
  });
  commands.emplace_back(
    app.add_subcommand("migrate", "Bring the database up to date, then exit"),
    [](const hub::config::configuration& settings) { return hub::app::migrate(settings); });
  commands.emplace_back(add_simulate(app, given.simulation),
                        [&](const hub::config::configuration& settings) {
                          return hub::app::simulate(settings, given.simulation);
                        });
  auto* show = app.add_subcommand("config", "Show every setting, its value and where it came from");
  show->add_flag("--json", given.as_json, "As JSON");
  commands.emplace_back(show, [&](const hub::config::configuration& settings) {
    return hub::app::show_config(settings, given.as_json);
  });
  auto* check = app.add_subcommand("doctor", "Check everything the hub needs and say what to do");
  check->add_flag("--recount", given.recount, "Also count all rows and compare the kept counters");
  commands.emplace_back(check, [&](const hub::config::configuration& settings) {
    return hub::app::doctor(settings, given.recount);
  });
  commands.emplace_back(add_replay(app, given.replay),
                        [&](const hub::config::configuration& settings) {
                          return hub::app::replay(settings, given.replay);
                        });
  add_people(app, given.key, given.invitation, given.workspace, commands);
  add_sources(app, given.source, commands);
  add_settings(app, given.setting, commands);
  add_sealing(app, given.rotation, commands);
}

/// The sandbox is no part of the hub: of its settings it wants one, and that only to sign.
bool wants_settings(const hub::app::sandbox_options& sandbox) {
  return !sandbox.whatsapp_callback.empty() && sandbox.whatsapp_secret.empty();
}

exit_code run_parsed(const CLI::App* sandbox,
                     all_options& given,
                     const std::vector<std::pair<CLI::App*, command>>& commands) {
  if (sandbox->parsed() && !wants_settings(given.sandbox))
    return hub::app::sandbox(given.sandbox);
  auto settings = load(given.common);
  if (!settings) {
    std::cerr << "feedback-hub: " << settings.why().message << '\n';
    return exit_code::bad_settings;
  }
  if (sandbox->parsed()) {
    given.sandbox.whatsapp_secret = settings->values.whatsapp.webhook_secret;
    return hub::app::sandbox(given.sandbox);
  }
  for (const auto& [sub, execute] : commands)
    if (sub->parsed())
      return execute(*std::move(settings));
  return exit_code::usage;
}

int run(int argc, char** argv) {
  CLI::App app{"Feedback Hub turns customer feedback from every channel into tickets.",
               "feedback-hub"};
  app.footer(exit_codes);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string{hub::app::version});

  all_options given;
  app.add_option("--config", given.common.settings_file, "The settings file")
    ->check(CLI::ExistingFile);
  app.add_option(
    "--set", given.common.overrides, "Override one setting: key=value; may be repeated");
  app.fallthrough();

  std::vector<std::pair<CLI::App*, command>> commands;
  add_commands(app, given, commands);
  const auto* sandbox = add_sandbox(app, given.sandbox);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return static_cast<int>(asked_for_help ? exit_code::ok : exit_code::usage);
  }
  return static_cast<int>(run_parsed(sandbox, given, commands));
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "feedback-hub: %s\n", error.what());
    return static_cast<int>(exit_code::failed);
  }
}
