#include "http/server/auth/jwt.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace hub::http;

void require(bool holds) {
  if (!holds)
    std::abort();
}

/// Whatever can be read was written in the one way there is, and nobody has signed it.
void check_token(std::string_view text) {
  static const auto secret = key_set_of("a secret that the fuzzer does not know");
  const auto token = read_signed_token(text);
  if (!token)
    return;
  require(looks_signed(text) && text.size() <= longest_signed_token);
  require(token->header.is_object() && token->claims.is_object());
  require(!token->header.contains("crit"));
  require(text == token->signing_input + '.' + to_base64url(token->signature));
  require(!check_signature(*token, secret));
  const hub::domain::time_point now{std::chrono::hours{500'000}};
  static_cast<void>(check_access_token(*token, {"https://id.example", "hub"}, now));
  static_cast<void>(check_id_token(*token, {"https://id.example", "hub", "n", "t"}, now));
}

/// Takes what stands before the next line break.
std::string_view line_of(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return line;
}

} // namespace

// The text as a token, as a document of keys, and its lines as the parts of a token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  if (const auto raw = from_base64url(text))
    require(to_base64url(*raw) == text);
  check_token(text);
  if (const auto keys = parse_key_set(text))
    for (const auto& key : *keys)
      require(key.pkey && key.secret.empty() && !key.can(signature_algorithm::hs256));
  std::string_view rest = text;
  const auto header = to_base64url(line_of(rest));
  const auto claims = to_base64url(line_of(rest));
  check_token(header + '.' + claims + '.' + to_base64url(rest));
  return 0;
}
