#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

// Signed tokens (RFC 7515, 7517, 7519), as far as the hub takes them: the compact form, and a fixed
// list of algorithms. The key decides which algorithm it is good for; a token only names it.
namespace hub::http {

/// Without padding, as RFC 4648, section 5, writes it.
[[nodiscard]] std::string to_base64url(std::string_view raw);
/// Nothing for padding, other characters, or bits left over that are not zero: every text has one
/// way to be written.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

enum class signature_algorithm : std::uint8_t { hs256, rs256, ps256, es256, eddsa };

[[nodiscard]] std::string_view to_string(signature_algorithm what);

/// One key that signatures are checked with.
struct verifying_key {
  enum class kind : std::uint8_t { secret, rsa, p256, ed25519 };

  kind what{};
  std::string id;                                // `kid`; empty: none
  std::optional<signature_algorithm> only_for{}; // `alg`; unset: all that its kind can
  std::string secret{};
  std::shared_ptr<evp_pkey_st> pkey{};

  [[nodiscard]] bool can(signature_algorithm algorithm) const;
};

using key_set = std::vector<verifying_key>;

/// The keys of a JWKS document that can check signatures; what is for something else, too weak or
/// of another kind is left out, and so are secrets. `malformed` for what is no such document.
[[nodiscard]] domain::result<key_set> parse_key_set(std::string_view document);
/// One secret, for HS256.
[[nodiscard]] key_set key_set_of(std::string secret);

/// A token taken apart; nothing of it is believed yet.
struct signed_token {
  nlohmann::json header;
  nlohmann::json claims;
  signature_algorithm algorithm{};
  std::string key_id; // empty: none named
  std::string signing_input;
  std::string signature;
};

inline constexpr std::size_t longest_signed_token = std::size_t{16} * 1024;

/// Whether a text has the form of such a token; says nothing about what is in it.
[[nodiscard]] bool looks_signed(std::string_view text);

/// `malformed` for what is no such token, has a name twice, asks for an extension (`crit`), or
/// names an algorithm that is not in the list.
[[nodiscard]] domain::result<signed_token> read_signed_token(std::string_view text);

/// `not_found` when no key of the set is the one it names; `unauthorized` for a wrong signature.
[[nodiscard]] domain::outcome check_signature(const signed_token& token, const key_set& keys);

/// What an access token must say of itself (RFC 9068, without what only its own servers know).
struct access_rules {
  std::string issuer;
  std::string audience;
};

/// What an ID token must (OpenID Connect Core 1.0, 3.1.3.7).
struct id_rules {
  std::string issuer;
  std::string client_id;
  std::string nonce;
  std::string access_token; // that came with it; empty: none
};

/// How far clocks may be apart.
inline constexpr std::chrono::seconds clock_leeway{60};

/// Whether `exp` has not passed (it must be there), and `nbf` and `iat`, where they are, have.
[[nodiscard]] domain::outcome check_times(const nlohmann::json& claims, domain::time_point now);
/// Whether `aud` is, or holds, this.
[[nodiscard]] bool is_for(const nlohmann::json& claims, std::string_view audience);

// Both: `unauthorized` where the claims do not hold, whatever is wrong.

[[nodiscard]] domain::outcome
check_access_token(const signed_token& token, const access_rules& rules, domain::time_point now);
/// Refuses HS256 too: who shares a secret with the provider could have made the token.
[[nodiscard]] domain::outcome
check_id_token(const signed_token& token, const id_rules& rules, domain::time_point now);

/// JSON from elsewhere, read to the letter: no name twice in one object, no more than 16 levels, no
/// broken UTF-8.
[[nodiscard]] domain::result<nlohmann::json> read_strict_json(std::string_view text);

} // namespace hub::http
