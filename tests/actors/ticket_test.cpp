#include "actors/ticket/ticket.hpp"

#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <memory>

namespace hub::actors {
namespace {

using domain::delivery_outcome;
using domain::errc;
using domain::ticket_patch;
using domain::ticket_status;
using domain::verdict;
using testing::committed;
using testing::core_of;
using testing::failed;
using testing::id_of;
using testing::journal_script;
using testing::pending;
using testing::reader_script;
using testing::said;
using testing::verdict_of;

class ticket : public testing::actor_fixture {
protected:
  ticket() {
    fake_journal_ = spawn(testing::fake_journal, journal_);
    const auto reader = spawn(testing::fake_reader, reader_);
    around_ = std::make_shared<const surroundings>(testing::around_of(fake_journal_, reader));
    start(core_of(7));
  }
  ~ticket() override { ticket_ = nullptr; }

  void start(const domain::ticket_core& core) {
    ticket_ = spawn(ticket_behavior, core, around_);
    run();
  }

  pending<taken_in> follow(const std::string& delivery) {
    return ask<taken_in>(ticket_, follow_up{id_of(7), said(delivery)});
  }

  pending<ticket_edited> edit(ticket_patch patch) {
    return ask<ticket_edited>(ticket_,
                              edit_ticket{testing::test_workspace,
                                          id_of(7),
                                          std::make_shared<const ticket_patch>(std::move(patch))});
  }

  void commit_everything() {
    journal_->decide = [](const auto& what) { return domain::result{committed(*what)}; };
  }

  /// The ticket is at `version` by now, whatever anybody remembers.
  void be_at(std::int64_t version, ticket_status status = ticket_status::open) {
    journal_->decide = [version](const auto& what) {
      auto answer = committed(*what);
      if (what->updates->expected_version != version) {
        answer.what = verdict::kind::conflict;
        answer.version = version;
      }
      return domain::result{answer};
    };
    reader_->decide = [=](const auto&) { return domain::result{core_of(7, version, status)}; };
  }

  void answer(const verdict& with) {
    journal_->answer(with);
    run();
  }

  [[nodiscard]] std::int64_t last_expected_version() const {
    return journal_->seen.back()->updates->expected_version;
  }

  std::shared_ptr<journal_script> journal_ = std::make_shared<journal_script>();
  std::shared_ptr<reader_script> reader_ = std::make_shared<reader_script>();
  std::shared_ptr<const surroundings> around_;
  journal_actor fake_journal_;
  ticket_actor ticket_;
};

TEST_F(ticket, adds_a_message_once_it_is_durable) {
  const auto added = follow("d1");
  ASSERT_EQ(journal_->seen.size(), 1U);
  EXPECT_FALSE(added.arrived());
  EXPECT_EQ(journal_->seen[0]->message->external_id, "message of d1");
  EXPECT_EQ(last_expected_version(), 1);
  answer(committed(*journal_->seen[0]));
  ASSERT_TRUE(added.succeeded());
  EXPECT_EQ(added.value().outcome, delivery_outcome::attached);
  EXPECT_EQ(added.value().ticket, id_of(7));
}

TEST_F(ticket, changes_its_memory_only_when_the_journal_has_committed) {
  const auto first = edit({.status = ticket_status::closed});
  const auto second = edit({.status = ticket_status::resolved});
  EXPECT_EQ(journal_->seen.size(), 1U) << "the second waits for the first";
  answer(failed(errc::unavailable));
  EXPECT_TRUE(first.failed_with(errc::unavailable));
  ASSERT_EQ(journal_->seen.size(), 2U);
  EXPECT_EQ(last_expected_version(), 1);
  answer(committed(*journal_->seen.back()));
  ASSERT_TRUE(second.succeeded()) << "from open: the first changed nothing";
  EXPECT_EQ(second.value().version, 2);
  EXPECT_THAT(reader_->seen, ::testing::IsEmpty());
}

TEST_F(ticket, builds_each_command_on_the_one_before) {
  commit_everything();
  ASSERT_TRUE(edit({.status = ticket_status::closed}).succeeded());
  const auto forbidden = edit({.status = ticket_status::in_progress});
  ASSERT_TRUE(forbidden.failed_with(errc::invalid_input));
  EXPECT_THAT(forbidden.why().message, ::testing::HasSubstr("open"));
  const auto reopened = edit({.status = ticket_status::open});
  ASSERT_TRUE(reopened.succeeded());
  EXPECT_EQ(reopened.value().version, 3);
  EXPECT_EQ(last_expected_version(), 2);
}

TEST_F(ticket, decides_again_with_what_is_there_after_a_conflict) {
  be_at(5, ticket_status::resolved);
  const auto added = follow("d1");
  ASSERT_TRUE(added.succeeded());
  EXPECT_EQ(reader_->seen.size(), 1U);
  ASSERT_EQ(journal_->seen.size(), 2U);
  EXPECT_EQ(last_expected_version(), 5);
  EXPECT_EQ(journal_->seen.back()->updates->status, ticket_status::open)
    << "the message opens it again";
  commit_everything();
  EXPECT_TRUE(follow("d2").succeeded());
  EXPECT_EQ(last_expected_version(), 6);
}

TEST_F(ticket, refuses_after_a_conflict_what_is_forbidden_by_then) {
  be_at(5, ticket_status::closed);
  EXPECT_TRUE(edit({.status = ticket_status::in_progress}).failed_with(errc::invalid_input));
  EXPECT_EQ(journal_->seen.size(), 1U);
}

TEST_F(ticket, gives_up_on_a_ticket_that_moves_all_the_time) {
  journal_->decide = [](const auto& what) {
    return domain::result{verdict_of(verdict::kind::conflict, *what)};
  };
  reader_->decide = [](const auto&) { return domain::result{core_of(7, 9)}; };
  EXPECT_TRUE(follow("d1").failed_with(errc::conflict));
  EXPECT_EQ(journal_->seen.size(), 4U);
}

TEST_F(ticket, passes_on_at_once_what_stands_in_the_way_other_than_its_version) {
  journal_->decide = [](const auto& what) {
    auto refused = verdict_of(verdict::kind::conflict, *what);
    refused.why = domain::fail(errc::conflict, "somebody has decided already");
    return domain::result{refused};
  };
  const auto late = edit({.urgency = 0});
  ASSERT_TRUE(late.failed_with(errc::conflict));
  EXPECT_EQ(late.why().message, "somebody has decided already");
  EXPECT_EQ(journal_->seen.size(), 1U);
  EXPECT_EQ(reader_->seen.size(), 0U);
}

TEST_F(ticket, reads_itself_again_after_an_unknown_outcome) {
  const auto lost = follow("d1");
  answer(failed(errc::unknown_outcome));
  EXPECT_TRUE(lost.failed_with(errc::unknown_outcome));
  be_at(2);
  EXPECT_TRUE(follow("d2").succeeded());
  EXPECT_EQ(reader_->seen.size(), 1U);
  EXPECT_EQ(journal_->seen.size(), 2U) << "without a conflict first";
  EXPECT_EQ(last_expected_version(), 2);
}

TEST_F(ticket, reads_itself_again_after_the_journal_was_silent) {
  const auto lost = follow("d1");
  advance(save_within + std::chrono::seconds{1});
  EXPECT_TRUE(lost.failed_with(errc::unknown_outcome));
  be_at(2);
  EXPECT_TRUE(follow("d2").succeeded());
  EXPECT_EQ(reader_->seen.size(), 1U);
}

TEST_F(ticket, goes_on_when_it_could_not_read_itself) {
  follow("d1");
  answer(failed(errc::unknown_outcome));
  reader_->decide = [](const auto&) -> std::optional<domain::result<domain::ticket_core>> {
    return domain::fail(errc::unavailable, "no database");
  };
  EXPECT_TRUE(follow("d2").failed_with(errc::unavailable));
  reader_->decide = nullptr;
  const auto silent = follow("d3");
  advance(load_within + std::chrono::seconds{1});
  EXPECT_TRUE(silent.failed_with(errc::unavailable)) << "a read that timed out changed nothing";
  EXPECT_EQ(journal_->seen.size(), 1U);
  be_at(2);
  EXPECT_TRUE(follow("d4").succeeded());
}

TEST_F(ticket, refuses_a_stale_version_without_asking_anybody) {
  start(core_of(7, 3));
  const auto stale = edit({.urgency = 0, .expected_version = 2});
  EXPECT_TRUE(stale.failed_with(errc::conflict));
  EXPECT_THAT(journal_->seen, ::testing::IsEmpty());
  EXPECT_THAT(reader_->seen, ::testing::IsEmpty());
  commit_everything();
  EXPECT_TRUE(edit({.urgency = 0, .expected_version = 3}).succeeded());
}

TEST_F(ticket, reads_itself_again_for_a_caller_who_knows_a_later_version) {
  be_at(2); // an identity was linked: the ticket's own memory still says 1
  EXPECT_TRUE(edit({.urgency = 0, .expected_version = 2}).succeeded());
  EXPECT_EQ(reader_->seen.size(), 1U);
  EXPECT_EQ(journal_->seen.size(), 1U);
  EXPECT_TRUE(edit({.urgency = 1, .expected_version = 9}).failed_with(errc::conflict));
}

TEST_F(ticket, gives_messages_of_one_moment_times_in_their_order) {
  commit_everything();
  for (const auto* delivery : {"d1", "d2", "d3"})
    ASSERT_TRUE(follow(delivery).succeeded());
  EXPECT_LT(around_->now(), journal_->seen[0]->at) << "after the one that opened it";
  EXPECT_LT(journal_->seen[0]->at, journal_->seen[1]->at);
  EXPECT_LT(journal_->seen[1]->at, journal_->seen[2]->at);
  EXPECT_LT(journal_->seen[1]->message->id, journal_->seen[2]->message->id);
}

TEST_F(ticket, holds_the_callers_version_against_a_conflict_too) {
  be_at(5);
  EXPECT_TRUE(edit({.urgency = 0, .expected_version = 1}).failed_with(errc::conflict));
  EXPECT_EQ(journal_->seen.size(), 1U);
}

TEST_F(ticket, answers_a_patch_that_changes_nothing_without_a_change) {
  const auto same = edit({.urgency = 3, .status = ticket_status::open});
  ASSERT_TRUE(same.succeeded());
  EXPECT_EQ(same.value().version, 1);
  EXPECT_THAT(journal_->seen, ::testing::IsEmpty());
}

TEST_F(ticket, opens_again_when_somebody_writes_after_it_was_finished) {
  commit_everything();
  for (const auto status : {ticket_status::resolved, ticket_status::closed}) {
    start(core_of(7, 1, status));
    ASSERT_TRUE(follow("d1").succeeded());
    EXPECT_EQ(journal_->seen.back()->updates->status, ticket_status::open);
  }
}

TEST_F(ticket, tells_a_used_idempotency_key) {
  journal_->decide = [](const auto& what) {
    auto used = verdict_of(verdict::kind::duplicate, *what);
    used.ticket_id = id_of(8);
    used.same_request = false;
    return domain::result{used};
  };
  const auto again = edit({.urgency = 0, .idempotency = domain::idempotency_record{.key = "key"}});
  ASSERT_TRUE(again.succeeded());
  EXPECT_TRUE(again.value().duplicate);
  EXPECT_FALSE(again.value().same_request);
  EXPECT_EQ(again.value().ticket, id_of(8));
  commit_everything();
  ASSERT_TRUE(edit({.urgency = 0}).succeeded());
  EXPECT_EQ(last_expected_version(), 1) << "nothing was changed before";
}

TEST_F(ticket, answers_a_repeated_patch_as_the_first_time_although_it_would_be_refused_now) {
  const auto repeat = [&](ticket_patch patch) {
    patch.idempotency = domain::idempotency_record{.key = "key"};
    return edit(std::move(patch));
  };
  const ticket_patch stale{.urgency = 0, .expected_version = 1};
  const ticket_patch forbidden{.status = ticket_status::in_progress};
  start(core_of(7, 2, ticket_status::closed));
  journal_->decide = [](const auto& what) {
    return domain::result{verdict_of(verdict::kind::duplicate, *what)};
  };
  for (const auto& patch : {stale, forbidden}) {
    const auto again = repeat(patch);
    ASSERT_TRUE(again.succeeded());
    EXPECT_TRUE(again.value().duplicate);
    EXPECT_EQ(again.value().ticket, id_of(7));
    EXPECT_EQ(journal_->seen.back()->updates->expected_version, 0) << "it can change nothing";
    EXPECT_EQ(journal_->seen.back()->idempotency->key, "key");
  }
  journal_->decide = [](const auto& what) { // the key is new
    return domain::result{verdict_of(verdict::kind::conflict, *what)};
  };
  EXPECT_TRUE(repeat(stale).failed_with(errc::conflict));
  EXPECT_TRUE(repeat(forbidden).failed_with(errc::invalid_input));
  journal_->decide = [](const auto&) { return domain::result{failed(errc::unavailable)}; };
  EXPECT_TRUE(repeat(stale).failed_with(errc::unavailable)) << "nobody knows whether it was done";
}

TEST_F(ticket, ends_after_what_came_before) {
  const auto added = follow("d1");
  caf::anon_send(ticket_, passivate{});
  run();
  EXPECT_FALSE(added.arrived());
  answer(committed(*journal_->seen[0]));
  EXPECT_TRUE(added.succeeded());
  EXPECT_TRUE(follow("d2").failed_with(errc::unavailable)) << "it has ended";
}

} // namespace
} // namespace hub::actors
