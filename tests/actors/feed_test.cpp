#include "actors/feed/feed.hpp"

#include "tests/support/actor_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

domain::uuid numbered(std::uint8_t number) {
  domain::uuid id;
  id.bytes.back() = number;
  return id;
}

const auto north = numbered(1);
const auto south = numbered(2);

/// A database in which a test commits events when it wants to. Every transaction writes one event;
/// it gets its own number just before the event's, and looks that want one take one, too.
class staged_events final : public storage::event_reads {
public:
  /// Takes a number and commits nothing yet.
  std::int64_t begin() {
    running_[++last_] = ++transactions_;
    return last_;
  }
  void commit(std::int64_t number, const domain::uuid& workspace) {
    end(number);
    storage::ticket_event event;
    event.workspace = workspace;
    event.what.seq = number;
    committed_[number] = event;
  }
  /// An older state of it.
  void restore() {
    committed_.clear();
    last_ = 2;
  }
  void roll_back(std::int64_t number) { end(number); }
  std::int64_t happen(const domain::uuid& workspace) {
    const auto number = begin();
    commit(number, workspace);
    return number;
  }

  void list_events(storage::event_query query,
                   storage::callback<storage::event_page> done) override {
    ++reads;
    if (hold) {
      held_ = [this, query = std::move(query), done = std::move(done)]() mutable {
        list_events(std::move(query), std::move(done));
      };
      return;
    }
    if (away)
      return done(domain::fail(domain::errc::unavailable, "away"));
    storage::event_page page;
    for (auto it = committed_.upper_bound(query.after); it != committed_.end(); ++it) {
      if (std::ranges::find(query.workspaces, it->second.workspace) == query.workspaces.end())
        continue;
      if (page.events.size() == static_cast<std::size_t>(std::min(query.limit, page_limit))) {
        page.more = true;
        break;
      }
      page.events.push_back(it->second);
    }
    page.last_number = last_;
    // As PostgreSQL's snapshots: those who run beyond the last that has ended are not told.
    page.oldest_running = last_ended_ + 1;
    for (const auto& [number, transaction] : running_)
      page.oldest_running = std::min(page.oldest_running, transaction);
    if (query.takes_number)
      page.own_number = last_ended_ = ++transactions_;
    done(std::move(page));
  }

  /// Answers what is held.
  void release() { std::exchange(held_, nullptr)(); }

  int reads = 0;
  bool hold = false;
  bool away = false;
  int page_limit = 1000;

private:
  void end(std::int64_t number) {
    last_ended_ = std::max(last_ended_, running_.at(number));
    running_.erase(number);
  }

  std::function<void()> held_;
  std::int64_t last_ = 0;
  std::int64_t transactions_ = 100;
  std::int64_t last_ended_ = 100;
  std::map<std::int64_t, std::int64_t> running_; // transactions by their event's number
  std::map<std::int64_t, storage::ticket_event> committed_;
};

class feed : public testing::actor_fixture {
protected:
  feed() : feed_{spawn(feed_behavior, &events_)} {}
  ~feed() override { feed_ = nullptr; }

  struct heard {
    std::vector<std::int64_t> numbers;
    std::int64_t settled = 0;
    bool is_over = false;
  };

  static events_watcher_actor::behavior_type listening(events_watcher_actor::pointer self,
                                                       std::shared_ptr<heard> into) {
    self->set_error_handler([](caf::error&) {});
    return {[into](const events_happened& happened) {
      for (const auto& event : *happened.events)
        into->numbers.push_back(event.what.seq);
      into->settled = std::max(into->settled, happened.settled);
      into->is_over = happened.is_over;
    }};
  }

  struct listener {
    std::shared_ptr<heard> what = std::make_shared<heard>();
    events_watcher_actor who;
    testing::pending<feed_position> began;
  };

  listener listen_to(const domain::uuid& workspace) {
    listener made;
    made.who = spawn(listening, made.what);
    made.began = post<feed_position>(feed_, watch_events{workspace, made.who});
    return made;
  }

  void pass_time() {
    for (int i = 0; i < 40; ++i)
      advance(50ms, 10ms);
  }

  staged_events events_;
  feed_actor feed_;
};

TEST_F(feed, tells_each_workspace_what_happens_to_its_tickets) {
  events_.happen(north);
  const auto one = listen_to(north);
  const auto other = listen_to(south);
  pass_time();
  ASSERT_TRUE(one.began.succeeded());
  EXPECT_EQ(one.began.value().settled, 1);
  const auto first = events_.happen(north);
  const auto second = events_.happen(south);
  pass_time();
  EXPECT_THAT(one.what->numbers, ElementsAre(first));
  EXPECT_THAT(other.what->numbers, ElementsAre(second));
}

TEST_F(feed, misses_no_event_that_is_committed_after_a_later_one) {
  const auto one = listen_to(north);
  pass_time();
  const auto slow = events_.begin();
  const auto quick = events_.happen(north);
  pass_time();
  EXPECT_THAT(one.what->numbers, ElementsAre(quick)) << "nobody waits for the slow one";
  EXPECT_LT(one.what->settled, slow) << "whoever resumes there would miss the slow one";
  events_.commit(slow, north);
  pass_time();
  EXPECT_THAT(one.what->numbers, ElementsAre(quick, slow));
  const auto last = events_.happen(north);
  pass_time();
  EXPECT_THAT(one.what->numbers, ElementsAre(quick, slow, last)) << "each once";
  EXPECT_GE(one.what->settled, quick);
}

TEST_F(feed, begins_where_nothing_lower_can_come) {
  const auto slow = events_.begin();
  events_.happen(north);
  const auto one = listen_to(north);
  advance(1s, 10ms);
  EXPECT_FALSE(one.began.arrived()) << "the slow one is lower";
  events_.commit(slow, north);
  pass_time();
  ASSERT_TRUE(one.began.succeeded());
  EXPECT_EQ(one.began.value().settled, 2) << "both can be read";
}

TEST_F(feed, tells_whoever_joins_what_is_not_settled) {
  const auto one = listen_to(north);
  pass_time();
  const auto slow = events_.begin();
  const auto quick = events_.happen(north);
  pass_time();
  const auto late = listen_to(north);
  pass_time();
  ASSERT_TRUE(late.began.succeeded());
  EXPECT_LT(late.began.value().settled, slow);
  EXPECT_EQ(late.began.value().last_number, quick);
  EXPECT_THAT(late.what->numbers, ElementsAre(quick));
  EXPECT_THAT(one.what->numbers, ElementsAre(quick)) << "nobody hears it again for that";
}

TEST_F(feed, does_not_wait_for_ever_for_a_transaction) {
  events_.begin();
  events_.happen(north);
  const auto one = listen_to(north);
  advance(70s, 100ms);
  EXPECT_TRUE(one.began.succeeded());
  const auto next = events_.happen(north);
  for (int i = 0; i < 70; ++i)
    advance(1s, 10ms);
  EXPECT_THAT(one.what->numbers, ElementsAre(next));
  EXPECT_GE(one.what->settled, 2);
}

TEST_F(feed, reads_page_by_page_and_skips_none) {
  events_.page_limit = 3;
  const auto one = listen_to(north);
  pass_time();
  std::vector<std::int64_t> all;
  const auto slow = events_.begin();
  for (int i = 0; i < 20; ++i)
    all.push_back(events_.happen(north));
  pass_time();
  events_.commit(slow, north);
  all.push_back(slow);
  pass_time();
  EXPECT_THAT(one.what->numbers, ::testing::UnorderedElementsAreArray(all));
}

TEST_F(feed, loses_nothing_of_a_traffic_that_never_ends) {
  const auto one = listen_to(north);
  pass_time();
  std::vector<std::int64_t> all;
  std::vector<std::int64_t> running;
  for (int step = 0; step < 4'000; ++step) { // for minutes, each transaction longer than a look
    running.push_back(events_.begin());
    if (running.size() > 12) {
      events_.commit(running.front(), north);
      all.push_back(running.front());
      running.erase(running.begin());
    }
    advance(50ms, 10ms);
  }
  pass_time();
  EXPECT_EQ(one.what->numbers, all) << "each once, as they were committed";
  EXPECT_GE(one.what->settled, all.back() - 200) << "it goes on settling";
}

TEST_F(feed, tells_at_once_what_lies_behind_many_that_are_not_settled) {
  events_.page_limit = 3;
  const auto one = listen_to(north);
  pass_time();
  events_.begin(); // and never ends
  std::vector<std::int64_t> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(events_.happen(north));
  pass_time();
  EXPECT_EQ(one.what->numbers, all);
  const auto late = listen_to(north);
  pass_time();
  EXPECT_EQ(late.what->numbers, all);
  EXPECT_EQ(one.what->numbers, all) << "nobody hears them again for that";
}

TEST_F(feed, lets_join_who_came_in_the_middle_of_a_look_that_nobody_waits_for) {
  events_.page_limit = 1;
  auto one = listen_to(north);
  pass_time();
  for (int i = 0; i < 3; ++i)
    events_.happen(north);
  events_.hold = true; // the first page of the look is under way
  pass_time();
  end(caf::actor_cast<caf::actor>(one.who), caf::exit_reason::user_shutdown);
  const auto next = listen_to(north);
  run(); // it asks while the page is being read
  events_.hold = false;
  events_.release();
  pass_time();
  EXPECT_TRUE(next.began.succeeded());
}

TEST_F(feed, tells_how_far_it_is_to_those_for_whom_nothing_happens) {
  const auto quiet = listen_to(south);
  for (int i = 0; i < 20; ++i) {
    events_.happen(north);
    advance(1s, 20ms);
  }
  EXPECT_GE(quiet.what->settled, 10);
  EXPECT_THAT(quiet.what->numbers, IsEmpty());
}

TEST_F(feed, ends_when_the_database_counts_from_elsewhere) {
  for (int i = 0; i < 10; ++i)
    events_.happen(north);
  const auto one = listen_to(north);
  pass_time();
  events_.restore();
  pass_time();
  EXPECT_TRUE(one.what->is_over);
  const auto again = listen_to(north);
  pass_time();
  ASSERT_TRUE(again.began.succeeded());
  const auto next = events_.happen(north);
  pass_time();
  EXPECT_THAT(again.what->numbers, ElementsAre(next));
}

TEST_F(feed, reads_nothing_while_nobody_watches) {
  pass_time();
  EXPECT_EQ(events_.reads, 0);
  {
    auto one = listen_to(north);
    pass_time();
    EXPECT_GT(events_.reads, 0);
    end(caf::actor_cast<caf::actor>(one.who), caf::exit_reason::user_shutdown);
    one.who = nullptr;
  }
  pass_time();
  const auto then = events_.reads;
  pass_time();
  EXPECT_EQ(events_.reads, then);
}

TEST_F(feed, looks_as_often_for_many_watchers_as_for_one) {
  std::vector<listener> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(listen_to(north));
    advance(50ms);
  }
  pass_time();
  const auto before = events_.reads;
  for (int i = 0; i < 40; ++i)
    advance(250ms, 10ms);
  EXPECT_LE(events_.reads - before, 45);
}

TEST_F(feed, refuses_while_the_database_is_away_and_goes_on_afterwards) {
  const auto one = listen_to(north);
  pass_time();
  events_.away = true;
  advance(1s, 10ms);
  const auto refused = listen_to(north);
  advance(2s, 10ms);
  EXPECT_TRUE(refused.began.failed_with(domain::errc::unavailable));
  events_.away = false;
  const auto missed = events_.happen(north);
  for (int i = 0; i < 10; ++i)
    advance(1s, 10ms);
  EXPECT_THAT(one.what->numbers, ElementsAre(missed));
  EXPECT_THAT(refused.what->numbers, IsEmpty());
}

TEST_F(feed, settles_in_any_order_of_commits) {
  std::mt19937_64 random{20261121};
  for (int round = 0; round < 200; ++round) {
    staged_events events;
    const auto all = std::make_shared<heard>();
    auto source = spawn(feed_behavior, &events);
    const auto who = spawn(listening, all);
    events.page_limit = 1 + static_cast<int>(random() % 8);
    const auto began = post<feed_position>(source, watch_events{north, who});
    std::vector<std::int64_t> running;
    std::vector<std::int64_t> expected;
    for (int step = 0; step < 60; ++step) {
      const auto dice = random() % 4;
      if (dice == 0 || running.empty()) {
        running.push_back(events.begin());
      } else if (dice == 3) {
        advance(std::chrono::milliseconds{random() % 400}, 10ms);
      } else {
        const auto at = running.begin() + static_cast<std::ptrdiff_t>(random() % running.size());
        if (dice == 1) {
          events.commit(*at, north);
          expected.push_back(*at);
        } else {
          events.roll_back(*at);
        }
        running.erase(at);
      }
    }
    for (const auto number : running)
      events.roll_back(number);
    for (int i = 0; i < 4; ++i) // a page may hold one event
      pass_time();
    ASSERT_TRUE(began.succeeded());
    const auto from = began.value().settled;
    std::erase_if(expected, [&](auto number) { return number <= from; });
    std::ranges::sort(expected);
    auto got = all->numbers;
    std::ranges::sort(got);
    std::erase_if(got, [&](auto number) { return number <= from; });
    EXPECT_EQ(got, expected) << "round " << round;
    end(caf::actor_cast<caf::actor>(source), caf::exit_reason::user_shutdown);
  }
}

} // namespace
} // namespace hub::actors
