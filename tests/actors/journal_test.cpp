#include "actors/journal/journal.hpp"

#include "actors/failure_bridge.hpp"
#include "tests/actors/fakes.hpp"

#include <caf/all.hpp>
#include <gmock/gmock.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace hub::actors {
namespace {

using domain::errc;
using domain::verdict;
using std::chrono::seconds;
using testing::committed;
using kind = verdict::kind;

constexpr seconds patience{20};

/// A database that the test switches on and off, blocks and lets crash its writers.
struct database {
  std::mutex mutex;
  std::condition_variable changed;
  bool up = true;
  bool blocked = false;
  bool loses_connection = false; // in the next batch, after its commit
  bool crashes = false;          // the next batch's writer
  int factory_faults = 0;        // how many stores cannot even be made
  std::vector<std::vector<std::string>> batches;
  std::set<int> committing; // slots
  int stores_made = 0;

  void set(const std::function<void()>& change) {
    {
      const std::lock_guard lock{mutex};
      change();
    }
    changed.notify_all();
  }
  /// Waits until the condition holds; false when it did not in time.
  bool wait_until(const std::function<bool()>& condition) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, condition);
  }
};

class fake_store final : public storage::journal_store {
public:
  fake_store(std::shared_ptr<database> of, int slot) : of_{std::move(of)}, slot_{slot} {}

  domain::outcome connect() override {
    const std::lock_guard lock{of_->mutex};
    connected_ = of_->up;
    if (!connected_)
      return domain::fail(errc::unavailable, "switched off");
    return domain::done{};
  }

  [[nodiscard]] bool connected() const override { return connected_; }

  std::vector<verdict> commit(std::span<const storage::change_ptr> batch,
                              storage::commit_stats& stats) override {
    std::unique_lock lock{of_->mutex};
    std::vector<std::string> names;
    std::vector<verdict> verdicts;
    for (const auto& change : batch) {
      names.push_back(change->delivery->external_id);
      verdicts.push_back(committed(*change));
    }
    of_->batches.push_back(std::move(names));
    of_->committing.insert(slot_);
    of_->changed.notify_all();
    of_->changed.wait_for(lock, patience, [this] { return !of_->blocked; });
    of_->committing.erase(slot_);
    if (std::exchange(of_->crashes, false))
      throw std::runtime_error("a bug in the writer");
    if (std::exchange(of_->loses_connection, false))
      connected_ = false;
    stats = {.changes = batch.size(), .transactions = 1, .duration = {}};
    return verdicts;
  }

private:
  std::shared_ptr<database> of_;
  int slot_;
  bool connected_ = false;
};

/// Writers are threads of their own: these run on the real scheduler, and wait for conditions.
class journal : public ::testing::Test {
protected:
  ~journal() override {
    database_->set([this] {
      database_->blocked = false;
      database_->crashes = false;
    });
    if (journal_) {
      const auto handle = caf::actor_cast<caf::actor>(std::exchange(journal_, nullptr));
      self_->send_exit(handle, caf::exit_reason::user_shutdown);
      self_->wait_for(handle);
    }
  }

  void start(journal_options options) {
    journal_ = system_.spawn(
      journal_behavior,
      options,
      [all = database_](int slot) -> std::unique_ptr<storage::journal_store> {
        bool fault = false;
        all->set([&] {
          ++all->stores_made;
          fault = all->factory_faults > 0 && all->factory_faults-- > 0;
        });
        if (fault)
          throw std::runtime_error("no store can be made");
        return std::make_unique<fake_store>(all, slot);
      },
      figures_);
  }

  void start_and_wait(journal_options options) {
    start(options);
    ASSERT_TRUE(eventually([&] { return figures_->writers_up == options.writers; }));
  }

  bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end)
        return false;
      std::this_thread::yield();
    }
    return true;
  }

  using answer = decltype(std::declval<caf::scoped_actor&>()->request(
    std::declval<journal_actor>(), seconds{1}, std::declval<commit_change>()));

  answer post(const std::string& delivery, std::size_t payload = 0) {
    domain::uuid_generator ids{7};
    auto change = domain::recording(*testing::said(delivery), ids, {});
    change.delivery->payload = std::make_shared<const std::string>(payload, 'x');
    return self_->request(
      journal_, patience, commit_change{std::make_shared<const domain::change>(std::move(change))});
  }

  verdict received(answer coming) {
    verdict got;
    coming.receive([&](const verdict& arrived) { got = arrived; },
                   [&](const caf::error& error) { got.why = from_caf(error); });
    return got;
  }

  verdict commit(const std::string& delivery) { return received(post(delivery)); }

  /// Blocks the only writer in a batch of its own and queues `count` more.
  std::vector<answer> queue_behind_a_blocked_batch(int count, std::size_t payload = 0) {
    database_->set([&] { database_->blocked = true; });
    std::vector<answer> coming;
    coming.push_back(post("first"));
    EXPECT_TRUE(database_->wait_until([&] { return !database_->committing.empty(); }));
    for (int i = 0; i < count; ++i)
      coming.push_back(post("d" + std::to_string(i), payload));
    EXPECT_TRUE(eventually(
      [&] { return figures_->queued + static_cast<std::int64_t>(figures_->rejected) == count; }));
    return coming;
  }

  void unblock() {
    database_->set([&] { database_->blocked = false; });
  }

  std::shared_ptr<database> database_ = std::make_shared<database>();
  std::shared_ptr<journal_metrics> figures_ = std::make_shared<journal_metrics>();
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  caf::scoped_actor self_{system_};
  journal_actor journal_;
};

TEST_F(journal, batches_what_gathers_while_a_batch_is_written) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 100});
  auto coming = queue_behind_a_blocked_batch(10);
  unblock();
  for (auto& each : coming)
    EXPECT_EQ(received(std::move(each)).what, kind::committed);
  ASSERT_EQ(database_->batches.size(), 2U);
  EXPECT_EQ(database_->batches[0].size(), 1U) << "an idle journal waits for nobody";
  EXPECT_EQ(database_->batches[1].size(), 10U);
  EXPECT_EQ(database_->batches[1].front(), "d0");
  EXPECT_EQ(database_->batches[1].back(), "d9");
  EXPECT_EQ(figures_->batches, 2U);
  EXPECT_EQ(figures_->changes, 11U);
  EXPECT_EQ(figures_->queued, 0);
}

TEST_F(journal, answers_each_with_its_own_verdict) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 100});
  std::map<std::string, domain::uuid> deliveries;
  database_->set([&] { database_->blocked = true; });
  std::vector<std::pair<domain::uuid, answer>> coming;
  domain::uuid_generator ids{7};
  for (int i = 0; i < 20; ++i) {
    auto change = domain::recording(*testing::said("d" + std::to_string(i)), ids, {});
    const auto id = change.delivery->id;
    coming.emplace_back(
      id,
      self_->request(journal_,
                     patience,
                     commit_change{std::make_shared<const domain::change>(std::move(change))}));
  }
  unblock();
  for (auto& [id, each] : coming)
    EXPECT_EQ(received(std::move(each)).delivery_id, id);
}

TEST_F(journal, makes_no_batch_larger_than_allowed) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 4});
  auto coming = queue_behind_a_blocked_batch(10);
  unblock();
  for (auto& each : coming)
    EXPECT_EQ(received(std::move(each)).what, kind::committed);
  std::vector<std::size_t> sizes;
  for (const auto& batch : database_->batches)
    sizes.push_back(batch.size());
  EXPECT_THAT(sizes, ::testing::ElementsAre(1, 4, 4, 2));
}

TEST_F(journal, makes_no_batch_heavier_than_allowed) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 100, .max_batch_bytes = 2500});
  auto coming = queue_behind_a_blocked_batch(5, 1000);
  coming.push_back(post("heavy", 9000));
  coming.push_back(post("last", 1));
  EXPECT_TRUE(eventually([&] { return figures_->queued == 7; }));
  unblock();
  for (auto& each : coming)
    EXPECT_EQ(received(std::move(each)).what, kind::committed);
  std::vector<std::size_t> sizes;
  for (const auto& batch : database_->batches)
    sizes.push_back(batch.size());
  EXPECT_THAT(sizes, ::testing::ElementsAre(1, 2, 2, 1, 1, 1)) << "in order, the heavy one alone";
}

TEST_F(journal, rejects_what_makes_the_queue_too_heavy) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 100, .queue_bytes = 2500});
  auto coming = queue_behind_a_blocked_batch(3, 1000);
  const auto refused = received(std::move(coming[3])); // while everything else still waits
  ASSERT_EQ(refused.what, kind::failed);
  EXPECT_EQ(refused.why->code, errc::unavailable);
  EXPECT_TRUE(refused.why->retry_after);
  EXPECT_EQ(figures_->rejected, 1U);
  unblock();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(received(std::move(coming[i])).what, kind::committed);
  EXPECT_EQ(received(post("alone", 9000)).what, kind::committed) << "nothing else is in its way";
}

TEST_F(journal, rejects_at_once_what_finds_the_queue_full) {
  start_and_wait({.writers = 1, .queue_limit = 3, .max_batch = 100});
  auto coming = queue_behind_a_blocked_batch(5);
  for (std::size_t i = 4; i < 6; ++i) { // while everything else still waits
    const auto refused = received(std::move(coming[i]));
    ASSERT_EQ(refused.what, kind::failed);
    EXPECT_EQ(refused.why->code, errc::unavailable);
    EXPECT_TRUE(refused.why->retry_after);
  }
  EXPECT_EQ(figures_->rejected, 2U);
  unblock();
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(received(std::move(coming[i])).what, kind::committed);
  EXPECT_EQ(commit("later").what, kind::committed);
}

TEST_F(journal, writes_with_all_its_writers_at_once) {
  start_and_wait({.writers = 3, .queue_limit = 100, .max_batch = 100});
  database_->set([&] { database_->blocked = true; });
  std::vector<answer> coming;
  for (const auto* delivery : {"d1", "d2", "d3"})
    coming.push_back(post(delivery));
  EXPECT_TRUE(database_->wait_until([&] { return database_->committing.size() == 3; }));
  unblock();
  for (auto& each : coming)
    EXPECT_EQ(received(std::move(each)).what, kind::committed);
}

TEST_F(journal, is_unavailable_at_once_without_a_database_and_recovers_with_it) {
  database_->up = false;
  start({.writers = 2, .queue_limit = 100, .max_batch = 100});
  const auto refused = commit("d1");
  ASSERT_EQ(refused.what, kind::failed);
  EXPECT_EQ(refused.why->code, errc::unavailable);
  EXPECT_TRUE(refused.why->retry_after);
  EXPECT_EQ(figures_->writers_up, 0);
  database_->set([&] { database_->up = true; });
  EXPECT_TRUE(eventually([&] { return figures_->writers_up == 2; }));
  EXPECT_EQ(commit("d2").what, kind::committed);
}

TEST_F(journal, fails_what_waits_when_the_last_writer_loses_its_database) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 1});
  auto coming = queue_behind_a_blocked_batch(3);
  database_->set([&] {
    database_->up = false;
    database_->loses_connection = true;
  });
  unblock();
  EXPECT_EQ(received(std::move(coming[0])).what, kind::committed) << "it was written before";
  for (std::size_t i = 1; i < 4; ++i) {
    const auto refused = received(std::move(coming[i]));
    ASSERT_EQ(refused.what, kind::failed);
    EXPECT_EQ(refused.why->code, errc::unavailable);
  }
  EXPECT_TRUE(eventually([&] { return figures_->writers_up == 0 && figures_->queued == 0; }));
  database_->set([&] { database_->up = true; });
  EXPECT_TRUE(eventually([&] { return figures_->writers_up == 1; }));
  EXPECT_EQ(commit("later").what, kind::committed);
}

TEST_F(journal, answers_unknown_for_the_batch_of_a_dying_writer_and_replaces_it) {
  auto& writers = metrics_registry::instance().kind("journal_writer");
  const auto restarts = writers.restarts.load();
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 100});
  database_->set([&] { database_->crashes = true; });
  const auto lost = commit("d1");
  ASSERT_EQ(lost.what, kind::failed);
  EXPECT_EQ(lost.why->code, errc::unknown_outcome);
  EXPECT_TRUE(eventually([&] { return commit("d2").what == kind::committed; }));
  EXPECT_EQ(writers.restarts - restarts, 1U);
  EXPECT_TRUE(database_->wait_until([&] { return database_->stores_made == 2; }));
}

TEST_F(journal, tries_again_after_a_pause_when_a_store_cannot_be_made) {
  auto& writers = metrics_registry::instance().kind("journal_writer");
  const auto restarts = writers.restarts.load();
  database_->factory_faults = 3;
  const auto begin = std::chrono::steady_clock::now();
  start({.writers = 1, .queue_limit = 100, .max_batch = 100});
  EXPECT_EQ(commit("d1").why->code, errc::unavailable);
  EXPECT_TRUE(eventually([&] { return figures_->writers_up == 1; }));
  EXPECT_EQ(commit("d2").what, kind::committed);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds{700});
  EXPECT_EQ(database_->stores_made, 4);
  EXPECT_EQ(writers.restarts, restarts) << "nobody had to die for it";
}

TEST_F(journal, fails_what_waits_behind_its_only_writer_when_that_dies) {
  start_and_wait({.writers = 1, .queue_limit = 100, .max_batch = 1});
  auto coming = queue_behind_a_blocked_batch(2);
  database_->set([&] { database_->crashes = true; });
  unblock();
  EXPECT_EQ(received(std::move(coming[0])).why->code, errc::unknown_outcome);
  for (std::size_t i = 1; i < 3; ++i)
    EXPECT_EQ(received(std::move(coming[i])).why->code, errc::unavailable) << "nobody is up";
  EXPECT_EQ(figures_->queued, 0);
}

} // namespace
} // namespace hub::actors
