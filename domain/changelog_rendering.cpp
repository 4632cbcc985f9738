#include "domain/changelog.hpp"
#include "domain/code_point.hpp"

#include <algorithm>

namespace hub::domain {

namespace {

// Clients make links and mentions out of plain text, too. An invisible space between the parts of
// an address keeps them from it and the text readable.
constexpr std::string_view invisible_space = "\u200B";

enum class markup : std::uint8_t {
  none,
  slack,    // *bold* _italic_ ~strike~ `code` :emoji: > quote
  whatsapp, // *bold* _italic_ ~strike~ `code` > quote
};

markup markup_of(channel where) {
  switch (where) {
  case channel::slack:
    return markup::slack;
  case channel::whatsapp:
    return markup::whatsapp;
  case channel::intercom:
  case channel::email:
  case channel::in_app:
  case channel::api:
    break;
  }
  return markup::none;
}

constexpr bool is_alnum(char c) { // any byte of a character beyond ASCII counts
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
         || static_cast<unsigned char>(c) >= 0x80;
}

constexpr bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char at_or_blank(std::string_view text, std::size_t at) {
  return at < text.size() ? text[at] : ' ';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Whether `word` ends a bare mail address or an https link of the company's own, so that it may
/// stay one. Anything unusual (user names, ports, further schemes) is somebody else's.
bool is_own(std::string_view word, const own_addresses& own) {
  while (!word.empty() && std::string_view{"(\"'"}.find(word.front()) != std::string_view::npos)
    word.remove_prefix(1);
  while (!word.empty()
         && std::string_view{".,;:!?)\"'"}.find(word.back()) != std::string_view::npos)
    word.remove_suffix(1);
  const bool plain = std::ranges::all_of(word, [](char c) {
    return (is_alnum(c) && static_cast<unsigned char>(c) < 0x80)
           || std::string_view{"-._~/?#=&%+@:"}.find(c) != std::string_view::npos;
  });
  if (!plain)
    return false;
  if (own.hold(word))
    return word.find_first_of("/?#:") == std::string_view::npos;
  constexpr std::string_view scheme = "https://";
  if (!word.starts_with(scheme) || word.find('@') != std::string_view::npos
      || word.find(':', scheme.size()) != std::string_view::npos)
    return false;
  const auto host =
    word.substr(scheme.size(), word.find_first_of("/?#", scheme.size()) - scheme.size());
  return std::ranges::any_of(own.domains, [host](const auto& domain) {
    return std::ranges::equal(host, domain, {}, lower);
  });
}

/// What a character that would begin markup becomes; empty when it may stay. `_` inside a word is
/// no markup, so that names such as `max_size` can be copied.
std::string_view stand_in(std::string_view text, std::size_t at) {
  switch (text[at]) {
  case '*':
    return "\u2217";
  case '~':
    return "\u223C";
  case '`':
    return "\u02CB";
  case '_':
    if (at > 0 && is_alnum(text[at - 1]) && is_alnum(at_or_blank(text, at + 1)))
      return {};
    return "\uFF3F";
  default:
    return {};
  }
}

/// Whether an invisible space must follow the character at `at`, lest it be part of a link, a
/// mention or an emoji.
bool breaks_after(std::string_view text, std::size_t at, markup how) {
  const char c = text[at];
  const char after = at_or_blank(text, at + 1);
  const char before = at > 0 ? text[at - 1] : ' ';
  if (c == '.')
    return is_alnum(before) && is_alnum(after)
           && (is_ascii_letter(after) || static_cast<unsigned char>(after) >= 0x80);
  if (c == '@')
    return after != ' ';
  if (c != ':')
    return false;
  // "https://", "mailto:a", "tel:1", and ":smile:" of Slack.
  return after == '/' || (is_ascii_letter(before) && is_alnum(after))
         || (how == markup::slack && (is_alnum(after) || after == '+' || after == '-'));
}

/// Percent-encoded where a link holds what would be markup: it stays the same link.
std::string own_link(std::string_view word, markup how) {
  std::string out;
  for (const char c : word)
    if (how != markup::none && c == '_')
      out += "%5F";
    else if (how != markup::none && c == '~')
      out += "%7E";
    else
      out += c;
  return out;
}

std::string plain_word(
  std::string_view text, std::size_t begin, std::size_t end, markup how, const own_addresses& own) {
  const auto word = text.substr(begin, end - begin);
  if (is_own(word, own))
    return word.find("://") == std::string_view::npos ? std::string{word} : own_link(word, how);
  std::string out;
  for (std::size_t at = 0; at < word.size(); ++at) {
    const auto other = how == markup::none ? std::string_view{} : stand_in(word, at);
    if (other.empty())
      out += word[at];
    else
      out += other;
    if (breaks_after(word, at, how))
      out += invisible_space;
  }
  return out;
}

std::string plain_line(std::string_view line, markup how, const own_addresses& own) {
  std::string out;
  std::size_t at = std::min(line.find_first_not_of(" \t"), line.size());
  out += line.substr(0, at);
  for (; how != markup::none && at_or_blank(line, at) == '>'; ++at)
    out += "\u203A"; // '>' begins a quote, escaped or not
  while (at < line.size()) {
    const auto end = std::min(line.find_first_of(" \t", at), line.size());
    out += plain_word(line, at, end, how, own);
    at = end;
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t'))
      out += line[at++];
  }
  return out;
}

/// Without controls other than line breaks, and without marks that reorder text.
std::string readable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [value, size] = front_of(text);
    const bool breaks = (value == '\r' && !text.starts_with("\r\n")) || value == 0x85
                        || value == 0x2028 || value == 0x2029;
    const bool control = (value < 0x20 && value != '\n' && value != '\t')
                         || (value >= 0x7F && value < 0xA0) || (value >= 0x202A && value <= 0x202E)
                         || (value >= 0x2066 && value <= 0x2069);
    if (breaks)
      out += '\n';
    else if (!control)
      out += text.substr(0, size);
    text.remove_prefix(size);
  }
  return out;
}

std::string_view header_at(std::string_view line) {
  for (const auto header : changelog_headers)
    if (line.starts_with(header))
      return header;
  return {};
}

} // namespace

std::string for_channel(channel where, std::string_view content, const own_addresses& own) {
  const auto how = markup_of(where);
  const auto text = readable(content);
  std::string_view rest = text;
  std::string out;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    if (const auto header = header_at(line); !header.empty()) {
      // "**What happened:**" is Markdown; Slack and WhatsApp write bold with one asterisk.
      const auto words = header.substr(2, header.size() - 4);
      out.append(how == markup::none ? "" : "*")
        .append(words)
        .append(how == markup::none ? "" : "*");
      line.remove_prefix(header.size());
    }
    out += plain_line(line, how, own);
    if (end < rest.size())
      out += '\n';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

} // namespace hub::domain
