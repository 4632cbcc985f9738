#include "config/load.hpp"

#include "config/access_check.hpp"
#include "config/job_rules.hpp"
#include "config/settings_file.hpp"
#include "config/suggest.hpp"
#include "config/values.hpp"
#include "config/variables.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <system_error>

namespace hub::config {

using domain::errc;
using domain::fail;
using domain::result;

namespace {

constexpr std::string_view config_variable = "HUB_CONFIG";
constexpr std::string_view own_prefix = "HUB_";
constexpr std::string_view file_suffix = "_FILE";
constexpr auto default_file = "feedback-hub.toml";
constexpr auto dashboard_origin = "http://localhost:3001"; // its own development server

struct candidate {
  written_value written;
  std::string source;
  std::string name; // as the person wrote it: a key or a variable
};

std::optional<std::string> read_whole(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error))
    return std::nullopt;
  std::ifstream stream{file, std::ios::binary};
  if (!stream)
    return std::nullopt;
  return std::string{std::istreambuf_iterator<char>{stream}, {}};
}

// A name in .env this close to one of ours is a slip, whatever it begins with.
constexpr std::size_t slips_of_the_finger = 2;

std::vector<std::string_view> all_variables() {
  std::vector<std::string_view> names{config_variable};
  for (const auto& each : schema())
    names.push_back(each.env);
  return names;
}

std::vector<std::string_view> own_variables() {
  std::vector<std::string_view> names{config_variable};
  for (const auto& each : schema()) {
    if (each.env.starts_with(own_prefix))
      names.push_back(each.env);
  }
  return names;
}

// Gathers what each source says; a later call overrules an earlier one.
class gathering {
public:
  explicit gathering(std::filesystem::path directory) : directory_{std::move(directory)} {}

  void add_file(const std::filesystem::path& named, bool required) {
    const auto content = read_whole(directory_ / named); // an absolute name replaces the directory
    if (!content) {
      if (required)
        faults_.push_back("the settings file " + named.string() + " cannot be read");
      return;
    }
    for (auto& entry : parse_settings_file(*content, named.string(), faults_)) {
      chosen_[entry.of] = {std::move(entry.written),
                           named.string() + ":" + std::to_string(entry.line),
                           std::string{entry.of->key}};
    }
  }

  void add_variables(const std::vector<variable>& variables) {
    std::map<const setting*, std::string> seen; // the name each came by within this source
    for (const auto& each : variables) {
      const auto source =
        each.line == 0 ? std::string{"environment"} : ".env:" + std::to_string(each.line);
      const auto* of = find_by_env(each.name);
      const bool by_file = of == nullptr && each.name.ends_with(file_suffix);
      if (by_file) {
        of = find_by_env(each.name.substr(0, each.name.size() - file_suffix.size()));
        if (of != nullptr && !of->secret)
          of = nullptr;
      }
      if (of == nullptr) {
        check_unknown(each, source);
        continue;
      }
      if (each.value.empty())
        continue;
      const auto [first, is_new] = seen.emplace(of, each.name);
      if (!is_new && first->second != each.name) {
        faults_.push_back("both " + first->second + " and " + each.name + " are set (" + source
                          + "): keep one");
        continue;
      }
      take_variable(*of, each, by_file, source);
    }
  }

  void add_overrides(const std::vector<std::pair<std::string, std::string>>& overrides) {
    for (const auto& [key, written] : overrides) {
      if (const auto* of = find_by_key(key); of != nullptr) {
        chosen_[of] = {written, "command line", key};
        continue;
      }
      std::vector<std::string_view> keys;
      for (const auto& each : schema())
        keys.push_back(each.key);
      faults_.push_back("there is no setting '" + key + "' (command line)"
                        + did_you_mean(key, keys));
    }
  }

  std::vector<std::string>& faults() { return faults_; }

  configuration finish() {
    configuration made;
    for (const auto& each : schema()) {
      effective_setting shown{&each, {}, "default"};
      const auto found = chosen_.find(&each);
      if (found != chosen_.end()) {
        shown.source = found->second.source;
        auto parsed = parse_value(each, found->second.written);
        if (parsed) {
          each.store(made.values, *parsed);
          shown.shown = show_value(each, *parsed);
        } else {
          faults_.push_back(found->second.name + " (" + shown.source
                            + "): " + parsed.why().message);
        }
      } else if (!each.fallback.empty()) {
        if (auto parsed = parse_value(each, std::string{each.fallback})) {
          each.store(made.values, *parsed);
          shown.shown = show_value(each, *parsed);
        }
      }
      made.effective.push_back(std::move(shown));
    }
    check_together(made);
    return made;
  }

private:
  void check_unknown(const variable& given, const std::string& source) {
    if (given.name == config_variable)
      return;
    std::string hint;
    // An environment holds everybody's names, so only our own prefix is ours to judge there. What
    // .env holds is meant for us, as far as it reads like us.
    if (given.name.starts_with(own_prefix)) {
      hint = did_you_mean(given.name, own_variables());
    } else if (given.line > 0) {
      const auto meant =
        nearest(without_file_suffix(given.name), all_variables(), slips_of_the_finger);
      if (meant.empty() || meant == given.name)
        return;
      hint = "; did you mean '" + std::string{meant} + "'?";
    } else {
      return;
    }
    faults_.push_back("there is no setting " + given.name + " (" + source + ")" + hint);
  }

  static std::string_view without_file_suffix(std::string_view name) {
    if (name.ends_with(file_suffix))
      name.remove_suffix(file_suffix.size());
    return name;
  }

  void
  take_variable(const setting& of, const variable& from, bool by_file, const std::string& source) {
    if (!by_file) {
      chosen_[&of] = {from.value, source, from.name};
      return;
    }
    auto content = read_whole(directory_ / from.value);
    if (!content) {
      faults_.push_back(from.name + " (" + source + "): the file " + from.value
                        + " cannot be read");
      return;
    }
    while (content->ends_with('\n') || content->ends_with('\r'))
      content->pop_back();
    if (content->empty()) {
      faults_.push_back(from.name + " (" + source + "): the file " + from.value + " is empty");
      return;
    }
    chosen_[&of] = {std::move(*content), source + ", file " + from.value, from.name};
  }

  void check_together(configuration& made) {
    auto& values = made.values;
    if (values.intake.journal_batch > values.intake.journal_queue) {
      faults_.emplace_back("intake.journal_batch must not be more than intake.journal_queue: a "
                           "batch is taken from the queue");
    }
    for (const auto& rules : domain::all_job_rules())
      check_jobs(values, rules);
    check_files(values);
    for (auto& fault : faults_of_access(values))
      faults_.push_back(std::move(fault));
    // While trying things out, the dashboard runs on its development server.
    const auto* origins = find_by_key("http.cors_origins");
    if (values.simulation && !chosen_.contains(origins)) {
      values.http.cors_origins = {dashboard_origin};
      const auto line = std::ranges::find(made.effective, origins, &effective_setting::of);
      line->shown = dashboard_origin;
      line->source = "default with simulation";
    }
  }

  void check_files(const settings& values) {
    const auto& within = values.jobs.attachment_fetch.within;
    if (within > within.zero() && within < values.attachments.within)
      faults_.emplace_back("jobs.attachment_fetch.within must not be less than attachments.within: "
                           "no attempt would ever be done");
    const auto& s3 = values.s3;
    if (s3.bucket.empty())
      return;
    if (s3.access_key_id.empty() || s3.secret_access_key.empty())
      faults_.emplace_back("s3.bucket is set, but s3.access_key_id or s3.secret_access_key is "
                           "missing");
    const bool sound =
      s3.bucket.size() >= 3 && s3.bucket.size() <= 63 && std::ranges::all_of(s3.bucket, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
      });
    if (!sound)
      faults_.emplace_back("s3.bucket must be the name of a bucket: 3 to 63 small letters, digits, "
                           "dots and dashes");
  }

  void check_jobs(const settings& values, const domain::job_rules& rules) {
    const auto& set = settings_of(values.jobs, rules.kind);
    const auto name = "jobs." + std::string{setting_name(rules.kind)};
    if (set.first_delay > set.longest_delay)
      faults_.push_back(name + ".first_delay must not be more than " + name + ".longest_delay");
    const bool is_read = set.within > set.within.zero(); // else it has a fault of its own
    if (is_read && rules.sends_outward && set.within < values.calls.within)
      faults_.push_back(name
                        + ".within must not be less than calls.within: an attempt that is "
                          "ended while it sends does not know whether it has");
  }

  std::filesystem::path directory_;
  std::map<const setting*, candidate> chosen_;
  std::vector<std::string> faults_;
};

std::string value_of(const std::vector<variable>& variables, std::string_view name) {
  const auto found = std::ranges::find(variables, name, &variable::name);
  return found == variables.end() ? std::string{} : found->value;
}

} // namespace

sources process_sources() {
  sources from;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
    from.environment.emplace_back(*entry);
  return from;
}

result<configuration> load(const sources& from) {
  try {
    gathering gathered{from.directory};
    const auto dotenv_text = read_whole(from.directory / ".env");
    const auto dotenv = parse_dotenv(dotenv_text.value_or(""), gathered.faults());
    const auto environment = split_environment(from.environment);

    auto named =
      from.settings_file ? from.settings_file->string() : value_of(environment, config_variable);
    if (named.empty())
      named = value_of(dotenv, config_variable);
    gathered.add_file(named.empty() ? default_file : named, !named.empty());
    gathered.add_variables(dotenv);
    gathered.add_variables(environment);
    gathered.add_overrides(from.overrides);

    auto made = gathered.finish();
    const auto& faults = gathered.faults();
    if (faults.empty())
      return made;
    std::string message = faults.size() == 1
                            ? "the settings have a fault:"
                            : "the settings have " + std::to_string(faults.size()) + " faults:";
    for (const auto& fault : faults)
      message += "\n  - " + fault;
    return fail(errc::invalid_input, std::move(message));
  } catch (const std::exception& error) {
    return fail(errc::internal, std::string{"the settings cannot be read: "} + error.what());
  }
}

} // namespace hub::config
