#include "storage/housekeeping.hpp"
#include "storage/identity/identity_store.hpp"
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const auto workspace = *domain::parse_uuid("00000000-0000-7000-8000-000000000001");

class identities : public testing::postgres_test {
protected:
  template <class T, class Start>
  domain::result<T> ask(Start start) {
    std::promise<domain::result<T>> promise;
    auto answer = promise.get_future();
    start([&promise](domain::result<T> result) { promise.set_value(std::move(result)); });
    return answer.get();
  }

  uuid fresh_id() { return ids_.next(now_); }

  acting by_nobody() {
    return {workspace,
            std::nullopt,
            {"nobody", std::nullopt, "", "192.0.2.7", "request-1"},
            fresh_id(),
            now_};
  }

  static std::string hash_of(const std::string& token) {
    return token + std::string(32 - token.size(), '#');
  }

  uuid add(const std::string& email, role rank = role::agent, const std::string& link = {}) {
    const new_person who{fresh_id(), email, "", rank, false};
    const new_link way{
      fresh_id(), who.id, hash_of(link.empty() ? email.substr(0, 20) : link), now_ + hours{1}};
    const auto added = ask<domain::done>(
      [&](auto done) { store_->add_person(by_nobody(), who, way, std::move(done)); });
    EXPECT_TRUE(added) << (added ? "" : added.why().message);
    return who.id;
  }

  domain::outcome begin(const uuid& person, const std::string& token, hours lasts = hours{24}) {
    return ask<domain::done>([&](auto done) {
      store_->begin_session(
        by_nobody(),
        {fresh_id(), person, hash_of(token), "192.0.2.7", "a browser", now_ + lasts, ""},
        std::move(done));
    });
  }

  domain::result<open_session> session(const std::string& token) {
    return ask<open_session>([&](auto done) {
      store_->session_of(hash_of(token), now_, session_use::used, std::move(done));
    });
  }

  domain::outcome use(const std::string& link, const std::string& token) {
    return ask<domain::done>([&](auto done) {
      store_->use_link(
        by_nobody(),
        hash_of(link),
        {fresh_id(), {}, hash_of(token), "192.0.2.7", "a browser", now_ + hours{1}, ""},
        std::move(done));
    });
  }

  domain::result<person_row> change(person_patch patch) {
    return ask<person_row>(
      [&](auto done) { store_->change_person(by_nobody(), std::move(patch), std::move(done)); });
  }

  /// An attempt with a password, from an address.
  sign_in_facts attempt(const std::string& email,
                        const std::string& address = "192.0.2.7",
                        const std::optional<std::string>& named = std::nullopt) {
    auto by = by_nobody();
    by.who.address = address;
    const auto facts = ask<sign_in_facts>([&](auto done) {
      store_->begin_attempt(by, {email, named}, std::move(done));
    });
    EXPECT_TRUE(facts);
    return facts ? *facts : sign_in_facts{};
  }

  domain::outcome
  set_password(const uuid& person, const std::string& hash, const std::string& token) {
    return ask<domain::done>([&](auto done) {
      store_->set_password(
        by_nobody(),
        hash,
        {fresh_id(), person, hash_of(token), "192.0.2.7", "a browser", now_ + hours{24}, ""},
        std::move(done));
    });
  }

  new_key key(const std::string& prefix) {
    new_key made;
    made.id = fresh_id();
    made.name = "for " + prefix;
    made.prefix = prefix;
    made.secret_hash = "$argon2id$" + prefix;
    made.scopes = {permission::tickets_read};
    return made;
  }

  void save(const new_key& made) {
    EXPECT_TRUE(
      ask<domain::done>([&](auto done) { store_->add_key(by_nobody(), made, std::move(done)); }));
  }

  domain::result<key_facts> find_key(const std::string& prefix) {
    return ask<key_facts>([&](auto done) { store_->key_of(prefix, now_, std::move(done)); });
  }

  std::vector<std::string> actions() {
    const auto page = ask<audit_page>([&](auto done) {
      store_->list_audit(
        {.workspace = workspace, .action = {}, .actor = {}, .after = {}, .limit = 100},
        std::move(done));
    });
    std::vector<std::string> all;
    if (page)
      for (const auto& line : page->records)
        all.insert(all.begin(), line.record.what);
    return all;
  }

  domain::time_point now_ =
    std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  domain::uuid_generator ids_{7};
  std::unique_ptr<identity_store> store_ =
    make_identity_store({.connection_string = connection_string()});
};

/// Two workspaces, and people of the same email in both.
class several_workspaces : public identities {
protected:
  acting by_of(const uuid& where) {
    auto by = by_nobody();
    by.workspace = where;
    return by;
  }

  domain::outcome make(const uuid& where, const std::string& name) {
    return ask<domain::done>([&](auto done) {
      store_->add_workspace(by_of(where), {where, name}, std::move(done));
    });
  }

  /// Somebody of a workspace, with a password unless `hash` is empty.
  uuid join(const uuid& where, const std::string& email, const std::string& hash) {
    now_ += seconds{1}; // the first is the oldest
    const new_person who{fresh_id(), email, "", role::agent, false};
    const new_link way{fresh_id(), who.id, hash_of(to_string(who.id).substr(20)), now_ + hours{1}};
    EXPECT_TRUE(ask<domain::done>(
      [&](auto done) { store_->add_person(by_of(where), who, way, std::move(done)); }));
    if (!hash.empty()) {
      EXPECT_TRUE(ask<domain::done>([&](auto done) {
        store_->set_password(by_of(where),
                             hash,
                             {fresh_id(),
                              who.id,
                              hash_of("s" + to_string(who.id).substr(20)),
                              "192.0.2.7",
                              "a browser",
                              now_ + hours{24},
                              ""},
                             std::move(done));
      }));
    }
    return who.id;
  }

  void SetUp() override { ASSERT_TRUE(make(second_, "Second")); }

  const uuid second_ = *domain::parse_uuid("00000000-0000-7000-8000-000000000002");
};

TEST_F(several_workspaces, have_names_of_their_own) {
  const auto third = fresh_id();
  const auto taken = make(third, "sECOND");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.why().code, errc::conflict);
  EXPECT_TRUE(make(third, "Third"));
  const auto all =
    ask<std::vector<workspace_row>>([&](auto done) { store_->list_workspaces(std::move(done)); });
  ASSERT_TRUE(all);
  std::vector<std::string> names;
  for (const auto& one : *all)
    names.push_back(one.name);
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("default", "Second", "Third"));
}

TEST_F(several_workspaces, are_told_apart_by_a_sign_in_that_names_one) {
  const auto ana = join(workspace, "ana@example.com", "hash 1");
  const auto other = join(second_, "ana@example.com", "hash 2");
  for (const auto& name : {to_string(second_), std::string{"second"}, std::string{"SECOND"}}) {
    const auto facts = attempt("ana@example.com", "192.0.2.8", name);
    EXPECT_EQ(facts.workspace, second_);
    EXPECT_EQ(facts.id, other);
    EXPECT_EQ(facts.password_hash, "hash 2");
    EXPECT_FALSE(facts.several);
  }
  const auto unknown = attempt("ana@example.com", "192.0.2.8", "third");
  EXPECT_TRUE(unknown.id.is_nil());
  EXPECT_EQ(unknown.password_hash, "");
  const auto unnamed = attempt("ana@example.com", "192.0.2.9");
  EXPECT_EQ(unnamed.id, ana) << "the oldest";
  EXPECT_EQ(unnamed.password_hash, "hash 1");
  EXPECT_TRUE(unnamed.several);
}

TEST_F(several_workspaces, need_not_be_named_by_who_has_one_password) {
  join(workspace, "ana@example.com", "");
  const auto other = join(second_, "ana@example.com", "hash 2");
  const auto facts = attempt("ana@example.com");
  EXPECT_EQ(facts.id, other);
  EXPECT_FALSE(facts.several);
}

TEST_F(several_workspaces, give_no_more_tries_by_being_several) {
  const auto ana = join(workspace, "ana@example.com", "hash 1");
  join(second_, "ana@example.com", "hash 2");
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(attempt("ana@example.com", "192.0.2.7", "second").locked);
    attempt("ana@example.com");
  }
  EXPECT_TRUE(attempt("ana@example.com", "192.0.2.7", "second").locked);
  EXPECT_TRUE(attempt("ana@example.com").locked);
  // Of a lock hears the workspace of whoever was asked for, and no other.
  pqxx::connection connection{owner_connection()};
  pqxx::nontransaction tx{connection};
  EXPECT_EQ(tx.exec1("SELECT string_agg(workspace_id || ' ' || target, ',') FROM audit_log "
                     "WHERE action = 'sign_in_locked'")[0]
              .as<std::string>(),
            to_string(second_) + ' ' + to_string(attempt("ana@example.com", "a", "second").id));
  EXPECT_NE(ana, attempt("ana@example.com", "a", "second").id);
}

TEST_F(several_workspaces, forget_wrong_passwords_of_whoever_signs_in) {
  const auto other = join(second_, "ana@example.com", "hash 2");
  attempt("ana@example.com", "192.0.2.7", "second");
  ASSERT_TRUE(ask<domain::done>([&](auto done) {
    store_->begin_session(
      by_of(second_),
      {fresh_id(), other, hash_of("t"), "192.0.2.7", "a browser", now_ + hours{1}, "hash 2"},
      std::move(done));
  }));
  EXPECT_EQ(session("t")->who.workspace, second_);
  pqxx::connection connection{owner_connection()};
  pqxx::nontransaction tx{connection};
  EXPECT_EQ(tx.exec1("SELECT count(*) FROM sign_in_attempts")[0].as<int>(), 0);
}

TEST_F(several_workspaces, are_named_by_the_link_alone) {
  const new_person who{fresh_id(), "bo@example.com", "", role::agent, false};
  const new_link way{fresh_id(), who.id, hash_of("link of bo"), now_ + hours{1}};
  ASSERT_TRUE(ask<domain::done>(
    [&](auto done) { store_->add_person(by_of(second_), who, way, std::move(done)); }));
  ASSERT_TRUE(use("link of bo", "session of bo")); // comes in by the first one's door
  EXPECT_EQ(session("session of bo")->who.workspace, second_);
}

TEST_F(several_workspaces, begin_with_an_owner_or_not_at_all) {
  const auto third = fresh_id();
  const auto begin_third = [&](const std::string& name) {
    const new_person owner{fresh_id(), "eve@example.com", "", role::owner, false};
    const new_link way{fresh_id(), owner.id, hash_of("link of eve"), now_ + hours{1}};
    return ask<domain::done>([&](auto done) {
      store_->add_workspace(by_of(third), {third, name}, owner, way, std::move(done));
    });
  };
  EXPECT_FALSE(begin_third("second"));
  EXPECT_FALSE(use("link of eve", "none")) << "nothing of a refused one is there";
  ASSERT_TRUE(begin_third("third"));
  ASSERT_TRUE(use("link of eve", "session of eve"));
  const auto eve = session("session of eve");
  ASSERT_TRUE(eve);
  EXPECT_EQ(eve->who.workspace, third);
  EXPECT_EQ(eve->who.rank, role::owner);
}

TEST_F(identities, have_a_session_from_signing_in_until_it_expires) {
  const auto ana = add("ana@example.com");
  ASSERT_TRUE(begin(ana, "token", hours{24}));
  const auto found = session("token");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->who.id, ana);
  EXPECT_EQ(found->who.workspace, workspace);
  EXPECT_EQ(found->who.label, "ana@example.com");
  EXPECT_TRUE(found->who.may.has(permission::tickets_write));
  EXPECT_FALSE(found->who.may.has(permission::pii_read));
  EXPECT_EQ(session("another").why().code, errc::unauthorized);
  now_ += hours{25};
  EXPECT_EQ(session("token").why().code, errc::unauthorized);
}

TEST_F(identities, lose_a_session_they_do_not_use) {
  ASSERT_TRUE(begin(add("ana@example.com"), "token", hours{24 * 30}));
  now_ += session_idle - hours{1};
  ASSERT_TRUE(session("token")) << "which counts as use";
  now_ += session_idle - hours{1};
  ASSERT_TRUE(session("token"));
  now_ += session_idle + minutes{1};
  EXPECT_FALSE(session("token"));
}

TEST_F(identities, keep_no_more_than_their_newest_sessions) {
  const auto ana = add("ana@example.com");
  for (int i = 0; i < 21; ++i) {
    now_ += seconds{1};
    ASSERT_TRUE(begin(ana, "token" + std::to_string(i)));
  }
  EXPECT_FALSE(session("token0"));
  EXPECT_TRUE(session("token1"));
}

TEST_F(identities, enter_by_a_link_once_and_in_time) {
  const auto ana = add("ana@example.com", role::owner, "link");
  add("ben@example.com", role::agent, "late");
  ASSERT_TRUE(use("link", "token"));
  EXPECT_EQ(session("token")->who.id, ana);
  EXPECT_EQ(use("link", "again").why().code, errc::unauthorized);
  now_ += hours{2};
  EXPECT_EQ(use("late", "too late").why().code, errc::unauthorized);
  EXPECT_FALSE(session("too late"));
}

TEST_F(identities, enter_by_their_newest_link_only) {
  const auto ana = add("ana@example.com", role::agent, "first");
  ASSERT_TRUE(ask<domain::done>([&](auto done) {
    store_->add_link(
      by_nobody(), {fresh_id(), ana, hash_of("second"), now_ + hours{1}}, std::move(done));
  }));
  EXPECT_FALSE(use("first", "a"));
  EXPECT_TRUE(use("second", "b"));
}

TEST_F(identities, are_told_apart_by_email) {
  add("ana@example.com");
  const new_person twin{fresh_id(), "ana@example.com", "", role::owner, false};
  const auto added = ask<domain::done>([&](auto done) {
    store_->add_person(
      by_nobody(), twin, {fresh_id(), twin.id, hash_of("x"), now_ + hours{1}}, std::move(done));
  });
  ASSERT_FALSE(added);
  EXPECT_EQ(added.why().code, errc::conflict);
  EXPECT_FALSE(use("x", "token")) << "its link was not kept either";
}

TEST_F(identities, wait_longer_after_more_wrong_passwords) {
  add("ana@example.com");
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(attempt("ana@example.com").locked) << i;
  EXPECT_TRUE(attempt("ana@example.com").locked);
  EXPECT_FALSE(attempt("ana@example.com", "192.0.2.99").locked) << "others cannot keep her out";
  now_ += seconds{29};
  EXPECT_TRUE(attempt("ana@example.com").locked) << "asking meanwhile does not count";
  now_ += seconds{2};
  EXPECT_FALSE(attempt("ana@example.com").locked) << "the sixth";
  now_ += seconds{59};
  EXPECT_TRUE(attempt("ana@example.com").locked);
  now_ += seconds{2};
  EXPECT_FALSE(attempt("ana@example.com").locked);
  now_ += hours{2};
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(attempt("ana@example.com").locked) << "long ago is forgotten";
}

TEST_F(identities, that_nobody_has_are_locked_as_others_are) {
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(attempt("nobody@example.com").locked);
  EXPECT_TRUE(attempt("nobody@example.com").locked);
  EXPECT_TRUE(attempt("nobody@example.com").password_hash.empty());
}

TEST_F(identities, are_forgiven_by_the_right_password) {
  const auto ana = add("ana@example.com");
  for (int i = 0; i < 5; ++i)
    attempt("ana@example.com");
  ASSERT_TRUE(begin(ana, "token"));
  EXPECT_FALSE(attempt("ana@example.com").locked);
}

TEST_F(identities, do_not_enter_with_a_password_that_was_changed_meanwhile) {
  const auto ana = add("ana@example.com");
  ASSERT_TRUE(set_password(ana, "$argon2id$old", "first"));
  const auto verified = attempt("ana@example.com").password_hash;
  ASSERT_TRUE(set_password(ana, "$argon2id$new", "second"));
  const auto entered = ask<domain::done>([&](auto done) {
    store_->begin_session(
      by_nobody(),
      {fresh_id(), ana, hash_of("late"), "192.0.2.7", "a browser", now_ + hours{1}, verified},
      std::move(done));
  });
  ASSERT_FALSE(entered);
  EXPECT_EQ(entered.why().code, errc::unauthorized);
}

TEST_F(identities, that_choose_a_password_lose_their_sessions_and_links) {
  const auto ana = add("ana@example.com", role::agent, "link");
  ASSERT_TRUE(begin(ana, "old"));
  ASSERT_TRUE(set_password(ana, "$argon2id$new", "new"));
  EXPECT_FALSE(session("old"));
  EXPECT_TRUE(session("new"));
  EXPECT_FALSE(use("link", "token"));
  EXPECT_EQ(attempt("ana@example.com").password_hash, "$argon2id$new");
}

TEST_F(identities, that_came_by_a_link_may_forget_their_password_for_a_while) {
  const auto ana = add("ana@example.com", role::agent, "link");
  ASSERT_TRUE(use("link", "token"));
  EXPECT_TRUE(session("token")->came_by_link);
  now_ += minutes{16};
  EXPECT_FALSE(session("token")->came_by_link);
  ASSERT_TRUE(begin(ana, "another"));
  EXPECT_FALSE(session("another")->came_by_link);
}

TEST_F(identities, take_no_link_that_was_made_for_what_they_no_longer_are) {
  add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com", role::agent, "link");
  ASSERT_TRUE(
    change({.id = ana, .name = {}, .rank = role::owner, .reads_pii = {}, .disabled = {}}));
  EXPECT_FALSE(use("link", "token")) << "who kept it would be an owner now";
}

TEST_F(identities, are_managed_by_the_rights_of_who_acts) {
  const auto owner = add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com", role::agent);
  auto by = by_nobody();
  by.rights.emplace();
  by.rights->rank = role::admin;
  by.rights->may = permissions_of(role::admin);
  const auto change_as_admin = [&](person_patch patch) {
    by.record = fresh_id();
    const auto changed = ask<person_row>(
      [&](auto done) { store_->change_person(by, std::move(patch), std::move(done)); });
    return changed ? std::string{"done"} : to_string(changed.why().code);
  };
  EXPECT_EQ(
    change_as_admin({.id = owner, .name = "x", .rank = {}, .reads_pii = {}, .disabled = {}}),
    "forbidden");
  EXPECT_EQ(
    change_as_admin({.id = ana, .name = {}, .rank = role::owner, .reads_pii = {}, .disabled = {}}),
    "forbidden");
  EXPECT_EQ(change_as_admin({.id = ana, .name = {}, .rank = {}, .reads_pii = true, .disabled = {}}),
            "forbidden");
  EXPECT_EQ(
    change_as_admin({.id = ana, .name = {}, .rank = role::viewer, .reads_pii = {}, .disabled = {}}),
    "done");
  by.record = fresh_id();
  const auto link = ask<domain::done>([&](auto done) {
    store_->add_link(by, {fresh_id(), owner, hash_of("x"), now_ + hours{1}}, std::move(done));
  });
  ASSERT_FALSE(link);
  EXPECT_EQ(link.why().code, errc::forbidden);
}

TEST_F(identities, of_keys_hold_no_longer_than_their_maker) {
  add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com", role::admin);
  auto made = key("hers");
  made.created_by = ana;
  made.scopes = {permission::tickets_read, permission::people_write};
  save(made);
  EXPECT_TRUE(find_key("hers")->who.may.has(permission::people_write));
  ASSERT_TRUE(
    change({.id = ana, .name = {}, .rank = role::agent, .reads_pii = {}, .disabled = {}}));
  EXPECT_EQ(find_key("hers")->who.may, domain::permission_set{permission::tickets_read});
  ASSERT_TRUE(change({.id = ana, .name = {}, .rank = {}, .reads_pii = {}, .disabled = true}));
  EXPECT_FALSE(find_key("hers"));
}

TEST_F(identities, of_a_key_from_the_environment_stay_revoked) {
  const auto own = key("own");
  const auto put = [&] {
    return ask<domain::done>(
      [&](auto done) { store_->put_key(by_nobody(), own, std::move(done)); });
  };
  ASSERT_TRUE(put());
  ASSERT_TRUE(put()) << "again, with whatever it has now";
  ASSERT_TRUE(
    ask<key_row>([&](auto done) { store_->revoke_key(by_nobody(), own.id, std::move(done)); }));
  EXPECT_EQ(put().why().code, errc::conflict);
  EXPECT_FALSE(find_key("own"));
}

TEST_F(identities, that_are_disabled_are_out_at_once_and_stay_out) {
  add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com", role::agent, "link");
  ASSERT_TRUE(begin(ana, "token"));
  ASSERT_TRUE(change({.id = ana, .name = {}, .rank = {}, .reads_pii = {}, .disabled = true}));
  EXPECT_FALSE(session("token"));
  EXPECT_FALSE(use("link", "another"));
  EXPECT_TRUE(attempt("ana@example.com").password_hash.empty());
  ASSERT_TRUE(change({.id = ana, .name = {}, .rank = {}, .reads_pii = {}, .disabled = false}));
  EXPECT_FALSE(session("token")) << "what has ended has ended";
}

TEST_F(identities, always_have_an_owner_who_may_enter) {
  const auto ana = add("ana@example.com", role::owner);
  const auto demoted =
    change({.id = ana, .name = {}, .rank = role::admin, .reads_pii = {}, .disabled = {}});
  EXPECT_EQ(demoted.why().code, errc::conflict);
  const auto disabled =
    change({.id = ana, .name = {}, .rank = {}, .reads_pii = {}, .disabled = true});
  EXPECT_EQ(disabled.why().code, errc::conflict);
  add("ben@example.com", role::owner);
  EXPECT_TRUE(
    change({.id = ana, .name = {}, .rank = role::admin, .reads_pii = {}, .disabled = {}}));
}

TEST_F(identities, take_effect_with_the_next_call) {
  add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com", role::admin);
  ASSERT_TRUE(begin(ana, "token"));
  ASSERT_TRUE(
    change({.id = ana, .name = "Ana", .rank = role::viewer, .reads_pii = true, .disabled = {}}));
  const auto found = session("token");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "Ana");
  EXPECT_FALSE(found->who.may.has(permission::tickets_write));
  EXPECT_TRUE(found->who.may.has(permission::pii_read));
}

TEST_F(identities, end_only_sessions_of_their_own) {
  const auto ana = add("ana@example.com");
  const auto ben = add("ben@example.com");
  ASSERT_TRUE(begin(ana, "ana's"));
  ASSERT_TRUE(begin(ben, "ben's"));
  const auto bens = session("ben's")->who.session;
  const auto ended = ask<domain::done>(
    [&](auto done) { store_->end_session(by_nobody(), ana, bens, std::move(done)); });
  EXPECT_EQ(ended.why().code, errc::not_found);
  EXPECT_TRUE(session("ben's"));
}

TEST_F(identities, of_keys_hold_until_they_are_revoked_or_expire) {
  auto short_lived = key("short");
  short_lived.expires_at = now_ + hours{1};
  const auto kept = key("kept");
  save(short_lived);
  save(kept);
  ASSERT_TRUE(find_key("kept"));
  EXPECT_EQ(find_key("kept")->secret_hash, "$argon2id$kept");
  EXPECT_EQ(find_key("kept")->who.may, domain::permission_set{permission::tickets_read});
  EXPECT_TRUE(find_key("short"));
  EXPECT_EQ(find_key("unknown").why().code, errc::unauthorized);
  now_ += hours{2};
  EXPECT_EQ(find_key("short").why().code, errc::unauthorized);
  for (int i = 0; i < 2; ++i) // again is fine
    ASSERT_TRUE(
      ask<key_row>([&](auto done) { store_->revoke_key(by_nobody(), kept.id, std::move(done)); }));
  EXPECT_EQ(find_key("kept").why().code, errc::unauthorized);
}

TEST_F(identities, leave_a_record_of_everything_they_do) {
  const auto ana = add("ana@example.com", role::owner, "link");
  ASSERT_TRUE(use("link", "by link"));
  for (int i = 0; i < 5; ++i)
    attempt("ana@example.com");
  save(key("k"));
  ASSERT_TRUE(begin(ana, "token"));
  EXPECT_THAT(
    actions(),
    ElementsAre(
      "user_invited", "signed_in_by_link", "sign_in_locked", "api_key_created", "signed_in"));
}

TEST_F(identities, are_forgotten_when_they_are_over) {
  now_ -= hours{24 * 3};
  const auto ana = add("ana@example.com", role::agent, "link");
  ASSERT_TRUE(begin(ana, "token"));
  attempt("ana@example.com");
  ASSERT_TRUE(keep_house(connection_string(), {}));
  pqxx::connection connection{owner_connection()};
  pqxx::work tx{connection};
  for (const auto* table : {"sessions", "sign_in_links", "sign_in_attempts"})
    EXPECT_EQ(tx.exec1(std::string{"SELECT count(*) FROM "} + table)[0].as<int>(), 0) << table;
  EXPECT_EQ(tx.exec1("SELECT count(*) FROM users")[0].as<int>(), 1);
}

TEST_F(identities, cannot_take_the_record_back) {
  add("ana@example.com");
  pqxx::connection connection{owner_connection()};
  for (const auto* statement : {"UPDATE audit_log SET actor = 'somebody else'",
                                "DELETE FROM audit_log",
                                "TRUNCATE audit_log"}) {
    pqxx::work tx{connection};
    EXPECT_THROW(tx.exec(statement), pqxx::sql_error) << statement;
  }
  EXPECT_THAT(actions(), SizeIs(1));
}

TEST_F(identities, record_nothing_of_what_did_not_happen) {
  EXPECT_FALSE(use("no such link", "token"));
  EXPECT_EQ(
    change({.id = fresh_id(), .name = "x", .rank = {}, .reads_pii = {}, .disabled = {}}).why().code,
    errc::not_found);
  EXPECT_THAT(actions(), IsEmpty());
}

TEST_F(identities, keep_odd_names_whole_in_the_record) {
  add("owner@example.com", role::owner);
  const auto ana = add("ana@example.com");
  ASSERT_TRUE(change({.id = ana,
                      .name = "A \"quoted\" \\ name\n=1+1",
                      .rank = {},
                      .reads_pii = {},
                      .disabled = {}}));
  const auto page = ask<audit_page>([&](auto done) {
    store_->list_audit(
      {.workspace = workspace, .action = "user_changed", .actor = {}, .after = {}, .limit = 10},
      std::move(done));
  });
  ASSERT_TRUE(page);
  ASSERT_THAT(page->records, SizeIs(1));
  EXPECT_THAT(page->records[0].record.after, HasSubstr(R"(A \"quoted\" \\ name)"));
  EXPECT_EQ(page->records[0].record.by.address, "192.0.2.7");
}

} // namespace
} // namespace hub::storage
