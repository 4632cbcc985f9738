#include "http/server/auth/tokens.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace hub::http {

namespace {

constexpr std::size_t prefix_size = 12;
constexpr std::size_t shortest_token = 16;
constexpr std::size_t longest_token = 512;

/// Without padding, safe in URLs and headers (RFC 4648, section 5).
std::string base64url(std::string_view raw) {
  std::string text(4 * ((raw.size() + 2) / 3) + 1, '\0');
  const auto* from = reinterpret_cast<const unsigned char*>(raw.data());
  const int size = EVP_EncodeBlock(
    reinterpret_cast<unsigned char*>(text.data()), from, static_cast<int>(raw.size()));
  text.resize(static_cast<std::size_t>(size));
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

template <std::size_t Size>
std::string random_bytes() {
  std::array<unsigned char, Size> raw{};
  if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
    throw std::runtime_error{"the system gives no randomness"};
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

/// Letters and digits only, so that the parts of a key can be told apart.
std::string random_prefix() {
  auto text = base64url(random_bytes<prefix_size * 3 / 4>());
  std::ranges::replace(text, '-', 'a');
  std::ranges::replace(text, '_', 'z');
  return text;
}

} // namespace

std::string random_token() {
  return base64url(random_bytes<32>());
}

std::string token_hash(std::string_view token) {
  std::string hash(32, '\0');
  EVP_Digest(token.data(),
             token.size(),
             reinterpret_cast<unsigned char*>(hash.data()),
             nullptr,
             EVP_sha256(),
             nullptr);
  return hash;
}

bool same_secret(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string csrf_token_of(std::string_view session_token) {
  return base64url(token_hash(std::string{"csrf:"}.append(session_token)));
}

api_key make_api_key() {
  return {random_prefix(), random_token()};
}

std::optional<api_key> read_api_key(std::string_view token) {
  const bool printable = std::ranges::all_of(
    token, [](char c) { return c > 0x20 && static_cast<unsigned char>(c) < 0x7F; });
  if (token.size() < shortest_token || token.size() > longest_token || !printable)
    return std::nullopt;
  constexpr std::string_view ours = "fbh_";
  const auto rest = token.substr(std::min(ours.size(), token.size()));
  if (token.starts_with(ours) && rest.size() > prefix_size + 1 && rest[prefix_size] == '_')
    return api_key{std::string{rest.substr(0, prefix_size)},
                   std::string{rest.substr(prefix_size + 1)}};
  return api_key{"own", std::string{token}};
}

} // namespace hub::http
