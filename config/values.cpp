#include "config/values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

namespace hub::config {

using domain::errc;
using domain::fail;
using domain::failure;
using domain::result;

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr auto blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(
    out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

failure expected(const setting& of, std::string_view what, std::string_view got) {
  auto message = "expected " + std::string{what};
  if (!of.secret)
    message += ", not '" + std::string{got} + "'";
  return fail(errc::invalid_input, std::move(message));
}

struct unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array duration_units{unit{"ms", 1},
                                    unit{"s", 1'000},
                                    unit{"m", 60'000},
                                    unit{"min", 60'000},
                                    unit{"h", 3'600'000},
                                    unit{"d", 86'400'000}};
// As PostgreSQL counts: a kB is 1024 bytes.
constexpr std::array size_units{unit{"", 1},
                                unit{"b", 1},
                                unit{"k", 1 << 10},
                                unit{"kb", 1 << 10},
                                unit{"kib", 1 << 10},
                                unit{"m", 1 << 20},
                                unit{"mb", 1 << 20},
                                unit{"mib", 1 << 20},
                                unit{"g", 1 << 30},
                                unit{"gb", 1 << 30},
                                unit{"gib", 1 << 30}};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::optional<std::int64_t> with_unit(std::string_view text, std::span<const unit> units) {
  const auto digits = text.find_first_not_of("0123456789");
  const auto number = whole_number(text.substr(0, digits));
  const auto name =
    digits == std::string_view::npos ? std::string{} : lower(trimmed(text.substr(digits)));
  const auto found = std::ranges::find(units, name, &unit::name);
  std::int64_t product = 0;
  if (!number || found == units.end() || __builtin_mul_overflow(*number, found->factor, &product))
    return std::nullopt;
  return product;
}

std::string show_amount(std::int64_t amount, std::span<const unit> units) {
  if (amount == 0)
    return units.front().name.empty() ? "0" : "0s";
  auto best = units.front();
  for (const auto& each : units) {
    if (amount % each.factor == 0 && each.factor > best.factor)
      best = each;
  }
  return std::to_string(amount / best.factor) + std::string{best.name};
}

constexpr std::array shown_durations{
  unit{"ms", 1}, unit{"s", 1'000}, unit{"m", 60'000}, unit{"h", 3'600'000}, unit{"d", 86'400'000}};
constexpr std::array shown_sizes{
  unit{"", 1}, unit{"KiB", 1 << 10}, unit{"MiB", 1 << 20}, unit{"GiB", 1 << 30}};

std::string show_amount(const setting& of, std::int64_t amount) {
  if (of.type == kind::duration)
    return show_amount(amount, shown_durations);
  if (of.type == kind::size)
    return show_amount(amount, shown_sizes);
  return std::to_string(amount);
}

result<value> parse_amount(const setting& of, std::string_view text) {
  std::optional<std::int64_t> amount;
  std::string_view what = "a whole number";
  if (of.type == kind::duration) {
    amount = with_unit(text, duration_units);
    what = "a time with its unit, such as 500ms, 30s, 5m or 24h";
  } else if (of.type == kind::size) {
    amount = with_unit(text, size_units);
    what = "a size, such as 4096, 64KiB or 128MiB";
  } else {
    amount = whole_number(text);
  }
  if (!amount)
    return expected(of, what, text);
  if (*amount < of.least || *amount > of.most) {
    return fail(errc::invalid_input,
                "must be between " + show_amount(of, of.least) + " and " + show_amount(of, of.most)
                  + ", not " + show_amount(of, *amount));
  }
  if (*amount % of.unit != 0) {
    return fail(errc::invalid_input,
                "must be a multiple of " + show_amount(of, of.unit) + ", not "
                  + show_amount(of, *amount));
  }
  if (of.type == kind::duration)
    return value{std::chrono::milliseconds{*amount}};
  return value{*amount};
}

result<value> parse_boolean(const setting& of, std::string_view text) {
  const auto word = lower(text);
  for (const auto* yes : {"on", "true", "yes", "1"}) {
    if (word == yes)
      return value{true};
  }
  for (const auto* no : {"off", "false", "no", "0"}) {
    if (word == no)
      return value{false};
  }
  return expected(of, "on or off", text);
}

std::vector<std::string_view> choices_of(const setting& of) {
  std::vector<std::string_view> all;
  auto rest = of.choices;
  while (!rest.empty()) {
    const auto bar = rest.find('|');
    all.push_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  }
  return all;
}

std::string spelled_out(const std::vector<std::string_view>& choices, std::string_view suffix) {
  std::string text;
  for (std::size_t at = 0; at < choices.size(); ++at) {
    text += at == 0 ? "" : at + 1 == choices.size() ? " or " : ", ";
    text += std::string{choices[at]} + std::string{suffix};
  }
  return text;
}

result<value> parse_choice(const setting& of, std::string_view text) {
  const auto choices = choices_of(of);
  const auto word = lower(text);
  if (std::ranges::find(choices, word) == choices.end())
    return expected(of, spelled_out(choices, ""), text);
  return value{word};
}

bool has_blank_or_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c == 127; });
}

struct url_parts {
  std::string scheme;
  std::string_view authority;
  std::string_view rest; // path, query, fragment
};

std::optional<url_parts> split_url(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || has_blank_or_control(text))
    return std::nullopt;
  url_parts parts;
  parts.scheme = lower(text.substr(0, colon));
  const auto after = text.substr(colon + 3);
  const auto end = after.find_first_of("/?#");
  parts.authority = after.substr(0, end);
  parts.rest = end == std::string_view::npos ? std::string_view{} : after.substr(end);
  return parts;
}

// `host`, `host:port`, `[v6]:port`, after any `user@`.
bool has_host(std::string_view authority) {
  const auto at = authority.rfind('@');
  auto host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  std::string_view port;
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    const auto number = whole_number(port);
    if (!number || *number < 1 || *number > 65'535)
      return false;
  }
  return !host.empty() && host.find_first_of("/\\,") == std::string_view::npos;
}

result<value> parse_url(const setting& of, std::string_view text) {
  const auto schemes = choices_of(of);
  const auto parts = split_url(text);
  if (!parts || std::ranges::find(schemes, parts->scheme) == schemes.end()
      || !has_host(parts->authority))
    return expected(of, "an address that starts with " + spelled_out(schemes, "://"), text);
  // Paths are appended to it.
  while (text.ends_with('/'))
    text.remove_suffix(1);
  return value{std::string{text}};
}

result<value> parse_database(const setting& of, std::string_view text) {
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")
      || (text.find("://") == std::string_view::npos && text.find('=') != std::string_view::npos))
    return value{std::string{text}};
  return expected(of, "postgresql://user:password@host:port/database", text);
}

/// An IP address, or the one name that every machine has.
bool is_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1
         || ::inet_pton(AF_INET6, host.c_str(), &any) == 1 || lower(host) == "localhost";
}

result<value> parse_bind(const setting& of, std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port =
    colon == std::string_view::npos ? std::nullopt : whole_number(text.substr(colon + 1));
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  if (!port || *port < 0 || *port > 65'535 || host.empty()
      || (!bracketed && host.find(':') != std::string_view::npos) || has_blank_or_control(host))
    return expected(of, "address:port, such as 127.0.0.1:3000 or [::1]:3000", text);
  std::string name{host};
  if (!is_address(name))
    return fail(
      errc::invalid_input,
      "must name an address of this machine (127.0.0.1, [::1], 0.0.0.0) or localhost, not '" + name
        + "'");
  return value{endpoint{std::move(name), static_cast<std::uint16_t>(*port)}};
}

std::vector<std::string> split_list(const written_value& from) {
  std::vector<std::string> items;
  const auto add = [&](std::string_view item) {
    if (const auto bare = trimmed(item); !bare.empty())
      items.emplace_back(bare);
  };
  if (const auto* list = std::get_if<std::vector<std::string>>(&from)) {
    for (const auto& item : *list)
      add(item);
    return items;
  }
  std::string_view rest = std::get<std::string>(from);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    add(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return items;
}

bool is_origin(std::string_view text) {
  const auto parts = split_url(text);
  return parts && (parts->scheme == "http" || parts->scheme == "https")
         && parts->authority.find('@') == std::string_view::npos && has_host(parts->authority)
         && parts->rest.empty();
}

bool is_host_name(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return bracketed || (!has_blank_or_control(text) && text.find_first_of(":/*@") == text.npos);
}

/// "example.com" or "help@example.com".
bool is_domain_or_address(std::string_view text) {
  const auto at = text.find('@');
  const auto domain = at == std::string_view::npos ? text : text.substr(at + 1);
  return at != 0 && is_host_name(domain) && !domain.starts_with('.') && !domain.ends_with('.')
         && domain.find('.') != std::string_view::npos && !has_blank_or_control(text);
}

result<value> parse_list(const setting& of, const written_value& from) {
  auto items = split_list(from);
  for (auto& item : items) {
    if (of.type == kind::hosts && !is_host_name(item))
      return expected(of, "names such as hub.example.com", item);
    if (of.type == kind::addresses) {
      item = lower(item);
      if (!is_domain_or_address(item))
        return expected(of, "domains or addresses such as example.com or help@example.com", item);
    }
    if (of.type == kind::origins) {
      while (item.ends_with('/'))
        item.pop_back();
      if (!is_origin(item))
        return expected(of, "origins such as https://desk.example.com", item);
    }
  }
  return value{std::move(items)};
}

} // namespace

result<value> parse_value(const setting& of, const written_value& from) {
  if (of.type == kind::list || of.type == kind::origins || of.type == kind::hosts
      || of.type == kind::addresses)
    return parse_list(of, from);
  const auto* written = std::get_if<std::string>(&from);
  if (written == nullptr)
    return fail(errc::invalid_input, "expected one value, not a list");
  const auto text = trimmed(*written);
  switch (of.type) {
  case kind::integer:
  case kind::duration:
  case kind::size:
    return parse_amount(of, text);
  case kind::boolean:
    return parse_boolean(of, text);
  case kind::choice:
    return parse_choice(of, text);
  case kind::url:
    return parse_url(of, text);
  case kind::database:
    return parse_database(of, text);
  case kind::bind:
    return parse_bind(of, text);
  case kind::text:
  case kind::list:
  case kind::origins:
  case kind::hosts:
  case kind::addresses:
    break;
  }
  if (text.find('\0') != std::string_view::npos)
    return fail(errc::invalid_input, "must not contain a NUL character");
  return value{std::string{text}};
}

std::string show_value(const setting& of, const value& shown) {
  if (const auto* text = std::get_if<std::string>(&shown))
    return of.secret && !text->empty() ? "********" : *text;
  if (const auto* number = std::get_if<std::int64_t>(&shown))
    return show_amount(of, *number);
  if (const auto* flag = std::get_if<bool>(&shown))
    return *flag ? "on" : "off";
  if (const auto* time = std::get_if<std::chrono::milliseconds>(&shown))
    return show_amount(of, time->count());
  if (const auto* where = std::get_if<endpoint>(&shown)) {
    const bool v6 = where->host.find(':') != std::string::npos;
    return (v6 ? "[" + where->host + "]" : where->host) + ":" + std::to_string(where->port);
  }
  std::string joined;
  for (const auto& item : std::get<std::vector<std::string>>(shown))
    joined += (joined.empty() ? "" : ",") + item;
  return joined;
}

} // namespace hub::config
