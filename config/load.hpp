#pragma once

#include "config/schema.hpp"
#include "domain/result.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hub::config {

/// Where settings come from, each stronger than the one before: the schema's defaults, the settings
/// file, `.env`, the environment, the command line.
struct sources {
  std::filesystem::path directory = "."; // holds `.env` and `feedback-hub.toml`, if any
  std::optional<std::filesystem::path> settings_file; // --config; else HUB_CONFIG; must exist
  std::vector<std::string> environment;               // NAME=value
  std::vector<std::pair<std::string, std::string>> overrides; // key and value
};

/// This process's environment and working directory.
sources process_sources();

/// One line of `feedback-hub config`.
struct effective_setting {
  const setting* of = nullptr;
  std::string shown;  // secrets as asterisks; empty when not set
  std::string source; // "default", "environment", ".env:3", "feedback-hub.toml:7" …
};

/// Checked settings and where each came from, in the schema's order.
struct configuration {
  settings values;
  std::vector<effective_setting> effective;
};

/// Reads everything. A failure's message lists every fault found, one a line. An empty variable
/// counts as not set, so that a template may list what it does not fill.
domain::result<configuration> load(const sources& from);

} // namespace hub::config
