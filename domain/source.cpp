#include "domain/source.hpp"

#include "domain/form_reading.hpp"
#include "domain/json_reading.hpp"
#include "domain/normaliser_rules.hpp"

#include <algorithm>

namespace hub::domain {

namespace {

constexpr std::size_t longest_account = 64;
constexpr std::string_view unplaced_prefix = "unplaced:";

bool is_account(std::string_view text) {
  return !text.empty() && text.size() <= longest_account && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-' || c == '.';
  });
}

/// What can be an account's name, each once, in order.
std::vector<std::string> names(std::initializer_list<std::string> candidates) {
  std::vector<std::string> found;
  for (const auto& each : candidates)
    if (is_account(each) && std::ranges::find(found, each) == found.end())
      found.push_back(each);
  return found;
}

/// `team_id` is where it happened. With Slack Connect that may be a team of somebody else, and on
/// Enterprise Grid an app can be installed for the whole organisation, which has no team.
std::vector<std::string> slack_event_accounts(const json& delivery) {
  const auto& authorizations = list_at(delivery, "authorizations");
  static const json nothing;
  const auto& installed = authorizations.empty() ? nothing : authorizations.front();
  return names({id_at(delivery, "team_id"),
                id_at(delivery, "payload", "team_id"), // a workflow's
                id_at(delivery, "context_team_id"),
                id_at(installed, "team_id"),
                id_at(delivery, "event", "team"),
                id_at(delivery, "enterprise_id"),
                id_at(delivery, "context_enterprise_id"),
                id_at(installed, "enterprise_id")});
}

/// `team` is null where the app is installed for an organisation.
std::vector<std::string> slack_interaction_accounts(const json& interaction) {
  return names({id_at(interaction, "team", "id"),
                id_at(interaction, "view", "app_installed_team_id"),
                id_at(interaction, "user", "team_id"),
                id_at(interaction, "enterprise", "id")});
}

std::vector<std::string> slack_accounts(const raw_delivery& delivery) {
  const auto start = trimmed(delivery.body);
  if (announces_form(delivery.content_type) && !start.starts_with('{')) {
    const auto payload = form_value(delivery.body, "payload");
    if (payload.empty())
      return names(
        {form_value(delivery.body, "team_id"), form_value(delivery.body, "enterprise_id")});
    const auto interaction = read_json(payload);
    return interaction ? slack_interaction_accounts(*interaction) : std::vector<std::string>{};
  }
  const auto read = read_json(delivery.body);
  return read ? slack_event_accounts(*read) : std::vector<std::string>{};
}

/// A change about the business account as a whole names no number: it is known by its entry.
std::vector<std::string> whatsapp_accounts(const json& entry, const json& change) {
  auto by_number = names({id_at(change, "value", "metadata", "phone_number_id")});
  return by_number.empty() ? names({id_at(entry, "id")}) : by_number;
}

/// The POST with one account's changes only; entries keep what describes them.
std::string with_changes(const json& delivery,
                         const std::vector<std::pair<const json*, json>>& of) {
  auto entries = json::array();
  const json* last = nullptr;
  for (const auto& [entry, change] : of) {
    if (entry != last) {
      auto copy = json::object();
      for (const auto& [name, value] : entry->items())
        if (name != "changes")
          copy[name] = value;
      copy["changes"] = json::array();
      entries.push_back(std::move(copy));
      last = entry;
    }
    entries.back()["changes"].push_back(change);
  }
  return write_json({{"object", member(delivery, "object")}, {"entry", std::move(entries)}});
}

std::vector<account_part> split_whatsapp(const raw_delivery& delivery) {
  const auto read = read_json(delivery.body);
  if (!read)
    return {{}};
  std::vector<std::vector<std::string>> order; // as they first appear
  std::map<std::vector<std::string>, std::vector<std::pair<const json*, json>>> changes;
  for (const auto& entry : list_at(*read, "entry"))
    for (const auto& change : list_at(entry, "changes")) {
      const auto accounts = whatsapp_accounts(entry, change);
      auto& mine = changes[accounts];
      if (mine.empty())
        order.push_back(accounts);
      mine.emplace_back(&entry, change);
    }
  if (order.size() < 2)
    return {{order.empty() ? std::vector<std::string>{} : order.front(), std::nullopt}};
  std::vector<account_part> parts;
  parts.reserve(order.size());
  for (const auto& accounts : order)
    parts.push_back({accounts, with_changes(*read, changes.at(accounts))});
  return parts;
}

} // namespace

std::string_view account_word(channel platform) {
  switch (platform) {
  case channel::slack:
    return "Slack team";
  case channel::intercom:
    return "Intercom app";
  case channel::whatsapp:
    return "WhatsApp phone number";
  case channel::email:
  case channel::in_app:
  case channel::api:
    break;
  }
  return "account";
}

result<std::string> parse_account(channel platform, std::string_view text) {
  if (std::ranges::find(channels_with_accounts, platform) == channels_with_accounts.end())
    return fail(errc::invalid_input,
                "this platform has no accounts; use slack, intercom, whatsapp");
  const auto name = trimmed(text);
  if (is_account(name))
    return std::string{name};
  switch (platform) {
  case channel::slack:
    return fail(errc::invalid_input, "must be a Slack team's id, such as T012AB3CD");
  case channel::intercom:
    return fail(errc::invalid_input, "must be an Intercom app's id, such as abc12def");
  default:
    return fail(errc::invalid_input,
                "must be the id that Meta gave a WhatsApp number, such as 106540352242922");
  }
}

std::vector<account_part> split_by_account(channel platform, const raw_delivery& delivery) {
  switch (platform) {
  case channel::slack:
    return {{slack_accounts(delivery), std::nullopt}};
  case channel::intercom: {
    const auto read = read_json(delivery.body);
    return {{read ? names({id_at(*read, "app_id")}) : std::vector<std::string>{}, std::nullopt}};
  }
  case channel::whatsapp:
    return split_whatsapp(delivery);
  case channel::email:
  case channel::in_app:
  case channel::api:
    break;
  }
  return {{}};
}

source_table::source_table(const uuid& home, std::vector<source> all) : home_{home} {
  std::ranges::sort(all, {}, &source::connected_at);
  for (const auto& each : all) {
    auto& of = accounts_[{each.platform, each.account}];
    of.since = std::max({of.since, each.connected_at, each.disconnected_at.value_or(time_point{})});
    if (!each.disconnected_at)
      of.now = each.workspace;
    else if (std::ranges::find(of.earlier, each.workspace) == of.earlier.end())
      of.earlier.push_back(each.workspace);
    if (!has_any(each.platform))
      any_.push_back(each.platform);
    if (!each.disconnected_at && each.workspace == home_)
      of_home_.push_back(each.platform);
  }
}

const source_table::owners* source_table::find(channel platform, const std::string& account) const {
  const auto found = accounts_.find(std::pair{platform, account});
  return found == accounts_.end() ? nullptr : &found->second;
}

bool source_table::has_any(channel platform) const {
  return std::ranges::find(any_, platform) != any_.end();
}

placement source_table::place(channel platform, std::span<const std::string> accounts) const {
  placement where{home_, true, {}, {}};
  const auto may_hold = [&](const uuid& workspace) {
    if (workspace != where.workspace
        && std::ranges::find(where.holders, workspace) == where.holders.end())
      where.holders.push_back(workspace);
  };
  for (const auto& name : accounts) {
    const auto* of = find(platform, name);
    if (of == nullptr || !of->now)
      continue;
    where.workspace = *of->now;
    where.settled_since = of->since + hand_over;
    for (const auto& earlier : of->earlier)
      may_hold(earlier);
    may_hold(home_); // it took in what nobody was connected for
    return where;
  }
  bool was_connected = false;
  for (const auto& name : accounts)
    if (const auto* of = find(platform, name)) {
      was_connected = true;
      where.settled_since = std::max(where.settled_since, of->since + hand_over);
      for (const auto& earlier : of->earlier)
        may_hold(earlier);
    }
  // What was somebody's is nobody else's, also while it changes hands.
  where.known = !was_connected && std::ranges::find(of_home_, platform) == of_home_.end();
  if (!where.known) { // it may be from before
    where.settled_since = time_point::max();
    where.holders.push_back(home_);
  }
  return where;
}

std::string unplaced_id(std::span<const std::string> accounts, std::string_view delivery_id) {
  return std::string{unplaced_prefix}
    .append(accounts.empty() ? "-" : accounts.front())
    .append(":")
    .append(delivery_id);
}

bool is_unplaced(std::string_view delivery_id) {
  return delivery_id.starts_with(unplaced_prefix);
}

std::string why_unplaced(channel platform, std::span<const std::string> accounts) {
  const auto word = std::string{account_word(platform)};
  if (accounts.empty())
    return "it names no " + word
           + ": give its sender the address of a workspace (feedback-hub sources path), or replay it "
             "once the hub can tell";
  return word + " " + accounts.front()
         + " is connected to no workspace: connect it (feedback-hub sources connect --platform "
         + std::string{to_string(platform)} + " --account " + accounts.front()
         + " --workspace …), then replay this delivery";
}

} // namespace hub::domain
