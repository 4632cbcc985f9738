#include "http/providers/smtp.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace hub::http::providers::smtp {

namespace {

using domain::errc;
using domain::fail;

constexpr std::size_t longest_line = 76;
constexpr std::string_view hex = "0123456789ABCDEF";
// 75 characters for an encoded word, less "=?UTF-8?Q?" and "?=".
constexpr std::size_t encoded_word = 63;

bool is_printable(char c) {
  return c >= 0x21 && c <= 0x7E;
}

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// A dot-atom at a domain: what every mail server takes, and nothing that needs quoting.
bool is_address(std::string_view text) {
  const auto at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at > 64 || text.size() > 254
      || at + 1 == text.size())
    return false;
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  const auto local = text.substr(0, at);
  const auto host = text.substr(at + 1);
  return std::ranges::all_of(
           local, [&](char c) { return is_alnum(c) || marks.find(c) != std::string_view::npos; })
         && std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '-' || c == '.'; })
         && !host.starts_with('.') && !host.ends_with('.');
}

bool is_message_id(std::string_view text) {
  return text.size() >= 3 && text.size() <= 250 && text.front() == '<' && text.back() == '>'
         && std::ranges::all_of(text.substr(1, text.size() - 2),
                                [](char c) { return is_printable(c) && c != '<' && c != '>'; });
}

std::size_t character_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : byte >= 0xC0U ? 2 : 1;
}

void append_escaped(std::string& to, char c) {
  const auto byte = static_cast<unsigned char>(c);
  (to += '=').append(1, hex[byte >> 4U]).append(1, hex[byte & 0xFU]);
}

/// Encoded words (RFC 2047, "Q"), each of whole characters, on lines of their own.
std::string encoded_words(std::string_view text) {
  std::string out;
  std::string word;
  const auto finish = [&] {
    out.append(out.empty() ? "=?UTF-8?Q?" : "\r\n =?UTF-8?Q?").append(word).append("?=");
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = std::min(character_bytes(text[at]), text.size() - at);
    std::string character;
    for (const char c : text.substr(at, bytes)) {
      if (c == ' ')
        character += '_';
      else if (is_alnum(c))
        character += c;
      else
        append_escaped(character, c);
    }
    if (word.size() + character.size() > encoded_word)
      finish();
    word += character;
    at += bytes;
  }
  finish();
  return out;
}

/// Free text as a header takes it; control characters become spaces.
std::string header_text(std::string_view text, bool is_phrase) {
  auto clean = domain::clean_utf8(text);
  std::ranges::replace_if(
    clean, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; }, ' ');
  // A phrase is a name before an address: beyond these characters it would need quoting.
  const bool plain = clean.size() <= 60 && clean.find("=?") == std::string::npos
                     && !clean.starts_with(' ') && !clean.ends_with(' ')
                     && std::ranges::all_of(clean, [&](char c) {
                          return c == ' ' || (is_phrase ? is_alnum(c) : is_printable(c));
                        });
  return plain ? clean : encoded_words(clean);
}

std::string mailbox(const std::string& name, const std::string& address) {
  if (name.empty())
    return address;
  const auto shown = header_text(name, true);
  const auto* joint = shown.starts_with("=?") ? "\r\n <" : " <";
  return shown + joint + address + ">";
}

/// Quoted-printable (RFC 2045): any text, in ASCII lines of at most 76 characters with CRLF.
std::string quoted_printable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  const auto put = [&](std::string_view piece) {
    if (column + piece.size() >= longest_line) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n')
      continue;
    if (c == '\n' || c == '\r') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool ends_line = at + 1 == text.size() || text[at + 1] == '\n' || text[at + 1] == '\r';
    const bool plain = (is_printable(c) && c != '=') || ((c == ' ' || c == '\t') && !ends_line);
    // "From " and a dot at the start of a line mean something to mail servers.
    const bool risky = column == 0 && (c == '.' || c == 'F');
    std::string piece;
    if (plain && !risky)
      piece = c;
    else
      append_escaped(piece, c);
    put(piece);
  }
  if (column > 0)
    out += "\r\n";
  return out;
}

std::string two_digits(long long value) {
  auto digits = std::to_string(value);
  return digits.size() < 2 ? "0" + digits : digits;
}

/// "Sat, 31 Jan 2026 09:05:00 +0000"
std::string mail_date(domain::time_point at) {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(at - day)};
  std::string out{days.at(std::chrono::weekday{day}.c_encoding())};
  out.append(", ").append(two_digits(unsigned{date.day()})).append(" ");
  out.append(months.at(unsigned{date.month()} - 1)).append(" ");
  out.append(std::to_string(int{date.year()})).append(" ");
  out.append(two_digits(time.hours().count())).append(":");
  out.append(two_digits(time.minutes().count())).append(":");
  return out.append(two_digits(time.seconds().count())).append(" +0000");
}

std::string thread_headers(const letter& what) {
  std::string out;
  if (is_message_id(what.in_reply_to))
    out.append("In-Reply-To: ").append(what.in_reply_to).append("\r\n");
  std::string references;
  for (const auto& id : what.references)
    if (is_message_id(id))
      references.append(references.empty() ? "" : "\r\n ").append(id);
  if (!references.empty())
    out.append("References: ").append(references).append("\r\n");
  return out;
}

/// The enhanced status code after the reply code ("550 5.1.1 …"), empty when there is none.
std::string_view enhanced_code(std::string_view line) {
  if (line.size() < 9)
    return {};
  const auto end = std::min(line.find(' ', 4), line.size());
  const auto code = line.substr(4, end - 4);
  const bool looks_right =
    code.size() >= 5 && code.size() <= 9 && code[1] == '.'
    && std::ranges::all_of(code, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return looks_right ? code : std::string_view{};
}

errc permanent(int status, std::string_view enhanced) {
  if (status == 530 || status == 534 || status == 535 || status == 538)
    return errc::unauthorized;
  const auto subject = enhanced.size() > 2 ? enhanced.substr(2) : std::string_view{};
  if (subject == "3.4" || subject == "2.3" || (status == 552 && subject != "2.2"))
    return errc::too_large;
  if (subject.starts_with("7."))
    return errc::forbidden;
  if (subject.starts_with("1.") || (subject.empty() && (status == 550 || status == 553)))
    return errc::not_found;
  return status == 500 || status == 501 || status == 502 || status == 503 || status == 504
           ? errc::invalid_input
           : errc::forbidden;
}

} // namespace

std::string message_id_of(std::string_view delivery_id, std::string_view from) {
  std::string id{"<"};
  for (const char c : delivery_id)
    id += is_alnum(c) || c == '-' || c == '.' ? c : '_';
  return id.append("@").append(from.substr(from.rfind('@') + 1)).append(">");
}

domain::result<client::mail>
compose(const server& by, const letter& what, domain::time_point date) {
  if (!is_address(what.from) || !is_address(what.to))
    return fail(errc::invalid_input, "smtp: the sender or the recipient is no mail address");
  if (what.delivery_id.empty() || what.text.empty())
    return fail(errc::invalid_input, "smtp: a letter needs a delivery and a text");
  client::mail made;
  made.url = by.url;
  made.user = by.user;
  made.password = by.password;
  made.require_tls = by.require_tls;
  made.user_url = by.user_url;
  made.from = what.from;
  made.recipients = {what.to};
  auto& text = made.message;
  text.append("Date: ").append(mail_date(date)).append("\r\n");
  text.append("From: ").append(mailbox(what.from_name, what.from)).append("\r\n");
  text.append("To: ").append(mailbox(what.to_name, what.to)).append("\r\n");
  text.append("Message-ID: ").append(message_id_of(what.delivery_id, what.from)).append("\r\n");
  text.append(thread_headers(what));
  if (!what.subject.empty())
    text.append("Subject: ").append(header_text(what.subject, false)).append("\r\n");
  // RFC 3834: out-of-office replies to this must not go round in circles.
  text.append("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
              "Content-Type: text/plain; charset=utf-8\r\n"
              "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
  text.append(quoted_printable(domain::clean_utf8(what.text)));
  return made;
}

domain::result<sent> read_sent(const client::reply& answer, const std::string& message_id) {
  if (answer.status >= 200 && answer.status < 300)
    return sent{message_id};
  const auto enhanced = enhanced_code(answer.body);
  auto message = "smtp: " + std::to_string(answer.status);
  if (!enhanced.empty())
    message.append(" ").append(enhanced);
  if (answer.status >= 400 && answer.status < 500)
    return fail(errc::unavailable, std::move(message));
  if (answer.status >= 500 && answer.status < 600)
    return fail(permanent(answer.status, enhanced), std::move(message));
  return fail(errc::unknown_outcome, std::move(message));
}

} // namespace hub::http::providers::smtp
