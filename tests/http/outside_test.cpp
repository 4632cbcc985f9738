#include "http/server/auth/access_tokens.hpp"
#include "http/server/auth/introspection.hpp"
#include "http/server/auth/kept_document.hpp"
#include "http/server/auth/oidc_provider.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {
namespace {

using domain::errc;
using domain::fail;
using domain::permission;
using domain::result;
using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- a document that is kept

class kept : public ::testing::Test {
protected:
  using number = kept_document<int>;

  number::done_function note() {
    return [this](result<number::document> got) {
      heard_.push_back(got ? **got : -static_cast<int>(got.why().code));
    };
  }
  void answer(result<int> with) {
    auto fetched = std::exchange(fetching_, nullptr);
    ASSERT_TRUE(fetched) << "nothing was fetched";
    fetched(std::move(with));
  }
  void ask() { document_.get(note()); }
  void ask_anew() { document_.get_anew(note()); }
  std::vector<int> heard() { return std::exchange(heard_, {}); }

  static constexpr int away = -static_cast<int>(errc::unavailable);

  std::vector<int> heard_;
  std::function<void(result<int>)> fetching_;
  std::chrono::steady_clock::time_point now_{hours{1000}};
  number document_{
    {.fresh = minutes{10}, .kept = hours{1}, .again = seconds{10}, .most_waiting = 3},
    [this] { return now_; },
    [this](std::function<void(result<int>)> fetched) {
      ASSERT_FALSE(fetching_) << "two at once";
      fetching_ = std::move(fetched);
    }};
};

TEST_F(kept, is_fetched_once_for_all_who_ask_meanwhile) {
  ask();
  ask();
  ask_anew();
  ask(); // one too many
  EXPECT_THAT(heard(), ElementsAre(away));
  answer(7);
  EXPECT_THAT(heard(), ElementsAre(7, 7, 7));
  ask();
  EXPECT_THAT(heard(), ElementsAre(7));
  EXPECT_FALSE(fetching_);
}

TEST_F(kept, is_fetched_again_when_it_is_old) {
  ask();
  answer(7);
  now_ += minutes{11};
  ask();
  answer(8);
  EXPECT_THAT(heard(), ElementsAre(7, 8));
}

TEST_F(kept, makes_nobody_wait_while_fetches_fail_and_it_will_do) {
  ask();
  answer(7);
  now_ += minutes{11};
  ask();
  answer(fail(errc::unavailable, "away"));
  now_ += seconds{11};
  ask(); // begins the next fetch, which hangs
  ask();
  EXPECT_THAT(heard(), ElementsAre(7, 7, 7, 7));
  ask_anew();
  EXPECT_THAT(heard(), ElementsAre()) << "who misses something in it waits";
  answer(8);
  EXPECT_THAT(heard(), ElementsAre(8));
}

TEST_F(kept, is_used_for_a_while_when_it_cannot_be_fetched) {
  ask();
  answer(7);
  now_ += minutes{11};
  ask();
  answer(fail(errc::unavailable, "away"));
  ask();
  EXPECT_FALSE(fetching_) << "it was just tried";
  EXPECT_THAT(heard(), ElementsAre(7, 7, 7));
  now_ += hours{1};
  ask();
  answer(fail(errc::unavailable, "away"));
  ask();
  EXPECT_THAT(heard(), ElementsAre(away, away)) << "not for ever";
  now_ += seconds{11};
  ask();
  answer(9);
  EXPECT_THAT(heard(), ElementsAre(9));
}

TEST_F(kept, is_not_fetched_anew_more_often_than_the_rules_say) {
  ask();
  answer(7);
  ask_anew();
  EXPECT_FALSE(fetching_);
  now_ += seconds{11};
  ask_anew();
  answer(8);
  ask_anew();
  EXPECT_FALSE(fetching_);
  EXPECT_THAT(heard(), ElementsAre(7, 7, 8, 8));
}

// ---- what a provider says of itself

json description_of(const std::string& issuer) {
  return {{"issuer", issuer},
          {"authorization_endpoint", issuer + "/auth"},
          {"token_endpoint", issuer + "/token"},
          {"jwks_uri", issuer + "/keys"},
          {"userinfo_endpoint", issuer + "/me"}};
}

TEST(provider_description, is_taken_from_the_issuer_alone) {
  const std::string issuer = "https://id.example/realm";
  const auto found = read_description(description_of(issuer).dump(), issuer);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->keys_url, issuer + "/keys");
  EXPECT_FALSE(found->names_itself);
  EXPECT_FALSE(found->wants_secret_posted);
  EXPECT_FALSE(read_description(description_of(issuer + "/").dump(), issuer));
  EXPECT_FALSE(read_description(description_of("https://id.example").dump(), issuer));
  EXPECT_FALSE(read_description("{}", issuer));
  EXPECT_FALSE(read_description("", issuer));
}

TEST(provider_description, leads_to_no_address_that_may_not_be_called) {
  const std::string issuer = "https://id.example";
  for (const auto* name : {"authorization_endpoint", "token_endpoint", "jwks_uri"})
    for (const json& odd : {json("http://id.example/x"),
                            json("http://127.0.0.1/x"),
                            json("http://169.254.169.254/latest"),
                            json("file:///etc/passwd"),
                            json("https://user@id.example/"),
                            json("/relative"),
                            json(""),
                            json(7),
                            json()}) {
      auto described = description_of(issuer);
      described[name] = odd;
      EXPECT_FALSE(read_description(described.dump(), issuer)) << name << ' ' << odd;
    }
  auto elsewhere = description_of(issuer);
  elsewhere["token_endpoint"] = "https://oauth.example/token";
  EXPECT_TRUE(read_description(elsewhere.dump(), issuer));
  auto open = description_of(issuer);
  open["userinfo_endpoint"] = "http://id.example/me";
  EXPECT_EQ(read_description(open.dump(), issuer)->userinfo_endpoint, "");
  const std::string here = "http://127.0.0.1:4000";
  EXPECT_TRUE(read_description(description_of(here).dump(), here));
  auto other_port = description_of(here);
  other_port["jwks_uri"] = "http://127.0.0.1:5000/keys";
  EXPECT_FALSE(read_description(other_port.dump(), here));
}

TEST(provider_description, calls_other_servers_only_on_the_public_internet) {
  std::vector<client::call> sent;
  oidc_provider provider{
    {"https://id.example", "hub", "", {"openid"}},
    [&](const client::call& what, const std::function<void(result<client::reply>)>& done) {
      sent.push_back(what);
      auto described = description_of("https://id.example");
      described["token_endpoint"] = "https://oauth.example/token";
      client::reply reply;
      reply.status = 200;
      reply.body = what.operation == "discovery" ? described.dump() : "{}";
      done(reply);
    },
    [] { return std::chrono::steady_clock::time_point{hours{1}}; },
    [] { return domain::time_point{hours{1}}; }};
  std::optional<result<arrived_person>> ended;
  provider.finish(
    "code", {"s", "n", "v", "https://hub/callback"}, [&](const auto& who) { ended = who; });
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_FALSE(sent[0].user_url);
  EXPECT_TRUE(sent[1].user_url);
  EXPECT_THAT(sent[1].body, HasSubstr("code_verifier=v"));
  EXPECT_THAT(sent[1].body, HasSubstr("client_id=hub"));
  EXPECT_FALSE(sent[1].repeatable);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->why().code, errc::unauthorized);
}

TEST(client_secrets, are_encoded_before_they_are_joined) {
  EXPECT_EQ(form_of({{"a", "b c&d=e+f/%"}, {"g", "\xC3\xA9~"}}),
            "a=b%20c%26d%3De%2Bf%2F%25&g=%C3%A9~");
  EXPECT_EQ(basic_authorization("a:b", "c d"), "Basic YSUzQWI6YyUyMGQ="); // a%3Ab:c%20d
}

// ---- tokens that are asked about

class introspection : public ::testing::Test {
protected:
  void check(const std::string& token) {
    introspector_.check(
      token,
      [this]() -> domain::outcome {
        ++guesses_;
        if (guesses_refused_)
          return fail(errc::rate_limited, "too many");
        return domain::done{};
      },
      [this](const result<introspector::claims>& got) {
        heard_.push_back(got ? "good" : to_string(got.why().code));
      });
  }
  void answer(int status, const json& body) {
    ASSERT_FALSE(asked_.empty()) << "nobody was asked";
    auto done = std::move(asked_.front());
    asked_.erase(asked_.begin());
    client::reply reply;
    reply.status = status;
    reply.body = body.dump();
    done(reply);
  }
  void lose() {
    auto done = std::move(asked_.front());
    asked_.erase(asked_.begin());
    done(fail(errc::unavailable, "away"));
  }
  std::vector<std::string> heard() { return std::exchange(heard_, {}); }
  std::int64_t in(int more) const {
    return std::chrono::duration_cast<seconds>(now_.time_since_epoch()).count() + more;
  }

  std::vector<std::string> heard_;
  std::vector<std::function<void(result<client::reply>)>> asked_;
  int guesses_ = 0;
  bool guesses_refused_ = false;
  domain::time_point now_{seconds{1'800'000'000}};
  introspector introspector_{
    {"https://id.example/introspect", "hub", "secret", "aud", seconds{30}},
    {.under_way = 2, .waiting = 4, .kept = 2, .cache_refused = seconds{10}},
    [this](const client::call& what, std::function<void(result<client::reply>)> done) {
      EXPECT_EQ(what.url, "https://id.example/introspect");
      asked_.push_back(std::move(done));
    },
    [this] { return now_; }};
};

TEST_F(introspection, shares_one_question_and_remembers_its_answer) {
  check("token");
  check("token");
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(guesses_, 1) << "the same token is one guess";
  answer(200, {{"active", true}, {"aud", "aud"}});
  check("token");
  EXPECT_THAT(heard(), ElementsAre("good", "good", "good"));
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(guesses_, 1);
  now_ += seconds{31};
  check("token");
  answer(200, {{"active", false}});
  EXPECT_THAT(heard(), ElementsAre("unauthorized"));
}

TEST_F(introspection, remembers_no_token_longer_than_it_holds) {
  check("token");
  answer(200, {{"active", true}, {"aud", "aud"}, {"exp", in(5)}});
  now_ += seconds{6};
  check("token");
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(introspection, counts_what_is_known_to_be_wrong_and_remembers_it_for_less_long) {
  check("token");
  answer(200, {{"active", false}});
  check("token");
  EXPECT_THAT(heard(), ElementsAre("unauthorized", "unauthorized"));
  EXPECT_EQ(guesses_, 2);
  guesses_refused_ = true;
  check("token");
  check("another");
  EXPECT_THAT(heard(), ElementsAre("rate_limited", "rate_limited"));
  EXPECT_TRUE(asked_.empty());
  guesses_refused_ = false;
  now_ += seconds{11};
  check("token");
  EXPECT_EQ(asked_.size(), 1U);
}

TEST_F(introspection, lets_nobody_in_while_the_answer_is_not_clear) {
  check("token");
  lose();
  EXPECT_THAT(heard(), ElementsAre("unavailable"));
  for (const auto& [status, body] :
       std::vector<std::pair<int, json>>{{500, {{"active", true}, {"aud", "aud"}}},
                                         {401, {{"error", "invalid_client"}}},
                                         {302, {{"active", true}, {"aud", "aud"}}},
                                         {200, json::object()},
                                         {200, {{"active", "true"}, {"aud", "aud"}}},
                                         {200, {{"active", 1}, {"aud", "aud"}}},
                                         {200, json::array()}}) {
    check("token");
    answer(status, body);
    EXPECT_THAT(heard(), ElementsAre("unavailable")) << status << body;
  }
}

TEST_F(introspection, refuses_what_is_active_but_not_for_the_hub) {
  const json fine{{"active", true}, {"aud", "aud"}};
  const auto with = [&](const char* name, const json& value) {
    auto changed = fine;
    changed[name] = value;
    return changed;
  };
  const std::vector<json> wrong{{{"active", true}},
                                with("aud", "another"),
                                with("exp", in(-120)),
                                with("exp", "soon"),
                                with("nbf", in(3600)),
                                with("cnf", {{"jkt", "x"}}),
                                with("token_type", "DPoP"),
                                with("token_type", 7),
                                with("token_use", "refresh_token"),
                                with("typ", "Refresh"),
                                with("typ", "ID")};
  for (const auto& body : wrong) {
    now_ += minutes{1};
    check("token");
    answer(200, body);
    EXPECT_THAT(heard(), ElementsAre("unauthorized")) << body;
  }
  for (const auto& body : {fine,
                           with("token_type", "Bearer"),
                           with("token_type", nullptr),
                           with("aud", {"x", "aud"}),
                           with("token_use", "access"),
                           with("typ", "Bearer")}) {
    now_ += minutes{1};
    check("token");
    answer(200, body);
    EXPECT_THAT(heard(), ElementsAre("good")) << body;
  }
}

TEST_F(introspection, has_bounds_for_everything) {
  check("one");
  check("two");
  check("three"); // more than may be under way
  EXPECT_THAT(heard(), ElementsAre("unavailable"));
  check("one");
  check("one");
  check("one"); // more than may wait
  EXPECT_THAT(heard(), ElementsAre("unavailable"));
  answer(200, {{"active", true}, {"aud", "aud"}});
  answer(200, {{"active", true}, {"aud", "aud"}});
  EXPECT_EQ(heard().size(), 4U);
  check("three"); // more than is kept: another is forgotten
  answer(200, {{"active", true}, {"aud", "aud"}});
  for (const auto* token : {"one", "two", "three"})
    check(token);
  EXPECT_EQ(asked_.size(), 1U);
  lose();
}

// ---- what tokens are good for

TEST(token_facts, read_permissions_by_our_names_only) {
  const auto facts = read_token_facts({{"iss", "https://id.example"},
                                       {"sub", "ana"},
                                       {"scope", "openid tickets:read  pii:read tickets:readx"},
                                       {"permissions", {"keys:read", 7, "root"}},
                                       {"email", " Ana@Example.com "},
                                       {"email_verified", true}});
  EXPECT_EQ(facts.subject, "ana");
  EXPECT_EQ(facts.email, "ana@example.com");
  EXPECT_EQ(facts.scopes,
            (domain::permission_set{
              permission::tickets_read, permission::pii_read, permission::keys_read}));
  EXPECT_EQ(read_token_facts({{"scope", {"tickets:read"}}}).scopes, domain::permission_set{});
  EXPECT_EQ(read_token_facts({{"sub", "a"}, {"email", "a@b"}}).email, "");
  EXPECT_EQ(read_token_facts({{"client_id", "c"}}).subject, "")
    << "a program's name is no person's";
  EXPECT_EQ(read_token_facts({{"client_id", "c"}, {"azp", "d"}}).client, "c");
  EXPECT_EQ(read_token_facts({{"azp", "d"}}).client, "d");
  EXPECT_EQ(read_token_facts({{"sub", 7}, {"client_id", "c"}}).client, "");
  EXPECT_EQ(read_token_facts({{"sub", std::string(256, 's')}}).subject, "");
  EXPECT_EQ(read_token_facts({{"sub", 7}}).subject, "");
}

TEST(token_facts, make_nobody_more_than_they_are) {
  domain::principal owner;
  owner.rank = domain::role::owner;
  owner.may = permissions_of(domain::role::owner);
  owner.may.add(permission::pii_read);
  EXPECT_FALSE(limited_to(owner, {permission::tickets_read}).may.has(permission::pii_read));
  EXPECT_TRUE(limited_to(owner, {permission::pii_read}).may.has(permission::pii_read));
  EXPECT_EQ(limited_to(owner, {permission::tickets_read}).rank, domain::role::viewer);
  EXPECT_EQ(limited_to(owner, {permission::people_write}).rank, domain::role::admin);
  domain::principal viewer;
  viewer.may = permissions_of(domain::role::viewer);
  EXPECT_EQ(limited_to(viewer, permissions_of(domain::role::owner)).may,
            permissions_of(domain::role::viewer));
}

TEST(token_facts, give_programs_one_name_and_nothing_that_lasts) {
  token_facts facts;
  facts.issuer = "https://id.example";
  facts.client = "service";
  facts.scopes = permissions_of(domain::role::owner);
  facts.scopes.add(permission::pii_read);
  const auto who = client_of(facts, {});
  for (const auto never : {permission::pii_read,
                           permission::people_write,
                           permission::keys_write,
                           permission::settings_manage})
    EXPECT_FALSE(who.may.has(never));
  EXPECT_TRUE(who.may.has(permission::tickets_write));
  EXPECT_EQ(who.rank, domain::role::viewer);
  EXPECT_EQ(client_of(facts, {}).id, who.id);
  facts.issuer = "https://id.exampl";
  facts.client = "eservice";
  EXPECT_NE(client_of(facts, {}).id, who.id);
}

} // namespace
} // namespace hub::http
