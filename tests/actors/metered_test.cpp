#include "actors/metered.hpp"

#include "actors/actor_metrics.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/all.hpp>
#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <string>

namespace hub::actors {
namespace {

using go = caf::atom_constant<caf::atom("go")>;
using hold = caf::atom_constant<caf::atom("hold")>;

/// For functions without arguments CAF makes a reference to null, which UBSan refuses.
struct nothing {};

/// One kind a test: kinds are counted for the life of the process.
template <int Test>
struct counted_state {
  counted_state() = default; // never an aggregate: docs/decisions/0003
  static inline const std::string kind = "counted " + std::to_string(Test);
  static inline const char* name = kind.c_str();
  caf::response_promise held;
};

template <int Test>
using counted = caf::stateful_actor<counted_state<Test>, metered<>>;

template <int Test>
kind_metrics& figures() {
  return metrics_registry::instance().kind(counted_state<Test>::kind);
}

class metered_actor : public testing::actor_fixture {};

TEST_F(metered_actor, counts_what_it_is_sent_and_what_it_handles) {
  const auto actor =
    spawn([](counted<1>*, nothing) -> caf::behavior { return {[](go) {}}; }, nothing{});
  run();
  for (int i = 0; i < 100; ++i)
    caf::anon_send(actor, go::value);
  EXPECT_EQ(figures<1>().waiting, 100);
  run();
  EXPECT_EQ(figures<1>().waiting, 0);
  EXPECT_EQ(figures<1>().waiting_max, 100);
  EXPECT_EQ(figures<1>().handled, 100U);
  EXPECT_EQ(figures<1>().handling.read().count, 100U);
  EXPECT_EQ(figures<1>().spawned, 1U);
  EXPECT_EQ(figures<1>().ended, 0U);
  const auto busiest = figures<1>().busiest();
  ASSERT_EQ(busiest.size(), 1U);
  EXPECT_EQ(busiest[0].actor_id, actor.id());
}

TEST_F(metered_actor, counts_messages_that_wait_behind_an_awaited_answer_once) {
  const auto slow = spawn(
    [](caf::stateful_actor<counted_state<0>>* self, nothing) -> caf::behavior {
      return {[self](hold) -> caf::result<int> {
                self->state.held = self->make_response_promise();
                return caf::delegated<int>{};
              },
              [self](go) { self->state.held.deliver(7); }};
    },
    nothing{});
  int done = 0;
  const auto actor = spawn(
    [&](counted<2>* self, nothing) -> caf::behavior {
      return {[self, slow, &done](go) {
        self->request(slow, caf::infinite, hold::value)
          .await([&done](int) { ++done; }, [](caf::error&) {});
      }};
    },
    nothing{});
  run();
  constexpr int messages = 5;
  for (int i = 0; i < messages; ++i) {
    caf::anon_send(actor, go::value);
    run(); // each arrives while the first is awaited
  }
  EXPECT_EQ(figures<2>().waiting, messages - 1);
  for (int i = 0; i < messages; ++i) {
    caf::anon_send(slow, go::value);
    run();
  }
  EXPECT_EQ(done, messages);
  EXPECT_EQ(figures<2>().waiting, 0);
  EXPECT_EQ(figures<2>().handled, 2U * messages) << "each message, and each answer";
}

TEST_F(metered_actor, leaves_nothing_behind_when_it_ends) {
  const auto actor =
    spawn([](counted<3>*, nothing) -> caf::behavior { return {[](go) {}}; }, nothing{});
  run();
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  for (int i = 0; i < 10; ++i)
    caf::anon_send(actor, go::value);
  run();
  EXPECT_EQ(figures<3>().waiting, 0);
  EXPECT_EQ(figures<3>().ended, 1U);
  EXPECT_EQ(figures<3>().failed, 0U);
  caf::anon_send(actor, go::value);
  EXPECT_EQ(figures<3>().waiting, 0) << "nobody reads that any more";
}

TEST_F(metered_actor, counts_a_crash_as_a_failure) {
  const auto actor =
    spawn([](counted<4>*,
             nothing) -> caf::behavior { return {[](go) { throw std::runtime_error("a bug"); }}; },
          nothing{});
  run();
  caf::anon_send(actor, go::value);
  caf::anon_send(actor, go::value);
  run();
  EXPECT_EQ(figures<4>().failed, 1U);
  EXPECT_EQ(figures<4>().ended, 1U);
  EXPECT_EQ(figures<4>().waiting, 0);
}

TEST(metered_under_load, counts_right_when_many_threads_send) {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 2);
  caf::actor_system system{config};
  constexpr int senders = 4;
  constexpr int each = 20'000;
  {
    caf::scoped_actor self{system};
    const auto actor =
      system.spawn([](counted<5>*, nothing) -> caf::behavior { return {[](go) {}}; }, nothing{});
    std::vector<caf::actor> all;
    for (int i = 0; i < senders; ++i)
      all.push_back(self->spawn(
        [actor](caf::event_based_actor* sender, nothing) {
          for (int n = 0; n < each; ++n)
            sender->send(actor, go::value);
        },
        nothing{}));
    self->wait_for(all);
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actor);
  }
  EXPECT_EQ(figures<5>().waiting, 0);
  EXPECT_LE(figures<5>().handled, std::uint64_t{senders} * each + 1);
  EXPECT_EQ(figures<5>().ended, 1U);
}

TEST(time_histogram, finds_quantiles_by_their_bounds) {
  time_histogram times;
  EXPECT_EQ(times.read().quantile_ns(0.5), 0U);
  for (int i = 0; i < 98; ++i)
    times.add(900);
  times.add(40'000);
  times.add(60'000'000'000);
  const auto now = times.read();
  EXPECT_EQ(now.count, 100U);
  EXPECT_EQ(now.quantile_ns(0.5), 1'000U);
  EXPECT_EQ(now.quantile_ns(0.98), 50'000U);
  EXPECT_EQ(std::accumulate(now.buckets.begin(), now.buckets.end(), std::uint64_t{0}), 100U);
  EXPECT_EQ(now.buckets.back(), 1U);
}

TEST(kind_metrics, keeps_the_busiest_actors) {
  kind_metrics kind;
  for (std::uint64_t id = 1; id <= 50; ++id)
    kind.note(id, id * 64);
  kind.note(3, 1'000'000);
  const auto busiest = kind.busiest();
  ASSERT_EQ(busiest.size(), 10U);
  EXPECT_EQ(busiest[0].actor_id, 3U);
  EXPECT_EQ(busiest[1].actor_id, 50U);
}

} // namespace
} // namespace hub::actors
