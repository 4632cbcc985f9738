#include "domain/scrub.hpp"

#include "domain/scrub_parts.hpp"

#include <algorithm>
#include <array>

namespace hub::domain {

namespace {

using scrubbing::find;
using scrubbing::plain_text;

// What is redacted may uncover more ("version" gone from before a number), so scrubbing repeats
// until nothing is found. Ordinary text needs one round, or two to see that the first sufficed.
constexpr int most_rounds = 8;

std::string_view placeholder(pii_type type) {
  switch (type) {
  case pii_type::email:
    return "[EMAIL]";
  case pii_type::phone:
    return "[PHONE]";
  case pii_type::password:
    return "[PASSWORD]";
  case pii_type::ssn:
    return "[SSN]";
  case pii_type::payment_card:
    return "[CARD]";
  case pii_type::iban:
    return "[IBAN]";
  case pii_type::api_key:
    return "[API_KEY]";
  case pii_type::ip_address:
    return "[IP]";
  }
  return "[REDACTED]";
}

bool names_better(const find& one, const find& other) {
  if (one.strength != other.strength)
    return one.strength > other.strength;
  return one.end - one.begin > other.end - other.begin;
}

/// Joins finds that overlap: the whole is hidden, so that no end of either stays readable.
std::vector<find> joined(std::vector<find> finds) {
  std::ranges::sort(finds, [](const find& a, const find& b) {
    return a.begin != b.begin ? a.begin < b.begin : names_better(a, b);
  });
  std::vector<find> apart;
  std::size_t namer = 0; // the find whose type the last of `apart` bears
  for (std::size_t i = 0; i < finds.size(); ++i) {
    if (apart.empty() || finds[i].begin >= apart.back().end) {
      apart.push_back(finds[i]);
      namer = i;
      continue;
    }
    auto& whole = apart.back();
    whole.end = std::max(whole.end, finds[i].end);
    if (names_better(finds[i], finds[namer])) {
      namer = i;
      whole.type = finds[i].type;
    }
  }
  return apart;
}

/// Adds new redactions, one of which may cover older ones.
std::vector<redaction> merged(const std::vector<redaction>& old, std::vector<redaction> fresh) {
  fresh.insert(fresh.end(), old.begin(), old.end());
  std::ranges::sort(fresh, [](const redaction& a, const redaction& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::vector<redaction> apart;
  for (const auto& r : fresh)
    if (apart.empty() || r.begin >= apart.back().end)
      apart.push_back(r);
    else
      apart.back().end = std::max(apart.back().end, r.end);
  return apart;
}

std::vector<redaction>
one_round(std::string_view text, const std::vector<redaction>& before, const own_addresses& kept) {
  const plain_text plain{text, before};
  std::vector<find> finds;
  scrubbing::find_secrets(plain, finds);
  scrubbing::find_addresses(plain, finds);
  // Before numbers are looked for: a card number is one in an address of our own, too.
  std::erase_if(finds, [&](const find& f) {
    return f.type == pii_type::email && kept.hold(plain.text().substr(f.begin, f.end - f.begin));
  });
  scrubbing::find_numbers(plain, finds);
  std::vector<redaction> fresh;
  if (finds.empty())
    return fresh;
  fresh.reserve(finds.size());
  for (const auto& f : joined(std::move(finds)))
    fresh.push_back({f.type, plain.origin(f.begin), plain.origin(f.end)});
  return fresh;
}

} // namespace

std::string_view to_string(pii_type type) {
  switch (type) {
  case pii_type::email:
    return "email";
  case pii_type::phone:
    return "phone";
  case pii_type::password:
    return "password";
  case pii_type::ssn:
    return "ssn";
  case pii_type::payment_card:
    return "payment_card";
  case pii_type::iban:
    return "iban";
  case pii_type::api_key:
    return "api_key";
  case pii_type::ip_address:
    return "ip_address";
  }
  return "";
}

std::vector<std::string> scrubbed::types() const {
  std::vector<std::string> names;
  for (const auto& r : redactions)
    if (auto name = std::string{to_string(r.type)}; std::ranges::find(names, name) == names.end())
      names.push_back(std::move(name));
  std::ranges::sort(names);
  return names;
}

bool own_addresses::hold(std::string_view address) const {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at == 0)
    return false;
  const auto same = [](std::string_view one, std::string_view lower_case) {
    return std::ranges::equal(one, lower_case, {}, scrubbing::lower);
  };
  const auto host = address.substr(at + 1);
  return std::ranges::any_of(domains, [&](const auto& own) { return same(host, own); })
         || std::ranges::any_of(mailboxes, [&](const auto& own) { return same(address, own); });
}

scrubbed scrub(std::string_view text) {
  return scrub(text, {});
}

scrubbed scrub(std::string_view text, const own_addresses& kept) {
  scrubbed result;
  for (int round = 0; round < most_rounds; ++round) {
    auto fresh = one_round(text, result.redactions, kept);
    if (fresh.empty())
      break;
    result.redactions = merged(result.redactions, std::move(fresh));
  }
  std::size_t at = 0;
  result.text.reserve(text.size());
  for (const auto& r : result.redactions) {
    result.text.append(text.substr(at, r.begin - at)).append(placeholder(r.type));
    at = r.end;
  }
  result.text.append(text.substr(at));
  return result;
}

} // namespace hub::domain
