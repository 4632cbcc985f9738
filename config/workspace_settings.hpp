#pragma once

#include "config/load.hpp"
#include "domain/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hub::config {

/// Where a workspace has a value from.
enum class value_source : std::uint8_t { workspace, hub, fallback };

/// workspace, hub, default
[[nodiscard]] const char* to_string(value_source source);

/// One thing a workspace may be set to, and what it is set to.
struct workspace_value {
  const setting* of = nullptr;
  std::string shown; // as one would write it; of a secret nothing
  bool set = false;
  value_source source{};
};

/// A workspace's settings: its own values over the hub's.
struct workspace_view {
  settings values; // those of the hub that are no workspace's stay as they are
  std::vector<workspace_value> effective; // what a workspace may set, in the schema's order
};

/// What a workspace set, by key, as one would write it. A value that is no longer allowed counts as
/// not set.
using own_values = std::map<std::string, std::string>;

/// `home`: of the first workspace, which alone uses what the hub is called by at its providers.
workspace_view view_of_workspace(const configuration& hub, bool home, const own_values& own);

/// The setting, if workspaces may set it; else null.
const setting* find_for_workspace(std::string_view key);

/// Checks a value as the settings file's would be. The failure completes "slack.every: …" and never
/// repeats a secret.
domain::outcome check_for_workspace(const setting& of, const std::string& written);

} // namespace hub::config
