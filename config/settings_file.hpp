#pragma once

#include "config/values.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hub::config {

/// One value of the settings file, for a key that the schema knows.
struct file_entry {
  const setting* of = nullptr;
  written_value written;
  int line = 0;
};

/// Reads TOML. What cannot be read and keys that the schema does not know are described in
/// `faults`, all of them; `name` leads each.
std::vector<file_entry> parse_settings_file(const std::string& content,
                                            const std::string& name,
                                            std::vector<std::string>& faults);

} // namespace hub::config
