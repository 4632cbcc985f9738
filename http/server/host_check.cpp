#include "http/server/host_check.hpp"

#include "http/server/respond.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

std::string lower(std::string_view text) {
  std::string folded{text};
  std::ranges::transform(folded, folded.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded;
}

/// Without the port and without the root's dot: "Hub.Example.:8080" is "hub.example".
std::string name_in(std::string_view host) {
  if (host.starts_with('['))
    return lower(host.substr(0, host.find(']') + 1));
  auto name = host.substr(0, host.find(':'));
  if (name.ends_with('.'))
    name.remove_suffix(1);
  return lower(name);
}

bool is_this_machine(const std::string& name) {
  if (name == "localhost")
    return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, name.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6{};
  return name.size() > 2 && name.starts_with('[')
         && ::inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), &v6) == 1
         && IN6_IS_ADDR_LOOPBACK(&v6);
}

} // namespace

bool is_known_host(std::string_view host, const std::vector<std::string>& allowed) {
  const auto name = name_in(host);
  return is_this_machine(name)
         || std::ranges::any_of(allowed, [&](const auto& each) { return name_in(each) == name; });
}

std::function<std::optional<edge::reply>(const edge::request&)>
host_check(std::vector<std::string> allowed) {
  return
    [allowed = std::move(allowed)](const edge::request& request) -> std::optional<edge::reply> {
      if (request.route.starts_with("/webhooks/") || request.route == "/up"
          || is_known_host(request.header("host").value_or(""), allowed))
        return std::nullopt;
      return error_reply(403,
                         "host_not_allowed",
                         "the hub does not answer under this name; the setting HUB_ALLOWED_HOSTS "
                         "lists the names it has beside localhost");
    };
}

} // namespace hub::http
