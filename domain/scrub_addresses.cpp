#include "domain/scrub_parts.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace hub::domain::scrubbing {

namespace {

constexpr std::size_t longest_local = 256;
constexpr std::size_t longest_domain = 255;
constexpr std::size_t longest_spelled = 200; // "name (at) domain dot com", either side

RE2::Options fixed() {
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_max_mem(4 << 20);
  options.set_log_errors(false);
  return options;
}

bool equals(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, lower);
}

/// Whether the character whose last byte is before `at` may be part of a mailbox name; its first
/// byte goes to `begin`. Letters of any script may, symbols and emoji may not.
bool local_before(std::string_view text, std::size_t at, std::size_t& begin) {
  if (at == 0)
    return false;
  begin = at - 1;
  const char c = text[begin];
  if (static_cast<unsigned char>(c) < 0x80)
    return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'';
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U)
    --begin;
  const auto lead = static_cast<unsigned char>(text[begin]);
  return lead >= 0xC3 && lead < 0xF0 && lead != 0xE2;
}

std::size_t local_begin(std::string_view text, std::size_t at) {
  if (char_before(text, at) == '"') {
    const auto least = at > 66 ? at - 66 : 0;
    const auto open = at >= 2 ? text.rfind('"', at - 2) : std::string_view::npos;
    const auto inside = open == std::string_view::npos ? "" : text.substr(open, at - open);
    return open >= least && !inside.empty() && inside.find('\n') == std::string_view::npos
               && inside.find(barrier) == std::string_view::npos
             ? open
             : at;
  }
  auto begin = at;
  std::size_t previous = 0;
  while (at - begin < longest_local && local_before(text, begin, previous))
    begin = previous;
  while (begin < at && (text[begin] == '.' || text[begin] == '\'' || text[begin] == '-'))
    ++begin;
  return begin;
}

/// The length of a dotted name at the front of `text`, such as the part behind the '@'; 0 if there
/// is none. The last label must look like a top-level domain.
std::size_t domain_size(std::string_view text) {
  std::size_t at = 0;
  std::size_t good = 0;
  std::size_t label = 0; // where the current label begins
  bool letters_only = true;
  std::size_t labels = 0;
  while (at < longest_domain) { // what is longer may end inside a character
    const char c = char_at(text, at);
    if (is_alnum(c) || c == '-') {
      letters_only = letters_only && is_letter(c);
      ++at;
      continue;
    }
    if (at == label || text[label] == '-')
      break;
    ++labels;
    const auto name = text.substr(label, at - label);
    if (labels > 1 && ((letters_only && name.size() >= 2) || equals(name.substr(0, 4), "xn--")))
      good = at;
    if (c != '.')
      break;
    label = ++at;
    letters_only = true;
  }
  return good;
}

/// `icon@2x.png` and `pkg@latest.js` are files, `git@host:path` a repository.
bool is_other_at(std::string_view local, std::string_view domain, char after) {
  static constexpr std::array<std::string_view, 10> files{
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "css", "tgz"};
  if (equals(local, "git") && after == ':')
    return true;
  const auto last = domain.substr(domain.rfind('.') + 1);
  return std::ranges::any_of(files, [last](auto f) { return equals(last, f); });
}

std::size_t ipv4_size(std::string_view text);

/// `user:password@host` in a URL is no mailbox; what is found there so far ends at the '@'.
std::vector<std::size_t> ends_of_credentials(const std::vector<find>& finds) {
  std::vector<std::size_t> ends;
  for (const auto& f : finds)
    if (f.strength == rank::known_format)
      ends.push_back(f.end);
  std::ranges::sort(ends);
  return ends;
}

void find_plain_emails(std::string_view text, std::vector<find>& finds) {
  const auto credentials = ends_of_credentials(finds);
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const auto begin = local_begin(text, at);
    // `user@` right behind "//" logs in to a host.
    if (begin == at || std::ranges::binary_search(credentials, at)
        || text.substr(0, begin).ends_with("://"))
      continue;
    const auto rest = text.substr(at + 1);
    auto size = domain_size(rest);
    if (size == 0 && rest.starts_with('[')) {
      if (const auto ip = ipv4_size(rest.substr(1)); ip > 0 && char_at(rest, ip + 1) == ']')
        size = ip + 2;
    } else if (size == 0) {
      size = ipv4_size(rest);
    }
    if (size == 0
        || is_other_at(text.substr(begin, at - begin), rest.substr(0, size), char_at(rest, size)))
      continue;
    finds.push_back({pii_type::email, rank::address, begin, at + 1 + size});
  }
}

bool is_mail_house(std::string_view domain) {
  static constexpr std::array<std::string_view, 12> houses{"gmail",
                                                           "googlemail",
                                                           "hotmail",
                                                           "outlook",
                                                           "yahoo",
                                                           "icloud",
                                                           "live",
                                                           "aol",
                                                           "protonmail",
                                                           "proton",
                                                           "gmx",
                                                           "msn"};
  const auto first = domain.substr(0, domain.find_first_of(" .(["));
  return std::ranges::any_of(houses, [first](auto h) { return equals(first, h); });
}

bool tells_mailbox(std::string_view local) {
  return local.find_first_of("._+0123456789") != std::string_view::npos;
}

/// Whether words such as "mail me" stand shortly before.
bool is_about_mail(std::string_view text, std::size_t at) {
  static const RE2 mail{R"(\b(?:e-?mails?|mail|correo|reach|contact|escr[ií]b\w*|write)\b)",
                        fixed()};
  const auto begin = at > 48 ? at - 48 : 0;
  const auto before = text.substr(begin, at - begin);
  return mail.ok() && RE2::PartialMatch({before.data(), before.size()}, mail);
}

struct spelled_at {
  std::size_t begin = 0; // of the word or sign, white space around it included
  std::size_t end = 0;
  bool unmistakable = false; // "(at)" and "arroba", but not a bare "at"
};

/// The size of "domain dot com" at the front of `text`; 0 if there is none. With `dot_as_word`, of
/// that alone, and only where the end is a usual one: "look at google dot" is no address.
std::size_t spelled_domain_size(std::string_view text, bool dot_as_word) {
  static const RE2 any_dot{
    R"(^([\pL\pN-]+(?:(?:\.|\s?[\[({<]\s?(?:dot|punto|\.)\s?[\])}>]\s?|\s(?:dot|punto)\s)[\pL\pN-]+)*)"
    R"((?:\.|\s?[\[({<]\s?(?:dot|punto|\.)\s?[\])}>]\s?|\s(?:dot|punto)\s)[a-z]{2,24})(?:[^\pL\pN]|$))",
    fixed()};
  static const RE2 word_dot{
    R"(^([\pL\pN-]+(?:\s(?:dot|punto)\s[\pL\pN-]+)*\s(?:dot|punto)\s)"
    R"((?:com|net|org|edu|gov|io|dev|app|info|biz|eu|es|mx|ar|co|cl|pe|uk|us|de|fr|it|pt|br|ca|au|in)))"
    R"((?:[^\pL\pN]|$))",
    fixed()};
  const auto window = text.substr(0, std::min(text.size(), longest_spelled));
  const auto& form = dot_as_word ? word_dot : any_dot;
  re2::StringPiece domain;
  if (!form.ok() || !RE2::PartialMatch({window.data(), window.size()}, form, &domain))
    return 0;
  return domain.size();
}

void note_spelled(std::string_view text, const spelled_at& sign, std::vector<find>& finds) {
  const auto begin = local_begin(text, sign.begin);
  if (begin == sign.begin)
    return;
  const auto rest = text.substr(sign.end);
  const auto size = spelled_domain_size(rest, !sign.unmistakable);
  if (size == 0)
    return;
  const auto local = text.substr(begin, sign.begin - begin);
  if (!sign.unmistakable && !tells_mailbox(local) && !is_mail_house(rest.substr(0, size))
      && !is_about_mail(text, begin))
    return;
  finds.push_back({pii_type::email, rank::address, begin, sign.end + size});
}

void find_spelled_emails(std::string_view text, std::vector<find>& finds) {
  // One look decides for nearly every text that nothing of the kind is there.
  static const RE2 worth_it{R"([\[({<]\s?at\s?[\])}>]|\barroba\b|\sdot\s|\spunto\s)", fixed()};
  static const RE2 sign{R"((\s?[\[({<]\s?(?:at|arroba|@)\s?[\])}>]\s?|\s(?:at|arroba)\s))",
                        fixed()};
  if (!worth_it.ok() || !sign.ok() || !RE2::PartialMatch({text.data(), text.size()}, worth_it))
    return;
  re2::StringPiece rest{text.data(), text.size()};
  re2::StringPiece hit;
  while (RE2::FindAndConsume(&rest, sign, &hit)) {
    const auto begin = static_cast<std::size_t>(hit.data() - text.data());
    const auto word = text.substr(begin, hit.size());
    note_spelled(text, {begin, begin + hit.size(), !equals(word.substr(1), "at ")}, finds);
  }
}

/// `john.doe @ gmail.com`: blanks around the sign, and beyond doubt a mailbox.
void find_spaced_emails(std::string_view text, std::vector<find>& finds) {
  for (auto at = text.find(" @ "); at != std::string_view::npos; at = text.find(" @ ", at + 1)) {
    const auto begin = local_begin(text, at);
    const auto rest = text.substr(at + 3);
    const auto size = domain_size(rest);
    if (begin < at && size > 0
        && (tells_mailbox(text.substr(begin, at - begin)) || is_mail_house(rest.substr(0, size))))
      finds.push_back({pii_type::email, rank::address, begin, at + 3 + size});
  }
}

/// The length of four dotted numbers below 256 at the front of `text`; 0 if they are not there.
std::size_t ipv4_size(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && char_at(text, at++) != '.')
      return 0;
    const auto begin = at;
    int value = 0;
    while (at - begin < 3 && is_digit(char_at(text, at)))
      value = value * 10 + (text[at++] - '0');
    if (at == begin || value > 255 || (at - begin > 1 && text[begin] == '0'))
      return 0;
  }
  const char after = char_at(text, at);
  const bool goes_on = is_alnum(after) || after == '_'
                       || (after == '.' && is_digit(char_at(text, at + 1)))
                       || (after == '-' && is_letter(char_at(text, at + 1)));
  return goes_on ? 0 : at;
}

/// "version 1.2.3.4", "Chrome/120.0.0.0", "hadoop-auth-3.1.1.7", "section 4.1.2.1".
bool is_version(std::string_view text, std::size_t at) {
  const char mark = char_before(text, at);
  const bool behind_name = (mark == '/' || mark == '-') && at > 1 && is_letter(text[at - 2]);
  constexpr std::size_t farthest = 6;
  for (std::size_t reach = 0; const auto& w : words_before{text, at}) {
    if (++reach > farthest || !w.same_sentence)
      break;
    if ((w.hints & hint::network) != 0)
      return false;
    if ((w.hints & hint::version) != 0)
      return true;
  }
  return behind_name;
}

void find_ipv4(std::string_view text, std::vector<find>& finds) {
  for (auto dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', dot + 1)) {
    auto begin = dot;
    while (begin > 0 && dot - begin < 4 && is_digit(text[begin - 1]))
      --begin;
    const char before = char_before(text, begin);
    if (begin == dot || is_alnum(before) || before == '_' || before == '.')
      continue;
    const auto size = ipv4_size(text.substr(begin));
    if (size == 0)
      continue;
    if (!is_version(text, begin))
      finds.push_back({pii_type::ip_address, rank::address, begin, begin + size});
    dot = begin + size - 1;
  }
}

constexpr bool is_hex(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

/// Whether `text`, made of hex digits, colons and dots, is an IPv6 address in full.
bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool gap = false; // "::" was there
  std::size_t at = 0;
  if (text.starts_with("::")) {
    gap = true;
    at = 2;
  }
  while (at < text.size()) {
    const auto begin = at;
    while (is_hex(char_at(text, at)))
      ++at;
    if (char_at(text, at) == '.') {
      const auto size = ipv4_size(text.substr(begin));
      if (size == 0 || begin + size != text.size())
        return false;
      groups += 2;
      break;
    }
    if (at == begin || at - begin > 4)
      return false;
    ++groups;
    if (at == text.size())
      break;
    if (text.substr(at, 2) == "::") {
      if (gap)
        return false;
      gap = true;
      at += 2;
    } else if (++at == text.size()) {
      return false;
    }
  }
  return gap ? groups >= 2 && groups < 8 : groups == 8;
}

/// "fe80::1%eth0": the name of the interface belongs to the address.
std::size_t after_zone(std::string_view text, std::size_t end) {
  if (char_at(text, end) != '%' || !is_alnum(char_at(text, end + 1)))
    return end;
  constexpr std::size_t longest = 16;
  auto stop = end + 1;
  while (stop - end < longest && static_cast<unsigned char>(char_at(text, stop)) < 0x80
         && is_alnum(char_at(text, stop)))
    ++stop;
  return stop;
}

void find_ipv6(std::string_view text, std::vector<find>& finds) {
  for (auto colon = text.find(':'); colon != std::string_view::npos;) {
    auto begin = colon;
    while (begin > 0 && colon - begin < 5 && is_hex(text[begin - 1]))
      --begin;
    auto end = colon;
    while (is_hex(char_at(text, end)) || char_at(text, end) == ':' || char_at(text, end) == '.')
      ++end;
    const auto scanned = end;
    while (
      end > begin
      && (text[end - 1] == '.' || (text[end - 1] == ':' && !text.substr(0, end).ends_with("::"))))
      --end;
    const char before = char_before(text, begin);
    const auto token = text.substr(begin, end - begin);
    constexpr std::size_t longest = 45;
    // Without a digit it is more likely code ("dead::beef") than an address.
    if (!is_alnum(before) && before != '_' && before != ':' && before != '.'
        && !is_alnum(char_at(text, end)) && token.size() <= longest
        && std::ranges::any_of(token, is_digit) && is_ipv6(token))
      finds.push_back({pii_type::ip_address, rank::address, begin, after_zone(text, end)});
    colon = text.find(':', std::max(scanned, colon + 1));
  }
}

} // namespace

void find_addresses(const plain_text& plain, std::vector<find>& finds) {
  const auto text = plain.text();
  if (plain.has_at()) {
    find_plain_emails(text, finds);
    find_spaced_emails(text, finds);
  }
  find_spelled_emails(text, finds);
  if (plain.has_digit())
    find_ipv4(text, finds);
  if (plain.has_digit() && plain.has_colon())
    find_ipv6(text, finds);
}

} // namespace hub::domain::scrubbing
