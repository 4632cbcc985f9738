#pragma once

#include "actors/failure_bridge.hpp"
#include "domain/result.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace hub::testing {

/// An answer that is still to come.
template <class Reply>
class pending {
public:
  [[nodiscard]] bool arrived() const { return held_->has_value(); }
  [[nodiscard]] bool succeeded() const { return arrived() && (*held_)->has_value(); }
  [[nodiscard]] bool failed_with(domain::errc code) const {
    return arrived() && !**held_ && (*held_)->why().code == code;
  }
  /// Of what arrived only.
  [[nodiscard]] const Reply& value() const { return ***held_; }
  [[nodiscard]] const domain::failure& why() const { return (*held_)->why(); }

private:
  friend class actor_fixture;
  std::shared_ptr<std::optional<domain::result<Reply>>> held_ =
    std::make_shared<std::optional<domain::result<Reply>>>();
};

/// Runs actors on CAF's test scheduler: one thread, a clock that only the test moves, no waiting.
class actor_fixture : public ::testing::Test {
public:
  // Exits are mail too: unless drained here, ~actor_system waits for the actors for ever.
  ~actor_fixture() override {
    for (const auto& actor : spawned_)
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    spawned_.clear();
    run();
  }

protected:
  template <class Behavior, class... Arguments>
  auto spawn(Behavior behavior, Arguments&&... arguments) {
    auto handle = system_.spawn(behavior, std::forward<Arguments>(arguments)...);
    spawned_.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  /// Sends one request; nothing happens before `run`.
  template <class Reply, class Handle, class Message>
  pending<Reply> post(const Handle& whom, Message message) {
    pending<Reply> answer;
    const auto ask_once = [message = std::move(message), held = answer.held_](
                            caf::event_based_actor* self, Handle target) mutable {
      self->request(target, caf::infinite, std::move(message))
        .then([held](const Reply& reply) { held->emplace(reply); },
              [held](const caf::error& error) { held->emplace(actors::from_caf(error)); });
    };
    // The target as an argument: for a function without any, CAF makes a reference to null.
    const auto asker = system_.spawn(ask_once, whom);
    spawned_.push_back(asker);
    scheduler_.run_once(); // the asker sends as it starts
    return answer;
  }

  /// Sends one request and runs the world until it is quiet.
  template <class Reply, class Handle, class Message>
  pending<Reply> ask(const Handle& whom, Message message) {
    auto answer = post<Reply>(whom, std::move(message));
    run();
    return answer;
  }

  void run() { scheduler_.run(); }

  /// Lets time pass in steps, so that a timer that arms itself again is due again.
  void advance(std::chrono::milliseconds by,
               std::chrono::milliseconds step = std::chrono::seconds{1}) {
    for (auto passed = std::chrono::milliseconds{0}; passed < by; passed += step) {
      scheduler_.advance_time(std::min(step, by - passed));
      run();
    }
  }

  void end(const caf::actor& actor, caf::exit_reason why = caf::exit_reason::user_shutdown) {
    caf::anon_send_exit(actor, why);
    run();
  }

private:
  struct config : caf::actor_system_config {
    config() { set("scheduler.policy", caf::atom("testing")); }
  };

  config config_;

protected:
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& scheduler_ =
    dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler());

private:
  std::vector<caf::actor> spawned_;
};

} // namespace hub::testing
