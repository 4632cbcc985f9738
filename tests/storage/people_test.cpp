#include "storage/journal/people.hpp"

#include "tests/storage/journal_fixture.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

namespace hub::storage {
namespace {

using domain::channel;
using domain::uuid;
using testing::first_workspace;

class people : public ::testing::Test {
protected:
  uuid fresh_id() { return ids_.next(domain::time_point{std::chrono::hours{24}}); }

  domain::person_record person(const std::string& user,
                               std::optional<std::string> email = std::nullopt,
                               const std::string& name = "Ana",
                               channel platform = channel::slack) {
    return {.new_reporter_id = fresh_id(),
            .platform = platform,
            .platform_user_id = user,
            .display_name = name,
            .email = std::move(email),
            .locale = std::nullopt,
            .wrote_at = domain::time_point{std::chrono::hours{24}}};
  }

  uuid resolve(const domain::person_record& author, const known_person& known = {}) {
    return batch_.resolve(first_workspace, author, known);
  }

  people_of_batch batch_;

private:
  domain::uuid_generator ids_{1};
};

TEST_F(people, are_made_when_nothing_is_known) {
  const auto ana = person("U1", "ana@example.com");
  EXPECT_EQ(resolve(ana), ana.new_reporter_id);
  ASSERT_EQ(batch_.new_reporters().size(), 1U);
  EXPECT_EQ(batch_.new_reporters()[0].email, "ana@example.com");
  ASSERT_EQ(batch_.identities().size(), 1U);
  EXPECT_TRUE(batch_.identities()[0].is_new);
  EXPECT_EQ(batch_.identities()[0].reporter, ana.new_reporter_id);
  EXPECT_THAT(batch_.found_emails(), ::testing::IsEmpty());
  EXPECT_THAT(batch_.relinks(), ::testing::IsEmpty());
}

TEST_F(people, are_found_by_address_before_identity) {
  const auto owner = fresh_id();
  EXPECT_EQ(resolve(person("U1", "ana@example.com"), {.email_reporter = owner}), owner);
  EXPECT_THAT(batch_.new_reporters(), ::testing::IsEmpty());
  EXPECT_EQ(batch_.identities().at(0).reporter, owner);
}

TEST_F(people, are_found_by_identity_when_they_give_no_address) {
  const auto known = fresh_id();
  EXPECT_EQ(
    resolve(person("U1"), {.identity_reporter = known, .identity_email = "ana@example.com"}),
    known);
  EXPECT_FALSE(batch_.identities().at(0).is_new);
  EXPECT_THAT(batch_.new_reporters(), ::testing::IsEmpty());
}

TEST_F(people, met_twice_in_a_batch_are_one) {
  const auto first = resolve(person("U1"));
  EXPECT_EQ(resolve(person("U1")), first);
  EXPECT_EQ(batch_.new_reporters().size(), 1U);
  EXPECT_EQ(batch_.identities().size(), 1U);
}

TEST_F(people, met_on_two_channels_of_a_batch_under_one_address_are_one) {
  const auto first = resolve(person("U1", "Ana@Example.com"));
  EXPECT_EQ(resolve(person("7", "ana@example.COM", "Ana", channel::intercom)), first);
  EXPECT_EQ(batch_.new_reporters().size(), 1U);
  EXPECT_EQ(batch_.identities().size(), 2U);
}

TEST_F(people, of_one_name_stay_apart) {
  EXPECT_NE(resolve(person("U1", std::nullopt, "Ana")), resolve(person("U2", std::nullopt, "Ana")));
  EXPECT_EQ(batch_.new_reporters().size(), 2U);
}

TEST_F(people, with_one_user_id_on_two_channels_or_in_two_workspaces_stay_apart) {
  const auto here = resolve(person("U1"));
  EXPECT_NE(resolve(person("U1", std::nullopt, "Ana", channel::intercom)), here);
  EXPECT_NE(batch_.resolve(fresh_id(), person("U1"), {}), here);
}

TEST_F(people, get_the_address_they_give_later) {
  const auto known = fresh_id();
  EXPECT_EQ(resolve(person("U1", "ana@example.com"), {.identity_reporter = known}), known);
  ASSERT_EQ(batch_.found_emails().size(), 1U);
  EXPECT_EQ(batch_.found_emails()[0].reporter, known);
  EXPECT_EQ(batch_.found_emails()[0].email, "ana@example.com");
  EXPECT_THAT(batch_.relinks(), ::testing::IsEmpty());
}

TEST_F(people, get_an_address_once_however_often_they_give_it) {
  const auto known = fresh_id();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(resolve(person("U1", "ana@example.com"), {.identity_reporter = known}), known);
  EXPECT_EQ(batch_.found_emails().size(), 1U);
}

TEST_F(people, move_to_the_owner_of_the_address_they_give_later) {
  const auto nameless = fresh_id();
  const auto owner = fresh_id();
  EXPECT_EQ(resolve(person("U1", "ana@example.com"),
                    {.identity_reporter = nameless, .email_reporter = owner}),
            owner);
  ASSERT_EQ(batch_.relinks().size(), 1U);
  EXPECT_EQ(batch_.relinks()[0].from, nameless);
  EXPECT_EQ(batch_.relinks()[0].to, owner);
  EXPECT_EQ(batch_.identities().at(0).reporter, owner);
  // From here on the identity alone is enough.
  EXPECT_EQ(resolve(person("U1"), {.identity_reporter = nameless}), owner);
  EXPECT_EQ(batch_.relinks().size(), 1U);
}

TEST_F(people, who_move_in_the_batch_that_meets_them_are_written_as_who_they_were) {
  const auto owner = fresh_id();
  const auto nameless = person("U1");
  EXPECT_EQ(resolve(nameless), nameless.new_reporter_id);
  EXPECT_EQ(resolve(person("U1", "ana@example.com"), {.email_reporter = owner}), owner);
  EXPECT_TRUE(batch_.identities().at(0).is_new);
  EXPECT_EQ(batch_.identities().at(0).inserted_as, nameless.new_reporter_id)
    << "the move finds the row, and with it the tickets, by whom it belonged to";
  ASSERT_EQ(batch_.relinks().size(), 1U);
  EXPECT_EQ(batch_.relinks()[0].from, nameless.new_reporter_id);
  EXPECT_EQ(batch_.relinks()[0].to, owner);
}

TEST_F(people, who_have_an_address_keep_it_when_a_report_gives_another) {
  const auto known = fresh_id();
  const auto other = fresh_id();
  EXPECT_EQ(
    resolve(
      person("U1", "work@example.com"),
      {.identity_reporter = known, .identity_email = "home@example.com", .email_reporter = other}),
    other);
  EXPECT_THAT(batch_.relinks(), ::testing::IsEmpty());
  EXPECT_EQ(batch_.identities().at(0).reporter, known);
}

TEST_F(people, without_an_identity_are_known_by_address_alone) {
  const auto first = person("", "ana@example.com");
  EXPECT_EQ(resolve(first), first.new_reporter_id);
  EXPECT_EQ(resolve(person("", "ANA@example.com")), first.new_reporter_id);
  EXPECT_THAT(batch_.identities(), ::testing::IsEmpty());
  EXPECT_EQ(batch_.new_reporters().size(), 1U);
}

TEST_F(people, with_neither_address_nor_identity_are_new_each_time) {
  EXPECT_NE(resolve(person("")), resolve(person("")));
  EXPECT_EQ(batch_.new_reporters().size(), 2U);
}

TEST_F(people, are_written_in_one_order_whatever_order_they_were_met_in) {
  const std::vector<std::string> users{"c", "a", "d", "b"};
  const auto order_after = [&](auto begin, auto end) {
    people_of_batch batch;
    for (auto user = begin; user != end; ++user)
      batch.resolve(first_workspace, person(*user, *user + "@example.com"), {});
    std::vector<std::string> order;
    for (const auto& row : batch.new_reporters())
      order.push_back(*row.email);
    for (const auto& row : batch.identities())
      order.push_back(row.platform_user_id);
    return order;
  };
  EXPECT_EQ(order_after(users.begin(), users.end()), order_after(users.rbegin(), users.rend()));
}

TEST_F(people, remember_the_ticket_they_last_wrote_to) {
  const auto ana = person("U1");
  resolve(ana);
  const auto ticket = fresh_id();
  batch_.wrote_to(first_workspace, ana, fresh_id());
  batch_.wrote_to(first_workspace, ana, ticket);
  EXPECT_EQ(batch_.identities().at(0).last_ticket, ticket);
}

} // namespace
} // namespace hub::storage
