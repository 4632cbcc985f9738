#include "config/variables.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace hub::config {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text.front()))
         && std::ranges::all_of(text,
                                [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

std::string_view without_blanks(std::string_view text) {
  constexpr auto blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// The rest of a line after a closing quote: nothing, or a comment.
bool is_nothing(std::string_view rest) {
  rest = without_blanks(rest);
  return rest.empty() || rest.front() == '#';
}

std::optional<std::string> single_quoted(std::string_view text) {
  const auto end = text.find('\'', 1);
  if (end == std::string_view::npos || !is_nothing(text.substr(end + 1)))
    return std::nullopt;
  return std::string{text.substr(1, end - 1)};
}

std::optional<std::string> double_quoted(std::string_view text) {
  std::string out;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"')
      return is_nothing(text.substr(at + 1)) ? std::optional{out} : std::nullopt;
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    const char escaped = text[++at];
    if (escaped != 'n' && escaped != 't' && escaped != '"' && escaped != '\\')
      out += '\\';
    out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
  }
  return std::nullopt;
}

std::optional<std::string> read_value(std::string_view text) {
  if (text.starts_with('\''))
    return single_quoted(text);
  if (text.starts_with('"'))
    return double_quoted(text);
  // A `#` inside a bare word belongs to it: tokens may hold one.
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '#' && (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\t'))
      return std::string{without_blanks(text.substr(0, at))};
  }
  return std::string{text};
}

} // namespace

std::vector<variable> split_environment(const std::vector<std::string>& entries) {
  std::vector<variable> variables;
  for (const auto& entry : entries) {
    if (const auto equals = entry.find('='); equals != std::string::npos)
      variables.push_back({entry.substr(0, equals), entry.substr(equals + 1), 0});
  }
  return variables;
}

std::vector<variable> parse_dotenv(std::string_view text, std::vector<std::string>& faults) {
  std::vector<variable> variables;
  if (text.starts_with("\xEF\xBB\xBF"))
    text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = without_blanks(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.front() == '#')
      continue;
    const auto where = ".env:" + std::to_string(number) + ": ";
    if (line.starts_with("export ") || line.starts_with("export\t"))
      line = without_blanks(line.substr(7));
    const auto equals = line.find('=');
    const auto name = without_blanks(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(name)) {
      faults.push_back(where + "expected NAME=value");
      continue;
    }
    auto value = read_value(without_blanks(line.substr(equals + 1)));
    if (!value) {
      faults.push_back(where + std::string{name}
                       + " has a quote that does not end, or text after it");
      continue;
    }
    variables.push_back({std::string{name}, std::move(*value), number});
  }
  return variables;
}

} // namespace hub::config
