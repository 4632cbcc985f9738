#include "actors/region/region.hpp"

#include "tests/actors/fakes.hpp"
#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace hub::actors {
namespace {

using domain::errc;
using domain::ticket_patch;
using std::chrono::seconds;
using testing::committed;
using testing::core_of;
using testing::id_of;
using testing::journal_script;
using testing::pending;
using testing::reader_script;
using testing::said;

class region : public testing::actor_fixture {
protected:
  region() {
    fake_journal_ = spawn(testing::fake_journal, journal_);
    fake_reader_ = spawn(testing::fake_reader, reader_);
    commit_everything();
    reader_->decide = [](const auto& wanted) -> std::optional<domain::result<domain::ticket_core>> {
      if (wanted.workspace != testing::test_workspace || wanted.ticket > id_of(100))
        return domain::fail(errc::not_found, "there is no ticket with this id");
      return core_of(wanted.ticket.bytes[15]);
    };
    auto around = testing::around_of(fake_journal_, fake_reader_);
    around.now = [this] {
      if (std::exchange(crash_next_, false))
        throw std::runtime_error("a bug in the ticket");
      return domain::time_point{};
    };
    region_ =
      spawn(region_behavior,
            region_options{.idle = seconds{5}, .sweep_every = seconds{1}, .parked_limit = 20},
            std::make_shared<const surroundings>(std::move(around)));
    run();
  }
  ~region() override {
    // The sweep would go on for ever: the region ends first.
    end(caf::actor_cast<caf::actor>(region_));
    region_ = nullptr;
  }

  pending<taken_in> follow(unsigned ticket, const std::string& delivery) {
    auto answer = post<taken_in>(region_, follow_up{id_of(ticket), said(delivery)});
    run();
    return answer;
  }

  pending<ticket_edited> edit(const domain::uuid& workspace, unsigned ticket) {
    ticket_patch patch;
    patch.urgency = 0;
    return ask<ticket_edited>(
      region_, edit_ticket{workspace, id_of(ticket), std::make_shared<const ticket_patch>(patch)});
  }

  void commit_everything() {
    journal_->decide = [](const auto& what) { return domain::result{committed(*what)}; };
  }

  void answer_reader(const domain::result<domain::ticket_core>& with) {
    reader_->answer(with);
    run();
  }

  [[nodiscard]] std::vector<std::string> committed_deliveries() const {
    std::vector<std::string> deliveries;
    for (const auto& change : journal_->seen)
      deliveries.push_back(change->delivery ? change->delivery->external_id : "edit");
    return deliveries;
  }

  std::shared_ptr<journal_script> journal_ = std::make_shared<journal_script>();
  std::shared_ptr<reader_script> reader_ = std::make_shared<reader_script>();
  journal_actor fake_journal_;
  core_reader_actor fake_reader_;
  region_actor region_;
  bool crash_next_ = false;
};

TEST_F(region, activates_a_ticket_once_however_many_speak_to_it) {
  reader_->decide = nullptr;
  std::vector<pending<taken_in>> answers;
  for (const auto* delivery : {"d1", "d2", "d3", "d4"})
    answers.push_back(follow(7, delivery));
  EXPECT_EQ(reader_->seen.size(), 1U);
  EXPECT_THAT(journal_->seen, ::testing::IsEmpty());
  answer_reader(core_of(7));
  EXPECT_THAT(committed_deliveries(), ::testing::ElementsAre("d1", "d2", "d3", "d4"));
  for (const auto& each : answers)
    EXPECT_TRUE(each.succeeded());
  EXPECT_TRUE(follow(7, "d5").succeeded());
  EXPECT_EQ(reader_->seen.size(), 1U);
}

TEST_F(region, delivers_reports_and_patches_in_the_order_they_came) {
  reader_->decide = nullptr;
  follow(7, "d1");
  const auto edited = edit(testing::test_workspace, 7);
  follow(7, "d2");
  answer_reader(core_of(7));
  EXPECT_THAT(committed_deliveries(), ::testing::ElementsAre("d1", "edit", "d2"));
  ASSERT_TRUE(edited.succeeded());
  EXPECT_EQ(edited.value().version, 3);
}

TEST_F(region, keeps_tickets_apart) {
  reader_->decide = nullptr;
  const auto slow = follow(7, "d1");
  const auto other = follow(8, "d2");
  EXPECT_EQ(reader_->seen.size(), 2U);
  answer_reader(core_of(7));
  EXPECT_TRUE(slow.succeeded());
  EXPECT_FALSE(other.arrived());
}

TEST_F(region, answers_not_found_for_a_ticket_nobody_knows_and_forgets_it) {
  EXPECT_TRUE(follow(200, "d1").failed_with(errc::not_found));
  EXPECT_TRUE(follow(200, "d2").failed_with(errc::not_found));
  EXPECT_EQ(reader_->seen.size(), 2U) << "it may have come into being meanwhile";
}

TEST_F(region, says_nothing_of_a_ticket_to_another_workspace) {
  EXPECT_TRUE(edit(id_of(9), 7).failed_with(errc::not_found)) << "before it is resident";
  ASSERT_TRUE(follow(7, "d1").succeeded());
  EXPECT_TRUE(edit(id_of(9), 7).failed_with(errc::not_found)) << "while it is";
  EXPECT_TRUE(edit(testing::test_workspace, 7).succeeded());
}

TEST_F(region, lets_no_stranger_stand_in_the_way_of_a_ticket_that_loads) {
  auto decide = std::exchange(reader_->decide, nullptr);
  const auto stranger = edit(id_of(9), 7);
  const auto owner = edit(testing::test_workspace, 7);
  while (!reader_->held.empty())
    answer_reader(*decide(reader_->seen.at(reader_->seen.size() - reader_->held.size())));
  EXPECT_TRUE(stranger.failed_with(errc::not_found));
  EXPECT_TRUE(owner.succeeded());
}

TEST_F(region, lets_a_ticket_go_when_nobody_speaks_to_it) {
  auto& tickets = metrics_registry::instance().kind("ticket");
  ASSERT_TRUE(follow(7, "d1").succeeded());
  const auto resident = tickets.spawned - tickets.ended;
  advance(seconds{4});
  ASSERT_TRUE(follow(7, "d2").succeeded()) << "which keeps it";
  advance(seconds{4});
  EXPECT_EQ(tickets.spawned - tickets.ended, resident);
  advance(seconds{4});
  EXPECT_EQ(tickets.spawned - tickets.ended, resident - 1);
  EXPECT_EQ(reader_->seen.size(), 1U);
  EXPECT_TRUE(follow(7, "d3").succeeded()) << "it comes back";
  EXPECT_EQ(reader_->seen.size(), 2U);
}

TEST_F(region, parks_what_comes_while_a_ticket_goes_and_delivers_it_in_order) {
  ASSERT_TRUE(follow(7, "d1").succeeded());
  journal_->decide = nullptr;
  const auto saving = follow(7, "d2"); // keeps the ticket busy beyond its time
  advance(seconds{7});
  const auto third = follow(7, "d3");
  const auto fourth = follow(7, "d4");
  EXPECT_EQ(reader_->seen.size(), 1U);
  EXPECT_THAT(committed_deliveries(), ::testing::ElementsAre("d1", "d2"));
  commit_everything();
  journal_->answer(committed(*journal_->seen.back()));
  run();
  EXPECT_TRUE(saving.succeeded());
  EXPECT_TRUE(third.succeeded());
  EXPECT_TRUE(fourth.succeeded());
  EXPECT_EQ(reader_->seen.size(), 2U);
  EXPECT_THAT(committed_deliveries(), ::testing::ElementsAre("d1", "d2", "d3", "d4"));
}

TEST_F(region, starts_a_ticket_again_that_crashed) {
  auto& tickets = metrics_registry::instance().kind("ticket");
  const auto restarts = tickets.restarts.load();
  const auto failures = tickets.failed.load();
  ASSERT_TRUE(follow(7, "d1").succeeded());
  crash_next_ = true;
  const auto in_hand = follow(7, "d2");
  EXPECT_FALSE(in_hand.succeeded()) << "its asker's time-out tells that the outcome is unknown";
  EXPECT_EQ(tickets.failed - failures, 1U);
  EXPECT_EQ(tickets.restarts - restarts, 1U);
  EXPECT_TRUE(follow(7, "d3").succeeded());
  EXPECT_EQ(reader_->seen.size(), 2U);
  EXPECT_THAT(committed_deliveries(), ::testing::ElementsAre("d1", "d3"));
}

TEST_F(region, bounds_what_waits_for_one_ticket) {
  reader_->decide = nullptr;
  std::vector<pending<taken_in>> answers;
  for (int i = 0; i < 20; ++i)
    answers.push_back(follow(7, "d" + std::to_string(i)));
  EXPECT_TRUE(follow(7, "one too many").failed_with(errc::unavailable));
  EXPECT_FALSE(follow(8, "of another").arrived());
  answer_reader(core_of(7));
  EXPECT_TRUE(std::ranges::all_of(answers, [](const auto& each) { return each.succeeded(); }));
}

TEST_F(region, answers_unavailable_when_a_ticket_cannot_be_read_and_tries_again_later) {
  auto decide = std::exchange(reader_->decide, nullptr);
  const auto silent = follow(7, "d1");
  advance(load_within + seconds{1});
  EXPECT_TRUE(silent.failed_with(errc::unavailable)) << "a read changes nothing";
  reader_->decide = [](const auto&) -> std::optional<domain::result<domain::ticket_core>> {
    return domain::fail(errc::unavailable, "no database");
  };
  EXPECT_TRUE(follow(7, "d2").failed_with(errc::unavailable));
  reader_->decide = decide;
  EXPECT_TRUE(follow(7, "d3").succeeded());
}

// ---- under load, on the real scheduler

/// Tickets and their messages in memory, as the database would have them.
struct world {
  std::mutex mutex;
  std::map<domain::uuid, std::int64_t> versions;
  std::map<std::string, int> messages; // how often each was taken

  domain::verdict commit(const domain::change& what) {
    const std::lock_guard lock{mutex};
    auto& version = versions[what.updates->id];
    if (what.updates->expected_version != version) {
      auto lost = testing::verdict_of(domain::verdict::kind::conflict, what);
      lost.version = version;
      return lost;
    }
    ++version;
    ++messages[what.message->external_id];
    return committed(what);
  }
};

journal_actor::behavior_type world_journal(journal_actor::pointer, std::shared_ptr<world> all) {
  return {
    [all](const commit_change& command) { return all->commit(*command.what); },
    [](const tell_of_jobs&) {},
    [](const writer_ready&) {},
    [](const batch_written&) {},
    [](const writer_away&) {},
  };
}

core_reader_actor::behavior_type world_reader(core_reader_actor::pointer,
                                              std::shared_ptr<world> all) {
  return {
    [all](const read_core& wanted) {
      const std::lock_guard lock{all->mutex};
      auto core = core_of(wanted.ticket.bytes[15], all->versions.at(wanted.ticket));
      core.id = wanted.ticket;
      return core;
    },
    [](const core_read&) {},
  };
}

struct load_state {
  load_state() = default; // never an aggregate: docs/decisions/0003
  static inline const char* name = "load";
  int sent = 0;
  int answered = 0;
  int failed = 0;
};

/// Keeps `outstanding` messages on their way until all are sent, and sweeps as it goes.
caf::behavior load(caf::stateful_actor<load_state>* self,
                   region_actor region,
                   int first,
                   int count,
                   int outstanding,
                   caf::actor report_to) {
  const auto send = std::make_shared<std::function<void()>>();
  const auto done = [=](bool failed) {
    auto& state = self->state;
    state.failed += failed ? 1 : 0;
    if (++state.answered == count) {
      self->send(report_to, state.failed);
      *send = nullptr; // breaks the cycle
      self->quit();
    } else if (state.sent < count) {
      (*send)();
    }
  };
  *send = [=] {
    const auto number = first + self->state.sent++;
    const auto ticket = id_of(static_cast<unsigned>(number * 7919) % 64);
    self->request(region, seconds{60}, follow_up{ticket, said(std::to_string(number))})
      .then([done](const taken_in&) { done(false); }, [done](const caf::error&) { done(true); });
    if (number % 20 == 0)
      self->send(region, sweep{});
  };
  for (int i = 0; i < outstanding; ++i)
    (*send)();
  return {[](int) {}};
}

TEST(region_under_load, loses_and_doubles_nothing_through_thousands_of_passivations) {
  constexpr int loads = 4;
  constexpr int each = 10'000;
  auto& tickets = metrics_registry::instance().kind("ticket");
  const auto ended = tickets.ended.load();
  const auto all = std::make_shared<world>();
  for (unsigned i = 0; i < 64; ++i)
    all->versions[id_of(i)] = 1;
  {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", 2);
    config.set("scheduler.max-throughput", 50);
    caf::actor_system system{config};
    caf::scoped_actor self{system};
    const auto journal = system.spawn(world_journal, all);
    const auto reader = system.spawn(world_reader, all);
    // Idle at once: every sweep lets go of every ticket.
    const auto region =
      system.spawn(region_behavior,
                   region_options{.idle = seconds{0}, .sweep_every = std::chrono::hours{1}},
                   std::make_shared<const surroundings>(testing::around_of(journal, reader)));
    for (int i = 0; i < loads; ++i)
      self->spawn(load, region, i * each, each, 200, caf::actor_cast<caf::actor>(self));
    int failures = 0;
    for (int i = 0; i < loads; ++i) {
      bool late = false;
      self->receive([&](int failed) { failures += failed; },
                    caf::after(seconds{100}) >> [&] { late = true; });
      ASSERT_FALSE(late);
    }
    EXPECT_EQ(failures, 0);
    for (const auto& actor : {caf::actor_cast<caf::actor>(region),
                              caf::actor_cast<caf::actor>(reader),
                              caf::actor_cast<caf::actor>(journal)}) {
      self->send_exit(actor, caf::exit_reason::user_shutdown);
      self->wait_for(actor);
    }
  }
  EXPECT_GE(tickets.ended - ended, 4000U) << "too few passivations to mean anything";
  EXPECT_EQ(tickets.spawned, tickets.ended);
  EXPECT_EQ(tickets.waiting, 0);
  EXPECT_EQ(all->messages.size(), static_cast<std::size_t>(loads * each));
  for (const auto& [message, times] : all->messages)
    ASSERT_EQ(times, 1) << message;
}

} // namespace
} // namespace hub::actors
