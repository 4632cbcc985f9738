#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::http::edge {

/// Which methods each path has. Pistache's router calls the handlers; this table answers what that
/// router cannot: HEAD, OPTIONS, and 405 without giving up the connection.
class route_table {
public:
  /// Throws std::invalid_argument for a malformed pattern, an unknown method or a duplicate.
  void add(std::string_view method, std::string_view pattern);

  [[nodiscard]] bool serves(std::string_view method, std::string_view path) const;
  /// "GET, HEAD, OPTIONS" for a path as sent; empty if no route matches it.
  [[nodiscard]] std::string allowed(std::string_view path) const;
  /// Every route as it was added: method and pattern.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> all() const;

private:
  struct entry {
    std::string method;
    std::vector<std::string> segments; // ":name" matches any one
  };

  std::vector<entry> entries_;
};

/// The names of a pattern's parameters, each with its ':'.
std::vector<std::string> parameter_names(std::string_view pattern);

} // namespace hub::http::edge
