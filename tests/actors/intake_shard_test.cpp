#include "actors/intake/intake_shard.hpp"

#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hub::actors {
namespace {

using domain::delivery_outcome;
using domain::errc;
using domain::verdict;
using testing::committed;
using testing::failed;
using testing::id_of;
using testing::journal_script;
using testing::other_content;
using testing::pending;
using testing::region_script;
using testing::said;
using testing::verdict_of;

class intake_shard : public testing::actor_fixture {
protected:
  intake_shard() {
    fake_journal_ = spawn(testing::fake_journal, journal_);
    const auto region = spawn(testing::fake_region, region_);
    auto where = std::make_shared<directory>();
    where->regions.fill(region);
    auto around = testing::around_of(fake_journal_, core_reader_actor{});
    around.now = [this, clock = around.now] {
      if (std::exchange(stumbles_, false))
        throw std::runtime_error("what no test of the normalisers found");
      return clock();
    };
    shard_ = spawn(intake_shard_behavior,
                   std::make_shared<const surroundings>(std::move(around)),
                   std::shared_ptr<const directory>{where});
    run();
  }
  ~intake_shard() override { shard_ = nullptr; }

  pending<taken_in> take(std::shared_ptr<const domain::intake_item> item) {
    return ask<taken_in>(shard_, take_in{std::move(item)});
  }

  void commit_everything() {
    journal_->decide = [](const auto& what) { return domain::result{committed(*what)}; };
  }

  /// Every report belongs to a known thread, whose ticket answers `with`.
  void know_every_thread(domain::result<taken_in> with) {
    journal_->decide = [](const auto& what) {
      auto known = verdict_of(verdict::kind::known_thread, *what);
      known.ticket_id = id_of(7);
      return domain::result{known};
    };
    region_->decide = [with](const auto&) { return with; };
  }

  void answer(const verdict& with) {
    journal_->answer(with);
    run();
  }

  [[nodiscard]] std::vector<std::string> offered() const {
    std::vector<std::string> deliveries;
    for (const auto& change : journal_->seen)
      deliveries.push_back(change->delivery->external_id);
    return deliveries;
  }

  bool stumbles_ = false; // the next decision throws
  std::shared_ptr<journal_script> journal_ = std::make_shared<journal_script>();
  std::shared_ptr<region_script> region_ = std::make_shared<region_script>();
  journal_actor fake_journal_;
  intake_actor shard_;
};

TEST_F(intake_shard, answers_a_report_only_once_it_is_durable) {
  const auto answer_to = take(said("d1"));
  ASSERT_EQ(journal_->seen.size(), 1U);
  EXPECT_FALSE(answer_to.arrived());
  answer(committed(*journal_->seen[0]));
  ASSERT_TRUE(answer_to.succeeded());
  EXPECT_EQ(answer_to.value().outcome, delivery_outcome::created);
  EXPECT_EQ(answer_to.value().ticket, journal_->seen[0]->opens->id);
  EXPECT_EQ(answer_to.value().delivery, journal_->seen[0]->delivery->id);
  EXPECT_FALSE(answer_to.value().duplicate);
}

TEST_F(intake_shard, keeps_the_order_of_a_conversation) {
  const std::vector answers{take(said("d1")), take(said("d2")), take(said("d3"))};
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1"));
  answer(committed(*journal_->seen.back()));
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d2"));
  EXPECT_TRUE(answers[0].succeeded());
  EXPECT_FALSE(answers[1].arrived());
  answer(committed(*journal_->seen.back()));
  answer(committed(*journal_->seen.back()));
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d2", "d3"));
  EXPECT_TRUE(answers[2].succeeded());
}

TEST_F(intake_shard, runs_conversations_side_by_side) {
  take(said("d1", "one"));
  take(said("d2", "two"));
  take(other_content("d3", domain::not_feedback{"ping"}));
  take(other_content("d4", domain::not_feedback{"ping"}));
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d2", "d3", "d4"));
}

TEST_F(intake_shard, passes_a_report_of_a_known_thread_to_its_ticket) {
  know_every_thread(
    taken_in{.outcome = delivery_outcome::attached, .ticket = id_of(7), .delivery = id_of(8)});
  const auto answer_to = take(said("d1"));
  ASSERT_EQ(region_->seen.size(), 1U);
  EXPECT_EQ(region_->seen[0].ticket, id_of(7));
  EXPECT_EQ(region_->seen[0].item->delivery_id, "d1");
  ASSERT_TRUE(answer_to.succeeded());
  EXPECT_EQ(answer_to.value().outcome, delivery_outcome::attached);
  EXPECT_EQ(answer_to.value().ticket, id_of(7));
}

TEST_F(intake_shard, holds_the_conversation_until_its_ticket_has_answered) {
  know_every_thread(taken_in{.outcome = delivery_outcome::attached});
  region_->decide = nullptr;
  take(said("d1"));
  const auto second = take(said("d2"));
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1"));
  region_->answer(taken_in{.outcome = delivery_outcome::attached});
  run();
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d2"));
  EXPECT_FALSE(second.arrived());
}

TEST_F(intake_shard, decides_again_a_bounded_number_of_times) {
  for (const auto code : {errc::conflict, errc::not_found}) {
    journal_->seen.clear();
    region_->seen.clear();
    know_every_thread(domain::fail(code, "moved"));
    const auto answer_to = take(said("d1"));
    EXPECT_TRUE(answer_to.failed_with(code)) << to_string(code);
    EXPECT_EQ(journal_->seen.size(), 4U);
    EXPECT_EQ(region_->seen.size(), 4U);
  }
}

TEST_F(intake_shard, succeeds_when_deciding_again_helps) {
  know_every_thread(taken_in{.outcome = delivery_outcome::attached});
  region_->decide = [this](const auto&) -> std::optional<domain::result<taken_in>> {
    if (region_->seen.size() < 3)
      return domain::fail(errc::not_found, "not yet");
    return taken_in{.outcome = delivery_outcome::attached};
  };
  EXPECT_TRUE(take(said("d1")).succeeded());
}

TEST_F(intake_shard, does_not_repeat_what_repeating_cannot_help) {
  for (const auto code : {errc::unavailable, errc::unknown_outcome, errc::invalid_input}) {
    journal_->seen.clear();
    know_every_thread(domain::fail(code, "no"));
    EXPECT_TRUE(take(said("d1")).failed_with(code)) << to_string(code);
    EXPECT_EQ(journal_->seen.size(), 1U);
  }
}

TEST_F(intake_shard, acknowledges_nothing_that_failed_and_goes_on) {
  const auto first = take(said("d1"));
  const auto second = take(said("d2"));
  answer(failed(errc::unavailable));
  EXPECT_TRUE(first.failed_with(errc::unavailable));
  answer(committed(*journal_->seen.back()));
  EXPECT_TRUE(second.succeeded());
}

TEST_F(intake_shard, outlives_a_delivery_it_cannot_decide_on) {
  const auto first = take(said("d1"));
  const auto second = take(said("d2"));
  stumbles_ = true;
  answer(committed(*journal_->seen.back()));
  EXPECT_TRUE(first.succeeded());
  EXPECT_TRUE(second.failed_with(errc::internal));
  commit_everything();
  EXPECT_TRUE(take(said("d3")).succeeded());
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d3"));
}

TEST_F(intake_shard, answers_unknown_when_the_journal_is_silent_and_goes_on) {
  const auto first = take(said("d1"));
  const auto second = take(said("d2"));
  advance(save_within + std::chrono::seconds{1});
  EXPECT_TRUE(first.failed_with(errc::unknown_outcome));
  EXPECT_THAT(offered(), ::testing::ElementsAre("d1", "d2"));
  journal_->answer(committed(*journal_->seen.front())); // too late: nobody listens
  run();
  EXPECT_FALSE(second.arrived());
  answer(committed(*journal_->seen.back()));
  EXPECT_TRUE(second.succeeded());
}

TEST_F(intake_shard, answers_unavailable_when_the_journal_is_gone) {
  end(caf::actor_cast<caf::actor>(fake_journal_), caf::exit_reason::kill);
  EXPECT_TRUE(take(said("d1")).failed_with(errc::unavailable));
}

TEST_F(intake_shard, bounds_what_waits_and_takes_again_once_there_is_room) {
  for (std::size_t i = 0; i < intake_shard_limit; ++i)
    post<taken_in>(shard_, take_in{said("d" + std::to_string(i), std::to_string(i % 10))});
  run();
  EXPECT_TRUE(take(said("one too many")).failed_with(errc::unavailable));
  EXPECT_EQ(journal_->seen.size(), 10U);
  answer(committed(*journal_->seen.front()));
  EXPECT_FALSE(take(said("room again")).arrived());
  commit_everything();
  while (!journal_->held.empty())
    answer(committed(*journal_->seen.front()));
  EXPECT_EQ(journal_->seen.size(), intake_shard_limit + 1);
  EXPECT_TRUE(take(said("later")).succeeded());
}

TEST_F(intake_shard, records_what_is_no_report) {
  commit_everything();
  const auto other = take(other_content("d1", domain::not_feedback{"bot_message"}));
  ASSERT_TRUE(other.succeeded());
  EXPECT_EQ(other.value().outcome, delivery_outcome::not_feedback);
  EXPECT_TRUE(other.value().ticket.is_nil());
  const auto unread = take(other_content("d2", domain::not_understood{"not JSON"}));
  ASSERT_TRUE(unread.succeeded());
  EXPECT_EQ(unread.value().outcome, delivery_outcome::quarantined);
  EXPECT_EQ(journal_->seen[1]->delivery->error, "not JSON");
}

TEST_F(intake_shard, tells_duplicates_by_what_the_first_one_became) {
  journal_->decide = [](const auto& what) {
    auto known = verdict_of(verdict::kind::duplicate, *what);
    known.ticket_id = id_of(7);
    known.first_outcome = delivery_outcome::attached;
    return domain::result{known};
  };
  const auto answer_to = take(said("d1"));
  ASSERT_TRUE(answer_to.succeeded());
  EXPECT_TRUE(answer_to.value().duplicate);
  EXPECT_EQ(answer_to.value().ticket, id_of(7));
  EXPECT_EQ(answer_to.value().outcome, delivery_outcome::attached);
}

TEST_F(intake_shard, gives_no_ticket_for_what_the_database_refused) {
  journal_->decide = [](const auto& what) {
    return domain::result{verdict_of(verdict::kind::quarantined, *what)};
  };
  const auto answer_to = take(said("d1"));
  ASSERT_TRUE(answer_to.succeeded());
  EXPECT_EQ(answer_to.value().outcome, delivery_outcome::quarantined);
  EXPECT_TRUE(answer_to.value().ticket.is_nil());
}

} // namespace
} // namespace hub::actors
