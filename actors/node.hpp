#pragma once

#include "actors/actor_metrics.hpp"
#include "actors/directory.hpp"
#include "actors/feed/protocol.hpp"
#include "actors/journal/journal_metrics.hpp"
#include "actors/journal/protocol.hpp"
#include "domain/intake.hpp"
#include "storage/journal/journal_store.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace caf {
class actor_system;
}

namespace hub::storage {
class read_store;
}

namespace hub::actors {

struct node_options {
  int journal_writers = 2;
  std::size_t journal_queue_limit = 10'000;
  std::size_t journal_max_batch = 256;
  std::chrono::seconds ticket_idle{300};
  std::size_t scheduler_threads = 0; // 0: one per core
  std::function<domain::intake_rules(const domain::uuid& workspace)> rules_of;
  std::function<std::unique_ptr<storage::journal_store>(int slot)> make_store;
  storage::read_store* reads = nullptr; // must outlive the node
};

/// Fresh from the system.
std::uint64_t random_seed();
/// Now, for rows.
domain::time_point wall_clock();

struct surroundings;

/// One process's actors: started together, stopped in order. When one that should live as long as
/// the node ends by itself the process aborts: a restart loses nothing, a missing shard everything.
class node {
public:
  explicit node(node_options options);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// True once a journal writer has a connection; false after `patience`.
  [[nodiscard]] bool wait_until_writing(std::chrono::milliseconds patience) const;

  /// Tells those who watch here what happens to tickets.
  [[nodiscard]] const feed_actor& feed() const;
  /// Ends the live feed, and so all who watch: their streams would keep the edge from draining.
  void end_feed();

  /// Ends every actor, from the outside in. What is in flight is not waited for: the edge drains
  /// first, and whoever still asks is refused.
  void stop();

  [[nodiscard]] caf::actor_system& system();
  [[nodiscard]] const directory& where() const;
  [[nodiscard]] const journal_actor& journal() const;
  [[nodiscard]] const journal_metrics& journal_figures() const;
  /// What this node's actors share, for those that are started beside it.
  [[nodiscard]] std::shared_ptr<const surroundings> around() const;

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

} // namespace hub::actors
