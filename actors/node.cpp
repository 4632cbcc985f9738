#include "actors/node.hpp"

#include "actors/core_reader/core_reader.hpp"
#include "actors/feed/feed.hpp"
#include "actors/intake/intake_shard.hpp"
#include "actors/journal/journal.hpp"
#include "actors/region/region.hpp"
#include "actors/surroundings.hpp"
#include "actors/watcher/watcher.hpp"
#include "config/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hub::actors {

namespace {

void abort_without(const std::string& name, const std::string& why) {
  config::log(config::log_level::error, "actor_lost", {{"actor", name}, {"why", why}});
  config::stop_logging(); // writes what is queued
  std::abort();
}

std::size_t scheduler_threads(std::size_t wanted) {
  return wanted > 0 ? wanted : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

struct system_config : caf::actor_system_config {
  explicit system_config(std::size_t threads) {
    set("scheduler.max-threads", threads);
    // Unlimited by default: one busy actor would keep its thread for ever.
    set("scheduler.max-throughput", 50);
  }
};

} // namespace

std::uint64_t random_seed() {
  thread_local std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

domain::time_point wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

class node::implementation {
public:
  explicit implementation(node_options options)
    : config_{scheduler_threads(options.scheduler_threads)}, system_{config_} {
    journal_ = system_.spawn(journal_behavior,
                             journal_options{.writers = options.journal_writers,
                                             .queue_limit = options.journal_queue_limit,
                                             .max_batch = options.journal_max_batch},
                             options.make_store,
                             figures_);
    core_reader_ = system_.spawn(core_reader_behavior, options.reads);
    feed_ = system_.spawn(feed_behavior, options.reads);
    around_ = std::make_shared<const surroundings>(
      surroundings{journal_, core_reader_, options.rules_of, wall_clock, random_seed});
    for (auto& region : where_->regions)
      region = system_.spawn(region_behavior, region_options{.idle = options.ticket_idle}, around_);
    // The shards read the directory from their first message on: regions first.
    for (auto& shard : where_->intake)
      shard = system_.spawn(intake_shard_behavior, around_, where_);
    watch();
  }

  ~implementation() { stop(); }

  void end_feed() { caf::anon_send_exit(feed_, caf::exit_reason::user_shutdown); }

  void stop() {
    if (std::exchange(stopped_, true))
      return;
    // From the outside in: whoever may still ask goes before whom it would ask.
    caf::scoped_actor self{system_};
    std::vector<caf::actor> handles;
    const auto end_all = [&] {
      for (const auto& handle : handles)
        self->send_exit(handle, caf::exit_reason::user_shutdown);
      self->wait_for(std::exchange(handles, {}));
    };
    for (auto& shard : where_->intake)
      handles.push_back(caf::actor_cast<caf::actor>(std::exchange(shard, nullptr)));
    end_all();
    for (auto& region : where_->regions)
      handles.push_back(caf::actor_cast<caf::actor>(std::exchange(region, nullptr)));
    end_all();
    handles.push_back(caf::actor_cast<caf::actor>(std::exchange(feed_, nullptr)));
    handles.push_back(caf::actor_cast<caf::actor>(std::exchange(core_reader_, nullptr)));
    handles.push_back(caf::actor_cast<caf::actor>(std::exchange(journal_, nullptr)));
    end_all();
    handles.push_back(std::exchange(watcher_, nullptr));
    end_all();
  }

  [[nodiscard]] bool wait_until_writing(std::chrono::milliseconds patience) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (figures_->writers_up == 0) {
      if (std::chrono::steady_clock::now() >= end)
        return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
  }

  caf::actor_system& system() { return system_; }
  [[nodiscard]] const feed_actor& feed() const { return feed_; }
  [[nodiscard]] const directory& where() const { return *where_; }
  [[nodiscard]] const journal_actor& journal() const { return journal_; }
  [[nodiscard]] const journal_metrics& figures() const { return *figures_; }
  [[nodiscard]] std::shared_ptr<const surroundings> around() const { return around_; }

private:
  void watch() {
    std::vector<watched_actor> all{{"journal", caf::actor_cast<caf::actor>(journal_)},
                                   {"core_reader", caf::actor_cast<caf::actor>(core_reader_)},
                                   {"live_feed", caf::actor_cast<caf::actor>(feed_)}};
    for (std::size_t shard = 0; shard < shard_count; ++shard) {
      const auto number = std::to_string(shard);
      all.push_back({"region " + number, caf::actor_cast<caf::actor>(where_->regions[shard])});
      all.push_back({"intake_shard " + number, caf::actor_cast<caf::actor>(where_->intake[shard])});
    }
    watcher_ =
      system_.spawn(watcher_behavior, all, [this](const std::string& name, const caf::error& why) {
        abort_without(name, system_.render(why));
      });
  }

  system_config config_;
  caf::actor_system system_;
  std::shared_ptr<journal_metrics> figures_ = std::make_shared<journal_metrics>();
  std::shared_ptr<directory> where_ = std::make_shared<directory>();
  journal_actor journal_;
  core_reader_actor core_reader_;
  feed_actor feed_;
  std::shared_ptr<const surroundings> around_;
  caf::actor watcher_;
  bool stopped_ = false;
};

node::node(node_options options)
  : implementation_{std::make_unique<implementation>(std::move(options))} {}

node::~node() = default;

bool node::wait_until_writing(std::chrono::milliseconds patience) const {
  return implementation_->wait_until_writing(patience);
}

const feed_actor& node::feed() const {
  return implementation_->feed();
}

void node::end_feed() {
  implementation_->end_feed();
}

void node::stop() {
  implementation_->stop();
}

caf::actor_system& node::system() {
  return implementation_->system();
}

const directory& node::where() const {
  return implementation_->where();
}

const journal_actor& node::journal() const {
  return implementation_->journal();
}

const journal_metrics& node::journal_figures() const {
  return implementation_->figures();
}

std::shared_ptr<const surroundings> node::around() const {
  return implementation_->around();
}

} // namespace hub::actors
