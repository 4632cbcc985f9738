#include "domain/access.hpp"

#include "domain/text.hpp"
#include "domain/uuid.hpp"

#include <zxcvbn.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace hub::domain {

namespace {

using enum permission;

struct permission_name {
  permission what;
  std::string_view name;
};

constexpr std::array<permission_name, permission_count> permission_names{{
  {tickets_read, "tickets:read"},
  {tickets_write, "tickets:write"},
  {pii_read, "pii:read"},
  {deliveries_read, "deliveries:read"},
  {deliveries_write, "deliveries:write"},
  {operations_read, "operations:read"},
  {operations_write, "operations:write"},
  {people_read, "people:read"},
  {people_write, "people:write"},
  {keys_read, "keys:read"},
  {keys_write, "keys:write"},
  {audit_read, "audit:read"},
  {settings_manage, "settings:manage"},
}};

constexpr permission_set viewer_may{tickets_read, operations_read};
constexpr permission_set agent_may{
  tickets_read, tickets_write, operations_read, deliveries_read, people_read};
constexpr permission_set admin_may{tickets_read,
                                   tickets_write,
                                   operations_read,
                                   operations_write,
                                   deliveries_read,
                                   deliveries_write,
                                   people_read,
                                   people_write,
                                   keys_read,
                                   keys_write,
                                   audit_read,
                                   settings_manage};

static_assert(agent_may.covers(viewer_may) && admin_may.covers(agent_may));

constexpr std::size_t longest_email = 254;    // RFC 5321, 4.5.3.1.3
constexpr std::size_t shortest_password = 12; // in code points
constexpr std::size_t longest_password = 256;
constexpr std::size_t longest_workspace_name = 100;

// What zxcvbn calls safely unguessable (its score 3 of 4), in bits: an attempt costs an Argon2id.
constexpr double fewest_bits = 26.6;
// Its work grows with the length; what is beyond makes nothing weaker.
constexpr std::size_t looked_at = 128;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string folded{text};
  std::ranges::transform(folded, folded.begin(), lower);
  return folded;
}

/// How many bits of guessing a password stands for, by words, names, keyboard rows, dates and
/// repetitions that others have used, and by what belongs to this hub and this person.
double bits_of(std::string_view password, std::string_view email) {
  const std::string address{email};
  const auto name = address.substr(0, address.find('@'));
  std::array known{
    address.c_str(), name.c_str(), "feedback", "hub", static_cast<const char*>(nullptr)};
  return ZxcvbnMatch(std::string{password.substr(0, looked_at)}.c_str(), known.data(), nullptr);
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
    text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

} // namespace

std::string_view to_string(permission what) {
  return permission_names[static_cast<std::size_t>(what)].name;
}

result<permission> parse_permission(std::string_view text) {
  std::string known;
  for (const auto& [what, name] : permission_names) {
    if (name == text)
      return what;
    known.append(known.empty() ? "" : ", ").append(name);
  }
  return fail(errc::invalid_input, "unknown permission; there are " + known);
}

std::vector<std::string> permission_set::names() const {
  std::vector<std::string> all;
  for (const auto& [what, name] : permission_names)
    if (has(what))
      all.emplace_back(name);
  return all;
}

result<permission_set> parse_permissions(std::span<const std::string> names) {
  permission_set all;
  for (const auto& name : names) {
    const auto one = parse_permission(name);
    if (!one)
      return one.why();
    all.add(*one);
  }
  return all;
}

std::string_view to_string(role what) {
  switch (what) {
  case role::viewer:
    return "viewer";
  case role::agent:
    return "agent";
  case role::admin:
    return "admin";
  case role::owner:
    return "owner";
  }
  return "";
}

result<role> parse_role(std::string_view text) {
  for (const auto what : all_roles)
    if (to_string(what) == text)
      return what;
  return fail(errc::invalid_input, "unknown role; use viewer, agent, admin or owner");
}

permission_set permissions_of(role what) {
  switch (what) {
  case role::viewer:
    return viewer_may;
  case role::agent:
    return agent_may;
  case role::admin:
  case role::owner: // may do no more, but only owners make, change and remove owners
    return admin_may;
  }
  return {};
}

bool may_manage(const principal& who, role rank, bool reads_pii) {
  return who.may.has(people_write) && rank <= who.rank && who.may.covers(permissions_of(rank))
         && (!reads_pii || who.rank == role::owner);
}

bool may_make_link(const principal& who, role rank, bool reads_pii, bool has_password) {
  return may_manage(who, rank, reads_pii)
         && (!has_password || rank < who.rank || who.rank == role::owner);
}

std::string_view to_string(principal::kind what) {
  switch (what) {
  case principal::kind::person:
    return "user";
  case principal::kind::key:
    return "api_key";
  case principal::kind::client:
    return "client";
  }
  return "";
}

result<std::string> parse_email(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  const auto at = text.find('@');
  const bool odd = std::ranges::any_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F
           || c == ',' || c == ';' || c == '<' || c == '>' || c == '"';
  });
  if (text.size() > longest_email || at == std::string_view::npos || at == 0
      || at + 1 == text.size() || text.find('@', at + 1) != std::string_view::npos || odd)
    return fail(errc::invalid_input, "must be an email address, such as ana@example.com");
  return lowered(text);
}

result<std::string> parse_workspace_name(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (text.empty() || clean_utf8(text) != text || code_points(text) > longest_workspace_name
      || std::ranges::any_of(text, is_control))
    return fail(errc::invalid_input, "must be a text of 1 to 100 characters");
  if (parse_uuid(text))
    return fail(errc::invalid_input, "must not look like an id");
  return std::string{text};
}

outcome check_password(std::string_view password, std::string_view email) {
  if (clean_utf8(password) != password || password.find('\0') != std::string_view::npos)
    return fail(errc::invalid_input, "must be text");
  const auto length = code_points(password);
  if (length < shortest_password || length > longest_password)
    return fail(errc::invalid_input, "must have 12 to 256 characters");
  if (bits_of(password, email) < fewest_bits)
    return fail(errc::invalid_input,
                "is among the first that somebody would try: take a few words that do not belong "
                "together");
  return done{};
}

} // namespace hub::domain
