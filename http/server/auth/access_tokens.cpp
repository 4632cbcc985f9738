#include "http/server/auth/access_tokens.hpp"

#include "domain/text.hpp"
#include "http/server/auth/tokens.hpp"
#include "storage/identity/federation.hpp"

#include <algorithm>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::outcome;
using domain::permission;
using domain::result;
using nlohmann::json;

constexpr std::size_t longest_subject = 255;
constexpr std::size_t shortest_opaque = 16;
constexpr std::size_t longest_opaque = 4096;

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// What somebody is called, where that is a name at all.
std::string name_at(const json& claims, const char* name) {
  auto found = text_at(claims, name);
  if (found.size() > longest_subject || domain::clean_utf8(found) != found)
    found.clear();
  return found;
}

void add_permission(domain::permission_set& to, std::string_view name) {
  if (const auto known = domain::parse_permission(name))
    to.add(*known);
}

/// Always the same for one subject, and of version 8: made of something else than time.
domain::uuid id_of(const std::string& issuer, const std::string& subject) {
  const auto hash = token_hash("client:" + std::to_string(issuer.size()) + ':' + issuer + subject);
  domain::uuid id;
  std::copy_n(
    reinterpret_cast<const std::uint8_t*>(hash.data()), id.bytes.size(), id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0FU) | 0x80U);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3FU) | 0x80U);
  return id;
}

} // namespace

token_facts read_token_facts(const json& claims) {
  token_facts facts;
  facts.issuer = text_at(claims, "iss");
  facts.subject = name_at(claims, "sub");
  if (!facts.subject.empty() || !claims.contains("sub")) // a broken one is about nobody
    for (const auto* name : {"client_id", "azp"})
      if (facts.client.empty())
        facts.client = name_at(claims, name);
  facts.names_email = claims.contains("email");
  const auto verified = claims.find("email_verified");
  if (verified != claims.end() && verified->is_boolean() && verified->get<bool>())
    if (const auto email = domain::parse_email(text_at(claims, "email")))
      facts.email = *email;
  const auto scope = text_at(claims, "scope");
  for (std::string_view rest = scope; !rest.empty();) {
    const auto space = rest.find(' ');
    add_permission(facts.scopes, rest.substr(0, space));
    rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
  }
  if (const auto found = claims.find("permissions"); found != claims.end() && found->is_array())
    for (const auto& one : *found)
      if (one.is_string())
        add_permission(facts.scopes, one.get_ref<const std::string&>());
  return facts;
}

domain::principal limited_to(domain::principal who, domain::permission_set scopes) {
  who.may = who.may & scopes;
  who.rank = who.may.has(permission::people_write) ? std::min(who.rank, domain::role::admin)
                                                   : domain::role::viewer;
  who.session = {};
  return who;
}

domain::principal client_of(const token_facts& facts, const domain::uuid& workspace) {
  domain::principal who;
  who.workspace = workspace;
  who.what = domain::principal::kind::client;
  who.label = facts.client;
  who.id = id_of(facts.issuer, who.label);
  who.may = facts.scopes;
  for (const auto never : {permission::pii_read,
                           permission::people_write,
                           permission::keys_write,
                           permission::settings_manage})
    who.may.remove(never);
  return who;
}

struct access_tokens::question {
  std::string token;
  std::function<outcome()> count_guess;
  done_function done;
  std::shared_ptr<const signed_token> parsed{};
};

access_tokens::access_tokens(access_token_settings settings,
                             remote_keys* keys,
                             introspector* asked,
                             storage::federation_store& people,
                             std::function<domain::time_point()> now)
  : settings_{std::move(settings)},
    keys_{keys},
    asked_{asked},
    people_{people},
    now_{std::move(now)} {}

bool access_tokens::takes_signed(std::string_view token) const {
  return !settings_.jwt.audience.empty() && looks_signed(token);
}

bool access_tokens::takes(std::string_view token) const {
  if (token.starts_with("fbh_")
      || (!settings_.own_key_hash.empty()
          && same_secret(token_hash(token), settings_.own_key_hash)))
    return false;
  if (takes_signed(token))
    return true;
  return asked_ != nullptr && token.size() >= shortest_opaque && token.size() <= longest_opaque
         && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7F; });
}

void access_tokens::check(std::string token,
                          std::function<outcome()> count_guess,
                          done_function done) {
  const auto asked = std::make_shared<question>();
  asked->token = std::move(token);
  asked->count_guess = std::move(count_guess);
  asked->done = std::move(done);
  if (takes_signed(asked->token))
    return check_signed(asked);
  asked_->check(
    asked->token, asked->count_guess, [this, asked](result<introspector::claims> found) {
      if (!found)
        return asked->done(std::move(found).why());
      auto facts = read_token_facts(**found);
      // The provider that is asked speaks for one issuer; what it says of another is not taken.
      if (facts.issuer.empty())
        facts.issuer = settings_.issuer;
      if (!settings_.issuer.empty() && facts.issuer != settings_.issuer)
        return asked->done(fail(errc::unauthorized, "the token is of another issuer"));
      find_bearer(asked, std::move(facts));
    });
}

void access_tokens::check_signed(const question_ptr& asked) {
  auto parsed = read_signed_token(asked->token);
  if (!parsed)
    return refuse(asked, parsed.why());
  asked->parsed = std::make_shared<const signed_token>(*std::move(parsed));
  // What has expired, or is another's, is not worth a look at the keys.
  if (const auto holds = check_access_token(*asked->parsed, settings_.jwt, now_()); !holds)
    return refuse(asked, holds.why());
  if (keys_ == nullptr)
    return check_claims(asked, check_signature(*asked->parsed, settings_.secret));
  keys_->check(asked->parsed,
               [this, asked](const outcome& signature) { check_claims(asked, signature); });
}

void access_tokens::check_claims(const question_ptr& asked, const outcome& signature) {
  if (!signature)
    return signature.why().code == errc::unavailable ? asked->done(signature.why())
                                                     : refuse(asked, signature.why());
  find_bearer(asked, read_token_facts(asked->parsed->claims));
}

void access_tokens::find_bearer(const question_ptr& asked, token_facts facts) {
  if (facts.subject.empty()) // a program's name is nobody's, however somebody is called
    return enter_as_client(asked, facts);
  storage::outside_identity who{facts.issuer, facts.subject, facts.email, {}};
  people_.person_behind(std::move(who),
                        [this, asked, facts = std::move(facts)](
                          const result<std::optional<storage::person_standing>>& found) {
                          if (!found)
                            return asked->done(found.why());
                          if (*found && !(*found)->disabled)
                            return asked->done(limited_to((*found)->who, facts.scopes));
                          if (*found) // locked out, and does not come back as a program
                            return asked->done(
                              fail(errc::unauthorized, "nobody here has this token"));
                          enter_as_client(asked, facts);
                        });
}

void access_tokens::enter_as_client(const question_ptr& asked, const token_facts& facts) const {
  // A subject that is not the program itself is a person (RFC 9068, 2.2): one we do not know.
  const bool is_program =
    !facts.client.empty() && (facts.subject.empty() || facts.subject == facts.client);
  if (!is_program || facts.names_email || !settings_.clients_may_enter)
    return asked->done(fail(errc::unauthorized, "nobody here has this token"));
  asked->done(client_of(facts, settings_.workspace));
}

void access_tokens::refuse(const question_ptr& asked, const domain::failure& why) {
  if (auto counted = asked->count_guess(); !counted)
    return asked->done(std::move(counted).why());
  asked->done(fail(errc::unauthorized, why.message));
}

} // namespace hub::http
