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

CLI::App* add_replay(CLI::App& app, hub::app::replay_options& options) {
  auto* sub = app.add_subcommand(
    "replay", "Read quarantined deliveries again, after a fix; the hub must be running");
  sub->add_option("id", options.ids, "Deliveries to replay");
  sub->add_flag("--all", options.all, "Replay everything in quarantine");
  sub->add_option("--url", options.url, "The hub to ask (default: this one)");
  return sub;
}

int run(int argc, char** argv) {
  CLI::App app{"Feedback Hub turns customer feedback from every channel into tickets.",
               "feedback-hub"};
  app.footer(exit_codes);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string{hub::app::version});

  common_options common;
  app.add_option("--config", common.settings_file, "The settings file")->check(CLI::ExistingFile);
  app.add_option("--set", common.overrides, "Override one setting: key=value; may be repeated");
  app.fallthrough();

  hub::app::serve_options serve_options;
  hub::app::simulate_options simulate_options;
  hub::app::replay_options replay_options;
  bool as_json = false;
  bool recount = false;

  std::vector<std::pair<CLI::App*, command>> commands;
  commands.emplace_back(add_serve(app, serve_options), [&](hub::config::configuration settings) {
    return hub::app::serve(std::move(settings), serve_options);
  });
  commands.emplace_back(
    app.add_subcommand("migrate", "Bring the database up to date, then exit"),
    [](const hub::config::configuration& settings) { return hub::app::migrate(settings); });
  commands.emplace_back(add_simulate(app, simulate_options),
                        [&](const hub::config::configuration& settings) {
                          return hub::app::simulate(settings, simulate_options);
                        });
  auto* show = app.add_subcommand("config", "Show every setting, its value and where it came from");
  show->add_flag("--json", as_json, "As JSON");
  commands.emplace_back(show, [&](const hub::config::configuration& settings) {
    return hub::app::show_config(settings, as_json);
  });
  auto* check = app.add_subcommand("doctor", "Check everything the hub needs and say what to do");
  check->add_flag("--recount", recount, "Also count all rows and compare the kept counters");
  commands.emplace_back(check, [&](const hub::config::configuration& settings) {
    return hub::app::doctor(settings, recount);
  });
  commands.emplace_back(add_replay(app, replay_options),
                        [&](const hub::config::configuration& settings) {
                          return hub::app::replay(settings, replay_options);
                        });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return static_cast<int>(asked_for_help ? exit_code::ok : exit_code::usage);
  }
  auto settings = load(common);
  if (!settings) {
    std::cerr << "feedback-hub: " << settings.why().message << '\n';
    return static_cast<int>(exit_code::bad_settings);
  }
  for (auto& [sub, execute] : commands)
    if (sub->parsed())
      return static_cast<int>(execute(*std::move(settings)));
  return static_cast<int>(exit_code::usage);
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
