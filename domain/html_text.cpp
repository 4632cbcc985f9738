#include "domain/normaliser_rules.hpp"
#include "domain/text.hpp"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

namespace hub::domain {

namespace {

constexpr std::string_view white_space = " \t\n\r\f";

bool is_space(char c) {
  return white_space.find(c) != std::string_view::npos;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <std::size_t Size>
bool is_one_of(std::string_view name, const std::array<std::string_view, Size>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void append_code_point(std::uint32_t code, std::string& text) {
  if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    code = 0xFFFD;
  const auto tail = [&](unsigned shift) {
    text += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// Names from libxml2's table (HTML 4) and the ASCII names HTML5 added, as an index: the table's
/// own look-up walks it from the start.
const std::unordered_map<std::string_view, std::uint32_t>& entities() {
  static const auto index = [] {
    std::unordered_map<std::string_view, std::uint32_t> known{
      {"Tab", '\t'},   {"NewLine", '\n'}, {"excl", '!'},   {"num", '#'},     {"dollar", '$'},
      {"percnt", '%'}, {"lpar", '('},     {"rpar", ')'},   {"ast", '*'},     {"plus", '+'},
      {"comma", ','},  {"period", '.'},   {"sol", '/'},    {"colon", ':'},   {"semi", ';'},
      {"equals", '='}, {"quest", '?'},    {"commat", '@'}, {"lsqb", '['},    {"lbrack", '['},
      {"bsol", '\\'},  {"rsqb", ']'},     {"rbrack", ']'}, {"Hat", '^'},     {"lowbar", '_'},
      {"grave", '`'},  {"lcub", '{'},     {"lbrace", '{'}, {"verbar", '|'},  {"vert", '|'},
      {"rcub", '}'},   {"rbrace", '}'},   {"AMP", '&'},    {"LT", '<'},      {"GT", '>'},
      {"QUOT", '"'},   {"COPY", 0xA9},    {"REG", 0xAE},   {"check", 0x2713}};
    constexpr unsigned last_named = 9830; // diams, the highest in HTML 4
    for (unsigned code = 1; code <= last_named; ++code)
      if (const auto* entry = htmlEntityValueLookup(code))
        known.emplace(entry->name, entry->value);
    return known;
  }();
  return index;
}

/// HTML reads these numbers as Windows-1252, which is what their authors meant.
std::uint32_t meant_code(std::uint32_t code) {
  constexpr std::array<std::uint16_t, 32> windows{
    0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021, 0x2C6,  0x2030, 0x160,
    0x2039, 0x152,  0x8D,   0x17D,  0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  return code >= 0x80 && code < 0xA0 ? windows.at(code - 0x80) : code;
}

struct character_reference {
  std::uint32_t code;
  std::size_t length; // bytes it takes in the source
};

std::optional<character_reference> numeric_reference(std::string_view text) {
  std::size_t at = 2;
  const bool hex = at < text.size() && lower(text[at]) == 'x';
  at += hex ? 1 : 0;
  const auto first = at;
  std::uint32_t code = 0;
  for (; at < text.size(); ++at) {
    const char c = lower(text[at]);
    const bool letter = hex && c >= 'a' && c <= 'f';
    if (!letter && !is_digit(c))
      break;
    const auto digit = static_cast<std::uint32_t>(letter ? c - 'a' + 10 : c - '0');
    // Stays above U+10FFFF once there, and never overflows.
    code = std::min<std::uint32_t>(code * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (at == first)
    return std::nullopt;
  at += at < text.size() && text[at] == ';' ? 1 : 0;
  return character_reference{meant_code(code), at};
}

/// The character reference at the front of `text`, which starts with '&'.
std::optional<character_reference> reference_at(std::string_view text) {
  if (text.starts_with("&#"))
    return numeric_reference(text);
  constexpr std::size_t longest_name = 16;
  std::size_t end = 1;
  while (end < text.size() && end <= longest_name && (is_letter(text[end]) || is_digit(text[end])))
    ++end;
  const auto found = entities().find(text.substr(1, end - 1));
  if (found == entities().end())
    return std::nullopt;
  const bool closed = end < text.size() && text[end] == ';';
  // Only the Latin-1 names may go without their semicolon.
  if (!closed && (found->second > 0xFF || found->first == "apos"))
    return std::nullopt;
  return character_reference{found->second, end + (closed ? 1U : 0U)};
}

std::string decode_references(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size();) {
    const auto reference = text[at] == '&' ? reference_at(text.substr(at)) : std::nullopt;
    if (reference)
      append_code_point(reference->code, decoded);
    else
      decoded += text[at];
    at += reference ? reference->length : 1;
  }
  return decoded;
}

/// Collects visible text: folds white space and holds line breaks back until words follow.
class text_writer {
public:
  void put(std::string_view bytes) {
    flush();
    text_ += bytes;
  }

  void space() { space_ = true; }

  /// A boundary between blocks: one line break however many blocks meet.
  void block() { breaks_ = std::max(breaks_, 1); }

  /// `<br>` or a line end in `<pre>`: two make an empty line, more make no more.
  void line_break() { breaks_ = std::min(breaks_ + 1, 2); }

  void list_item() {
    block();
    marker_ = true;
  }

  /// Remembers where the next word starts, for `since_mark`.
  void mark() { marking_ = true; }

  /// Adds to what is there, before whatever break or space is held back.
  void append(std::string_view bytes) { text_ += bytes; }

  [[nodiscard]] std::string_view since_mark() const {
    return marking_ ? std::string_view{} : std::string_view{text_}.substr(mark_);
  }

  std::string take() && {
    text_.erase(text_.find_last_not_of(white_space) + 1);
    return std::move(text_);
  }

private:
  void flush() {
    if (!text_.empty()) {
      if (breaks_ > 0)
        text_.append(static_cast<std::size_t>(breaks_), '\n');
      else if (space_)
        text_ += ' ';
    }
    if (marker_)
      text_ += "- ";
    if (marking_)
      mark_ = text_.size();
    marking_ = false;
    breaks_ = 0;
    space_ = false;
    marker_ = false;
  }

  std::string text_;
  int breaks_ = 0;
  bool space_ = false;
  bool marker_ = false; // a list item's dash is due
  bool marking_ = false;
  std::size_t mark_ = 0;
};

struct tag {
  std::string name; // lower case
  bool closing = false;
  std::string_view href; // as written
  std::string_view rest; // what follows the tag
};

class html_reader {
public:
  explicit html_reader(std::string_view html) : rest_{html} {
    const auto last = html.rfind('>');
    after_last_close_ = last == std::string_view::npos ? html.size() : html.size() - last - 1;
    has_close_ = last != std::string_view::npos;
  }

  std::string read() && {
    while (!rest_.empty()) {
      if (rest_.front() == '<' && read_markup())
        continue;
      read_text();
    }
    close_link();
    return std::move(out_).take();
  }

private:
  /// Whether some '>' is still ahead; without it nothing can be a tag, and saying so costs nothing.
  [[nodiscard]] bool close_ahead() const { return has_close_ && rest_.size() > after_last_close_; }

  void skip(std::size_t bytes) { rest_.remove_prefix(std::min(bytes, rest_.size())); }

  void read_text() {
    const char c = rest_.front();
    if (const auto reference = c == '&' ? reference_at(rest_) : std::nullopt) {
      skip(reference->length);
      put_code(reference->code);
    } else if (is_space(c)) {
      put_space(c);
      skip(1);
    } else if (rest_.starts_with("\xC2\xA0")) {
      put_space(' ');
      skip(2);
    } else {
      const auto end = std::min(rest_.find_first_of("<& \t\n\r\f\xC2", 1), rest_.size());
      out_.put(rest_.substr(0, end));
      skip(end);
    }
  }

  void put_code(std::uint32_t code) {
    if (code == 0xA0 || (code < 0x80 && is_space(static_cast<char>(code)))) {
      put_space(code == 0xA0 ? ' ' : static_cast<char>(code));
      return;
    }
    std::string character;
    append_code_point(code, character);
    out_.put(character);
  }

  void put_space(char c) {
    if (preformatted_ == 0)
      out_.space();
    else if (c == '\n')
      out_.line_break();
    else if (c != '\r')
      out_.put(" ");
  }

  /// Reads what '<' opens; false when it is just a character.
  bool read_markup() {
    if (rest_.starts_with("<!--")) {
      skip_comment();
      return true;
    }
    const char next = rest_.size() > 1 ? rest_[1] : '\0';
    const char after = rest_.size() > 2 ? rest_[2] : '\0';
    if (!close_ahead())
      return false;
    if (next == '!' || next == '?' || (next == '/' && !is_letter(after))) {
      skip(rest_.find('>') + 1);
      return true;
    }
    if (!is_letter(next) && next != '/')
      return false;
    const auto found = read_tag();
    rest_ = found.rest;
    if (found.closing)
      close(found.name);
    else
      open(found);
    return true;
  }

  /// Unclosed comments hide all that follows, as in a browser.
  void skip_comment() {
    if (rest_.starts_with("<!-->") || rest_.starts_with("<!--->")) {
      skip(rest_.find('>') + 1);
      return;
    }
    for (auto at = rest_.find("--", 4); at != std::string_view::npos;
         at = rest_.find("--", at + 1)) {
      const auto tail = rest_.substr(at + 2, 2);
      if (tail.starts_with('>') || tail == "!>") {
        skip(at + (tail.starts_with('>') ? 3 : 4));
        return;
      }
    }
    rest_ = {};
  }

  /// Reads a tag; a quote that never closes makes quotes plain characters from there on, so that
  /// broken input is read to its end at most once.
  tag read_tag() {
    if (quotes_count_) {
      if (auto found = try_tag())
        return *found;
      quotes_count_ = false;
    }
    if (auto found = try_tag())
      return *found;
    return {"", false, {}, {}}; // not reached: some '>' is ahead
  }

  [[nodiscard]] std::optional<tag> try_tag() const {
    tag found;
    auto text = rest_.substr(1);
    found.closing = text.starts_with('/');
    text.remove_prefix(found.closing ? 1 : 0);
    const auto name = text.substr(0, text.find_first_of(" \t\n\r\f/>"));
    // No name of interest is longer; the rest of a long one is skipped like attributes are.
    for (const char c : name.substr(0, 16))
      found.name += lower(c);
    text.remove_prefix(name.size());
    while (!text.empty()) {
      const auto start = text.find_first_not_of(" \t\n\r\f/");
      if (start == std::string_view::npos)
        return std::nullopt;
      text.remove_prefix(start);
      if (text.front() == '>') {
        found.rest = text.substr(1);
        return found;
      }
      if (!skip_attribute(text, found))
        return std::nullopt;
    }
    return std::nullopt;
  }

  /// Takes one attribute off the front of `text`; false where it runs to the end.
  bool skip_attribute(std::string_view& text, tag& found) const {
    // A leading '=' belongs to the name.
    const auto end = text.find_first_of(" \t\n\r\f/>=", 1);
    if (end == std::string_view::npos)
      return false;
    const auto name = text.substr(0, end);
    text.remove_prefix(end);
    const auto next = text.find_first_not_of(white_space);
    if (next == std::string_view::npos)
      return false;
    if (text[next] != '=')
      return true;
    text.remove_prefix(next + 1);
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    if (text.empty())
      return false;
    const bool quoted = quotes_count_ && (text.front() == '"' || text.front() == '\'');
    const auto stop = quoted ? text.find(text.front(), 1) : text.find_first_of(" \t\n\r\f>");
    if (stop == std::string_view::npos)
      return false;
    const bool is_href = name.size() == 4 && lower(name[0]) == 'h' && lower(name[1]) == 'r'
                         && lower(name[2]) == 'e' && lower(name[3]) == 'f';
    if (is_href && found.href.empty())
      found.href = text.substr(quoted ? 1 : 0, stop - (quoted ? 1 : 0));
    text.remove_prefix(stop + (quoted ? 1 : 0));
    return true;
  }

  void open(const tag& found) {
    constexpr std::array<std::string_view, 7> hidden{
      "script", "style", "title", "template", "iframe", "noembed", "noframes"};
    if (is_one_of(found.name, hidden)) {
      skip_content(found.name);
      return;
    }
    if (found.name == "br") {
      out_.line_break();
    } else if (found.name == "li") {
      out_.list_item();
    } else if (found.name == "img") {
      out_.put("[image]");
    } else if (found.name == "a") {
      close_link();
      href_ = found.href;
      out_.mark();
      in_link_ = true;
    } else {
      preformatted_ += found.name == "pre" ? 1 : 0;
      boundary(found.name);
    }
  }

  void close(std::string_view name) {
    if (name == "a")
      close_link();
    if (name == "br")
      out_.line_break();
    if (name == "pre" && preformatted_ > 0)
      --preformatted_;
    boundary(name);
  }

  void boundary(std::string_view name) {
    constexpr std::array<std::string_view, 35> blocks{
      "p",     "div",     "h1",     "h2",      "h3",      "h4",         "h5",
      "h6",    "ul",      "ol",     "li",      "dl",      "dt",         "dd",
      "table", "tr",      "thead",  "tbody",   "tfoot",   "blockquote", "pre",
      "hr",    "section", "header", "article", "footer",  "main",       "nav",
      "aside", "address", "form",   "figure",  "caption", "fieldset",   "figcaption"};
    if (is_one_of(name, blocks))
      out_.block();
    else if (name == "td" || name == "th")
      out_.space();
  }

  /// Skips to the end tag of an element whose content nobody sees.
  void skip_content(std::string_view name) {
    for (auto at = rest_.find("</"); at != std::string_view::npos; at = rest_.find("</", at + 2)) {
      const auto candidate = rest_.substr(at + 2, name.size());
      if (std::equal(candidate.begin(),
                     candidate.end(),
                     name.begin(),
                     name.end(),
                     [](char left, char right) { return lower(left) == right; })) {
        rest_.remove_prefix(at);
        return; // the end tag itself is read as any other
      }
    }
    rest_ = {};
  }

  /// Adds the address of the link that ends here, where its words do not tell it already.
  void close_link() {
    if (!in_link_)
      return;
    in_link_ = false;
    auto address = decode_references(href_);
    address.erase(0, std::min(address.find_first_not_of(white_space), address.size()));
    std::string_view shown = address;
    if (shown.starts_with("mailto:") || shown.starts_with("tel:"))
      shown.remove_prefix(shown.find(':') + 1);
    else if (!shown.starts_with("http://") && !shown.starts_with("https://"))
      return;
    shown = shown.substr(0, shown.find_first_of(white_space));
    const auto label = trimmed(out_.since_mark());
    const bool told = shown.empty() || label == shown
                      || (!label.empty() && shown.ends_with(std::string{"://"}.append(label)));
    if (told)
      return;
    if (label.empty())
      out_.put(shown);
    else
      out_.append(std::string{" ("}.append(shown).append(")"));
  }

  std::string_view rest_;
  text_writer out_;
  std::size_t after_last_close_ = 0; // bytes behind the last '>'
  bool has_close_ = false;
  bool quotes_count_ = true;
  int preformatted_ = 0;
  bool in_link_ = false;
  std::string_view href_;
};

} // namespace

std::string html_to_text(std::string_view html) {
  return html_reader{clean_utf8(html)}.read();
}

} // namespace hub::domain
