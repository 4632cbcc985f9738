#include "main/commands.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <string>

namespace hub::app {

namespace {

void show_json(const config::configuration& settings) {
  auto list = nlohmann::json::array();
  for (const auto& line : settings.effective)
    list.push_back({{"key", line.of->key},
                    {"environment", line.of->env},
                    {"value", line.shown},
                    {"source", line.source},
                    {"secret", line.of->secret},
                    {"description", line.of->description}});
  std::cout << list.dump(2) << '\n';
}

void show_text(const config::configuration& settings) {
  std::size_t keys = 0;
  std::size_t values = 0;
  for (const auto& line : settings.effective) {
    keys = std::max(keys, line.of->key.size());
    values = std::max(values, std::min<std::size_t>(line.shown.size(), 40));
  }
  for (const auto& line : settings.effective) {
    const auto pad = [](std::size_t width, std::size_t used) {
      return std::string(width > used ? width - used : 0, ' ');
    };
    std::cout << line.of->key << pad(keys, line.of->key.size()) << "  " << line.shown
              << pad(values, line.shown.size()) << "  (" << line.source << "; " << line.of->env
              << ")\n";
  }
}

} // namespace

exit_code show_config(const config::configuration& settings, bool as_json) {
  if (as_json)
    show_json(settings);
  else
    show_text(settings);
  return exit_code::ok;
}

} // namespace hub::app
