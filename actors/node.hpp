#pragma once

#include "actors/actor_metrics.hpp"
#include "actors/directory.hpp"
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
  domain::intake_rules rules;
  std::function<std::unique_ptr<storage::journal_store>(int slot)> make_store;
  storage::read_store* reads = nullptr; // must outlive the node
};

/// One process's actors: started together, stopped in order.
class node {
public:
  explicit node(node_options options);
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  /// True once a journal writer has a connection; false after `patience`.
  [[nodiscard]] bool wait_until_writing(std::chrono::milliseconds patience) const;

  /// Ends every actor. Work in flight is answered first where the journal can.
  void stop();

  [[nodiscard]] caf::actor_system& system();
  [[nodiscard]] const directory& where() const;
  [[nodiscard]] const journal_actor& journal() const;
  [[nodiscard]] const journal_metrics& journal_figures() const;

private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

} // namespace hub::actors
