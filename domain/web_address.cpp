#include "domain/web_address.hpp"

#include <algorithm>
#include <charconv>

namespace hub::domain {

namespace {

constexpr std::size_t longest_url = 2000;
constexpr std::size_t longest_path = 500;

bool is_plain(char c) {
  return c > 0x20 && c < 0x7F && c != '\\';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::optional<int> number_in(std::string_view text, int most) {
  int number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || text.size() > 5 || number < 0 || number > most)
    return std::nullopt;
  return number;
}

/// 127.0.0.0/8, written as four decimal numbers.
bool is_loopback_v4(std::string_view host) {
  if (!host.starts_with("127."))
    return false;
  int parts = 0;
  for (; !host.empty(); ++parts) {
    const auto dot = host.find('.');
    if (!number_in(host.substr(0, dot), 255))
      return false;
    if (dot == std::string_view::npos) {
      host = {};
    } else {
      host.remove_prefix(dot + 1);
      if (host.empty())
        return false;
    }
  }
  return parts == 4;
}

std::string_view port_of(const web_address& where) {
  if (!where.port.empty())
    return where.port;
  return where.scheme == "https" ? "443" : "80";
}

bool is_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2)
    return std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
  return !host.empty() && std::ranges::all_of(host, is_name_character);
}

} // namespace

std::optional<web_address> parse_web_address(std::string_view url) {
  if (url.size() > longest_url || !std::ranges::all_of(url, is_plain)
      || url.find('#') != std::string_view::npos)
    return std::nullopt;
  web_address found;
  for (const auto* scheme : {"https", "http"})
    if (url.starts_with(std::string{scheme} + "://")) {
      found.scheme = scheme;
      break;
    }
  if (found.scheme.empty())
    return std::nullopt;
  const auto rest = url.substr(found.scheme.size() + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?"));
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    found.port = authority.substr(colon + 1);
    if (const auto port = number_in(found.port, 65'535); !port || *port == 0)
      return std::nullopt;
    authority = authority.substr(0, colon);
  }
  found.host = authority;
  std::ranges::transform(found.host, found.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (!is_host(found.host))
    return std::nullopt;
  return found;
}

bool keeps_secrets(const web_address& where) {
  return where.scheme == "https" || where.host == "localhost" || where.host == "[::1]"
         || is_loopback_v4(where.host);
}

bool same_server(const web_address& left, const web_address& right) {
  return left.scheme == right.scheme && left.host == right.host && port_of(left) == port_of(right);
}

bool is_local_path(std::string_view path) {
  return path.starts_with('/') && !path.starts_with("//") && path.size() <= longest_path
         && std::ranges::all_of(path, is_plain);
}

} // namespace hub::domain
