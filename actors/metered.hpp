#pragma once

#include "actors/actor_metrics.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/invoke_message_result.hpp>
#include <caf/mailbox_element.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

namespace hub::actors {

/// Measures every message of an actor without its handlers knowing: CAF's own profiler is compiled
/// out of Debian's library. Not for actors that use `after()`.
template <class Base = caf::event_based_actor>
class metered : public Base {
public:
  using Base::Base;
  using Base::enqueue;

  void launch(caf::execution_unit* unit, bool lazy, bool hide) override {
    kind_ = &metrics_registry::instance().kind(this->name());
    ++kind_->spawned;
    Base::launch(unit, lazy, hide);
  }

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    if (kind_ == nullptr)
      return Base::enqueue(std::move(element), unit);
    ++kind_->waiting;
    const auto depth = ++depth_;
    if (depth > kind_->waiting_max.load(std::memory_order_relaxed))
      kind_->waiting_max.store(depth, std::memory_order_relaxed);
    Base::enqueue(std::move(element), unit);
    if (ended_) // nobody will read it
      forget_mailbox();
  }

  /// Called for each message, and again for one that was skipped while an answer was awaited.
  caf::invoke_message_result consume(caf::mailbox_element& element) override {
    const auto start = steady::now();
    try {
      const auto outcome = Base::consume(element);
      if (outcome != caf::invoke_message_result::skipped)
        count(start);
      return outcome;
    } catch (...) { // CAF ends the actor; the message is used up all the same
      count(start);
      throw;
    }
  }

  bool cleanup(caf::error&& why, caf::execution_unit* host) override {
    if (kind_ != nullptr && !ended_.exchange(true)) {
      ++kind_->ended;
      if (why && why != caf::exit_reason::user_shutdown)
        ++kind_->failed;
      forget_mailbox();
    }
    return Base::cleanup(std::move(why), host);
  }

private:
  using steady = std::chrono::steady_clock;

  void count(steady::time_point start) {
    ++kind_->handled;
    kind_->handling.add(static_cast<std::uint64_t>((steady::now() - start).count()));
    --kind_->waiting;
    --depth_;
    if (++handled_ % 64 == 0)
      kind_->note(this->id(), handled_);
  }

  void forget_mailbox() { kind_->waiting -= depth_.exchange(0); }

  kind_metrics* kind_ = nullptr;
  std::atomic<std::int64_t> depth_{0};
  std::uint64_t handled_ = 0;
  std::atomic<bool> ended_{false};
};

} // namespace hub::actors
