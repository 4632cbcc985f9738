#include "http/server/auth/jwt.hpp"

#include <gmock/gmock.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {
namespace {

using domain::errc;
using nlohmann::json;
using std::chrono::seconds;

const domain::time_point now{seconds{1'800'000'000}};

using pkey = std::shared_ptr<EVP_PKEY>;

/// A key pair that the tests sign with, and its public half as a JWK.
struct signer {
  std::string algorithm;
  pkey key;
  json jwk;

  [[nodiscard]] std::string sign(const std::string& input) const;
};

std::string number_in(EVP_PKEY& key, const char* name, std::size_t width = 0) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(&key, name, &number), 1);
  std::string raw(std::max<std::size_t>(width, static_cast<std::size_t>(BN_num_bytes(number))),
                  '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(raw.size()));
  BN_free(number);
  return to_base64url(raw);
}

signer rsa_signer(const std::string& algorithm, const std::string& id, unsigned bits = 2048) {
  signer made{algorithm, pkey{EVP_RSA_gen(bits), EVP_PKEY_free}, {}};
  made.jwk = {{"kty", "RSA"},
              {"kid", id},
              {"n", number_in(*made.key, OSSL_PKEY_PARAM_RSA_N)},
              {"e", number_in(*made.key, OSSL_PKEY_PARAM_RSA_E)}};
  return made;
}

signer ec_signer(const std::string& id) {
  signer made{"ES256", pkey{EVP_EC_gen("prime256v1"), EVP_PKEY_free}, {}};
  made.jwk = {{"kty", "EC"},
              {"kid", id},
              {"crv", "P-256"},
              {"x", number_in(*made.key, OSSL_PKEY_PARAM_EC_PUB_X, 32)},
              {"y", number_in(*made.key, OSSL_PKEY_PARAM_EC_PUB_Y, 32)}};
  return made;
}

signer ed_signer(const std::string& id) {
  signer made{"EdDSA", pkey{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free}, {}};
  std::string raw(32, '\0');
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(made.key.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
  made.jwk = {{"kty", "OKP"}, {"kid", id}, {"crv", "Ed25519"}, {"x", to_base64url(raw)}};
  return made;
}

std::string signer::sign(const std::string& input) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free};
  EVP_PKEY_CTX* how = nullptr;
  const auto* digest = algorithm == "EdDSA" ? nullptr : EVP_sha256();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), &how, digest, nullptr, key.get()), 1);
  if (algorithm == "PS256") {
    EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST);
  }
  std::string raw(1024, '\0');
  std::size_t size = raw.size();
  EXPECT_EQ(EVP_DigestSign(context.get(),
                           reinterpret_cast<unsigned char*>(raw.data()),
                           &size,
                           reinterpret_cast<const unsigned char*>(input.data()),
                           input.size()),
            1);
  raw.resize(size);
  if (algorithm != "ES256")
    return raw;
  const auto* at = reinterpret_cast<const unsigned char*>(raw.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> both{
    d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(raw.size())), ECDSA_SIG_free};
  std::string fixed(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), reinterpret_cast<unsigned char*>(fixed.data()), 32);
  BN_bn2binpad(
    ECDSA_SIG_get0_s(both.get()), reinterpret_cast<unsigned char*>(fixed.data() + 32), 32);
  return fixed;
}

std::string hmac(const std::string& secret, const std::string& input) {
  std::array<unsigned char, 32> made{};
  unsigned size = 0;
  HMAC(EVP_sha256(),
       secret.data(),
       static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(input.data()),
       input.size(),
       made.data(),
       &size);
  return {reinterpret_cast<const char*>(made.data()), size};
}

using sign_function = std::function<std::string(const std::string&)>;

std::string
token_of(const std::string& header, const std::string& claims, const sign_function& by) {
  const auto input = to_base64url(header) + '.' + to_base64url(claims);
  return input + '.' + to_base64url(by(input));
}

std::string token_of(const signer& by, json header, const json& claims) {
  if (!header.contains("alg"))
    header["alg"] = by.algorithm;
  return token_of(
    header.dump(), claims.dump(), [&by](const std::string& input) { return by.sign(input); });
}

json good_claims() {
  return {{"iss", "https://issuer.example"},
          {"aud", "hub"},
          {"sub", "ana"},
          {"iat", 1'800'000'000},
          {"exp", 1'800'000'300},
          {"nonce", "n"}};
}

key_set keys_of(std::initializer_list<json> all) {
  auto keys = parse_key_set(json{{"keys", all}}.dump());
  EXPECT_TRUE(keys);
  return keys ? *std::move(keys) : key_set{};
}

/// What the hub does with a token from elsewhere: `done`, or what is wrong.
domain::outcome taken(const std::string& text,
                      const key_set& keys,
                      const access_rules& rules = {"https://issuer.example", "hub"}) {
  const auto token = read_signed_token(text);
  if (!token)
    return token.why();
  if (auto signature = check_signature(*token, keys); !signature)
    return signature;
  return check_access_token(*token, rules, now);
}

domain::errc code_of(const domain::outcome& result) {
  return result ? errc{} : result.why().code;
}

class signed_tokens : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    rsa_ = rsa_signer("RS256", "rsa");
    pss_ = rsa_signer("PS256", "pss");
    ec_ = ec_signer("ec");
    ed_ = ed_signer("ed");
  }
  static std::vector<signer> all() { return {rsa_, pss_, ec_, ed_}; }
  static key_set everybodys() { return keys_of({rsa_.jwk, pss_.jwk, ec_.jwk, ed_.jwk}); }
  static std::string good(const signer& by) {
    return token_of(by, {{"kid", by.jwk["kid"]}}, good_claims());
  }

  static inline signer rsa_;
  static inline signer pss_;
  static inline signer ec_;
  static inline signer ed_;
};

TEST(base64url, is_written_in_one_way_only) {
  for (const auto& [raw, text] : std::vector<std::pair<std::string, std::string>>{
         {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"\xFB\xFF", "-_8"}}) {
    EXPECT_EQ(to_base64url(raw), text);
    EXPECT_EQ(from_base64url(text), raw);
  }
  for (const auto* wrong : {"Zg==", "Z", "Zh", "Zm9", "Zm9v=", "Zm+v", "Zm/v", "Zm 9v", "Zm9v\n"})
    EXPECT_EQ(from_base64url(wrong), std::nullopt) << wrong;
}

TEST_F(signed_tokens, of_every_algorithm_are_taken) {
  for (const auto& by : all())
    EXPECT_EQ(code_of(taken(good(by), everybodys())), errc{}) << by.algorithm;
  const std::string secret(32, 's');
  const auto by_secret = token_of(R"({"alg":"HS256","typ":"JWT"})",
                                  good_claims().dump(),
                                  [&](const auto& input) { return hmac(secret, input); });
  EXPECT_EQ(code_of(taken(by_secret, key_set_of(secret))), errc{});
  EXPECT_EQ(code_of(taken(by_secret, key_set_of(secret + "x"))), errc::unauthorized);
}

TEST_F(signed_tokens, hold_the_published_examples) {
  // RFC 8037, A.4: Ed25519 over this input.
  const auto keys = keys_of(
    {{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}});
  signed_token token;
  token.algorithm = signature_algorithm::eddsa;
  token.signing_input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  token.signature = *from_base64url(
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  EXPECT_TRUE(check_signature(token, keys));
  token.signature.front() = static_cast<char>(token.signature.front() ^ 1);
  EXPECT_FALSE(check_signature(token, keys));
}

TEST_F(signed_tokens, changed_anywhere_are_refused) {
  for (const auto& by : all()) {
    const auto text = good(by);
    const auto header_end = text.find('.');
    const auto claims_end = text.rfind('.');
    for (std::size_t at = 0; at<text.size(); at += at> claims_end ? 7 : 3) {
      if (at == header_end || at == claims_end)
        continue;
      auto changed = text;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_NE(code_of(taken(changed, everybodys())), errc{}) << by.algorithm << " at " << at;
    }
  }
}

TEST_F(signed_tokens, with_a_cut_signature_are_refused) {
  for (const auto& by : all()) {
    const auto text = good(by);
    const auto dot = text.rfind('.');
    const auto raw = *from_base64url(text.substr(dot + 1));
    for (const std::size_t size : {raw.size() - 1, raw.size() / 2, std::size_t{1}})
      EXPECT_EQ(
        code_of(taken(text.substr(0, dot + 1) + to_base64url(raw.substr(0, size)), everybodys())),
        errc::unauthorized)
        << by.algorithm << ' ' << size;
    EXPECT_EQ(code_of(taken(text.substr(0, dot + 1) + to_base64url(raw + '\0'), everybodys())),
              errc::unauthorized);
    EXPECT_EQ(code_of(taken(text.substr(0, dot + 1), everybodys())), errc::malformed);
  }
  // Zeros for both numbers once passed for a signature of anything elsewhere (CVE-2022-21449).
  const auto text = good(ec_);
  EXPECT_EQ(code_of(taken(text.substr(0, text.rfind('.') + 1) + to_base64url(std::string(64, '\0')),
                          everybodys())),
            errc::unauthorized);
}

TEST_F(signed_tokens, cannot_choose_the_algorithm_of_a_key) {
  const auto sign = [](const signer& by) {
    return [&by](const std::string& input) { return by.sign(input); };
  };
  const auto header = [](const std::string& algorithm, const std::string& id) {
    return json{{"alg", algorithm}, {"kid", id}}.dump();
  };
  // A public key is no secret.
  const auto public_key = rsa_.jwk.dump();
  const auto by_public_key = token_of(header("HS256", "rsa"),
                                      good_claims().dump(),
                                      [&](const auto& input) { return hmac(public_key, input); });
  EXPECT_EQ(code_of(taken(by_public_key, everybodys())), errc::not_found);
  for (const auto* algorithm : {"none", "None", "NONE", "", "HS384", "RS1", "RS512", "rs256"})
    EXPECT_EQ(code_of(taken(token_of(header(algorithm, "rsa"), good_claims().dump(), sign(rsa_)),
                            everybodys())),
              errc::malformed)
      << algorithm;
  EXPECT_EQ(code_of(taken(to_base64url(R"({"alg":"none"})") + '.'
                            + to_base64url(good_claims().dump()) + '.',
                          everybodys())),
            errc::malformed);
  // Another kind of key than the algorithm's.
  EXPECT_EQ(
    code_of(taken(token_of(header("RS256", "ec"), good_claims().dump(), sign(rsa_)), everybodys())),
    errc::not_found);
  // A key that is for one algorithm only.
  auto only_pss = rsa_.jwk;
  only_pss["alg"] = "PS256";
  EXPECT_EQ(code_of(taken(good(rsa_), keys_of({only_pss}))), errc::not_found);
  // A secret checks nothing but HS256.
  EXPECT_EQ(code_of(taken(good(rsa_), key_set_of(std::string(32, 's')))), errc::not_found);
}

TEST_F(signed_tokens, of_another_key_are_told_from_wrong_ones) {
  const auto other = rsa_signer("RS256", "other");
  EXPECT_EQ(code_of(taken(good(other), everybodys())), errc::not_found) << "keys may have changed";
  auto posing = other;
  posing.jwk["kid"] = "rsa";
  EXPECT_EQ(code_of(taken(good(posing), everybodys())), errc::unauthorized);
  const auto unnamed = token_of(rsa_, json::object(), good_claims());
  EXPECT_EQ(code_of(taken(unnamed, keys_of({rsa_.jwk, ec_.jwk}))), errc{}) << "only one can do it";
  EXPECT_EQ(code_of(taken(unnamed, everybodys())), errc::unauthorized) << "two could";
}

TEST_F(signed_tokens, that_ask_for_more_or_are_odd_cannot_be_read) {
  const auto claims = good_claims().dump();
  const auto sign = [this](const std::string& input) { return rsa_.sign(input); };
  const std::vector<std::string> headers{
    R"({"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1})",
    R"({"alg":"RS256","kid":"rsa","crit":[]})",
    R"({"alg":"RS256","kid":"rsa","b64":false})",
    R"({"alg":"RS256","kid":"rsa","alg":"RS256"})",
    R"({"alg":"RS256","kid":7})",
    R"({"alg":["RS256"],"kid":"rsa"})",
    R"({"kid":"rsa"})",
    R"({"alg":"RS256","kid":"rsa"} )"
    "x",
    R"(["RS256"])",
    R"({"alg":"RS256","kid":")" + std::string(300, 'k') + "\"}",
    R"({"alg":"RS256","kid":"rsa","x":")" + std::string(4000, 'x') + "\"}",
    R"({"alg":"RS256","kid":"rsa","x":)" + std::string(40, '[') + std::string(40, ']') + "}",
    "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x\":\"\xFF\"}",
    ""};
  for (const auto& header : headers)
    EXPECT_EQ(code_of(taken(token_of(header, claims, sign), everybodys())), errc::malformed)
      << header.substr(0, 80);
  const auto header = R"({"alg":"RS256","kid":"rsa"})";
  for (const std::string payload : {R"({"iss":"https://issuer.example","iss":"x"})",
                                    R"({"aud":"hub","a":{"b":1,"b":2}})",
                                    "[]",
                                    "null",
                                    "",
                                    "{",
                                    R"({"exp":1}{"exp":2})"})
    EXPECT_EQ(code_of(taken(token_of(header, payload, sign), everybodys())), errc::malformed)
      << payload;
  const auto text = good(rsa_);
  for (const auto& odd : {text + '.',
                          text + ".e30",
                          '.' + text,
                          ' ' + text,
                          text + '=',
                          text.substr(0, text.rfind('.')),
                          "ey" + std::string(20'000, 'A') + ".e30.AA",
                          std::string{"ey.ey.ey"},
                          std::string{"ey.."},
                          std::string{".."},
                          std::string{}})
    EXPECT_EQ(code_of(taken(odd, everybodys())), errc::malformed) << odd.substr(0, 60);
}

TEST_F(signed_tokens, cut_or_mixed_at_random_never_pass_and_never_harm) {
  std::mt19937 random{7};
  std::vector<std::string> texts;
  for (const auto& by : all())
    texts.push_back(good(by));
  const auto keys = everybodys();
  for (int round = 0; round < 5000; ++round) {
    auto text = texts[random() % texts.size()];
    const auto& other = texts[random() % texts.size()];
    switch (random() % 4) {
    case 0:
      text.resize(random() % text.size());
      break;
    case 1:
      text[random() % text.size()] = static_cast<char>(random() % 256);
      break;
    case 2:
      text.insert(random() % text.size(), 1, static_cast<char>(random() % 256));
      break;
    default:
      text = text.substr(0, random() % text.size()) + other.substr(random() % other.size());
    }
    const bool known = std::ranges::find(texts, text) != texts.end();
    EXPECT_EQ(code_of(taken(text, keys)) == errc{}, known) << text;
  }
}

// ---- keys

TEST_F(signed_tokens, are_checked_with_sound_keys_only) {
  const auto usable = [](const json& key) { return keys_of({key}).size() == 1; };
  const auto with = [](json key, const char* name, const json& value) {
    key[name] = value;
    return key;
  };
  ASSERT_TRUE(usable(rsa_.jwk) && usable(ec_.jwk) && usable(ed_.jwk));
  EXPECT_TRUE(usable(with(rsa_.jwk, "use", "sig")));
  EXPECT_TRUE(usable(with(rsa_.jwk, "key_ops", {"verify"})));
  EXPECT_TRUE(usable(with(rsa_.jwk, "alg", "RS256")));
  const std::vector<json> refused{with(rsa_.jwk, "use", "enc"),
                                  with(rsa_.jwk, "key_ops", {"encrypt"}),
                                  with(rsa_.jwk, "key_ops", "verify"),
                                  with(rsa_.jwk, "alg", "RS512"),
                                  with(rsa_.jwk, "alg", "ES256"),
                                  with(rsa_.jwk, "alg", "HS256"),
                                  with(rsa_.jwk, "e", "AQ"),
                                  with(rsa_.jwk, "e", "AAAA"),
                                  with(rsa_.jwk, "n", "AQAB"),
                                  with(rsa_.jwk, "n", 5),
                                  with(rsa_.jwk, "kid", std::string(300, 'k')),
                                  rsa_signer("RS256", "weak", 1024).jwk,
                                  with(ec_.jwk, "x", ec_.jwk["y"]), // not on the curve
                                  with(ec_.jwk, "crv", "P-384"),
                                  with(ec_.jwk, "y", "AA"),
                                  with(ed_.jwk, "crv", "X25519"),
                                  with(ed_.jwk, "x", "AA"),
                                  {{"kty", "oct"}, {"k", to_base64url(std::string(32, 's'))}},
                                  json::object(),
                                  "key",
                                  nullptr};
  for (const auto& key : refused)
    EXPECT_FALSE(usable(key)) << key.dump().substr(0, 200);
  for (const std::string document : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[],"keys":[]})"})
    EXPECT_FALSE(parse_key_set(document)) << document;
  EXPECT_FALSE(parse_key_set(json{{"keys", std::vector<json>(101, ec_.jwk)}}.dump()));
  EXPECT_FALSE(parse_key_set(R"({"keys":[],"x":")" + std::string(300'000, 'x') + "\"}"));
}

// ---- what they say

TEST_F(signed_tokens, must_say_the_right_things_to_be_access_tokens) {
  const auto keys = everybodys();
  const auto says = [&](const std::function<void(json&)>& change) {
    auto claims = good_claims();
    change(claims);
    return code_of(taken(token_of(ec_, {{"kid", "ec"}}, claims), keys));
  };
  EXPECT_EQ(says([](json&) {}), errc{});
  EXPECT_EQ(says([](json& c) { c["aud"] = {"x", "hub"}; }), errc{});
  EXPECT_EQ(says([](json& c) { c["exp"] = 1'799'999'990; }), errc{}) << "clocks differ";
  EXPECT_EQ(says([](json& c) { c["nbf"] = 1'800'000'050; }), errc{});
  EXPECT_EQ(says([](json& c) { c.erase("iat"); }), errc{});
  const std::vector<std::pair<const char*, std::function<void(json&)>>> wrong{
    {"no exp", [](json& c) { c.erase("exp"); }},
    {"expired", [](json& c) { c["exp"] = 1'799'999'900; }},
    {"exp as text", [](json& c) { c["exp"] = "1800000300"; }},
    {"exp without end", [](json& c) { c["exp"] = 1e300; }},
    {"exp below zero", [](json& c) { c["exp"] = -1; }},
    {"not yet", [](json& c) { c["nbf"] = 1'800'000'100; }},
    {"nbf as text", [](json& c) { c["nbf"] = "soon"; }},
    {"made in the future", [](json& c) { c["iat"] = 1'800'000'100; }},
    {"no issuer", [](json& c) { c.erase("iss"); }},
    {"another issuer", [](json& c) { c["iss"] = "https://issuer.example/"; }},
    {"issuer as list", [](json& c) { c["iss"] = {"https://issuer.example"}; }},
    {"no audience", [](json& c) { c.erase("aud"); }},
    {"another audience", [](json& c) { c["aud"] = "hub2"; }},
    {"no audience in the list", [](json& c) { c["aud"] = json::array(); }},
    {"numbers among audiences",
     [](json& c) {
       c["aud"] = {"hub", 7};
     }},
    {"bound to a key", [](json& c) {
       c["cnf"] = {{"jkt", "x"}};
     }}};
  for (const auto& [name, change] : wrong)
    EXPECT_EQ(says(change), errc::unauthorized) << name;
  for (const auto& [type, good] : std::vector<std::pair<json, bool>>{{"at+jwt", true},
                                                                     {"AT+JWT", true},
                                                                     {"application/at+jwt", true},
                                                                     {"JWT", true},
                                                                     {"logout+jwt", false},
                                                                     {"secevent+jwt", false},
                                                                     {"", false},
                                                                     {7, false}})
    EXPECT_EQ(code_of(taken(token_of(ec_, {{"kid", "ec"}, {"typ", type}}, good_claims()), keys))
                == errc{},
              good)
      << type;
  EXPECT_EQ(code_of(taken(good(ec_), keys, {"https://issuer.example", ""})), errc::unauthorized);
  EXPECT_EQ(code_of(taken(good(ec_), keys, {"", "hub"})), errc::unauthorized);
}

TEST_F(signed_tokens, must_say_the_right_things_to_be_id_tokens) {
  const id_rules rules{"https://issuer.example", "hub", "n", "the access token"};
  const auto says = [&](const std::function<void(json&)>& change) {
    auto claims = good_claims();
    change(claims);
    const auto token = read_signed_token(token_of(rsa_, {{"kid", "rsa"}}, claims));
    EXPECT_TRUE(token);
    return check_id_token(*token, rules, now).has_value();
  };
  EXPECT_TRUE(says([](json&) {}));
  EXPECT_TRUE(says([](json& c) { c["azp"] = "hub"; }));
  EXPECT_TRUE(says([](json& c) {
    c["aud"] = {"hub", "other"};
    c["azp"] = "hub";
  }));
  const auto hash_of = [](const std::string& text) {
    std::array<unsigned char, 32> hash{};
    EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
    return to_base64url({reinterpret_cast<const char*>(hash.data()), 16});
  };
  EXPECT_TRUE(says([&](json& c) { c["at_hash"] = hash_of("the access token"); }));
  const std::vector<std::pair<const char*, std::function<void(json&)>>> wrong{
    {"several audiences, none presented",
     [](json& c) {
       c["aud"] = {"hub", "other"};
     }},
    {"given to another",
     [](json& c) {
       c["aud"] = {"hub", "other"};
       c["azp"] = "other";
     }},
    {"given to another alone", [](json& c) { c["azp"] = "other"; }},
    {"another's", [](json& c) { c["aud"] = "other"; }},
    {"no nonce", [](json& c) { c.erase("nonce"); }},
    {"another nonce", [](json& c) { c["nonce"] = "m"; }},
    {"nonce as list", [](json& c) { c["nonce"] = {"n"}; }},
    {"no iat", [](json& c) { c.erase("iat"); }},
    {"no exp", [](json& c) { c.erase("exp"); }},
    {"expired", [](json& c) { c["exp"] = 1'799'999'900; }},
    {"another issuer", [](json& c) { c["iss"] = "https://issuer.example.evil"; }},
    {"another access token", [&](json& c) { c["at_hash"] = hash_of("another access token"); }},
    {"odd at_hash", [](json& c) { c["at_hash"] = 7; }}};
  for (const auto& [name, change] : wrong)
    EXPECT_FALSE(says(change)) << name;
  // By a secret that both share: the hub could have made it.
  const auto shared =
    read_signed_token(token_of(R"({"alg":"HS256"})", good_claims().dump(), [](const auto& input) {
      return hmac(std::string(32, 's'), input);
    }));
  ASSERT_TRUE(shared);
  EXPECT_FALSE(check_id_token(*shared, rules, now));
  const auto fine = read_signed_token(token_of(rsa_, {{"kid", "rsa"}}, good_claims()));
  EXPECT_FALSE(check_id_token(*fine, {"https://issuer.example", "hub", "", ""}, now))
    << "a sign-in without a nonce";
}

} // namespace
} // namespace hub::http
