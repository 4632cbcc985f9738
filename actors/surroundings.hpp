#pragma once

#include "actors/core_reader/protocol.hpp"
#include "actors/journal/protocol.hpp"
#include "domain/intake.hpp"

#include <chrono>
#include <functional>

namespace hub::actors {

// Time-outs as promises: beyond these the answer counts as unknown.
inline constexpr std::chrono::seconds save_within{10};
inline constexpr std::chrono::seconds load_within{5};

/// What the actors of a node share: whom they ask, and the rules they follow.
struct surroundings {
  journal_actor journal;
  core_reader_actor core_reader;
  /// A workspace's, as they are now; called from any thread.
  std::function<domain::intake_rules(const domain::uuid& workspace)> rules_of;
  /// Wall-clock time for rows; timers use the actor system's clock.
  std::function<domain::time_point()> now;
  /// A fresh random seed for id generators.
  std::function<std::uint64_t()> seed;
};

} // namespace hub::actors
