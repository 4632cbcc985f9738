#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hub::config {

/// `NAME=value` from the environment or from `.env`.
struct variable {
  std::string name;
  std::string value;
  int line = 0; // in `.env`; 0 in the environment
};

/// Splits what `environ` holds; entries without `=` are skipped.
std::vector<variable> split_environment(const std::vector<std::string>& entries);

/// Reads `.env`: `NAME=value` lines, `export` allowed, `#` comments, single quotes for verbatim
/// text, double quotes with \n, \t, \" and \\. Lines that are none of that are described in
/// `faults`.
std::vector<variable> parse_dotenv(std::string_view text, std::vector<std::string>& faults);

} // namespace hub::config
