#include "http/client/request_check.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>

namespace hub::http::client {

namespace {

using domain::errc;
using domain::fail;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || marks.find(c) != std::string_view::npos;
  });
}

// They frame the message; libcurl writes them from what it sends.
bool is_framing(std::string_view name) {
  return std::ranges::any_of(
    std::initializer_list<std::string_view>{"content-length", "transfer-encoding"},
    [&](std::string_view framing) {
      return std::ranges::equal(name, framing, [](char left, char right) {
        return left == right || (left >= 'A' && left <= 'Z' && left + ('a' - 'A') == right);
      });
    });
}

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK)
    return {};
  std::string copy{text};
  curl_free(text);
  return copy;
}

domain::result<std::string> server_of(const std::string& url,
                                      std::initializer_list<std::string_view> schemes) {
  if (std::ranges::any_of(url, [](char c) { return is_control(c) || c == ' '; }))
    return fail(errc::invalid_input, "the address holds a space or a control character");
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed{curl_url(), curl_url_cleanup};
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return fail(errc::invalid_input, "the address cannot be read");
  const auto scheme = part(parsed.get(), CURLUPART_SCHEME);
  if (std::ranges::find(schemes, scheme) == schemes.end())
    return fail(errc::invalid_input, "the address is of another protocol");
  auto host = part(parsed.get(), CURLUPART_HOST);
  if (host.empty())
    return fail(errc::invalid_input, "the address names no host");
  return scheme + "://" + host + ":" + part(parsed.get(), CURLUPART_PORT);
}

bool is_envelope_address(std::string_view address) {
  return !address.empty() && std::ranges::none_of(address, [](char c) {
    return is_control(c) || c == ' ' || c == '<' || c == '>';
  });
}

bool has_bare_line_break(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
      return true;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))
      return true;
  }
  return false;
}

} // namespace

domain::result<std::string> check(const call& what) {
  if (!is_token(what.method))
    return fail(errc::invalid_input, "the method is no word");
  for (const auto& [name, value] : what.headers)
    if (!is_token(name) || is_framing(name)
        || std::ranges::any_of(value, [](char c) { return is_control(c) && c != '\t'; }))
      return fail(errc::invalid_input, "a header cannot be sent as it is");
  return server_of(what.url, {"http", "https"});
}

domain::result<std::string> check(const mail& what) {
  if (what.recipients.empty() || !is_envelope_address(what.from)
      || !std::ranges::all_of(what.recipients, is_envelope_address))
    return fail(errc::invalid_input, "an address of the envelope cannot be sent as it is");
  if (has_bare_line_break(what.message))
    return fail(errc::invalid_input, "the message has lines that do not end in CRLF");
  return server_of(what.url, {"smtp", "smtps"});
}

} // namespace hub::http::client
