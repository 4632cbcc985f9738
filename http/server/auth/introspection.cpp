#include "http/server/auth/introspection.hpp"

#include "config/log.hpp"
#include "http/server/auth/jwt.hpp"
#include "http/server/auth/oidc_provider.hpp"
#include "http/server/auth/tokens.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;
using domain::outcome;
using domain::result;
using nlohmann::json;

constexpr std::chrono::seconds answers_within{5};
constexpr std::string_view any_audience = "*";
constexpr std::size_t largest_answer = std::size_t{64} * 1024;

domain::failure away() {
  auto why = fail(errc::unavailable, "whether this token holds cannot be found out now; try again");
  why.retry_after = std::chrono::seconds{2};
  return why;
}

domain::failure not_active() {
  return fail(errc::unauthorized, "this token does not hold");
}

/// Whether it says nothing about itself under this name, or one of the words.
bool says_nothing_but(const json& claims,
                      const char* name,
                      std::initializer_list<std::string_view> words) {
  const auto found = claims.find(name);
  if (found == claims.end() || found->is_null())
    return true;
  if (!found->is_string())
    return false;
  auto said = found->get<std::string>();
  std::ranges::transform(said, said.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::ranges::find(words, said) != words.end();
}

/// Refresh tokens are active too, and not meant for us; providers tell by different names.
bool is_access_token(const json& claims) {
  return says_nothing_but(claims, "token_type", {"bearer"})
         && says_nothing_but(claims, "token_use", {"access_token", "access"})
         && says_nothing_but(claims, "typ", {"bearer", "at+jwt", "jwt"});
}

} // namespace

introspector::introspector(introspection_settings settings,
                           introspection_bounds bounds,
                           send_function send,
                           std::function<domain::time_point()> now)
  : settings_{std::move(settings)}, bounds_{bounds}, send_{std::move(send)}, now_{std::move(now)} {}

void introspector::check(const std::string& token,
                         const std::function<outcome()>& count_guess,
                         const done_function& done) {
  const auto hash = token_hash(token);
  std::optional<result<claims>> answer;
  const auto look = [&] { // under the lock; whether there is nothing to ask any more
    if (const auto found = kept_.find(hash); found != kept_.end() && found->second.until > now_()) {
      answer = found->second.held ? result<claims>{found->second.held} : not_active();
      return true;
    }
    const auto asked = under_way_.find(hash);
    if (asked == under_way_.end() && under_way_.size() < bounds_.under_way
        && waiting_ < bounds_.waiting)
      return false;
    if (asked == under_way_.end() || waiting_ >= bounds_.waiting) {
      answer = away();
      return true;
    }
    asked->second.push_back(done);
    ++waiting_;
    return true;
  };
  {
    const std::lock_guard lock{mutex_};
    if (look() && !answer)
      return;
  }
  const bool is_guess = !answer || (!*answer && answer->why().code == errc::unauthorized);
  if (is_guess)
    if (auto counted = count_guess(); !counted)
      return done(std::move(counted).why());
  if (!answer) {
    const std::lock_guard lock{mutex_};
    if (look()) { // somebody asked meanwhile
      if (!answer)
        return;
    } else {
      under_way_[hash].push_back(done);
      ++waiting_;
    }
  }
  if (answer)
    return done(*std::move(answer));
  send_(question(token), [this, hash](const result<client::reply>& got) { settle(hash, got); });
}

client::call introspector::question(const std::string& token) const {
  client::call made;
  made.provider = "oidc";
  made.operation = "introspection";
  made.url = settings_.url;
  made.headers = {
    {"Accept", "application/json"},
    {"Content-Type", "application/x-www-form-urlencoded"},
    {"Authorization", basic_authorization(settings_.client_id, settings_.client_secret)}};
  made.body = form_of({{"token", token}, {"token_type_hint", "access_token"}});
  made.within = answers_within;
  made.max_response = largest_answer;
  made.repeatable = true;
  return made;
}

void introspector::settle(const std::string& hash, const result<client::reply>& got) {
  const auto now = now_();
  auto answer = read(got, now);
  std::vector<done_function> waiting;
  {
    const std::lock_guard lock{mutex_};
    if (const auto asked = under_way_.find(hash); asked != under_way_.end()) {
      waiting = std::move(asked->second);
      waiting_ -= waiting.size();
      under_way_.erase(asked);
    }
    if (answer || answer.why().code == errc::unauthorized)
      remember(hash, answer ? *answer : nullptr, now);
  }
  for (const auto& done : waiting)
    done(answer);
}

result<introspector::claims> introspector::read(const result<client::reply>& got,
                                                moment now) const {
  if (!got)
    return away();
  auto body = read_strict_json(got->body);
  const auto active = [&]() -> std::optional<bool> {
    if (got->status != 200 || !body || !body->is_object())
      return std::nullopt;
    const auto found = body->find("active");
    return found != body->end() && found->is_boolean() ? std::optional{found->get<bool>()}
                                                       : std::nullopt;
  }();
  if (!active) {
    config::log(config::log_level::warn,
                "introspection_refused",
                {{"status", std::int64_t{got->status}},
                 {"advice", "HUB_INTROSPECTION_URL, its client id and secret must be right"}});
    return away();
  }
  // What is bound to a key is not good by being borne alone.
  if (!*active || !is_access_token(*body) || body->contains("cnf"))
    return not_active();
  auto timed = *body;
  if (!timed.contains("exp")) // optional here: the answer itself says that it holds now
    timed["exp"] = std::chrono::ceil<std::chrono::seconds>(now.time_since_epoch()).count() + 3600;
  if (!check_times(timed, now)
      || (settings_.audience != any_audience && !is_for(*body, settings_.audience)))
    return not_active();
  return std::make_shared<const json>(*std::move(body));
}

void introspector::remember(const std::string& hash, const claims& held, moment now) {
  auto until = now + (held ? settings_.cache : std::min(settings_.cache, bounds_.cache_refused));
  if (held && held->contains("exp") && held->at("exp").is_number())
    until = std::min(until,
                     moment{std::chrono::milliseconds{
                       static_cast<std::int64_t>(held->at("exp").get<double>() * 1000)}});
  if (until <= now)
    return;
  if (kept_.size() >= bounds_.kept)
    std::erase_if(kept_, [&](const auto& one) { return one.second.until <= now; });
  if (kept_.size() >= bounds_.kept)
    kept_.erase(kept_.begin());
  kept_.insert_or_assign(hash, remembered{held, until});
}

} // namespace hub::http
