#include "domain/scrub_parts.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace hub::domain::scrubbing {

namespace {

// Prefixes as their vendors document them; lengths are lower bounds, because vendors lengthen them.
constexpr std::array<std::string_view, 33> token_formats{
  R"(xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,})",      // Slack
  R"(xapp-[0-9]-[A-Za-z0-9-]{10,})",                  // Slack, app level
  R"(sk-[A-Za-z0-9_-]{16,})",                         // OpenAI, Anthropic and their like
  R"((?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,})",    // Stripe
  R"(whsec_[A-Za-z0-9+/=]{16,})",                     // Stripe, Svix
  R"((?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16})", // AWS key ids
  R"(gh[pousr]_[A-Za-z0-9]{20,})",                    // GitHub
  R"(github_pat_[A-Za-z0-9_]{20,})",
  R"(glpat-[A-Za-z0-9_-]{16,})", // GitLab
  R"(AIza[A-Za-z0-9_-]{30,})",   // Google
  R"(ya29\.[A-Za-z0-9_-]{20,})",
  R"(GOCSPX-[A-Za-z0-9_-]{20,})",
  R"(eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?)", // JWT
  R"((?:SK|AC)[0-9a-f]{32})",                                        // Twilio
  R"(SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})",                   // SendGrid
  R"(key-[0-9a-f]{32})",                                             // Mailgun
  R"([0-9a-f]{32}-us[0-9]{1,2})",                                    // Mailchimp
  R"(shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32})",                           // Shopify
  R"(EAA[A-Za-z0-9]{40,})",                                          // Meta, WhatsApp
  R"((?:ntn|secret)_[A-Za-z0-9]{40,})",                              // Notion
  R"(lin_(?:api|oauth)_[A-Za-z0-9]{20,})",                           // Linear
  R"(npm_[A-Za-z0-9]{30,})",
  R"(hf_[A-Za-z0-9]{30,})",                                             // Hugging Face
  R"(dop_v1_[a-f0-9]{40,})",                                            // DigitalOcean
  R"(sq0(?:atp|csp)-[A-Za-z0-9_-]{20,})",                               // Square
  R"(dapi[a-f0-9]{32})",                                                // Databricks
  R"(NRAK-[A-Z0-9]{20,})",                                              // New Relic
  R"(PMAK-[A-Za-z0-9-]{40,})",                                          // Postman
  R"([0-9]{8,10}:[A-Za-z0-9_-]{35})",                                   // Telegram bots
  R"([MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})", // Discord bots
  R"(hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,})",
  R"(discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{20,})",
  R"(AGE-SECRET-KEY-1[0-9A-Z]{50,})",
};

RE2::Options fixed(bool case_sensitive) {
  RE2::Options options;
  options.set_case_sensitive(case_sensitive);
  options.set_max_mem(8 << 20);
  options.set_log_errors(false);
  return options;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

std::size_t offset(std::string_view text, const re2::StringPiece& inside) {
  return static_cast<std::size_t>(inside.data() - text.data());
}

const RE2& token_expression() {
  static const RE2 any{[] {
                         std::string all = "(?:^|[^A-Za-z0-9])(";
                         for (const auto format : token_formats)
                           all.append(all.ends_with('(') ? "" : "|").append(format);
                         return all.append(")");
                       }(),
                       fixed(true)};
  return any;
}

void find_tokens(std::string_view text, std::vector<find>& finds) {
  const auto& any = token_expression();
  if (!any.ok())
    return;
  auto rest = piece(text);
  re2::StringPiece token;
  while (RE2::FindAndConsume(&rest, any, &token)) {
    const auto begin = offset(text, token);
    finds.push_back({pii_type::api_key, rank::known_format, begin, begin + token.size()});
  }
}

/// `https://user:password@host`: the part before the '@'.
void find_url_credentials(std::string_view text, std::vector<find>& finds) {
  constexpr std::size_t longest = 512;
  constexpr std::string_view mark = "://";
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
    const auto begin = at + mark.size();
    if (!is_alnum(char_before(text, at)))
      continue;
    std::size_t sign = 0;
    std::size_t colon = 0;
    for (auto i = begin; i < text.size() && i - begin < longest; ++i) {
      const char c = text[i];
      if (is_blank(c) || c == '/' || c == '"' || c == '<' || c == '>' || c == barrier)
        break;
      if (c == '@')
        sign = i;
      else if (c == ':' && colon == 0)
        colon = i;
    }
    if (colon > 0 && colon < sign)
      finds.push_back({pii_type::api_key, rank::known_format, begin, sign});
  }
}

constexpr bool is_key_text(char c) {
  return is_alnum(c) || is_blank(c) || c == '+' || c == '/' || c == '=' || c == '\\' || c == '"'
         || c == ',' || c == ':' || c == '-';
}

/// PEM and PGP private keys, whole; one whose end is missing as far as it reads like a key.
void find_private_keys(std::string_view text, std::vector<find>& finds) {
  constexpr std::string_view open = "-----BEGIN ";
  constexpr std::string_view close = "-----END ";
  constexpr std::string_view dashes = "-----";
  constexpr std::size_t longest_header = 60;
  for (auto at = text.find(open); at != std::string_view::npos;) {
    auto end = at + open.size();
    const auto header = text.substr(end, longest_header);
    const auto stop = header.find(dashes);
    if (stop != std::string_view::npos
        && header.substr(0, stop).find("PRIVATE KEY") != std::string_view::npos) {
      end += stop + dashes.size();
      while (end < text.size() && is_key_text(text[end]) && !text.substr(end).starts_with(close))
        ++end;
      if (text.substr(end).starts_with(close)) {
        const auto tail = text.substr(end + close.size(), longest_header).find(dashes);
        end += close.size() + (tail == std::string_view::npos ? 0 : tail + dashes.size());
      } else {
        while (is_blank(text[end - 1]))
          --end;
      }
      finds.push_back({pii_type::api_key, rank::known_format, at, end});
    }
    at = text.find(open, end);
  }
}

/// How a value is tied to the word before it.
enum class tie : std::uint8_t {
  none,   // "password hunter2"
  verb,   // "is", "es": may as well describe the password
  change, // "to", "from"
  mark,   // ':' or '='
};

struct secret_value {
  std::size_t begin = 0;
  std::size_t end = 0;
  tie tied = tie::none;
  bool quoted = false;
  bool cut = false; // goes on behind `end`
};

/// How much of a value is read to judge it. A secret that is longer is followed to its end only
/// once it is accepted, so that no text can make the scanner read the same bytes again and again.
constexpr std::size_t first_look = 128;
constexpr std::size_t longest_secret = 65'536; // SAML answers run to kilobytes

bool equals(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, {}, lower);
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::any_of(words, [text](auto w) { return equals(text, w); });
}

/// "pwd=x&user=bob": the '&' at `at` begins another field of a form.
bool is_next_field(std::string_view text, std::size_t at) {
  auto end = at + 1;
  while (end < text.size() && end - at < 24 && (is_alnum(text[end]) || text[end] == '_'))
    ++end;
  return end > at + 1 && char_at(text, end) == '=';
}

/// Where the run of characters that may belong to a secret ends, after at most `most` bytes and
/// never inside a character.
std::size_t end_of_run(std::string_view text, std::size_t at, std::size_t most, bool in_query) {
  auto end = at;
  while (end < text.size() && end - at < most && !is_blank(text[end]) && text[end] != barrier
         && text[end] != '"' && text[end] != '<' && text[end] != '`'
         && !(text[end] == '&' && (in_query || is_next_field(text, end)))
         && !(in_query && text[end] == '#'))
    ++end;
  while (end > at && (static_cast<unsigned char>(char_at(text, end)) & 0xC0U) == 0x80U)
    --end;
  return end;
}

/// Reads what follows a word such as "password": how the value is tied to it, and the value.
class value_reader {
public:
  value_reader(std::string_view text, std::size_t at, bool in_query)
    : text_{text}, at_{at}, in_query_{in_query} {}

  secret_value read() {
    secret_value value;
    skip_any("\"'`*_)]", 3);
    const auto start = at_;
    const bool apart = is_blank(char_at(text_, at_)) && char_before(text_, at_) != ')'
                       && char_before(text_, at_) != ']';
    value.tied = take_tie();
    if (value.tied == tie::none) {
      at_ = start;
      skip_qualifier();
      value.tied = take_tie();
      if (value.tied == tie::none || value.tied == tie::change)
        at_ = start;
      if (value.tied == tie::change)
        value.tied = tie::none;
      // "password for these users: alice" names no password, so more is asked of the value.
      if (value.tied == tie::mark)
        value.tied = tie::verb;
    }
    if (value.tied == tie::none && !apart)
      return value; // "token.renew(…", "(token) …"
    skip_blanks(value.tied == tie::mark);
    if (value.tied == tie::verb)
      skip_adverb();
    take_value(value);
    return value;
  }

private:
  void skip_any(std::string_view set, std::size_t most) {
    while (most-- > 0 && set.find(char_at(text_, at_)) != std::string_view::npos)
      ++at_;
  }

  void skip_blanks(bool past_line) {
    for (int i = 0; i < 4; ++i) {
      const char c = char_at(text_, at_);
      if (at_ >= text_.size()
          || (c != ' ' && c != '\t' && !(past_line && (c == '\n' || c == '\r'))))
        return;
      past_line = past_line && c != '\n';
      ++at_;
    }
  }

  std::string_view word() const {
    auto end = at_;
    while (end < text_.size() && end - at_ < 24 && is_letter(text_[end]))
      ++end;
    return text_.substr(at_, end - at_);
  }

  /// "for my account", "del wifi", "de acceso": up to five words between the word and its tie.
  void skip_qualifier() {
    static constexpr std::array<std::string_view, 26> openers{
      "for",      "to",          "of",      "on",    "de",     "del",     "para",
      "en",       "a",           "in",      "nueva", "actual", "antigua", "anterior",
      "temporal", "provisional", "maestra", "wifi",  "admin",  "here",    "below",
      "value",    "i",           "we",      "that",  "que"};
    skip_blanks(false);
    if (char_at(text_, at_) == '(') {
      const auto close = text_.substr(at_, 40).find(')');
      at_ += close == std::string_view::npos ? 0 : close + 1;
      return;
    }
    if (!is_one_of(word(), openers))
      return;
    for (int i = 0; i < 5; ++i) {
      const auto before = at_;
      auto end = at_;
      while (end < text_.size() && end - at_ < 40
             && (is_alnum(text_[end]) || text_[end] == '-' || text_[end] == '.' || text_[end] == '@'
                 || text_[end] == barrier))
        ++end;
      if (end == at_)
        return;
      at_ = end;
      const auto here = at_;
      const auto tied = take_tie();
      at_ = here;
      if (tied == tie::verb || tied == tie::mark)
        return;
      skip_blanks(false);
      if (at_ == before)
        return;
    }
  }

  tie take_tie() {
    static constexpr std::array<std::string_view, 9> verbs{
      "is", "es", "was", "era", "are", "son", "ist", "will", "sera"};
    static constexpr std::array<std::string_view, 5> changes{"to", "from", "a", "as", "with"};
    skip_blanks(false);
    if (take_mark())
      return tie::mark;
    if (text_.substr(at_, 2) == "- ") {
      ++at_;
      return tie::change;
    }
    const auto name = word();
    if (is_one_of(name, verbs) && !is_alnum(char_at(text_, at_ + name.size()))) {
      at_ += name.size();
      return take_mark() ? tie::mark : tie::verb;
    }
    if (is_one_of(name, changes) && char_at(text_, at_ + name.size()) == ' ') {
      at_ += name.size();
      return tie::change;
    }
    return tie::none;
  }

  bool take_mark() {
    const auto begin = at_;
    skip_blanks(false);
    auto end = at_;
    while (end < text_.size() && end - at_ < 3
           && (text_[end] == ':' || text_[end] == '=' || text_[end] == '>' || text_[end] == '-'))
      ++end;
    const auto mark = text_.substr(at_, end - at_);
    for (const std::string_view known : {":=", "==", "=>", "->", ":", "="})
      if (mark.starts_with(known)) {
        at_ += known.size();
        return true;
      }
    at_ = begin;
    return false;
  }

  void skip_adverb() {
    static constexpr std::array<std::string_view, 7> adverbs{
      "now", "currently", "still", "actually", "just", "ahora", "simply"};
    skip_blanks(false);
    if (const auto name = word(); is_one_of(name, adverbs)) {
      at_ += name.size();
      skip_blanks(false);
    }
  }

  void take_value(secret_value& value) {
    const char open = char_at(text_, at_);
    if (open == '"' || open == '\'' || open == '`') {
      const auto line = text_.substr(at_ + 1, 256);
      const auto close = line.find(open);
      const auto inside = line.substr(0, close);
      if (close != std::string_view::npos && close > 0
          && inside.find_first_of("\n\x01") == std::string_view::npos) {
        value.begin = at_ + 1;
        value.end = value.begin + close;
        value.quoted = true;
        return;
      }
      ++at_;
    }
    value.begin = at_;
    auto end = end_of_run(text_, at_, first_look, in_query_);
    value.cut = end - at_ > first_look - 4; // the cut may have stepped back over a character
    constexpr std::string_view closing = ".,;:)]}'?*>";
    while (end > value.begin && closing.find(text_[end - 1]) != std::string_view::npos)
      --end;
    value.end = end;
  }

  std::string_view text_;
  std::size_t at_;
  bool in_query_;
};

/// Words that describe a secret instead of being one, and what programs write where none is.
bool is_plain_talk(std::string_view value) {
  static constexpr std::array<std::string_view, 104> words{
    "not",       "no",       "wrong",   "incorrect", "invalid",    "expired",    "required",
    "missing",   "empty",    "null",    "nil",       "none",       "undefined",  "true",
    "false",     "string",   "str",     "text",      "varchar",    "reset",      "changed",
    "blocked",   "locked",   "lost",    "the",       "a",          "an",         "my",
    "your",      "our",      "too",     "never",     "always",     "still",      "being",
    "weak",      "strong",   "short",   "long",      "correct",    "right",      "fine",
    "ok",        "okay",     "good",    "bad",       "same",       "different",  "safe",
    "secure",    "unknown",  "hidden",  "protected", "visible",    "accepted",   "rejected",
    "refused",   "denied",   "needed",  "optional",  "mandatory",  "working",    "broken",
    "failing",   "failed",   "saved",   "stored",    "shown",      "sent",       "so",
    "very",      "that",     "this",    "it",        "in",         "on",         "at",
    "by",        "for",      "to",      "and",       "or",         "que",        "el",
    "la",        "lo",       "un",      "una",       "incorrecta", "incorrecto", "invalida",
    "inválida",  "correcta", "errónea", "erronea",   "muy",        "demasiado",  "obligatoria",
    "requerida", "caducada", "segura",  "bloqueada", "si",         "mi"};
  static constexpr std::array<std::string_view, 42> more{
    "expirada",  "vencida",   "distinta",  "diferente", "necesaria",   "importante", "perdida",
    "olvidada",  "nada",      "nunca",     "siempre",   "igual",       "misma",      "se",
    "me",        "forgotten", "important", "disabled",  "enabled",     "help",       "policy",
    "please",    "used",      "set",       "unset",     "valid",       "default",    "generated",
    "encrypted", "hashed",    "public",    "private",   "checked",     "read",       "given",
    "provided",  "displayed", "exposed",   "leaked",    "compromised", "asked",      "not-set"};
  return is_one_of(value, words) || is_one_of(value, more);
}

/// `<password>`, `${TOKEN}`, `{{key}}`, `********`: nothing is given away.
bool is_blanked(std::string_view value) {
  constexpr std::size_t longest = 64;
  if (value.size() > longest)
    return false;
  if (value.starts_with("${") || value.starts_with("{{") || value.starts_with("$(")
      || value.starts_with('<') || value.starts_with("%(") || value.starts_with("process.env")
      || value.starts_with("os.environ") || value.starts_with('['))
    return true;
  return std::ranges::none_of(value, is_alnum)
         || (value.size() > 2 && (value.find_first_not_of("xX*.") == std::string_view::npos));
}

/// `getPassword(…`, `e.getValue(…`, `org.example.TokenProvider`: a program speaks.
bool is_code_of_program(std::string_view value) {
  std::size_t at = 0;
  bool dotted = false;
  while (at < value.size() && (is_alnum(value[at]) || value[at] == '_' || value[at] == '.'))
    dotted = value[at++] == '.' || dotted;
  if (at < value.size())
    return value[at] == '(' && !is_digit(value[0]);
  return dotted && std::ranges::none_of(value, is_digit);
}

/// `code=82` behind "token:" is another field, and one all the same when 82 is redacted already.
bool is_other_field(std::string_view text, const secret_value& v) {
  const auto value = text.substr(v.begin, v.end - v.begin);
  const auto sign = value.find('=');
  return sign != std::string_view::npos && sign > 0
         && (value.find_first_not_of('=', sign) != std::string_view::npos
             || char_at(text, v.end) == barrier)
         && std::ranges::all_of(value.substr(0, sign), is_letter);
}

struct makeup {
  bool digit = false;
  bool letter = false;
  bool symbol = false;     // other than the '-', '\'' and '/' that ordinary words hold
  bool mixed_case = false; // a capital after the first letter, and small letters
};

makeup look_at(std::string_view value) {
  makeup seen;
  bool small = false;
  bool inner_capital = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    seen.digit = seen.digit || is_digit(c);
    seen.letter = seen.letter || is_letter(c);
    seen.symbol =
      seen.symbol || (!is_alnum(c) && c != '-' && c != '\'' && c != '/' && c != ',' && c != '.');
    small = small || (c >= 'a' && c <= 'z');
    inner_capital = inner_capital || (i > 0 && c >= 'A' && c <= 'Z');
  }
  seen.mixed_case = small && inner_capital;
  return seen;
}

bool looks_secret(const makeup& m) {
  return m.digit || m.symbol || m.mixed_case;
}

/// Whether a lone word ends what is said: "my password is dragon." but not "… is saved in …".
bool ends_statement(std::string_view text, std::size_t end) {
  static constexpr std::array<std::string_view, 8> on{
    "and", "but", "y", "pero", "or", "o", "thanks", "gracias"};
  char c = char_at(text, end);
  if (c == '\n' || c == '\r' || c == '.' || c == ',' || c == ';' || c == '!' || c == '?' || c == ')'
      || c == '"' || c == '\'' || c == '&')
    return true;
  while (c == ' ')
    c = char_at(text, ++end);
  auto stop = end;
  while (stop < text.size() && stop - end < 12 && is_letter(text[stop]))
    ++stop;
  return c == '\n' || is_one_of(text.substr(end, stop - end), on);
}

bool is_password(std::string_view text, const secret_value& v, bool short_word) {
  const auto value = text.substr(v.begin, v.end - v.begin);
  if (value.empty() || is_plain_talk(value) || is_blanked(value)
      || value.find("://") != std::string_view::npos
      || (!v.quoted && value.find('(') != std::string_view::npos && is_code_of_program(value)))
    return false;
  const auto seen = look_at(value);
  constexpr std::size_t shortest = 3;
  switch (v.tied) {
  case tie::mark:
    return seen.digit || seen.symbol || v.quoted || value.size() >= shortest;
  case tie::verb:
    if (value.size() < shortest)
      return false;
    return looks_secret(seen) || v.quoted || ends_statement(text, v.end);
  case tie::change:
    return value.size() > shortest && looks_secret(seen);
  case tie::none:
    return !short_word && value.size() > shortest && (seen.digit || (seen.symbol && v.quoted))
           && value.find_first_of("./") == std::string_view::npos;
  }
  return false;
}

bool is_key(std::string_view text, const secret_value& v) {
  const auto value = text.substr(v.begin, v.end - v.begin);
  if (is_plain_talk(value) || is_blanked(value) || value.find("://") != std::string_view::npos
      || (!v.quoted
          && (is_code_of_program(value) || is_other_field(text, v) || !is_alnum(value[0]))))
    return false;
  const auto seen = look_at(value);
  const auto size = value.size();
  const bool random = seen.digit && (seen.letter || size >= 12);
  switch (v.tied) {
  case tie::mark:
    return size >= 16
           || (size >= 6 && (looks_secret(seen) || v.quoted || ends_statement(text, v.end)));
  case tie::verb:
    return size >= 8 && (random || seen.mixed_case || size >= 24);
  case tie::change:
  case tie::none:
    return size >= 8 && random;
  }
  return false;
}

/// A PIN, one-time code or CVV: a few digits, for one-time codes perhaps with letters.
bool is_code(std::string_view text, const secret_value& v, std::size_t shortest) {
  const auto value = text.substr(v.begin, v.end - v.begin);
  if (value.size() < shortest || value.size() > 10)
    return false;
  const auto digits = static_cast<std::size_t>(std::ranges::count_if(value, is_digit));
  const auto capitals = static_cast<std::size_t>(
    std::ranges::count_if(value, [](char c) { return c >= 'A' && c <= 'Z'; }));
  const auto dashes = static_cast<std::size_t>(std::ranges::count(value, '-'));
  return digits >= 3 && dashes <= 1 && digits + capitals + dashes == value.size();
}

enum class kind : std::uint8_t { password, word_of_other_use, key, code, card_code };

/// Finds the words that announce a secret, up to their last letter. The groups that `kind_of` tells
/// apart again; capturing them here would cost ten times as much.
const RE2& announcing_words() {
  static const RE2 words{
    R"((?:^|[^\pL\pN])(?:)"
    // Words that are only ever about passwords; they may end a longer name, such as db.password.
    R"([a-z0-9_.]*(?:password|passwd|passphrase|passcode|passwort|contrase[ñn]a|pwd)|)"
    // Words with other uses.
    R"((?:[a-z0-9.]*_)?(?:pass|clave|pw|psw|pswd|senha|mot de passe)|)"
    // Keys.
    R"([a-z0-9_.-]*(?:(?:api|access|secret|signing|private|encryption|license|auth|account|shared)[ _-]?keys?(?:[ _-]id)?)"
    R"(|tokens?|secret(?:[ _-](?:access[ _-])?key)?|bearer|authorization|credentials?|credencial(?:es)?|apikey)|)"
    R"(session[ _-]?id|clave[ _](?:de[ _]?(?:la )?)?api|clave secreta|)"
    // Codes.
    R"(pin(?: code| n[uú]mero| number)?|otp|(?:2fa|mfa|verification|one[ -]time|auth(?:entication)?|sms|login|access|unlock|my|your|tu|mi)[ -](?:code|c[oó]digo)|)"
    R"(c[oó]digo (?:pin|de (?:verificaci[oó]n|seguridad|acceso|confirmaci[oó]n)|sms)|)"
    // What proves a card.
    R"(cvv2?|cvc2?|cvn|card security code|security code))",
    fixed(false)};
  return words;
}

/// What `word`, found by `announcing_words`, announces. Its end decides.
kind kind_of(std::string_view word) {
  static constexpr std::array<std::string_view, 8> passwords{
    "password", "passwd", "passphrase", "passcode", "passwort", "contraseña", "contrasena", "pwd"};
  static constexpr std::array<std::string_view, 8> other_uses{
    "pass", "clave", "pw", "psw", "pswd", "senha", "mot de passe", "contraseÑa"};
  static constexpr std::array<std::string_view, 6> card_codes{
    "cvv", "cvv2", "cvc", "cvc2", "cvn", "security code"};
  static constexpr std::array<std::string_view, 16> codes{"pin",
                                                          "otp",
                                                          " code",
                                                          "-code",
                                                          " codigo",
                                                          " código",
                                                          "-codigo",
                                                          "-código",
                                                          " numero",
                                                          " número",
                                                          " number",
                                                          "ficación",
                                                          "ficacion",
                                                          " seguridad",
                                                          " acceso",
                                                          " sms"};
  const auto ends_with = [word](std::string_view end) {
    return word.size() >= end.size()
           && std::ranges::equal(word.substr(word.size() - end.size()), end, {}, lower);
  };
  if (std::ranges::any_of(passwords, ends_with))
    return kind::password;
  if (std::ranges::any_of(card_codes, ends_with))
    return kind::card_code;
  if (std::ranges::any_of(other_uses, ends_with))
    return kind::word_of_other_use;
  if (std::ranges::any_of(codes, ends_with) || ends_with("confirmacion")
      || ends_with("confirmación"))
    return kind::code;
  return kind::key;
}

class secret_scanner {
public:
  secret_scanner(std::string_view text, std::vector<find>& finds) : text_{text}, finds_{finds} {}

  void scan() {
    const auto& words = announcing_words();
    if (!words.ok())
      return;
    re2::StringPiece word;
    std::size_t at = 0;
    while (at < text_.size()
           && words.Match(piece(text_), at, text_.size(), RE2::UNANCHORED, &word, 1))
      at = judge(offset(text_, word), word.size());
  }

private:
  /// Judges what follows a word; returns where to look on: behind the secret, if there is one.
  std::size_t judge(std::size_t begin, std::size_t size) {
    const auto what = kind_of(text_.substr(begin, size));
    auto end = begin + size;
    const bool plural =
      what == kind::password || what == kind::word_of_other_use || what == kind::key;
    if (plural && lower(char_at(text_, end)) == 's' && !is_alnum(char_at(text_, end + 1)))
      ++end;
    if (is_alnum(char_at(text_, end)))
      return end;
    const auto value = value_reader{text_, end, is_in_query(end)}.read();
    if (value.end <= value.begin)
      return end;
    switch (what) {
    case kind::password:
      return keep(is_password(text_, value, false), pii_type::password, value, end);
    case kind::word_of_other_use:
      return keep(is_password(text_, value, true), pii_type::password, value, end);
    case kind::key:
      return judge_key(value, end);
    case kind::code:
      return keep(is_code(text_, value, 4), pii_type::password, value, end);
    case kind::card_code:
      return keep(is_code(text_, value, 3), pii_type::payment_card, value, end);
    }
    return end;
  }

  /// Skips the scheme of "Authorization: Bearer …".
  std::size_t judge_key(secret_value value, std::size_t end) {
    const auto first = text_.substr(value.begin, value.end - value.begin);
    static constexpr std::array<std::string_view, 5> schemes{
      "bearer", "basic", "token", "apikey", "bot"};
    if (is_one_of(first, schemes)) {
      const auto tied = value.tied;
      value = value_reader{text_, value.end, false}.read();
      value.tied = std::max(tied, value.tied);
    }
    return keep(is_key(text_, value), pii_type::api_key, value, end);
  }

  std::size_t keep(bool yes, pii_type type, const secret_value& value, std::size_t otherwise) {
    if (!yes)
      return otherwise;
    const auto end = value.cut
                       ? end_of_run(text_, value.end, longest_secret, is_in_query(value.begin))
                       : value.end;
    finds_.push_back({type, rank::named_secret, value.begin, end});
    return end;
  }

  /// Whether the name that ends at `at` is a field of a URL's query.
  [[nodiscard]] bool is_in_query(std::size_t at) const {
    constexpr std::size_t longest = 64;
    const auto end = at;
    while (at > 0 && end - at < longest
           && (is_alnum(text_[at - 1]) || text_[at - 1] == '_' || text_[at - 1] == '-'))
      --at;
    const char before = char_before(text_, at);
    return before == '?' || before == '&';
  }

  std::string_view text_;
  std::vector<find>& finds_;
};

} // namespace

void find_secrets(const plain_text& plain, std::vector<find>& finds) {
  const auto text = plain.text();
  find_tokens(text, finds);
  if (plain.has_at())
    find_url_credentials(text, finds);
  find_private_keys(text, finds);
  secret_scanner{text, finds}.scan();
}

} // namespace hub::domain::scrubbing
