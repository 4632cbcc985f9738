#include "http/sandbox/mail.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>

namespace hub::http::sandbox {
namespace {

constexpr std::size_t longest_line = 998;
constexpr std::size_t longest_text = 64UL * 1024; // kept for reading
constexpr int deepest_part = 4;

std::string lowered(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

int hex_digit(char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto at = digits.find(c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string from_quoted(std::string_view text, bool in_header) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && in_header) {
      bytes += ' ';
    } else if (text[i] == '=' && text.substr(i + 1).starts_with("\r\n")) {
      i += 2;
    } else if (text[i] == '=' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0
               && hex_digit(text[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

/// RFC 2047's encoded words.
std::string decoded_header(std::string_view text) {
  std::string plain;
  while (true) {
    const auto begin = text.find("=?");
    const auto charset_end = begin == text.npos ? text.npos : text.find('?', begin + 2);
    const auto kind_end = charset_end == text.npos ? text.npos : text.find('?', charset_end + 1);
    const auto end = kind_end == text.npos ? text.npos : text.find("?=", kind_end + 1);
    if (end == text.npos)
      return plain.append(text);
    // White space between two encoded words is not part of the text.
    if (const auto before = text.substr(0, begin); plain.empty() || !trimmed(before).empty())
      plain += before;
    const auto content = text.substr(kind_end + 1, end - kind_end - 1);
    const char kind = charset_end + 1 < text.size() ? text[charset_end + 1] : 'Q';
    plain += kind == 'B' || kind == 'b' ? from_base64(content) : from_quoted(content, true);
    text.remove_prefix(end + 2);
  }
}

struct parts {
  std::vector<std::pair<std::string, std::string>> headers; // unfolded, not decoded
  std::string_view body;
};

parts split(std::string_view data) {
  parts found;
  while (!data.empty()) {
    const auto end = std::min(data.find("\r\n"), data.size());
    const auto line = data.substr(0, end);
    data.remove_prefix(std::min(end + 2, data.size()));
    if (line.empty())
      break;
    const bool folded = line.front() == ' ' || line.front() == '\t';
    if (folded && !found.headers.empty()) {
      found.headers.back().second.append(" ").append(trimmed(line));
      continue;
    }
    const auto colon = std::min(line.find(':'), line.size());
    found.headers.emplace_back(lowered(trimmed(line.substr(0, colon))),
                               trimmed(line.substr(std::min(colon + 1, line.size()))));
  }
  found.body = data;
  return found;
}

std::string header_of(const parts& from, std::string_view name) {
  const auto found =
    std::ranges::find_if(from.headers, [&](const auto& header) { return header.first == name; });
  return found == from.headers.end() ? "" : found->second;
}

std::string text_of_part(std::string_view data, int depth) {
  const auto part = split(data);
  const auto type = header_of(part, "content-type");
  const auto lower_type = lowered(type);
  if (lower_type.starts_with("multipart/") && depth < deepest_part) {
    const auto at = lower_type.find("boundary=");
    if (at == std::string::npos)
      return "";
    std::string boundary = type.substr(at + 9);
    if (boundary.starts_with('"'))
      boundary = boundary.substr(1, boundary.find('"', 1) - 1);
    else
      boundary = boundary.substr(0, boundary.find_first_of("; "));
    const auto mark = "--" + boundary + "\r\n";
    const auto begin = part.body.find(mark);
    if (begin == std::string_view::npos)
      return "";
    const auto first = part.body.substr(begin + mark.size());
    return text_of_part(first.substr(0, first.find("\r\n--" + boundary)), depth + 1);
  }
  const auto encoding = lowered(header_of(part, "content-transfer-encoding"));
  if (encoding == "base64")
    return from_base64(part.body);
  return encoding == "quoted-printable" ? from_quoted(part.body, false) : std::string{part.body};
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

std::string readable_mail::header(std::string_view name) const {
  const auto found =
    std::ranges::find_if(headers, [&](const auto& each) { return each.first == name; });
  return found == headers.end() ? "" : found->second;
}

readable_mail read_mail(std::string_view data) {
  readable_mail read;
  for (const auto& [name, value] : split(data).headers)
    read.headers.emplace_back(name, decoded_header(value));
  read.text = first_characters(text_of_part(data, 0), longest_text);
  return read;
}

std::optional<std::string> mail_fault(const mail& given) {
  std::string_view rest = given.data;
  while (!rest.empty()) {
    const auto end = std::min(rest.find("\r\n"), rest.size());
    const auto line = rest.substr(0, end);
    if (line.size() > longest_line)
      return "554 5.6.0 a line is longer than 998 characters";
    if (line.find('\r') != line.npos || line.find('\n') != line.npos)
      return "554 5.6.0 a bare CR or LF is not a line's end";
    if (line.find('\0') != line.npos)
      return "554 5.6.0 a message may not contain NUL";
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  const auto message = split(given.data);
  for (const auto* name : {"from", "date", "message-id"}) {
    const auto count = std::ranges::count_if(
      message.headers, [&](const auto& header) { return header.first == name; });
    if (count != 1)
      return "550 5.7.1 a message needs exactly one " + std::string{name} + " header";
  }
  if (header_of(message, "from").find('@') == std::string::npos)
    return "550 5.7.1 the From header has no address";
  for (const auto& [name, value] : message.headers)
    if (!given.international && !is_ascii(value))
      return "554 5.6.7 a header has characters beyond ASCII without SMTPUTF8";
  return std::nullopt;
}

} // namespace hub::http::sandbox
