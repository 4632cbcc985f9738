#include "config/settings_file.hpp"

#include "config/suggest.hpp"

#include <toml.hpp>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

namespace hub::config {

namespace {

std::vector<std::string_view> all_keys() {
  std::vector<std::string_view> keys;
  for (const auto& each : schema())
    keys.push_back(each.key);
  return keys;
}

bool is_section(const std::string& path) {
  return std::ranges::any_of(schema(),
                             [&](const setting& each) { return each.key.starts_with(path + "."); });
}

std::optional<std::string> scalar(const toml::value& from) {
  if (from.is_string())
    return from.as_string().str;
  if (from.is_integer())
    return std::to_string(from.as_integer());
  if (from.is_boolean())
    return from.as_boolean() ? "on" : "off";
  return std::nullopt;
}

std::optional<written_value> as_written(const toml::value& from) {
  if (!from.is_array()) {
    auto text = scalar(from);
    return text ? std::optional<written_value>{std::move(*text)} : std::nullopt;
  }
  std::vector<std::string> items;
  for (const auto& item : from.as_array()) {
    auto text = scalar(item);
    if (!text)
      return std::nullopt;
    items.push_back(std::move(*text));
  }
  return written_value{std::move(items)};
}

struct reading {
  const std::string& name;
  std::vector<std::string>& faults;
  std::vector<file_entry> entries;

  void fault(int line, const std::string& message) {
    faults.push_back(name + ":" + std::to_string(line) + ": " + message);
  }

  void take(const std::string& path, const toml::value& from) {
    const auto line = static_cast<int>(from.location().line());
    if (const auto* known = find_by_key(path); known != nullptr) {
      auto written = as_written(from);
      if (written)
        entries.push_back({known, std::move(*written), line});
      else
        fault(line, path + " must be text, a whole number, true, false or a list of these");
    } else if (from.is_table() && is_section(path)) {
      const auto section = path + ".";
      for (const auto& [key, inner] : from.as_table())
        take(section + key, inner);
    } else {
      fault(line, "there is no setting '" + path + "'" + did_you_mean(path, all_keys()));
    }
  }
};

} // namespace

std::vector<file_entry> parse_settings_file(const std::string& content,
                                            const std::string& name,
                                            std::vector<std::string>& faults) {
  try {
    std::istringstream stream{content};
    const auto document = toml::parse(stream, name);
    reading read{name, faults, {}};
    for (const auto& [key, inner] : document.as_table())
      read.take(key, inner);
    // The parser keeps tables unordered; people read files from top to bottom.
    std::ranges::sort(read.entries, {}, &file_entry::line);
    return std::move(read.entries);
  } catch (const toml::exception& error) {
    // The parser's message is a drawing of several lines, the first of which says what is wrong.
    const std::string said = error.what();
    auto first = said.substr(0, said.find('\n'));
    if (const auto start = first.find("[error] "); start != std::string::npos)
      first = first.substr(start + 8);
    faults.push_back(name + ":" + std::to_string(error.location().line()) + ": not TOML: " + first);
  } catch (const std::exception& error) {
    faults.push_back(name + ": not TOML: " + error.what());
  }
  return {};
}

} // namespace hub::config
