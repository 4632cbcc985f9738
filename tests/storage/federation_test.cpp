#include "storage/identity/federation.hpp"

#include "storage/housekeeping.hpp"
#include "tests/support/postgres_fixture.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <future>
#include <string>
#include <utility>
#include <vector>

namespace hub::storage {
namespace {

using domain::errc;
using domain::permission;
using domain::role;
using domain::uuid;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const auto first = *domain::parse_uuid("00000000-0000-7000-8000-000000000001");
const auto second = *domain::parse_uuid("00000000-0000-7000-8000-000000000002");

class federation : public testing::postgres_test {
protected:
  void SetUp() override {
    ASSERT_TRUE(ask<domain::done>([&](auto done) {
      people_->add_workspace(by_nobody(second), {second, "Second"}, std::move(done));
    }));
    for (const auto& where : {first, second}) // else nobody could be locked out
      add("root@example.net", where, role::owner);
  }

  template <class T, class Start>
  static domain::result<T> ask(Start start) {
    std::promise<domain::result<T>> promise;
    auto answer = promise.get_future();
    start([&promise](domain::result<T> result) { promise.set_value(std::move(result)); });
    return answer.get();
  }

  uuid fresh_id() { return ids_.next(now_); }

  acting by_nobody(const uuid& where = first) {
    acting by;
    by.workspace = where;
    by.who = {"nobody", std::nullopt, "", "192.0.2.7", "request-1"};
    by.record = fresh_id();
    by.at = now_;
    return by;
  }

  static std::string hash_of(const std::string& token) {
    return token + std::string(32 - token.size(), '#');
  }

  uuid add(const std::string& email, const uuid& where = first, role rank = role::agent) {
    now_ += seconds{1};
    const new_person who{fresh_id(), email, "", rank, false};
    const new_link way{fresh_id(), who.id, hash_of(to_string(who.id).substr(14)), now_ + hours{1}};
    EXPECT_TRUE(ask<domain::done>(
      [&](auto done) { people_->add_person(by_nobody(where), who, way, std::move(done)); }));
    return who.id;
  }

  void disable(const uuid& person, const uuid& where = first) {
    person_patch patch;
    patch.id = person;
    patch.disabled = true;
    EXPECT_TRUE(ask<person_row>(
      [&](auto done) { people_->change_person(by_nobody(where), patch, std::move(done)); }));
  }

  static outside_identity as(const std::string& subject, const std::string& email = {}) {
    return {"https://id.example", subject, email, "Ana"};
  }

  /// A sign-in, a second after the one before.
  std::string enter(const outside_identity& who,
                    const std::optional<std::string>& named = std::nullopt,
                    const provisioning& others = {}) {
    now_ += seconds{1};
    new_session session;
    session.id = fresh_id();
    session.token_hash = hash_of("t" + std::to_string(++entered_));
    session.expires_at = now_ + hours{24};
    const auto how = ask<entry>([&](auto done) {
      outside_->enter(by_nobody(), who, named, others, session, std::move(done));
    });
    return how ? std::string{to_string(*how)} : how.why().message;
  }

  /// Whose the session is that the last sign-in began, and where.
  std::pair<uuid, uuid> entered() {
    const auto session = ask<open_session>([&](auto done) {
      people_->session_of(
        hash_of("t" + std::to_string(entered_)), now_, session_use::used, std::move(done));
    });
    return session ? std::pair{session->who.workspace, session->who.id} : std::pair<uuid, uuid>{};
  }

  std::optional<person_standing> behind(const outside_identity& who) {
    const auto found = ask<std::optional<person_standing>>(
      [&](auto done) { outside_->person_behind(who, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }

  domain::outcome
  unlink(const uuid& person, const uuid& where = first, std::optional<role> as = {}) {
    auto by = by_nobody(where);
    if (as) {
      by.rights.emplace();
      by.rights->what = domain::principal::kind::person;
      by.rights->rank = *as;
      by.rights->may = domain::permissions_of(*as);
    }
    return ask<domain::done>([&](auto done) { outside_->unlink(by, person, std::move(done)); });
  }

  void begin(const std::string& state, const std::string& browser, minutes lasts = minutes{10}) {
    new_oidc_attempt attempt;
    attempt.workspace = first;
    attempt.id = fresh_id();
    attempt.state_hash = hash_of(state);
    attempt.browser_hash = hash_of(browser);
    attempt.redirect_uri = "https://hub.example/auth/oidc/callback";
    attempt.return_to = "/" + state;
    attempt.named = "Second";
    attempt.created_at = now_;
    attempt.expires_at = now_ + lasts;
    EXPECT_TRUE(
      ask<domain::done>([&](auto done) { outside_->begin_attempt(attempt, std::move(done)); }));
  }

  domain::result<oidc_attempt> take(const std::string& state, const std::string& browser) {
    return ask<oidc_attempt>([&](auto done) {
      outside_->take_attempt(hash_of(state), hash_of(browser), now_, std::move(done));
    });
  }

  /// What was written down in a workspace, oldest first: action, target and what is after.
  std::vector<std::string> records(const uuid& where) {
    pqxx::connection connection{owner_connection()};
    pqxx::nontransaction tx{connection};
    std::vector<std::string> all;
    for (const auto& row :
         tx.exec("SELECT action || ' ' || target || ' ' || coalesce(after::text, '') "
                 "FROM audit_log WHERE workspace_id = "
                 + tx.quote(to_string(where))
                 + " AND action NOT IN ('user_invited', 'workspace_created') ORDER BY id"))
      all.push_back(row[0].as<std::string>());
    return all;
  }

  int count(const std::string& what) {
    pqxx::connection connection{owner_connection()};
    pqxx::nontransaction tx{connection};
    return tx.exec1("SELECT count(*) FROM " + what)[0].as<int>();
  }

  domain::time_point now_ =
    std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  domain::uuid_generator ids_{7};
  std::unique_ptr<identity_store> people_ =
    make_identity_store({.connection_string = connection_string()});
  std::unique_ptr<federation_store> outside_ = make_federation_store(
    {.connection_string = connection_string(), .seed = [this] { return ++seeds_; }});

private:
  std::uint64_t seeds_ = 100;
  int entered_ = 0;
};

using attempts = federation;

TEST_F(attempts, are_used_once) {
  begin("s1", "b1");
  begin("s2", "b1"); // another window of the same browser
  const auto taken = take("s1", "b1");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->redirect_uri, "https://hub.example/auth/oidc/callback");
  EXPECT_EQ(taken->return_to, "/s1");
  EXPECT_EQ(taken->named, "Second");
  const auto again = take("s1", "b1");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.why().code, errc::unauthorized);
  EXPECT_TRUE(take("s2", "b1"));
}

TEST_F(attempts, are_used_once_by_two_at_the_same_time) {
  begin("s1", "b1");
  std::vector<std::promise<bool>> taken(2);
  for (auto& one : taken)
    outside_->take_attempt(
      hash_of("s1"), hash_of("b1"), now_, [&one](auto result) { one.set_value(bool{result}); });
  EXPECT_NE(taken[0].get_future().get(), taken[1].get_future().get());
}

TEST_F(attempts, end) {
  begin("s1", "b1");
  now_ += minutes{10};
  const auto late = take("s1", "b1");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.why().code, errc::unauthorized);
  EXPECT_EQ(count("oidc_attempts"), 0);
}

TEST_F(attempts, are_of_one_browser_and_not_used_up_by_another) {
  begin("s1", "b1");
  const auto theirs = take("s1", "b2");
  ASSERT_FALSE(theirs);
  EXPECT_EQ(theirs.why().code, errc::unauthorized);
  EXPECT_TRUE(take("s1", "b1"));
}

TEST_F(attempts, are_forgotten_when_they_are_over) {
  begin("s1", "b1");
  begin("s2", "b1", minutes{-1});
  ASSERT_TRUE(keep_house(connection_string(), {}));
  EXPECT_EQ(count("oidc_attempts"), 1);
  EXPECT_TRUE(take("s1", "b1"));
}

TEST_F(federation, links_who_was_invited_and_knows_them_by_that_from_then_on) {
  const auto ana = add("ana@example.com");
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(entered(), std::pair(first, ana));
  EXPECT_EQ(enter(as("a1")), "entered") << "without any email";
  EXPECT_EQ(enter(as("a1", "renamed@example.org")), "entered");
  EXPECT_EQ(entered(), std::pair(first, ana));
  EXPECT_EQ(count("user_identities"), 1);
  EXPECT_THAT(records(first),
              ElementsAre(HasSubstr("identity_linked " + to_string(ana)),
                          HasSubstr("signed_in_by_provider " + to_string(ana)),
                          HasSubstr("signed_in_by_provider"),
                          HasSubstr("signed_in_by_provider")));
}

TEST_F(federation, tells_identities_of_two_issuers_apart) {
  const auto ana = add("ana@example.com");
  ASSERT_EQ(enter(as("a1", "ana@example.com")), "entered");
  auto other = as("a1");
  other.issuer = "https://other.example";
  EXPECT_EQ(enter(other), "email_unverified");
  EXPECT_FALSE(behind(other));
  EXPECT_EQ(behind(as("a1"))->who.id, ana);
}

TEST_F(federation, links_nobody_twice) {
  const auto ana = add("ana@example.com");
  ASSERT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(enter(as("a2", "ana@example.com")), "linked_to_another");
  EXPECT_EQ(entered(), (std::pair<uuid, uuid>{})) << "no session has begun";
  EXPECT_THAT(records(first).back(),
              AllOf(HasSubstr("sign_in_refused " + to_string(ana)),
                    HasSubstr("linked_to_another"),
                    HasSubstr("a2")));
  // Nor does a linked identity take somebody else's email over.
  add("ben@example.com");
  EXPECT_EQ(enter(as("a1", "ben@example.com")), "entered");
  EXPECT_EQ(entered(), std::pair(first, ana));
}

TEST_F(federation, links_once_when_two_first_sign_ins_come_at_once) {
  const auto ana = add("ana@example.com");
  std::vector<std::promise<domain::result<entry>>> came(2);
  for (std::size_t i = 0; i < came.size(); ++i) {
    new_session session;
    session.id = fresh_id();
    session.token_hash = hash_of("x" + std::to_string(i));
    session.expires_at = now_ + hours{24};
    outside_->enter(by_nobody(),
                    as("a1", "ana@example.com"),
                    std::nullopt,
                    {},
                    session,
                    [&one = came[i]](auto how) { one.set_value(std::move(how)); });
  }
  for (auto& one : came) {
    const auto how = one.get_future().get();
    ASSERT_TRUE(how);
    EXPECT_EQ(*how, entry::entered);
  }
  EXPECT_EQ(count("user_identities"), 1);
  EXPECT_EQ(count("sessions WHERE user_id = '" + to_string(ana) + "'"), 2);
}

TEST_F(federation, lets_nobody_in_who_was_not_invited) {
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "not_invited");
  EXPECT_EQ(enter(as("a1")), "email_unverified");
  disable(add("ben@example.com"));
  EXPECT_EQ(enter(as("b1", "ben@example.com")), "disabled");
  EXPECT_THAT(records(first),
              ElementsAre(HasSubstr("not_invited"),
                          HasSubstr("email_unverified"),
                          HasSubstr("user_changed"),
                          HasSubstr("disabled")));
  EXPECT_EQ(count("sessions"), 0);
}

TEST_F(federation, makes_people_of_the_domains_that_need_no_invitation) {
  const provisioning others{{"example.com"}, role::viewer};
  EXPECT_EQ(enter(as("a1", "ana@example.com"), std::nullopt, others), "entered");
  EXPECT_EQ(entered().first, first);
  EXPECT_EQ(enter(as("b1", "ben@sub.example.com"), std::nullopt, others), "not_invited");
  EXPECT_EQ(enter(as("c1", "cy@example.com"), "default", others), "entered") << "the first one";
  // Whoever can call a workspace by its name is not let into it for that.
  EXPECT_EQ(enter(as("d1", "dan@example.com"), "second", others), "not_invited");
  EXPECT_EQ(enter(as("d1", "dan@example.com"), "third", others), "not_invited");
  EXPECT_EQ(enter(as("d1", "dan@example.com"), std::nullopt, {{"example.com"}, role::owner}),
            "not_invited")
    << "nobody is made an owner by a setting";
}

TEST_F(federation, leads_who_is_linked_in_two_workspaces_where_they_say_or_were_last) {
  const auto here = add("ana@example.com", first);
  ASSERT_EQ(enter(as("a1", "ana@example.com")), "entered");
  const auto there = add("ana@example.com", second);
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(entered(), std::pair(first, here)) << "another's invitation leads nobody away";
  for (const auto& name : {std::string{"sECOND"}, to_string(second)}) {
    EXPECT_EQ(enter(as("a1", "ana@example.com"), name), "entered");
    EXPECT_EQ(entered(), std::pair(second, there));
  }
  EXPECT_EQ(enter(as("a1")), "entered");
  EXPECT_EQ(entered(), std::pair(second, there)) << "where they were last";
  EXPECT_EQ(enter(as("a1"), "default"), "entered");
  EXPECT_EQ(entered(), std::pair(first, here));
  disable(here, first);
  EXPECT_EQ(enter(as("a1")), "entered");
  EXPECT_EQ(entered(), std::pair(second, there)) << "where they may still enter";
  EXPECT_EQ(enter(as("a1"), "default"), "disabled");
  EXPECT_EQ(enter(as("a1", "ana@example.com"), "third"), "not_invited");
  EXPECT_EQ(enter(as("a1")), "entered") << "and the other two are as they were";
  EXPECT_THAT(records(second),
              ElementsAre(HasSubstr("identity_linked " + to_string(there)),
                          HasSubstr("signed_in_by_provider " + to_string(there)),
                          HasSubstr("signed_in_by_provider"),
                          HasSubstr("signed_in_by_provider"),
                          HasSubstr("signed_in_by_provider"),
                          HasSubstr("signed_in_by_provider")));
}

TEST_F(federation, asks_who_is_known_by_email_in_two_workspaces_which_they_mean) {
  const auto here = add("ana@example.com", first);
  const auto there = add("ana@example.com", second);
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "several");
  EXPECT_THAT(records(first), ElementsAre(AllOf(HasSubstr("refused"), HasSubstr("several"))));
  EXPECT_EQ(count("user_identities"), 0);
  EXPECT_EQ(enter(as("a1", "ana@example.com"), "second"), "entered");
  EXPECT_EQ(entered(), std::pair(second, there));
  EXPECT_EQ(enter(as("b1", "ana@example.com"), "default"), "entered");
  EXPECT_EQ(entered(), std::pair(first, here));
}

TEST_F(federation, does_not_ask_for_workspaces_that_do_not_let_them_in) {
  disable(add("ana@example.com", first), first);
  const auto there = add("ana@example.com", second);
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(entered(), std::pair(second, there));
}

TEST_F(federation, leads_who_is_locked_out_where_they_are_linked_to_where_they_are_known) {
  const auto here = add("ana@example.com", first);
  ASSERT_EQ(enter(as("a1", "ana@example.com")), "entered");
  const auto there = add("ana@example.com", second);
  disable(here, first);
  EXPECT_EQ(enter(as("a1")), "disabled") << "nobody vouches for an email";
  EXPECT_EQ(enter(as("a1", "ana@example.com"), "default"), "disabled");
  EXPECT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(entered(), std::pair(second, there));
}

TEST_F(federation, finds_whom_a_token_names) {
  const auto ana = add("ana@example.com", second, role::admin);
  const auto by_email = behind(as("a1", "ana@example.com"));
  ASSERT_TRUE(by_email);
  EXPECT_EQ(by_email->who.workspace, second);
  EXPECT_EQ(by_email->who.id, ana);
  EXPECT_EQ(by_email->who.rank, role::admin);
  EXPECT_FALSE(by_email->who.may.has(permission::pii_read));
  EXPECT_FALSE(by_email->disabled);
  EXPECT_FALSE(behind(as("a1")));
  EXPECT_FALSE(behind(as("a1", "ben@example.com")));
  ASSERT_EQ(enter(as("a1", "ana@example.com")), "entered");
  EXPECT_EQ(behind(as("a1"))->who.id, ana);
  disable(ana, second);
  EXPECT_TRUE(behind(as("a1"))->disabled);
}

TEST_F(federation, takes_nobody_for_the_one_who_had_the_address_before) {
  const auto ana = add("ana@example.com");
  ASSERT_EQ(enter(as("1", "ana@example.com")), "entered");
  EXPECT_EQ(behind(as("1"))->who.id, ana);
  EXPECT_FALSE(behind(as("2", "ana@example.com")))
    << "the address was given to somebody else there";
}

TEST_F(federation, takes_a_token_for_one_workspace_whatever_else_becomes_of_its_person) {
  const auto here = add("ana@example.com", first);
  const auto there = add("ana@example.com", second);
  EXPECT_FALSE(behind(as("a1", "ana@example.com"))) << "either would be a guess";
  ASSERT_EQ(enter(as("a1", "ana@example.com"), "second"), "entered");
  EXPECT_EQ(behind(as("a1", "ana@example.com"))->who.id, there);
  ASSERT_EQ(enter(as("a1", "ana@example.com"), "default"), "entered");
  EXPECT_EQ(behind(as("a1"))->who.id, there) << "where they were linked first";
  disable(there, second);
  EXPECT_TRUE(behind(as("a1"))->disabled) << "it does not act elsewhere now";
  ASSERT_TRUE(unlink(there, second));
  EXPECT_EQ(behind(as("a1"))->who.id, here);
}

TEST_F(federation, unlinks_for_who_may_manage_them) {
  const auto ana = add("ana@example.com", first, role::admin);
  add("ana@example.com", second);
  ASSERT_EQ(enter(as("a1", "ana@example.com"), "default"), "entered");
  ASSERT_EQ(enter(as("a1", "ana@example.com"), "second"), "entered");
  const auto owner = add("own@example.com", first, role::owner);
  const auto above = unlink(owner, first, role::admin);
  ASSERT_FALSE(above);
  EXPECT_EQ(above.why().code, errc::forbidden);
  const auto elsewhere = unlink(ana, second, role::owner);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.why().code, errc::not_found);
  EXPECT_EQ(count("user_identities"), 2);
  EXPECT_EQ(count("sessions"), 2);
  EXPECT_TRUE(unlink(ana, first, role::admin));
  EXPECT_TRUE(unlink(ana, first, role::admin)) << "nothing is left to do";
  EXPECT_EQ(count("user_identities"), 1) << "the other workspace's stays";
  EXPECT_EQ(count("sessions"), 1) << "and so does who is signed in there";
  EXPECT_THAT(records(first),
              ElementsAre(HasSubstr("identity_linked"),
                          HasSubstr("signed_in_by_provider"),
                          HasSubstr("identity_unlinked " + to_string(ana))));
  EXPECT_EQ(enter(as("a2", "ana@example.com"), "default"), "entered") << "linked anew";
  EXPECT_EQ(entered(), std::pair(first, ana));
}

} // namespace
} // namespace hub::storage
