#include "http/server/webhooks/signature.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hub::http {

namespace {

constexpr std::chrono::minutes slack_tolerance{5};

std::string to_hex(const unsigned char* bytes, std::size_t count) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(count * 2);
  for (std::size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4U];
    text += digits[bytes[i] & 0xFU];
  }
  return text;
}

std::string hmac_hex(const EVP_MD* digest, std::string_view secret, std::string_view body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int length = 0;
  if (HMAC(digest,
           secret.data(),
           static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(body.data()),
           body.size(),
           mac.data(),
           &length)
      == nullptr)
    return {}; // equal to no signature: `matches` refuses empty ones
  return to_hex(mac.data(), length);
}

std::string lower(std::string_view text) {
  std::string folded{text};
  std::ranges::transform(folded, folded.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return folded;
}

signature_check matches(const std::string& expected, std::string_view given) {
  const bool equal = !expected.empty() && equal_in_constant_time(expected, lower(given));
  return equal ? signature_check::good : signature_check::bad;
}

} // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hmac_sha256_hex(std::string_view secret, std::string_view body) {
  return hmac_hex(EVP_sha256(), secret, body);
}

std::string hmac_sha1_hex(std::string_view secret, std::string_view body) {
  return hmac_hex(EVP_sha1(), secret, body);
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int length = 0;
  EVP_Digest(data.data(), data.size(), hash.data(), &length, EVP_sha256(), nullptr);
  return to_hex(hash.data(), length);
}

std::string
slack_signature(std::string_view secret, std::string_view timestamp, std::string_view body) {
  std::string base{"v0:"};
  base.append(timestamp).append(":").append(body);
  return hmac_sha256_hex(secret, base).insert(0, "v0=");
}

signature_check check_slack_signature(std::string_view secret,
                                      std::optional<std::string_view> timestamp,
                                      std::optional<std::string_view> signature,
                                      std::string_view body,
                                      domain::time_point now) {
  if (!timestamp || !signature)
    return signature_check::missing;
  const bool digits = !timestamp->empty() && timestamp->size() <= 12
                      && timestamp->find_first_not_of("0123456789") == std::string_view::npos;
  if (secret.empty() || !digits || !signature->starts_with("v0="))
    return signature_check::bad;
  const auto sent = domain::parse_unix_seconds(*timestamp);
  if (!sent)
    return signature_check::bad;
  const auto expected = slack_signature(secret, *timestamp, body);
  if (const auto found = matches(expected, *signature); found != signature_check::good)
    return found;
  const auto away = now > *sent ? now - *sent : *sent - now;
  return away > slack_tolerance ? signature_check::stale : signature_check::good;
}

signature_check check_intercom_signature(std::string_view secret,
                                         std::optional<std::string_view> signature,
                                         std::string_view body) {
  if (!signature)
    return signature_check::missing;
  if (secret.empty())
    return signature_check::bad;
  if (signature->starts_with("sha1="))
    return matches(hmac_sha1_hex(secret, body), signature->substr(5));
  if (signature->starts_with("sha256="))
    return matches(hmac_sha256_hex(secret, body), signature->substr(7));
  return matches(hmac_sha256_hex(secret, body), *signature);
}

signature_check check_whatsapp_signature(std::string_view secret,
                                         std::optional<std::string_view> signature,
                                         std::string_view body) {
  if (!signature)
    return signature_check::missing;
  if (secret.empty() || !signature->starts_with("sha256="))
    return signature_check::bad;
  return matches(hmac_sha256_hex(secret, body), signature->substr(7));
}

} // namespace hub::http
