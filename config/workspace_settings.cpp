#include "config/workspace_settings.hpp"

#include "config/values.hpp"

#include <algorithm>
#include <optional>

namespace hub::config {

namespace {

constexpr std::size_t longest_value = 4096;

const effective_setting* of_hub(const configuration& hub, const setting& of) {
  const auto found = std::ranges::find(hub.effective, &of, &effective_setting::of);
  return found == hub.effective.end() ? nullptr : &*found;
}

/// The value the workspace set, if it holds.
std::optional<value> own_value(const setting& of, const own_values& own) {
  const auto found = own.find(std::string{of.key});
  if (found == own.end())
    return std::nullopt;
  // A secret that no longer opens is here without a value: nothing else may take its place.
  if (of.secret && found->second.empty())
    return value{std::string{}};
  auto parsed = parse_value(of, found->second);
  return parsed ? std::optional{*std::move(parsed)} : std::nullopt;
}

bool is_set(const value& written) {
  const auto* text = std::get_if<std::string>(&written);
  return text == nullptr || !text->empty();
}

workspace_value look_at(
  settings& into, const setting& of, const configuration& hub, bool home, const own_values& own) {
  workspace_value made{&of, {}, false, value_source::fallback};
  if (const auto written = own_value(of, own)) {
    of.store(into, *written);
    made.source = value_source::workspace;
    made.set = is_set(*written);
    if (!of.secret)
      made.shown = show_value(of, *written);
    return made;
  }
  if (of.scope == setting_scope::account && !home) {
    of.store(into, value{std::string{}});
    return made;
  }
  const auto* above = of_hub(hub, of);
  if (above == nullptr)
    return made;
  made.set = !above->shown.empty();
  made.source = above->source == "default" ? value_source::fallback : value_source::hub;
  if (!of.secret)
    made.shown = above->shown;
  return made;
}

} // namespace

workspace_view view_of_workspace(const configuration& hub, bool home, const own_values& own) {
  workspace_view made{hub.values, {}};
  for (const auto& each : schema())
    if (each.scope != setting_scope::hub)
      made.effective.push_back(look_at(made.values, each, hub, home, own));
  return made;
}

const setting* find_for_workspace(std::string_view key) {
  const auto* found = find_by_key(key);
  return found != nullptr && found->scope != setting_scope::hub ? found : nullptr;
}

domain::outcome check_for_workspace(const setting& of, const std::string& written) {
  if (written.empty())
    return domain::fail(domain::errc::invalid_input, "must not be empty; null unsets it");
  if (written.size() > longest_value)
    return domain::fail(domain::errc::invalid_input, "must have at most 4096 bytes");
  const bool unfit = std::ranges::any_of(
    written, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (unfit)
    return domain::fail(domain::errc::invalid_input,
                        "must be one line, without control characters");
  const auto parsed = parse_value(of, written);
  if (!parsed)
    return parsed.why();
  if (!is_set(*parsed))
    return domain::fail(domain::errc::invalid_input, "must not be empty; null unsets it");
  return domain::done{};
}

const char* to_string(value_source source) {
  switch (source) {
  case value_source::workspace:
    return "workspace";
  case value_source::hub:
    return "hub";
  case value_source::fallback:
    break;
  }
  return "default";
}

} // namespace hub::config
