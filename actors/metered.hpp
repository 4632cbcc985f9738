#pragma once

#include "actors/actor_metrics.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>

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
    if (kind_ != nullptr) {
      ++kind_->waiting;
      const auto depth = ++depth_;
      if (depth > kind_->waiting_max.load(std::memory_order_relaxed))
        kind_->waiting_max.store(depth, std::memory_order_relaxed);
    }
    Base::enqueue(std::move(element), unit);
  }

  caf::resumable::resume_result resume(caf::execution_unit* unit, std::size_t budget) override {
    auto start = steady::now();
    for (std::size_t i = 0; i < budget; ++i) {
      const auto state = Base::resume(unit, 1); // exactly one message
      if (ended_)
        return state; // cleanup() has run; nothing here may be touched
      const auto now = steady::now();
      if (state == caf::resumable::awaiting_message && depth_.load() == 0)
        return state;
      count(static_cast<std::uint64_t>((now - start).count()));
      start = now;
      if (state != caf::resumable::resume_later)
        return state;
    }
    return caf::resumable::resume_later;
  }

  bool cleanup(caf::error&& why, caf::execution_unit* host) override {
    if (kind_ != nullptr && !ended_) {
      ended_ = true;
      ++kind_->ended;
      if (why && why != caf::exit_reason::user_shutdown)
        ++kind_->failed;
      kind_->waiting -= depth_.exchange(0);
    }
    return Base::cleanup(std::move(why), host);
  }

private:
  using steady = std::chrono::steady_clock;

  void count(std::uint64_t nanoseconds) {
    ++kind_->handled;
    kind_->handling.add(nanoseconds);
    --kind_->waiting;
    --depth_;
    if (++handled_ % 64 == 0)
      kind_->note(this->id(), handled_);
  }

  kind_metrics* kind_ = nullptr;
  std::atomic<std::int64_t> depth_{0};
  std::uint64_t handled_ = 0;
  bool ended_ = false;
};

} // namespace hub::actors
