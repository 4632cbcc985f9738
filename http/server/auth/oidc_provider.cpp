#include "http/server/auth/oidc_provider.hpp"

#include "domain/access.hpp"
#include "domain/text.hpp"
#include "domain/web_address.hpp"
#include "http/server/auth/tokens.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;
using nlohmann::json;

constexpr std::chrono::seconds answers_within{10};
constexpr std::size_t largest_answer = std::size_t{256} * 1024;
constexpr std::size_t longest_subject = 255; // OpenID Connect Core 1.0, 2
constexpr std::size_t longest_name = 200;
// What the provider says of itself changes rarely; its keys do more often.
constexpr keeping_rules description_rules{.fresh = std::chrono::hours{1},
                                          .kept = std::chrono::hours{24}};

domain::failure not_as_it_should() {
  return fail(errc::unavailable, "the identity provider does not answer as it should; try again");
}

domain::failure not_believed(std::string why) {
  return fail(errc::unauthorized, std::move(why));
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool is_true(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// A URL out of the description. On the issuer's own server it is as good as the issuer.
bool may_be_called(const std::string& url, const domain::web_address& issuer) {
  const auto where = domain::parse_web_address(url);
  return where && (same_server(*where, issuer) || where->scheme == "https");
}

bool lists(const json& object, const char* name, const char* wanted) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array()
         && std::ranges::find(*found, json(wanted)) != found->end();
}

result<json> object_in(const domain::result<client::reply>& got) {
  if (!got || got->status != 200)
    return not_as_it_should();
  auto body = read_strict_json(got->body);
  if (!body || !body->is_object())
    return not_as_it_should();
  return body;
}

/// Where a description is, whether or not the issuer ends in a slash.
std::string description_url(std::string issuer) {
  while (issuer.ends_with('/'))
    issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

client::call get_of(std::string url, const char* operation) {
  client::call made;
  made.provider = "oidc";
  made.operation = operation;
  made.method = "GET";
  made.url = std::move(url);
  made.headers = {{"Accept", "application/json"}};
  made.within = answers_within;
  made.max_response = largest_answer;
  made.repeatable = true;
  return made;
}

kept_document<key_set>::done_function check_with(const std::shared_ptr<const signed_token>& token,
                                                 std::function<void(outcome, bool missing)> then) {
  return [token, then = std::move(then)](result<std::shared_ptr<const key_set>> keys) {
    if (!keys)
      return then(std::move(keys).why(), false);
    auto checked = check_signature(*token, **keys);
    const bool missing = !checked && checked.why().code == errc::not_found;
    then(missing ? outcome{not_believed(checked.why().message)} : std::move(checked), missing);
  };
}

/// The claims about a person; `email` only where the provider has verified it.
void read_person(const json& claims, arrived_person& into) {
  if (into.email.empty() && is_true(claims, "email_verified"))
    if (const auto email = domain::parse_email(text_at(claims, "email")))
      into.email = *email;
  if (into.name.empty()) {
    const auto name = domain::clean_utf8(text_at(claims, "name"));
    into.name = domain::prefix_of(name, longest_name, longest_name);
  }
}

} // namespace

std::string form_of(const std::vector<std::pair<std::string_view, std::string_view>>& fields) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string form;
  const auto add = [&](std::string_view text) {
    for (const char c : text) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                         || c == '-' || c == '.' || c == '_' || c == '~';
      if (plain) {
        form += c;
        continue;
      }
      const auto byte = static_cast<unsigned char>(c);
      form += '%';
      form += hex[byte >> 4U];
      form += hex[byte & 0x0FU];
    }
  };
  for (const auto& [name, value] : fields) {
    if (!form.empty())
      form += '&';
    add(name);
    form += '=';
    add(value);
  }
  return form;
}

std::string basic_authorization(std::string_view id, std::string_view secret) {
  const auto encoded = [](std::string_view text) { return form_of({{"", text}}).substr(1); };
  const auto both = encoded(id) + ':' + encoded(secret);
  std::string text(4 * ((both.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(both.data()),
                                   static_cast<int>(both.size()));
  text.resize(static_cast<std::size_t>(size));
  return "Basic " + text;
}

void remote_keys::check(const std::shared_ptr<const signed_token>& token,
                        std::function<void(outcome)> done) {
  keys_.get(check_with(token, [this, token, done = std::move(done)](outcome first, bool missing) {
    if (!missing)
      return done(std::move(first));
    keys_.get_anew(check_with(token, [done](outcome second, bool) { done(std::move(second)); }));
  }));
}

kept_document<key_set>::fetch_function fetch_keys_from(std::string url, send_function send) {
  return
    [url = std::move(url), send = std::move(send)](std::function<void(result<key_set>)> fetched) {
      send(get_of(url, "keys"), [fetched = std::move(fetched)](result<client::reply> got) {
        fetched(got && got->status == 200 ? parse_key_set(got->body)
                                          : result<key_set>{not_as_it_should()});
      });
    };
}

result<provider_description> read_description(std::string_view document, std::string_view issuer) {
  const auto parsed = read_strict_json(document);
  const auto home = domain::parse_web_address(issuer);
  if (!parsed || !parsed->is_object() || !home)
    return fail(errc::malformed, "the identity provider does not describe itself");
  if (text_at(*parsed, "issuer") != issuer)
    return fail(errc::malformed, "the identity provider describes itself as another issuer");
  provider_description found;
  found.authorization_endpoint = text_at(*parsed, "authorization_endpoint");
  found.token_endpoint = text_at(*parsed, "token_endpoint");
  found.keys_url = text_at(*parsed, "jwks_uri");
  found.userinfo_endpoint = text_at(*parsed, "userinfo_endpoint");
  for (const auto* url : {&found.authorization_endpoint, &found.token_endpoint, &found.keys_url})
    if (!may_be_called(*url, *home))
      return fail(errc::malformed, "an address of the identity provider's may not be called");
  if (!may_be_called(found.userinfo_endpoint, *home))
    found.userinfo_endpoint.clear();
  found.names_itself = is_true(*parsed, "authorization_response_iss_parameter_supported");
  found.wants_secret_posted =
    parsed->contains("token_endpoint_auth_methods_supported")
    && !lists(*parsed, "token_endpoint_auth_methods_supported", "client_secret_basic")
    && lists(*parsed, "token_endpoint_auth_methods_supported", "client_secret_post");
  return found;
}

struct oidc_provider::exchange {
  std::string code;
  sign_in_round round;
  std::function<void(result<arrived_person>)> done;
  description where;
  std::string access_token;
  std::shared_ptr<const signed_token> id_token;
  arrived_person who;
};

oidc_provider::oidc_provider(provider_settings settings,
                             send_function send,
                             std::function<steady::time_point()> steady_now,
                             std::function<domain::time_point()> now)
  : settings_{std::move(settings)},
    send_{std::move(send)},
    now_{std::move(now)},
    description_{description_rules,
                 steady_now,
                 [this](std::function<void(result<provider_description>)> fetched) {
                   send_(get_of(description_url(settings_.issuer), "discovery"),
                         [this, fetched = std::move(fetched)](result<client::reply> got) {
                           fetched(got && got->status == 200
                                     ? read_description(got->body, settings_.issuer)
                                     : result<provider_description>{not_as_it_should()});
                         });
                 }},
    keys_{{}, std::move(steady_now), [this](std::function<void(result<key_set>)> fetched) {
            description_.get([this, fetched = std::move(fetched)](result<description> where) {
              if (!where)
                return fetched(std::move(where).why());
              send_(call_to((*where)->keys_url, "keys"), [fetched](result<client::reply> got) {
                fetched(got && got->status == 200 ? parse_key_set(got->body)
                                                  : result<key_set>{not_as_it_should()});
              });
            });
          }} {}

client::call oidc_provider::call_to(const std::string& url, const char* operation) const {
  auto made = get_of(url, operation);
  const auto home = domain::parse_web_address(settings_.issuer);
  const auto where = domain::parse_web_address(url);
  // On another server than the one the operator named, nothing but the public internet.
  made.user_url = !home || !where || !same_server(*home, *where);
  return made;
}

void oidc_provider::begin(sign_in_round round, std::function<void(result<std::string>)> done) {
  description_.get(
    [this, round = std::move(round), done = std::move(done)](result<description> where) {
      if (!where)
        return done(std::move(where).why());
      std::string scopes;
      for (const auto& scope : settings_.scopes)
        scopes.append(scopes.empty() ? "" : " ").append(scope);
      const auto challenge = to_base64url(token_hash(round.code_verifier));
      const auto& endpoint = (*where)->authorization_endpoint;
      done(endpoint + (endpoint.find('?') == std::string::npos ? '?' : '&')
           + form_of({{"response_type", "code"},
                      {"client_id", settings_.client_id},
                      {"redirect_uri", round.redirect_uri},
                      {"scope", scopes},
                      {"state", round.state},
                      {"nonce", round.nonce},
                      {"code_challenge", challenge},
                      {"code_challenge_method", "S256"}}));
    });
}

void oidc_provider::check_sender(std::string named, std::function<void(outcome)> done) {
  description_.get(
    [this, named = std::move(named), done = std::move(done)](result<description> where) {
      if (!where)
        return done(std::move(where).why());
      const bool fine = named.empty() ? !(*where)->names_itself : named == settings_.issuer;
      done(fine ? outcome{domain::done{}}
                : outcome{fail(errc::forbidden, "this answer is of another identity provider")});
    });
}

void oidc_provider::finish(std::string code,
                           sign_in_round round,
                           std::function<void(result<arrived_person>)> done) {
  const auto work = std::make_shared<exchange>();
  work->code = std::move(code);
  work->round = std::move(round);
  work->done = std::move(done);
  description_.get([this, work](result<description> where) {
    if (!where)
      return work->done(std::move(where).why());
    work->where = *std::move(where);
    ask_for_token(work);
  });
}

void oidc_provider::ask_for_token(const exchange_ptr& work) {
  auto what = call_to(work->where->token_endpoint, "token");
  what.method = "POST";
  what.repeatable = false; // a code works once
  what.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  std::vector<std::pair<std::string_view, std::string_view>> fields{
    {"grant_type", "authorization_code"},
    {"code", work->code},
    {"redirect_uri", work->round.redirect_uri},
    {"code_verifier", work->round.code_verifier}};
  const bool is_public = settings_.client_secret.empty();
  if (is_public || work->where->wants_secret_posted)
    fields.emplace_back("client_id", settings_.client_id);
  if (!is_public && work->where->wants_secret_posted)
    fields.emplace_back("client_secret", settings_.client_secret);
  else if (!is_public)
    what.headers.emplace_back("Authorization",
                              basic_authorization(settings_.client_id, settings_.client_secret));
  what.body = form_of(fields);
  send_(std::move(what), [this, work](const result<client::reply>& got) { read_token(work, got); });
}

void oidc_provider::read_token(const exchange_ptr& work, const result<client::reply>& got) {
  if (got && (got->status == 400 || got->status == 401))
    return work->done(not_believed("the identity provider did not accept the sign-in"));
  const auto body = object_in(got);
  if (!body)
    return work->done(body.why());
  work->access_token = text_at(*body, "access_token");
  auto token = read_signed_token(text_at(*body, "id_token"));
  if (!token)
    return work->done(not_believed("the identity provider sent no ID token that can be read"));
  work->id_token = std::make_shared<const signed_token>(*std::move(token));
  keys_.check(work->id_token, [this, work](outcome checked) {
    checked ? read_id_token(work) : work->done(std::move(checked).why());
  });
}

void oidc_provider::read_id_token(const exchange_ptr& work) {
  const auto& claims = work->id_token->claims;
  auto holds =
    check_id_token(*work->id_token,
                   {settings_.issuer, settings_.client_id, work->round.nonce, work->access_token},
                   now_());
  if (!holds)
    return work->done(std::move(holds).why());
  work->who.subject = text_at(claims, "sub");
  if (work->who.subject.empty() || work->who.subject.size() > longest_subject
      || domain::clean_utf8(work->who.subject) != work->who.subject)
    return work->done(not_believed("the ID token does not say who it is about"));
  read_person(claims, work->who);
  if (work->who.email.empty() && !work->where->userinfo_endpoint.empty()
      && !work->access_token.empty())
    return ask_for_email(work);
  work->done(std::move(work->who));
}

/// Many providers put the email there alone. Whoever is linked needs none, so its absence is for
/// the caller to judge.
void oidc_provider::ask_for_email(const exchange_ptr& work) {
  auto what = call_to(work->where->userinfo_endpoint, "userinfo");
  what.headers.emplace_back("Authorization", "Bearer " + work->access_token);
  send_(std::move(what), [work](const result<client::reply>& got) {
    const auto body = object_in(got);
    // Another's answer must not lend them its email (OpenID Connect Core 1.0, 5.3.2).
    if (body && text_at(*body, "sub") == work->who.subject)
      read_person(*body, work->who);
    work->done(std::move(work->who));
  });
}

} // namespace hub::http
