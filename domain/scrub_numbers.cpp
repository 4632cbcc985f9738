#include "domain/scrub_parts.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace hub::domain::scrubbing {

namespace {

struct iban_country {
  std::string_view code;
  std::size_t length;
};

// The IBAN registry (SWIFT, release 99), and the lengths of countries that use IBANs without it.
constexpr iban_country iban_countries[] = {
  {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
  {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
  {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
  {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
  {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
  {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
  {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
  {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
  {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
  {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
  {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
  {"YE", 30}};

constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}
constexpr bool is_ascii_letter(char c) {
  return upper(c) >= 'A' && upper(c) <= 'Z';
}

std::size_t iban_length(char first, char second) {
  const std::array code{upper(first), upper(second)};
  const auto found = std::ranges::lower_bound(
    iban_countries, std::string_view{code.data(), 2}, {}, &iban_country::code);
  return found != std::end(iban_countries) && found->code == std::string_view{code.data(), 2}
           ? found->length
           : 0;
}

bool has_valid_iban_sum(std::string_view iban) {
  unsigned remainder = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    remainder = is_digit(c) ? (remainder * 10 + static_cast<unsigned>(c - '0')) % 97
                            : (remainder * 100 + static_cast<unsigned>(c - 'A') + 10) % 97;
  }
  return remainder == 1;
}

/// The bytes of an IBAN at the front of `text`, single blanks and dashes between its characters
/// included; 0 if there is none.
std::size_t iban_size(std::string_view text) {
  const auto length = iban_length(text[0], text[1]);
  std::array<char, 34> iban{};
  std::size_t taken = 0;
  std::size_t at = 0;
  for (; taken < length; ++at) {
    const char c = char_at(text, at);
    if (is_digit(c) || is_ascii_letter(c))
      iban[taken++] = upper(c);
    else if ((c != ' ' && c != '-' && c != '.') || !is_alnum(char_at(text, at + 1)))
      return 0;
  }
  if (length == 0 || is_alnum(char_at(text, at)))
    return 0;
  return has_valid_iban_sum({iban.data(), length}) ? at : 0;
}

bool ends_with_iban(std::string_view text, std::size_t at) {
  constexpr std::string_view name = "iban";
  return at >= name.size()
         && std::ranges::equal(text.substr(at - name.size(), name.size()), name, {}, lower);
}

void find_ibans(std::string_view text, std::vector<find>& finds) {
  for (std::size_t at = 0; at + 4 < text.size(); ++at) {
    if (!is_digit(text[at + 2]) || !is_digit(text[at + 3]) || !is_ascii_letter(text[at])
        || !is_ascii_letter(text[at + 1])
        || (is_alnum(char_before(text, at)) && !ends_with_iban(text, at)))
      continue;
    if (const auto size = iban_size(text.substr(at)); size > 0) {
      finds.push_back({pii_type::iban, rank::checked_number, at, at + size});
      at += size - 1;
    }
  }
}

struct group {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool glued = false; // to what is before it by more than blanks: '-', '.', '/' or a bracket
  [[nodiscard]] std::size_t size() const { return end - begin; }
};

/// Groups with nothing between them but what numbers are written with: "+34 (0)91-123.45".
using sequence = std::vector<group>;

constexpr std::size_t widest_gap = 3;
constexpr std::size_t longest_phone = 17; // digits, "00" and a bracketed zero included

constexpr bool may_separate(char c) {
  return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

/// Whether what lies between two groups keeps them in one number.
bool links(std::string_view gap) {
  if (gap.empty() || gap.size() > widest_gap || !std::ranges::all_of(gap, may_separate))
    return false;
  if (gap.size() > 1 && gap.find('.') != std::string_view::npos)
    return false; // the end of a sentence
  const auto marks = gap.size() - static_cast<std::size_t>(std::ranges::count(gap, ' '));
  const bool bracketed = gap.find_first_of("()") != std::string_view::npos;
  return marks <= (bracketed ? 2U : 1U);
}

/// The digits of a number that is no longer than a card's.
class digits_only {
public:
  void append(std::string_view more) {
    for (const char c : more.substr(0, digits_.size() - size_))
      digits_[size_++] = c;
  }
  [[nodiscard]] std::string_view text() const { return {digits_.data(), size_}; }

private:
  std::array<char, 20> digits_{};
  std::size_t size_ = 0;
};

/// A run of groups that are judged together, and where in the text they stand.
struct window {
  std::string_view text;
  const group* first = nullptr;
  const group* last = nullptr; // inclusive
  bool whole = false;          // nothing numeric stands beside it
  bool glued_before = false;   // to a number that is nothing yet
  bool glued_after = false;

  [[nodiscard]] std::size_t begin() const { return first->begin; }
  [[nodiscard]] std::size_t end() const { return last->end; }
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(last - first) + 1; }
  [[nodiscard]] std::size_t size_of(std::size_t i) const { return first[i].size(); }
  [[nodiscard]] char leading() const { return text[first->begin]; }
  [[nodiscard]] std::size_t digits() const {
    std::size_t sum = 0;
    for (const auto* g = first; g <= last; ++g)
      sum += g->size();
    return sum;
  }
  [[nodiscard]] bool is_shaped(std::initializer_list<std::size_t> sizes) const {
    return count() == sizes.size()
           && std::equal(sizes.begin(), sizes.end(), first, [](std::size_t n, const group& g) {
                return g.size() == n;
              });
  }
  [[nodiscard]] std::string_view between(std::size_t i) const { // before the group `i`, i > 0
    return text.substr(first[i - 1].end, first[i].begin - first[i - 1].end);
  }
  /// The one mark between all groups; 0 where marks differ.
  [[nodiscard]] char mark() const {
    for (std::size_t i = 1; i < count(); ++i)
      if (between(i).size() != 1 || between(i)[0] != between(1)[0])
        return 0;
    return count() > 1 ? between(1)[0] : '\0';
  }
  [[nodiscard]] digits_only number() const {
    digits_only all;
    for (const auto* g = first; g <= last; ++g)
      all.append(text.substr(g->begin, g->size()));
    return all;
  }
};

bool is_identifier(char c) {
  return is_letter(c) || c == '_';
}

bool is_name_char(char c) {
  return is_alnum(c) || c == '_' || c == barrier;
}

/// Whether the digits at `at` belong to a name such as INV-2023 or a716-4466: letters stand before
/// them, directly or behind dashes, that are no word about phones or cards. What is redacted may
/// have been letters.
bool is_part_of_name(std::string_view text, std::size_t at) {
  constexpr std::size_t longest = 40;
  const auto end = at;
  bool letters = false;
  while (at > 0 && end - at < longest
         && (is_name_char(text[at - 1])
             || (text[at - 1] == '-' && is_name_char(char_before(text, at - 1))))) {
    --at;
    letters = letters || is_identifier(text[at]) || text[at] == barrier;
  }
  if (!letters)
    return false;
  const words_before words{text, end};
  return words.begin() == words.end() || (words.begin()->hints & (hint::phone | hint::card)) == 0;
}

/// Whether `at` lies in a web address.
bool is_in_url(std::string_view text, std::size_t at) {
  constexpr std::size_t longest = 300;
  const auto end = at;
  while (at > 0 && end - at < longest && !is_blank(text[at - 1]) && text[at - 1] != '"'
         && text[at - 1] != '<' && text[at - 1] != '(')
    --at;
  const auto token = text.substr(at, end - at);
  return token.find("://") != std::string_view::npos || token.starts_with("www.");
}

bool has_valid_luhn_sum(std::string_view number) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    auto digit = static_cast<unsigned>(number[number.size() - 1 - i] - '0');
    if (i % 2 == 1)
      digit = digit < 5 ? digit * 2 : digit * 2 - 9;
    sum += digit;
  }
  return sum % 10 == 0;
}

struct issuer {
  unsigned from; // first six digits
  unsigned to;
  std::size_t shortest;
  std::size_t longest;
};

// ISO/IEC 7812 issuer ranges in use. Old Visa (13) and Maestro (12) are short enough to need a word
// beside them.
constexpr issuer issuers[] = {
  {180000, 180099, 15, 15}, // JCB, old
  {213100, 213199, 15, 15}, // JCB, old
  {222100, 272099, 16, 16}, // Mastercard
  {300000, 305999, 14, 19}, // Diners Club
  {309500, 309599, 14, 19}, // Diners Club
  {340000, 349999, 15, 15}, // American Express
  {350000, 359999, 16, 19}, // JCB (3528–3589), and what stands in for it in samples
  {360000, 369999, 14, 19}, // Diners Club
  {370000, 379999, 15, 15}, // American Express
  {380000, 399999, 14, 19}, // Diners Club
  {400000, 499999, 13, 19}, // Visa
  {500000, 509999, 12, 19}, // Maestro, Verve, Elo, RuPay
  {510000, 559999, 16, 16}, // Mastercard
  {560000, 589999, 12, 19}, // Maestro
  {600000, 659999, 13, 19}, // Discover, UnionPay, RuPay, Maestro, Mir
  {660000, 699999, 12, 19}, // Maestro
  {220000, 220499, 16, 19}, // Mir
  {810000, 819999, 16, 19}, // UnionPay, RuPay
};
constexpr std::size_t shortest_card = 12;
constexpr std::size_t longest_card = 19;
constexpr std::size_t surely_long_enough = 14;

bool has_issuer(std::string_view number) {
  unsigned prefix = 0;
  for (const char c : number.substr(0, 6))
    prefix = prefix * 10 + static_cast<unsigned>(c - '0');
  // Maestro's 12 digits begin like Discover's 13 and more.
  if (number.size() == shortest_card && prefix >= 600000)
    return true;
  return std::ranges::any_of(issuers, [&](const issuer& i) {
    return prefix >= i.from && prefix <= i.to && number.size() >= i.shortest
           && number.size() <= i.longest;
  });
}

/// The ways that cards are printed and typed.
bool is_card_shaped(const window& w) {
  if (w.count() == 1)
    return true;
  const bool even =
    std::all_of(w.first, w.last, [&](const group& g) { return g.size() == w.first->size(); });
  if (even && w.last->size() <= w.first->size() && (w.size_of(0) >= 4 || w.whole))
    return true;
  return w.is_shaped({4, 6, 5}) || w.is_shaped({4, 6, 4}) || w.is_shaped({4, 5, 6})
         || w.is_shaped({4, 4, 7}) || w.is_shaped({6, 13}) || w.is_shaped({4, 4, 4, 4, 3});
}

bool is_card(const window& w) {
  const auto all = w.number();
  const auto number = all.text();
  if (!has_issuer(number) || !has_valid_luhn_sum(number))
    return false;
  const auto before = w.begin();
  const words_before words{w.text, before};
  const bool named = words.has(hint::card, 8);
  if (named)
    return true;
  if (!is_card_shaped(w) || w.glued_before || number.size() < surely_long_enough
      || is_part_of_name(w.text, before) || is_identifier(char_at(w.text, w.end())))
    return false;
  // A lone run of digits right behind "order" is an order; four groups of four are a card anyway.
  return w.count() > 1 || phone_hint(words) != hint::other_number;
}

bool is_ssn_range(std::string_view number) {
  const auto area = number.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && number.substr(3, 2) != "00"
         && number.substr(5) != "0000";
}

bool is_ssn(const window& w) {
  if (!is_ssn_range(w.number().text()))
    return false;
  const words_before words{w.text, w.begin()};
  const bool named = words.has(hint::ssn, 6);
  if (w.count() == 1)
    return named && !is_part_of_name(w.text, w.begin());
  if (!w.is_shaped({3, 2, 4}) || w.mark() == 0)
    return false;
  if (named)
    return true;
  return w.mark() != '/' && !w.glued_before && !w.glued_after && !is_part_of_name(w.text, w.begin())
         && !is_identifier(char_at(w.text, w.end()))
         && (w.mark() == '-' || (w.whole && phone_hint(words) == hint::none));
}

int value_of(std::string_view digits) {
  int value = 0;
  for (const char c : digits.substr(0, 8))
    value = value * 10 + (c - '0');
  return value;
}

int value_of(const window& w, std::size_t i) {
  return value_of(w.text.substr(w.first[i].begin, w.first[i].size()));
}

bool is_year(int value) {
  return value >= 1900 && value <= 2100;
}

/// Whether three groups from `i` on read as a date in any usual order.
bool is_date(const window& w, std::size_t i) {
  const auto a = value_of(w, i);
  const auto b = value_of(w, i + 1);
  const auto c = value_of(w, i + 2);
  const auto small = [](int day, int month) {
    return day >= 1 && day <= 31 && month >= 1 && month <= 31 && std::min(day, month) <= 12;
  };
  if (w.size_of(i) == 4 && is_year(a))
    return w.size_of(i + 1) <= 2 && w.size_of(i + 2) <= 2 && small(b, c);
  if (w.size_of(i) > 2 || w.size_of(i + 1) > 2 || !small(a, b))
    return w.size_of(i) == 2 && w.size_of(i + 1) == 2 && w.size_of(i + 2) == 2 && small(b, c)
           && w.between(i + 1) == "/"; // 21/03/26
  if (w.size_of(i + 2) == 4)
    return is_year(c);
  return w.size_of(i + 2) == 2 && (w.count() == 3 || w.between(i + 1) == "/");
}

bool has_date(const window& w) {
  for (std::size_t i = 0; i + 2 < w.count(); ++i)
    if (is_date(w, i))
      return true;
  if (w.is_shaped({4, 4}))
    return is_year(value_of(w, 0)) && is_year(value_of(w, 1));
  if (w.is_shaped({8})) {
    const auto value = value_of(w, 0);
    return is_year(value / 10000) && value / 100 % 100 >= 1 && value / 100 % 100 <= 12
           && value % 100 >= 1 && value % 100 <= 31;
  }
  return false;
}

struct dial_plan {
  std::string_view code;
  std::size_t shortest; // digits of the national number, without a trunk zero
  std::size_t longest;
};

// ITU-T E.164 country codes with the national lengths of those we hear from most; the others get
// what E.164 allows.
constexpr dial_plan dial_plans[] = {
  {"1", 10, 10},  {"7", 10, 10},  {"20", 8, 10}, {"27", 9, 9},   {"30", 10, 10}, {"31", 9, 9},
  {"32", 8, 9},   {"33", 9, 9},   {"34", 9, 9},  {"36", 8, 9},   {"39", 8, 11},  {"40", 9, 9},
  {"41", 9, 9},   {"43", 7, 13},  {"44", 9, 10}, {"45", 8, 8},   {"46", 7, 10},  {"47", 8, 8},
  {"48", 9, 9},   {"49", 7, 12},  {"51", 8, 9},  {"52", 10, 11}, {"53", 8, 8},   {"54", 10, 11},
  {"55", 10, 11}, {"56", 9, 9},   {"57", 8, 10}, {"58", 10, 10}, {"61", 9, 9},   {"81", 9, 10},
  {"86", 10, 11}, {"91", 10, 10}, {"351", 9, 9}, {"353", 7, 9},  {"376", 6, 9},  {"420", 9, 9},
  {"502", 8, 8},  {"503", 8, 8},  {"504", 8, 8}, {"505", 8, 8},  {"506", 8, 8},  {"507", 7, 8},
  {"591", 8, 8},  {"593", 8, 9},  {"595", 9, 9}, {"598", 8, 8}};

dial_plan plan_of(std::string_view number) {
  for (std::size_t size = 1; size <= 3; ++size)
    for (const auto& plan : dial_plans)
      if (plan.code == number.substr(0, size))
        return plan;
  return {number.substr(0, 2), 6, 13};
}

/// Whether `w`, behind a '+' or "00", is an international number. The "(0)" of "+41 (0)71 …" does
/// not count.
bool is_international(const window& w) {
  digits_only all;
  for (std::size_t i = 0; i < w.count(); ++i)
    if (i == 0 || w.size_of(i) > 1 || w.text[w.first[i].begin] != '0')
      all.append(w.text.substr(w.first[i].begin, w.size_of(i)));
  auto number = all.text();
  if (number.starts_with("00"))
    number.remove_prefix(2);
  if (number.size() < 8 || number.size() > 15 || number[0] == '0')
    return false;
  const auto plan = plan_of(number);
  auto national = number.substr(plan.code.size());
  if (national.starts_with('0') && national.size() > plan.longest)
    national.remove_prefix(1);
  return national.size() >= plan.shortest && national.size() <= plan.longest;
}

/// Shapes that are phone numbers whatever the words around them say nothing about.
bool is_plainly_phone(const window& w) {
  const char lead = w.leading();
  const bool in_brackets =
    char_before(w.text, w.begin()) == '(' && w.count() >= 2 && w.between(1).starts_with(')');
  const auto digits = w.digits();
  if (in_brackets && w.size_of(0) >= 2 && w.size_of(0) <= 5 && digits >= 7 && digits <= 12
      && w.last->size() >= 2)
    return w.size_of(1) >= 2;
  // North America, Colombia.
  if (w.is_shaped({3, 3, 4}) || (lead == '1' && w.is_shaped({1, 3, 3, 4})))
    return true;
  // A trunk zero and groups: most of Europe, Japan, Australia.
  const bool no_crumbs =
    std::all_of(w.first, w.last + 1, [](const group& g) { return g.size() >= 2; });
  if (lead == '0' && w.text[w.begin() + 1] != '0' && no_crumbs && digits >= 9 && digits <= 12
      && w.count() >= 2 && w.count() <= 6)
    return w.count() > 2 || w.mark() != '.';
  // British mobiles and French numbers, unseparated.
  if ((w.is_shaped({11}) && w.text.substr(w.begin(), 2) == "07")
      || (w.is_shaped({10}) && lead == '0' && value_of(w.text.substr(w.begin(), 2)) >= 6
          && value_of(w.text.substr(w.begin(), 2)) <= 7))
    return true;
  if (!w.whole || w.mark() == '.' || w.mark() == '/')
    return false;
  // Spain; the same by land line.
  if (digits == 9 && lead >= '6' && lead <= '9')
    return w.is_shaped({3, 3, 3}) || w.is_shaped({3, 2, 2, 2}) || w.is_shaped({2, 3, 2, 2})
           || w.is_shaped({3, 6});
  // Argentina, Mexico, Brazil, Chile; Spain with its code but no '+'.
  if (w.is_shaped({2, 4, 4}) || w.is_shaped({2, 5, 4}) || (lead == '9' && w.is_shaped({1, 4, 4})))
    return true;
  if (w.is_shaped({2, 3, 3, 3}) && w.text.substr(w.begin(), 2) == "34")
    return true;
  // 700-1000 is a range.
  return w.is_shaped({3, 4}) && w.mark() == '-' && lead >= '2'
         && (value_of(w, 0) % 100 != 0 || value_of(w, 1) % 100 != 0);
}

/// What comes after a number that counts or costs something.
bool is_amount(std::string_view text, const window& w) {
  static constexpr std::array<std::string_view, 46> units{
    "usd",      "eur",       "gbp",     "euro",     "euros",     "dollars", "pesos",     "users",
    "usuarios", "items",     "bytes",   "kb",       "mb",        "gb",      "ms",        "rows",
    "records",  "registros", "filas",   "km",       "points",    "puntos",  "customers", "clientes",
    "people",   "personas",  "views",   "requests", "events",    "tickets", "times",     "veces",
    "seconds",  "segundos",  "minutes", "minutos",  "hours",     "horas",   "days",      "dias",
    "lines",    "lineas",    "units",   "unidades", "downloads", "mxn"};
  auto at = w.end();
  if (char_at(text, at) == ' ')
    ++at;
  const auto after = text.substr(std::min(at, text.size()), 4);
  if (after.starts_with('%') || after.starts_with('$') || after.starts_with("\xE2\x82\xAC")
      || after.starts_with("\xC2\xA3"))
    return true;
  auto end = at;
  while (end < text.size() && end - at < 12 && is_letter(text[end]))
    ++end;
  std::array<char, 12> word{};
  std::transform(text.begin() + static_cast<std::ptrdiff_t>(at),
                 text.begin() + static_cast<std::ptrdiff_t>(end),
                 word.begin(),
                 lower);
  if (end > at && std::ranges::find(units, std::string_view{word.data(), end - at}) != units.end())
    return true;
  const auto before = text.substr(0, w.begin());
  return before.ends_with('$') || before.ends_with("$ ") || before.ends_with("\xE2\x82\xAC")
         || before.ends_with("\xE2\x82\xAC ") || before.ends_with("\xC2\xA3");
}

/// "612345678 is my phone", "es mi número": said afterwards.
bool is_named_after(std::string_view text, std::size_t end) {
  const auto after = text.substr(std::min(end, text.size()), 28);
  for (const std::string_view link : {" is my ", " is our ", " is the ", " es mi ", " es el "})
    if (after.starts_with(link)) {
      const auto word = after.substr(link.size());
      const auto stop = std::min(word.find_first_of(" .,!?\n"), word.size());
      const std::string padded = std::string{word.substr(0, stop)}.append(" ");
      const words_before words{padded, padded.size()};
      return words.has(hint::phone | hint::number, 1);
    }
  return false;
}

/// Whether `w` is anything that somebody could have meant as a phone number.
bool may_be_phone(const window& w) {
  const auto digits = w.digits();
  if (digits < 7 || digits > 13 || w.count() > 6)
    return false;
  if (w.count() == 2 && (w.mark() == '.' || w.mark() == '/') && w.size_of(0) < 3)
    return false; // a fraction
  return std::count_if(w.first, w.last + 1, [](const group& g) { return g.size() == 1; }) <= 1;
}

/// Whether what the words say is enough for `w`: a bare run of digits needs more than "reach".
bool is_phone_in_context(const window& w, std::uint32_t said) {
  if (said == hint::phone)
    return true;
  const auto digits = w.digits();
  return said == hint::maybe_phone && (w.count() > 1 || (digits >= 8 && digits <= 12));
}

/// How far an extension ("x123", "ext. 4") reaches behind `end`; `end` where there is none.
std::size_t after_extension(std::string_view text, std::size_t end) {
  static constexpr std::array<std::string_view, 10> names{
    "extension", "extensión", "extn.", "extn", "ext.", "ext", "x", "#", "int.", "anexo"};
  auto at = end;
  while (char_at(text, at) == ' ' && at - end < 2)
    ++at;
  for (const auto name : names) {
    if (text.size() - std::min(at, text.size()) < name.size()
        || !std::ranges::equal(text.substr(at, name.size()), name, {}, lower))
      continue;
    auto digits = at + name.size();
    while (char_at(text, digits) == ' ' || char_at(text, digits) == ':'
           || char_at(text, digits) == '.')
      if (++digits - at > name.size() + 2)
        return end;
    auto stop = digits;
    while (is_digit(char_at(text, stop)))
      ++stop;
    return stop > digits && stop - digits <= 6 && !is_alnum(char_at(text, stop)) ? stop : end;
  }
  return end;
}

class number_scanner {
public:
  number_scanner(std::string_view text, std::vector<find>& finds) : text_{text}, finds_{finds} {
    for (const auto& f : finds)
      if (f.strength != rank::named_secret) // "clave: ES91 2100 …" is still an IBAN
        known_.push_back(f);
    std::ranges::sort(known_, {}, &find::begin);
  }

  void scan() {
    std::size_t at = 0;
    auto known = known_.begin();
    while (at < text_.size()) {
      while (known != known_.end() && known->end <= at)
        ++known;
      if (known != known_.end() && known->begin <= at) {
        judge();
        at = known->end;
        continue;
      }
      if (!is_digit(text_[at])) {
        ++at;
        continue;
      }
      auto end = at;
      const auto stop = known == known_.end() ? text_.size() : known->begin;
      while (end < stop && is_digit(text_[end]))
        ++end;
      add({at, end, false});
      at = end;
    }
    judge();
  }

private:
  void add(group g) {
    if (!groups_.empty()) {
      const auto gap = text_.substr(groups_.back().end, g.begin - groups_.back().end);
      if (links(gap))
        g.glued = gap.find(' ') == std::string_view::npos;
      else
        judge();
    }
    groups_.push_back(g);
  }

  /// Decides on the groups collected so far and forgets them.
  void judge() {
    if (!groups_.empty()) {
      std::size_t digits = 0;
      for (const auto& g : groups_)
        digits += g.size();
      if (digits >= 7) {
        taken_.assign(groups_.size(), false);
        take_each({shortest_card, longest_card, longest_card},
                  [this](const window& w) { return take_card(w); });
        take_each({9, 9, 3}, [this](const window& w) { return take_ssn(w); });
        take_each({7, longest_phone, 7}, [this](const window& w) { return take_plain_phone(w); });
        take_each({7, 13, 6}, [this](const window& w) { return take_named_phone(w); });
      }
    }
    groups_.clear();
  }

  struct limits {
    std::size_t least_digits;
    std::size_t most_digits;
    std::size_t most_groups;
  };

  /// Offers every run of free groups within the limits, longest first, to `take`.
  template <class Take>
  void take_each(limits within, Take take) {
    std::array<std::size_t, longest_card> ends{};
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      std::size_t count = 0;
      std::size_t digits = 0;
      const auto stop = std::min(groups_.size(), i + within.most_groups);
      for (auto j = i; j < stop && !taken_[j]; ++j) {
        digits += groups_[j].size();
        if (digits > within.most_digits)
          break;
        if (digits >= within.least_digits)
          ends[count++] = j;
      }
      while (count > 0) {
        const auto j = ends[--count];
        const window w{text_,
                       &groups_[i],
                       &groups_[j],
                       is_whole(i, j),
                       i > 0 && !taken_[i - 1] && groups_[i].glued,
                       j + 1 < groups_.size() && !taken_[j + 1] && groups_[j + 1].glued};
        if (!take(w))
          continue;
        std::fill(taken_.begin() + static_cast<std::ptrdiff_t>(i),
                  taken_.begin() + static_cast<std::ptrdiff_t>(j) + 1,
                  true);
        i = j;
        break;
      }
    }
  }

  [[nodiscard]] bool is_whole(std::size_t i, std::size_t j) const {
    return (i == 0 || taken_[i - 1]) && (j + 1 == groups_.size() || taken_[j + 1]);
  }

  bool take_card(const window& w) {
    constexpr std::size_t most_printed_groups = 7;
    if ((w.count() > most_printed_groups && !w.whole) || !is_card(w))
      return false;
    finds_.push_back({pii_type::payment_card, rank::checked_number, w.begin(), w.end()});
    return true;
  }

  bool take_ssn(const window& w) {
    if (!is_ssn(w))
      return false;
    finds_.push_back({pii_type::ssn, rank::checked_number, w.begin(), w.end()});
    return true;
  }

  /// A phone number by its own looks, whatever is said before it short of "order".
  bool take_plain_phone(const window& w) {
    const auto start = start_of(w);
    const bool plus = text_.substr(start, w.begin() - start).find('+') != std::string_view::npos;
    const bool international = (plus || w.text.substr(w.begin(), 2) == "00") && is_international(w);
    if (plus)
      return international && accept(w, start);
    if ((!international && !is_plainly_phone(w)) || is_bound(w) || has_date(w))
      return false;
    const auto said = phone_hint(words_before{text_, start});
    if (said == hint::other_number || (said == hint::none && is_in_url(text_, w.begin())))
      return false;
    return !is_amount(text_, w) && accept(w, start);
  }

  /// A number that only the words around it make a phone number. Words reach the first number
  /// behind them, not the ones that follow it.
  bool take_named_phone(const window& w) {
    const auto i = static_cast<std::size_t>(w.first - groups_.data());
    if ((i > 0 && !taken_[i - 1]) || !may_be_phone(w) || is_bound(w) || has_date(w))
      return false;
    const auto start = start_of(w);
    // In a URL only the name of the field or the path itself counts: "?phone=", "wa.me/".
    auto said = phone_hint(words_before{text_, start}, is_in_url(text_, w.begin()) ? 1 : 3);
    if (said == hint::none && (is_named_after(text_, w.end()) || lists_on(start)))
      said = hint::phone;
    return is_phone_in_context(w, said) && !is_amount(text_, w) && accept(w, start);
  }

  /// "call 612345678 or 698765432": what holds for a number holds for the next in its list.
  [[nodiscard]] bool lists_on(std::size_t start) const {
    if (last_phone_end_ == 0 || start < last_phone_end_)
      return false;
    const auto gap = text_.substr(last_phone_end_, start - last_phone_end_);
    for (const std::string_view link :
         {", ", ",", "; ", " / ", "/", " or ", " and ", " o ", " y ", ", or "})
      if (gap == link)
        return true;
    return false;
  }

  bool accept(const window& w, std::size_t begin) {
    const auto end = after_extension(text_, w.end());
    last_phone_end_ = end;
    finds_.push_back({pii_type::phone, rank::likely_number, begin, end});
    return true;
  }

  /// Where the number begins with its '+' and bracket: "(+34) 612…".
  [[nodiscard]] std::size_t start_of(const window& w) const {
    auto at = w.begin();
    const bool closes = w.count() > 1 && w.between(1).starts_with(')');
    if (closes && char_before(text_, at) == '(')
      --at;
    if (char_before(text_, at) == '+')
      --at;
    else if (char_before(text_, at) == ' ' && char_before(text_, at - 1) == '+')
      at -= 2;
    if (closes && at < w.begin() && char_before(text_, at) == '(')
      --at;
    return at;
  }

  /// Whether letters, marks or further digits make `w` a piece of something else.
  [[nodiscard]] bool is_bound(const window& w) const {
    const auto end = w.end();
    const char after = char_at(text_, end);
    if (is_identifier(after) && after_extension(text_, end) == end)
      return true;
    if ((after == ':' || after == ',') && is_digit(char_at(text_, end + 1)) && w.count() == 1)
      return true;
    if (w.glued_after)
      return true;
    const char before = char_before(text_, w.begin());
    if (w.glued_before
        || ((before == ':' || before == ',') && is_digit(char_before(text_, w.begin() - 1))))
      return true;
    return is_part_of_name(text_, w.begin());
  }

  std::string_view text_;
  std::vector<find>& finds_;
  std::vector<find> known_;
  sequence groups_;
  std::vector<bool> taken_;
  std::size_t last_phone_end_ = 0;
};

} // namespace

void find_numbers(const plain_text& plain, std::vector<find>& finds) {
  if (!plain.has_digit())
    return;
  find_ibans(plain.text(), finds);
  number_scanner{plain.text(), finds}.scan();
}

} // namespace hub::domain::scrubbing
