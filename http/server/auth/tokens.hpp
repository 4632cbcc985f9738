#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub::http {

/// 256 random bits in base64url, 43 characters: a session's or a link's token.
[[nodiscard]] std::string random_token();

/// SHA-256, 32 raw bytes. Enough for random tokens, which nobody can guess; not for passwords.
[[nodiscard]] std::string token_hash(std::string_view token);

/// Whether both are equal, in a time that does not tell where they differ.
[[nodiscard]] bool same_secret(std::string_view left, std::string_view right);

/// What a page must send back in `X-CSRF-Token` with whatever it changes: another site's page can
/// make a browser send the session's cookie, but cannot read this.
[[nodiscard]] std::string csrf_token_of(std::string_view session_token);

/// An API key as it is shown once: `fbh_<prefix>_<secret>`.
struct api_key {
  std::string prefix; // 12 characters: finds the key, and is shown
  std::string secret;

  [[nodiscard]] std::string text() const { return "fbh_" + prefix + '_' + secret; }
};

[[nodiscard]] api_key make_api_key();

/// Of a bearer token: an API key's two parts, or, for a token somebody chose, `own` and the token
/// itself: there is one such key, and nothing of it is shown. Nothing for what cannot be a token.
[[nodiscard]] std::optional<api_key> read_api_key(std::string_view token);

} // namespace hub::http
