#pragma once

#include "actors/failure_bridge.hpp"
#include "domain/result.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/spawn_options.hpp>

#include <chrono>
#include <utility>

namespace hub::http {

/// Longer than two saves of 10 s one after the other, the longest way an actor has inside, so that
/// its own answer is what arrives; a place in a long queue may take longer still, and then the
/// outcome is unknown. Shorter than the edge's patience with handlers, whose 504 would say less.
inline constexpr std::chrono::seconds answer_within{25};

/// Sends `message` to `target` and calls `done` from an actor's thread, so that no reactor thread
/// waits. `done` is called at most once, and is destroyed uncalled if the asking actor dies.
template <class Reply, class Target, class Message, class Done>
void ask(caf::actor_system& system, const Target& target, Message message, Done done) {
  auto one_shot = [message = std::move(message), done = std::move(done)](
                    caf::event_based_actor* self, const Target& whom) mutable {
    self->request(whom, answer_within, std::move(message))
      .then([done](const Reply& reply) mutable { done(domain::result<Reply>{reply}); },
            [done](const caf::error& error) mutable {
              done(domain::result<Reply>{actors::from_caf(error)});
            });
  };
  // The target as an argument: for a function without any, CAF makes a reference to null.
  system.spawn<caf::hidden>(std::move(one_shot), target);
}

} // namespace hub::http
