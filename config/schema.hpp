#pragma once

#include "config/settings.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hub::config {

enum class kind : std::uint8_t {
  text,
  integer,
  boolean,  // on/off, true/false, yes/no, 1/0
  duration, // 500ms, 30s, 5m, 24h, 7d
  size,     // bytes, or with KiB, MiB, GiB
  list,     // commas between, or an array in the file
  choice,
  url,
  database,  // a postgresql:// URL or libpq's key=value form
  bind,      // host:port, loopback only
  origins,   // a list of scheme://host[:port]
  hosts,     // a list of names, each without scheme, port and path
  addresses, // a list of domains and mail addresses, in lower case
};

/// A parsed value: `duration` is milliseconds; `size` and `integer` share the integer.
using value = std::variant<std::string,
                           std::int64_t,
                           bool,
                           std::chrono::milliseconds,
                           std::vector<std::string>,
                           endpoint>;

/// Who may set it.
enum class setting_scope : std::uint8_t {
  hub,       // whoever runs the hub
  workspace, // also each workspace for itself
  account,   // … and what the hub is told holds for the first workspace alone
};

/// One thing the hub can be told. The schema is the only place that knows it.
struct setting {
  std::string_view key; // in the settings file, dotted
  std::string_view env; // in the environment; a secret also by this name with _FILE
  std::string_view description;
  std::string_view fallback; // as one would write it; empty: none
  std::string_view choices;  // of a choice, or the schemes of a URL: a|b|c
  void (*store)(settings& into, const value& from) = nullptr;
  std::int64_t least = 0; // of an integer, a size in bytes, a duration in milliseconds
  std::int64_t most = 0;
  std::int64_t unit = 1; // a duration is kept in so many milliseconds, and must be a multiple
  kind type = kind::text;
  bool secret = false;
  setting_scope scope = setting_scope::hub;
};

std::span<const setting> schema();

/// Null when the schema has no such key or name.
const setting* find_by_key(std::string_view key);
const setting* find_by_env(std::string_view env);

} // namespace hub::config
