#include "http/server/auth/jwt.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace hub::http {

namespace {

using domain::done;
using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;
using nlohmann::json;

constexpr std::size_t longest_header = std::size_t{2} * 1024;
constexpr std::size_t longest_document = std::size_t{256} * 1024; // of keys
constexpr std::size_t most_keys = 100;
constexpr std::size_t longest_key_id = 256;
constexpr int deepest = 16;
constexpr int weakest_rsa = 2048; // bits
constexpr int largest_rsa = 8192; // checking takes longer with each
constexpr std::size_t p256_coordinate = 32;
constexpr std::size_t ed25519_key = 32;

constexpr std::string_view digits =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto values_of_digits = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < digits.size(); ++i)
    values[static_cast<unsigned char>(digits[i])] = static_cast<signed char>(i);
  return values;
}();

int value_of(char digit) {
  return values_of_digits[static_cast<unsigned char>(digit)];
}

/// OpenSSL's things, freed by their own functions.
template <class T, void (*Free)(T*)>
struct freed {
  void operator()(T* held) const { Free(held); }
};
template <class T, void (*Free)(T*)>
using handle = std::unique_ptr<T, freed<T, Free>>;

using number = handle<BIGNUM, BN_free>;
using parameter_builder = handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using parameters = handle<OSSL_PARAM, OSSL_PARAM_free>;
using key_context = handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using digest_context = handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using ec_signature = handle<ECDSA_SIG, ECDSA_SIG_free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

number number_of(std::string_view raw) {
  return number{BN_bin2bn(bytes_of(raw), static_cast<int>(raw.size()), nullptr)};
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<signature_algorithm> algorithm_named(std::string_view name) {
  using enum signature_algorithm;
  for (const auto what : {hs256, rs256, ps256, es256, eddsa})
    if (to_string(what) == name)
      return what;
  return std::nullopt;
}

// ---- keys

std::shared_ptr<EVP_PKEY> key_from(const char* type, OSSL_PARAM* from) {
  const key_context context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
  EVP_PKEY* made = nullptr;
  if (!context || from == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1
      || EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, from) != 1)
    return nullptr;
  return {made, EVP_PKEY_free};
}

/// Whether the numbers are a key at all: a point on its curve, for one.
bool is_sound(EVP_PKEY& key) {
  const key_context context{EVP_PKEY_CTX_new_from_pkey(nullptr, &key, nullptr)};
  return context && EVP_PKEY_public_check(context.get()) == 1;
}

std::shared_ptr<EVP_PKEY> rsa_key(const json& described) {
  const auto modulus = from_base64url(text_of(described, "n"));
  const auto exponent = from_base64url(text_of(described, "e"));
  if (!modulus || !exponent || modulus->size() > largest_rsa / 8 + 1 || exponent->empty()
      || exponent->size() > 8)
    return nullptr;
  const auto n = number_of(*modulus);
  const auto e = number_of(*exponent);
  if (!n || !e || BN_num_bits(n.get()) < weakest_rsa || BN_num_bits(n.get()) > largest_rsa
      || BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1)
    return nullptr;
  const parameter_builder build{OSSL_PARAM_BLD_new()};
  if (!build || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1
      || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  const parameters all{OSSL_PARAM_BLD_to_param(build.get())};
  return key_from("RSA", all.get());
}

std::shared_ptr<EVP_PKEY> p256_key(const json& described) {
  const auto x = from_base64url(text_of(described, "x"));
  const auto y = from_base64url(text_of(described, "y"));
  if (!x || !y || x->size() != p256_coordinate || y->size() != p256_coordinate)
    return nullptr;
  const auto point = std::string{'\x04'} + *x + *y;
  const parameter_builder build{OSSL_PARAM_BLD_new()};
  if (!build
      || OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0)
           != 1
      || OSSL_PARAM_BLD_push_octet_string(
           build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size())
           != 1)
    return nullptr;
  const parameters all{OSSL_PARAM_BLD_to_param(build.get())};
  auto key = key_from("EC", all.get());
  return key && is_sound(*key) ? key : nullptr;
}

std::shared_ptr<EVP_PKEY> ed25519_key_of(const json& described) {
  const auto x = from_base64url(text_of(described, "x"));
  if (!x || x->size() != ed25519_key)
    return nullptr;
  return {EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes_of(*x), x->size()),
          EVP_PKEY_free};
}

/// Whether the key's own words say that it is for checking signatures, or do not say.
bool is_for_signatures(const json& described) {
  if (const auto use = described.find("use"); use != described.end() && *use != "sig")
    return false;
  const auto operations = described.find("key_ops");
  return operations == described.end()
         || (operations->is_array()
             && std::ranges::find(*operations, json("verify")) != operations->end());
}

std::optional<verifying_key> key_in(const json& described) {
  if (!described.is_object() || !is_for_signatures(described))
    return std::nullopt;
  verifying_key key;
  key.id = text_of(described, "kid");
  if (key.id.size() > longest_key_id)
    return std::nullopt;
  const auto kind = text_of(described, "kty");
  const auto curve = text_of(described, "crv");
  if (kind == "RSA") {
    key.what = verifying_key::kind::rsa;
    key.pkey = rsa_key(described);
  } else if (kind == "EC" && curve == "P-256") {
    key.what = verifying_key::kind::p256;
    key.pkey = p256_key(described);
  } else if (kind == "OKP" && curve == "Ed25519") {
    key.what = verifying_key::kind::ed25519;
    key.pkey = ed25519_key_of(described);
  }
  if (!key.pkey)
    return std::nullopt;
  if (described.contains("alg")) {
    key.only_for = algorithm_named(text_of(described, "alg"));
    if (!key.only_for || !key.can(*key.only_for))
      return std::nullopt;
  }
  return key;
}

// ---- signatures

bool is_hmac(const std::string& secret, std::string_view input, std::string_view signature) {
  std::array<unsigned char, 32> made{};
  unsigned size = 0;
  return HMAC(EVP_sha256(),
              secret.data(),
              static_cast<int>(secret.size()),
              bytes_of(input),
              input.size(),
              made.data(),
              &size)
           != nullptr
         && size == made.size() && signature.size() == made.size()
         && CRYPTO_memcmp(made.data(), signature.data(), made.size()) == 0;
}

/// The two numbers of fixed width (RFC 7518, 3.4) in the form that OpenSSL reads.
std::string to_der(std::string_view signature) {
  if (signature.size() != 2 * p256_coordinate)
    return {};
  const ec_signature both{ECDSA_SIG_new()};
  auto r = number_of(signature.substr(0, p256_coordinate));
  auto s = number_of(signature.substr(p256_coordinate));
  if (!both || !r || !s || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1)
    return {};
  static_cast<void>(r.release()); // both belong to the signature now
  static_cast<void>(s.release());
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &out);
  if (size <= 0)
    return {};
  std::string der{reinterpret_cast<const char*>(out), static_cast<std::size_t>(size)};
  OPENSSL_free(out);
  return der;
}

bool verifies(EVP_PKEY& key,
              const EVP_MD* digest,
              bool pss,
              std::string_view input,
              std::string_view signature) {
  const digest_context context{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* how = nullptr;
  if (!context || EVP_DigestVerifyInit(context.get(), &how, digest, nullptr, &key) != 1)
    return false;
  if (pss
      && (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) != 1
          || EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(
           context.get(), bytes_of(signature), signature.size(), bytes_of(input), input.size())
         == 1;
}

bool is_signed_by(const signed_token& token, const verifying_key& key) {
  switch (token.algorithm) {
  case signature_algorithm::hs256:
    return is_hmac(key.secret, token.signing_input, token.signature);
  case signature_algorithm::rs256:
    return verifies(*key.pkey, EVP_sha256(), false, token.signing_input, token.signature);
  case signature_algorithm::ps256:
    return verifies(*key.pkey, EVP_sha256(), true, token.signing_input, token.signature);
  case signature_algorithm::es256: {
    const auto der = to_der(token.signature);
    return !der.empty() && verifies(*key.pkey, EVP_sha256(), false, token.signing_input, der);
  }
  case signature_algorithm::eddsa:
    return verifies(*key.pkey, nullptr, false, token.signing_input, token.signature);
  }
  return false;
}

// ---- claims

domain::failure does_not_hold(const char* why) {
  return fail(errc::unauthorized, why);
}

/// Seconds since the epoch; nothing for what cannot be a moment.
std::optional<domain::time_point> moment_of(const json& value) {
  constexpr double last_second = 253402300799; // of the year 9999
  if (!value.is_number())
    return std::nullopt;
  const auto seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > last_second)
    return std::nullopt;
  return domain::time_point{
    std::chrono::milliseconds{static_cast<std::int64_t>(std::floor(seconds * 1000))}};
}

bool is_audience_list(const json& claims) {
  const auto found = claims.find("aud");
  if (found == claims.end())
    return false;
  return found->is_string()
         || (found->is_array() && !found->empty()
             && std::ranges::all_of(*found, [](const json& one) { return one.is_string(); }));
}

std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

/// Of a digest of the access token, the left half (OpenID Connect Core 1.0, 3.1.3.6).
std::string half_hash(std::string_view text, signature_algorithm by) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  const auto* digest = by == signature_algorithm::eddsa ? EVP_sha512() : EVP_sha256();
  EVP_Digest(text.data(), text.size(), hash.data(), &size, digest, nullptr);
  return to_base64url({reinterpret_cast<const char*>(hash.data()), size / 2});
}

} // namespace

std::string to_base64url(std::string_view raw) {
  std::string text;
  text.reserve((raw.size() * 4 + 2) / 3);
  unsigned held = 0;
  int bits = 0;
  for (const char c : raw) {
    held = (held << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6)
      text += digits[(held >> static_cast<unsigned>(bits - 6)) & 0x3FU];
    held &= 0xFFU;
  }
  if (bits > 0)
    text += digits[(held << static_cast<unsigned>(6 - bits)) & 0x3FU];
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1)
    return std::nullopt;
  std::string raw;
  raw.reserve(text.size() * 3 / 4);
  unsigned held = 0;
  int bits = 0;
  for (const char c : text) {
    const int value = value_of(c);
    if (value < 0)
      return std::nullopt;
    held = (held << 6U) | static_cast<unsigned>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      raw += static_cast<char>((held >> static_cast<unsigned>(bits)) & 0xFFU);
      held &= (1U << static_cast<unsigned>(bits)) - 1;
    }
  }
  return held == 0 ? std::optional{std::move(raw)} : std::nullopt;
}

std::string_view to_string(signature_algorithm what) {
  switch (what) {
  case signature_algorithm::hs256:
    return "HS256";
  case signature_algorithm::rs256:
    return "RS256";
  case signature_algorithm::ps256:
    return "PS256";
  case signature_algorithm::es256:
    return "ES256";
  case signature_algorithm::eddsa:
    return "EdDSA";
  }
  return "";
}

bool verifying_key::can(signature_algorithm algorithm) const {
  if (only_for && *only_for != algorithm)
    return false;
  switch (what) {
  case kind::secret:
    return algorithm == signature_algorithm::hs256;
  case kind::rsa:
    return algorithm == signature_algorithm::rs256 || algorithm == signature_algorithm::ps256;
  case kind::p256:
    return algorithm == signature_algorithm::es256;
  case kind::ed25519:
    return algorithm == signature_algorithm::eddsa;
  }
  return false;
}

result<json> read_strict_json(std::string_view text) {
  std::vector<std::set<std::string>> open;
  bool sound = true;
  const auto look = [&](int depth, json::parse_event_t event, json& parsed) {
    sound = sound && depth <= deepest;
    if (event == json::parse_event_t::object_start)
      open.emplace_back();
    else if (event == json::parse_event_t::object_end && !open.empty())
      open.pop_back();
    else if (event == json::parse_event_t::key)
      sound = sound && !open.empty() && open.back().insert(parsed.get<std::string>()).second;
    return sound;
  };
  auto parsed = json::parse(text, look, false);
  if (!sound || parsed.is_discarded())
    return fail(errc::malformed, "the text is no JSON, or has a name twice");
  return parsed;
}

result<key_set> parse_key_set(std::string_view document) {
  if (document.size() > longest_document)
    return fail(errc::malformed, "the document of keys is too long");
  const auto parsed = read_strict_json(document);
  if (!parsed || !parsed->is_object() || !parsed->contains("keys") || !parsed->at("keys").is_array()
      || parsed->at("keys").size() > most_keys)
    return fail(errc::malformed, "the document holds no keys");
  key_set keys;
  for (const auto& described : parsed->at("keys"))
    if (auto key = key_in(described))
      keys.push_back(*std::move(key));
  return keys;
}

key_set key_set_of(std::string secret) {
  verifying_key key;
  key.what = verifying_key::kind::secret;
  key.secret = std::move(secret);
  return {std::move(key)};
}

bool looks_signed(std::string_view text) {
  const auto all_digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return value_of(c) >= 0; });
  };
  const auto first = text.find('.');
  const auto second = first == text.npos ? text.npos : text.find('.', first + 1);
  return second != text.npos && text.size() <= longest_signed_token
         && all_digits(text.substr(0, first))
         && all_digits(text.substr(first + 1, second - first - 1))
         && all_digits(text.substr(second + 1))
         // A header is an object, and its first byte is the brace, so this is what it begins with.
         && text.starts_with("ey");
}

result<signed_token> read_signed_token(std::string_view text) {
  const auto no_token = fail(errc::malformed, "this is no signed token the hub can read");
  if (!looks_signed(text))
    return no_token;
  const auto first = text.find('.');
  const auto second = text.find('.', first + 1);
  const auto header = from_base64url(text.substr(0, first));
  const auto payload = from_base64url(text.substr(first + 1, second - first - 1));
  auto signature = from_base64url(text.substr(second + 1));
  if (!header || !payload || !signature || header->size() > longest_header)
    return no_token;
  auto read_header = read_strict_json(*header);
  auto read_claims = read_strict_json(*payload);
  if (!read_header || !read_claims || !read_header->is_object() || !read_claims->is_object()
      || read_header->contains("crit") || read_header->contains("b64"))
    return no_token;
  const auto algorithm = algorithm_named(text_of(*read_header, "alg"));
  const auto key_id = text_of(*read_header, "kid");
  if (!algorithm || key_id.size() > longest_key_id
      || (read_header->contains("kid") && key_id.empty()))
    return no_token;
  return signed_token{*std::move(read_header),
                      *std::move(read_claims),
                      *algorithm,
                      key_id,
                      std::string{text.substr(0, second)},
                      *std::move(signature)};
}

outcome check_signature(const signed_token& token, const key_set& keys) {
  const verifying_key* found = nullptr;
  for (const auto& key : keys) {
    // A secret has no name of its own; who has it may call it what they like.
    const bool named =
      token.key_id.empty() || key.id == token.key_id || key.what == verifying_key::kind::secret;
    if (!named || !key.can(token.algorithm))
      continue;
    if (found != nullptr)
      return does_not_hold("several keys could have signed this token; it must name one");
    found = &key;
  }
  if (found == nullptr)
    return fail(errc::not_found, "no key that is known has signed this token");
  if (!is_signed_by(token, *found))
    return does_not_hold("the signature is wrong");
  return done{};
}

outcome check_times(const json& claims, domain::time_point now) {
  const auto expires = claims.find("exp");
  const auto ends = expires == claims.end() ? std::nullopt : moment_of(*expires);
  if (!ends || *ends + clock_leeway <= now)
    return does_not_hold("the token has expired, or does not say when it does");
  for (const auto* name : {"nbf", "iat"})
    if (const auto found = claims.find(name); found != claims.end()) {
      const auto begins = moment_of(*found);
      if (!begins || *begins - clock_leeway > now)
        return does_not_hold("the token does not hold yet");
    }
  return done{};
}

bool is_for(const json& claims, std::string_view audience) {
  if (!is_audience_list(claims))
    return false;
  const auto& named = claims.at("aud");
  return named.is_string() ? named == audience
                           : std::ranges::find(named, json(audience)) != named.end();
}

outcome
check_access_token(const signed_token& token, const access_rules& rules, domain::time_point now) {
  if (token.header.contains("typ")) {
    const auto type = lowered(text_of(token.header, "typ"));
    if (type != "at+jwt" && type != "application/at+jwt" && type != "jwt")
      return does_not_hold("this is another kind of token");
  }
  // Bound to a key that its bearer would have to prove (RFC 7800): a bearer alone is not enough.
  if (token.claims.contains("cnf"))
    return does_not_hold("this token is not good by being borne alone");
  if (rules.issuer.empty() || text_of(token.claims, "iss") != rules.issuer)
    return does_not_hold("the token is of another issuer");
  if (rules.audience.empty() || !is_for(token.claims, rules.audience))
    return does_not_hold("the token is for somebody else");
  return check_times(token.claims, now);
}

outcome check_id_token(const signed_token& token, const id_rules& rules, domain::time_point now) {
  const auto& claims = token.claims;
  if (token.algorithm == signature_algorithm::hs256)
    return does_not_hold("ID tokens must be signed with the provider's own key");
  if (rules.issuer.empty() || text_of(claims, "iss") != rules.issuer)
    return does_not_hold("the ID token is of another issuer");
  if (rules.client_id.empty() || !is_for(claims, rules.client_id))
    return does_not_hold("the ID token is for somebody else");
  const bool several = claims.at("aud").is_array() && claims.at("aud").size() > 1;
  if ((several || claims.contains("azp")) && text_of(claims, "azp") != rules.client_id)
    return does_not_hold("the ID token was given to somebody else");
  if (rules.nonce.empty() || text_of(claims, "nonce") != rules.nonce)
    return does_not_hold("the ID token answers another sign-in");
  if (!claims.contains("iat"))
    return does_not_hold("the ID token does not say when it was made");
  if (claims.contains("at_hash")
      && text_of(claims, "at_hash") != half_hash(rules.access_token, token.algorithm))
    return does_not_hold("the ID token came with another access token");
  return check_times(claims, now);
}

} // namespace hub::http
