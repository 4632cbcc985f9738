#include "http/server/auth/gate.hpp"

#include "config/log.hpp"
#include "http/server/auth/access_tokens.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/auth/tokens.hpp"
#include "http/server/host_check.hpp"
#include "http/server/respond.hpp"
#include "storage/identity/identity_store.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;

/// Under TLS the name makes browsers take it from this very host alone, and by TLS.
std::string_view cookie_name(bool beyond_this_machine) {
  return beyond_this_machine ? "__Host-hub_session" : "hub_session";
}

constexpr std::size_t session_token_size = 43; // as `random_token` makes them
constexpr std::chrono::minutes use_noted_every{1};
constexpr std::chrono::minutes trusted_without_database{10};
constexpr std::size_t remembered_keys = 10'000;
constexpr std::size_t remembered_addresses = 20'000;

/// Who was turned away and why, for whoever looks for guesses and for rights that are missing. What
/// was guessed is not told.
void log_refusal(const call& from, int status, std::string why) {
  config::log(config::log_level::warn,
              "not_let_in",
              {{"request_id", from.id},
               {"route", from.route},
               {"status", static_cast<std::int64_t>(status)},
               {"address", from.address},
               {"actor", from.who.id.is_nil() ? std::string{} : to_string(from.who.id)},
               {"why", std::move(why)}});
}

bool changes_something(const edge::request& request) {
  return request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

/// Takes what stands before `end`, and leaves what comes after.
std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return taken;
}

/// The token of `Authorization: Bearer …`; another scheme is somebody else's, a proxy's perhaps.
std::optional<std::string_view> bearer_in(const edge::request& request) {
  const auto header = request.header("authorization");
  if (!header)
    return std::nullopt;
  constexpr std::string_view scheme = "bearer ";
  const bool bearer =
    header->size() > scheme.size()
    && std::equal(scheme.begin(), scheme.end(), header->begin(), [](char want, char got) {
         return want == (got >= 'A' && got <= 'Z' ? static_cast<char>(got - 'A' + 'a') : got);
       });
  if (!bearer)
    return std::nullopt;
  return trimmed(header->substr(scheme.size()));
}

domain::failure too_many(std::chrono::seconds wait) {
  auto why = fail(errc::rate_limited, "too many wrong credentials came from this address");
  why.retry_after = wait;
  return why;
}

/// What an address is counted by: IPv6 hands out networks of /64, so one of them is one.
std::string counted_by(const std::string& address) {
  in6_addr v6{};
  if (::inet_pton(AF_INET6, address.c_str(), &v6) != 1)
    return address;
  return {reinterpret_cast<const char*>(v6.s6_addr), 8};
}

bool is_address(const std::string& text) {
  in_addr v4{};
  in6_addr v6{};
  return ::inet_pton(AF_INET, text.c_str(), &v4) == 1
         || ::inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

/// By what a call counts, once it is known whose it is.
std::array<traffic_of, 2> counted_by(const domain::principal& who) {
  const bool in_session = !who.session.is_nil(); // else by key, or by whom a token is
  return {{{in_session ? traffic_scope::session : traffic_scope::key,
            to_string(in_session ? who.session : who.id)},
           {traffic_scope::workspace, to_string(who.workspace)}}};
}

domain::failure unknown() {
  return fail(errc::unauthorized, "sign in, or send an API key: Authorization: Bearer fbh_…");
}

} // namespace

bool is_beyond_this_machine(const edge::request& request) {
  return !is_known_host(request.header("host").value_or(""), {});
}

std::string
session_cookie(std::string_view token, bool beyond_this_machine, std::chrono::seconds lasts) {
  return std::string{cookie_name(beyond_this_machine)}
    .append("=")
    .append(token)
    .append("; Path=/; HttpOnly; SameSite=Lax; Max-Age=")
    .append(std::to_string(lasts.count()))
    .append(beyond_this_machine ? "; Secure" : "");
}

std::optional<std::string> cookie_in(const edge::request& request, std::string_view name) {
  for (const auto& [header, value] : request.headers) {
    if (header != "cookie")
      continue;
    for (std::string_view rest = value; !rest.empty();) {
      auto pair = trimmed(take_until(rest, ';'));
      if (take_until(pair, '=') == name && !pair.empty())
        return std::string{pair};
    }
  }
  return std::nullopt;
}

std::optional<std::string> session_token_in(const edge::request& request) {
  return cookie_in(request, cookie_name(is_beyond_this_machine(request)));
}

std::string address_of(const edge::request& request,
                       const std::vector<std::string>& trusted_proxies) {
  const auto trusted = [&](std::string_view address) {
    return std::ranges::find(trusted_proxies, address) != trusted_proxies.end();
  };
  std::string address = request.peer;
  for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
    if (header->first != "x-forwarded-for")
      continue;
    std::string_view rest = header->second;
    while (trusted(address) && !rest.empty()) {
      const auto comma = rest.rfind(',');
      const auto last = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
      const std::string named{trimmed(last)};
      if (!is_address(named))
        return address;
      address = named;
    }
  }
  return address;
}

std::optional<std::chrono::seconds> failure_counter::begin(const std::string& address) {
  const std::lock_guard lock{mutex_};
  const auto at = now();
  if (buckets_.size() >= remembered_addresses)
    std::erase_if(buckets_, [&](const auto& one) { return one.second.is_full(at); });
  if (buckets_.size() >= remembered_addresses)
    buckets_.clear(); // an attack from everywhere: the bound on hashing holds it
  auto& bucket =
    buckets_.try_emplace(counted_by(address), domain::call_rate{rules_.every, rules_.burst}, at)
      .first->second;
  if (const auto wait = bucket.next(at) - at; wait > domain::tick_point::duration::zero())
    return std::chrono::ceil<std::chrono::seconds>(wait);
  bucket.take(at);
  return std::nullopt;
}

void failure_counter::give_back(const std::string& address) {
  const std::lock_guard lock{mutex_};
  if (const auto found = buckets_.find(counted_by(address)); found != buckets_.end())
    found->second.give_back(now());
}

void failure_counter::forgive(const std::string& address) {
  const std::lock_guard lock{mutex_};
  buckets_.erase(counted_by(address));
}

struct gate::entry {
  call from;
  std::optional<domain::permission> needs;
  std::function<void(edge::reply)> turn_away;
  std::function<void(call)> inside;
};

gate::gate(storage::identity_store& store,
           password_hasher& hasher,
           std::function<domain::time_point()> now,
           std::function<std::uint64_t()> seed,
           gate_options options)
  : store_{store},
    hasher_{hasher},
    now_{std::move(now)},
    seed_{std::move(seed)},
    options_{std::move(options)},
    failures_{options_.failures},
    traffic_{options_.traffic} {}

void gate::admit(const edge::request& request,
                 std::optional<domain::permission> needs,
                 edge::responder responder,
                 admitted inside) {
  const auto reply_to = std::make_shared<edge::responder>(std::move(responder));
  const auto at_gate = std::make_shared<entry>();
  static_cast<edge::request&>(at_gate->from) = request;
  at_gate->needs = needs;
  at_gate->turn_away = [reply_to](edge::reply answer) { reply_to->send(std::move(answer)); };
  at_gate->inside = [reply_to, inside = std::move(inside)](call from) {
    inside(std::move(from), std::move(*reply_to));
  };
  begin(at_gate);
}

void gate::look_again(const call& from,
                      std::optional<domain::permission> needs,
                      std::function<void(bool)> done) {
  const auto judge = [was = from.who, needs, done = std::move(done)](const domain::failure* why,
                                                                     const domain::principal& is) {
    if (why != nullptr)
      return done(why->code != errc::unauthorized);
    done(is.workspace == was.workspace && is.id == was.id && (!needs || is.may.has(*needs)));
  };
  const auto token = bearer_in(from);
  if (!token) {
    const auto session = session_token_in(from).value_or("");
    return store_.session_of(token_hash(session),
                             now_(),
                             storage::session_use::looked_at,
                             [judge](const domain::result<storage::open_session>& found) {
                               judge(found ? nullptr : &found.why(),
                                     found ? found->who : domain::principal{});
                             });
  }
  if (options_.tokens != nullptr && options_.tokens->takes(*token))
    return options_.tokens->check(
      std::string{*token},
      [] { return domain::outcome{domain::done{}}; }, // it was good: this is no guess
      [judge](const domain::result<domain::principal>& found) {
        judge(found ? nullptr : &found.why(), found ? *found : domain::principal{});
      });
  // Its secret was right when it came, and a key's secret never changes.
  const auto key = read_api_key(*token);
  store_.key_of(key ? key->prefix : std::string{},
                now_(),
                [judge](const domain::result<storage::key_facts>& found) {
                  judge(found ? nullptr : &found.why(), found ? found->who : domain::principal{});
                });
}

void gate::begin(const std::shared_ptr<entry>& at_gate) {
  const auto& request = at_gate->from;
  at_gate->from.address = address_of(request);
  const traffic_of address{traffic_scope::address, counted_by(at_gate->from.address)};
  if (auto counted = traffic_.begin(address, request.body.size()); !counted)
    return refuse(at_gate, counted.why());
  if (const auto token = bearer_in(request))
    return options_.tokens != nullptr && options_.tokens->takes(*token)
             ? check_token(at_gate, *token)
             : check_key(at_gate, *token);
  check_session(at_gate);
}

void gate::check_session(const std::shared_ptr<entry>& at_gate) {
  auto token = session_token_in(at_gate->from);
  if (!token || token->size() != session_token_size)
    return refuse(at_gate, unknown());
  const auto csrf = at_gate->from.header("x-csrf-token").value_or("");
  if (changes_something(at_gate->from) && !same_secret(csrf, csrf_token_of(*token))) {
    log_refusal(at_gate->from, 403, "no X-CSRF-Token");
    return at_gate->turn_away(
      error_reply(403,
                  "csrf_token_missing",
                  "with a session, what changes something needs the X-CSRF-Token that GET "
                  "/api/session gives"));
  }
  const auto hash = token_hash(*token);
  at_gate->from.session_token = *std::move(token);
  store_.session_of(hash,
                    now_(),
                    storage::session_use::used,
                    [this, at_gate](const domain::result<storage::open_session>& found) {
                      if (!found)
                        return refuse(at_gate, found.why());
                      at_gate->from.who = found->who;
                      let_in(at_gate);
                    });
}

void gate::check_key(const std::shared_ptr<entry>& at_gate, std::string_view token) {
  const auto key = read_api_key(token);
  if (!key)
    return refuse(at_gate, unknown());
  store_.key_of(key->prefix,
                now_(),
                [this, at_gate, key = *key, hash = token_hash(token)](
                  const domain::result<storage::key_facts>& found) {
                  if (!found && found.why().code != errc::unauthorized)
                    return remembers(at_gate, key.prefix, hash) ? let_in(at_gate)
                                                                : refuse(at_gate, found.why());
                  // A key nobody has takes as long as a wrong one.
                  const auto secret_hash = found ? found->secret_hash : std::string{};
                  if (found)
                    at_gate->from.who = found->who;
                  if (found && is_verified(key.prefix, hash, secret_hash, found->who)) {
                    note_use(at_gate->from.who, key.prefix);
                    return let_in(at_gate);
                  }
                  verify(at_gate, key, hash, secret_hash);
                });
}

/// A token of the identity provider's. Who has a good one is not held up by others' guesses, unless
/// the provider has to be asked.
void gate::check_token(const std::shared_ptr<entry>& at_gate, std::string_view token) {
  const auto counted = std::make_shared<std::atomic<bool>>(false);
  options_.tokens->check(
    std::string{token},
    [this, at_gate, counted]() -> domain::outcome {
      if (const auto wait = failures_.begin(at_gate->from.address))
        return too_many(*wait);
      *counted = true;
      return domain::done{};
    },
    [this, at_gate, counted](domain::result<domain::principal> found) {
      if (!found && *counted && found.why().code == errc::unavailable)
        failures_.give_back(at_gate->from.address);
      if (!found)
        return refuse(at_gate, found.why().code == errc::unauthorized ? unknown() : found.why());
      if (*counted)
        failures_.forgive(at_gate->from.address);
      at_gate->from.who = *std::move(found);
      let_in(at_gate);
    });
}

/// The slow way, once for each key and each guess.
void gate::verify(const std::shared_ptr<entry>& at_gate,
                  const api_key& key,
                  const std::string& hash_of_token,
                  const std::string& secret_hash) {
  if (const auto wait = failures_.begin(at_gate->from.address))
    return refuse(at_gate, too_many(*wait));
  hasher_.verify(key.secret,
                 secret_hash,
                 [this, at_gate, prefix = key.prefix, hash_of_token, secret_hash](
                   const domain::result<bool>& same) {
                   if (!same)
                     return refuse(at_gate, same.why());
                   if (!*same)
                     return refuse(at_gate, unknown());
                   failures_.forgive(at_gate->from.address);
                   remember(prefix, {hash_of_token, secret_hash, at_gate->from.who, now_(), {}});
                   note_use(at_gate->from.who, prefix);
                   let_in(at_gate);
                 });
}

/// While the database is away, operators look at what else is there: with a key that was good just
/// now, and for that alone.
bool gate::remembers(const std::shared_ptr<entry>& at_gate,
                     const std::string& prefix,
                     const std::string& hash_of_token) {
  if (at_gate->needs != domain::permission::operations_read || changes_something(at_gate->from))
    return false;
  const std::lock_guard lock{mutex_};
  const auto found = verified_.find(prefix);
  if (found == verified_.end() || !same_secret(found->second.hash_of_token, hash_of_token)
      || found->second.seen_at + trusted_without_database < now_())
    return false;
  at_gate->from.who = found->second.who;
  return true;
}

void gate::note_use(const domain::principal& who, const std::string& prefix) {
  {
    const std::lock_guard lock{mutex_};
    const auto found = verified_.find(prefix);
    if (found == verified_.end() || found->second.noted_at + use_noted_every > now_())
      return;
    found->second.noted_at = now_();
  }
  store_.note_key_used(who.workspace, who.id, now_());
}

void gate::let_in(const std::shared_ptr<entry>& at_gate) {
  if (at_gate->needs && !at_gate->from.who.may.has(*at_gate->needs)) {
    log_refusal(at_gate->from, 403, std::string{to_string(*at_gate->needs)});
    return at_gate->turn_away(error_reply(fail(
      errc::forbidden, "this needs the permission " + std::string{to_string(*at_gate->needs)})));
  }
  for (const auto& whose : counted_by(at_gate->from.who))
    if (auto counted = traffic_.begin(whose, at_gate->from.body.size()); !counted)
      return refuse(at_gate, counted.why());
  const auto request_id = at_gate->from.id;
  try {
    at_gate->inside(std::move(at_gate->from));
  } catch (const std::exception& error) { // the responder, destroyed unused, has answered 500
    config::log(config::log_level::error,
                "request_failed",
                {{"request_id", request_id}, {"fault", typeid(error).name()}});
  }
}

void gate::refuse(const std::shared_ptr<entry>& at_gate, const domain::failure& why) {
  auto reply = error_reply(why);
  if (reply.status == 401)
    reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"feedback-hub\"");
  // Who brings nothing, as a browser before its first sign-in, tries nothing.
  if (reply.status != 401 || bearer_in(at_gate->from) || session_token_in(at_gate->from))
    log_refusal(at_gate->from, reply.status, why.message);
  at_gate->turn_away(std::move(reply));
}

bool gate::is_verified(const std::string& prefix,
                       const std::string& hash_of_token,
                       const std::string& secret_hash,
                       const domain::principal& who) {
  const std::lock_guard lock{mutex_};
  const auto found = verified_.find(prefix);
  if (found == verified_.end() || !same_secret(found->second.hash_of_token, hash_of_token)
      || found->second.secret_hash != secret_hash)
    return false;
  found->second.who = who;
  found->second.seen_at = now_();
  return true;
}

void gate::remember(const std::string& prefix, verified_key key) {
  const std::lock_guard lock{mutex_};
  if (verified_.size() >= remembered_keys)
    verified_.clear();
  verified_.insert_or_assign(prefix, std::move(key));
}

storage::acting gate::acting_for(const call& from) const {
  return {from.who.workspace, from.who, from.by().who, fresh_id(), now_()};
}

storage::acting gate::acting_for(const edge::request& from, const domain::uuid& workspace) const {
  return {workspace,
          domain::principal{},
          {"nobody", std::nullopt, {}, address_of(from), from.id},
          fresh_id(),
          now_()};
}

domain::result<traffic_control::stream_place> gate::stream_place_for(const call& from) {
  auto places = std::make_shared<std::vector<traffic_control::stream_place>>();
  const auto by = counted_by(from.who);
  for (const auto& whose :
       {traffic_of{traffic_scope::address, counted_by(from.address)}, by[0], by[1]}) {
    auto place = traffic_.open_stream(whose);
    if (!place)
      return std::move(place).why();
    places->push_back(*std::move(place));
  }
  return traffic_control::stream_place{std::move(places)};
}

domain::uuid gate::fresh_id() const {
  domain::uuid_generator ids{seed_()};
  return ids.next(now_());
}

} // namespace hub::http
