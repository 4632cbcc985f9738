#pragma once

#include "domain/change.hpp"

#include <chrono>
#include <memory>
#include <span>
#include <vector>

namespace hub::storage {

/// What one commit call cost; for metrics.
struct commit_stats {
  std::size_t changes = 0;
  std::size_t transactions = 0; // more than one: split for poison, or retried
  std::chrono::microseconds duration{};
};

/// Changes are shared, not copied, on their way from the actor that decided them.
using change_ptr = std::shared_ptr<const domain::change>;

/// One database connection that turns batches of Changes into transactions. Blocking; one owner.
class journal_store {
public:
  virtual ~journal_store() = default;

  /// Connects if not connected. `unavailable` when the database does not answer.
  virtual domain::outcome connect() = 0;

  /// Commits `batch` as one transaction where possible; answers every Change in order. A Change the
  /// database refuses is alone in its failure: the others commit. Never throws.
  virtual std::vector<domain::verdict> commit(std::span<const change_ptr> batch,
                                              commit_stats& stats) = 0;

  /// False once the connection broke; the next `connect` makes a new one.
  [[nodiscard]] virtual bool connected() const = 0;
};

} // namespace hub::storage
