#pragma once

#include "actors/outward/model_desk.hpp"
#include "domain/time.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace hub::actors {

/// The longest a question may take, from its sender to the answer: waiting in line and the call.
inline constexpr std::chrono::seconds ask_within{75};

/// Somebody wants a model asked.
struct ask_model {
  model_request what;
  /// Until when the provider wants no calls of this workspace, as another node may have heard: read
  /// from the database with what is asked about.
  std::optional<domain::time_point> cooling_until;
  std::chrono::milliseconds within = ask_within; // at most that
};

/// How the asking of one question ended.
struct model_asked {
  std::uint64_t question = 0;
  domain::result<model_answer> answer;
};

/// Time to give up what takes too long. Only the newest generation counts.
struct asking_tick {
  std::uint64_t generation = 0;
};

/// Asks models, each question in an actor of its own.
using model_asker_actor = caf::typed_actor<
  // Waits in line, asks, answers; never later than `within` and a second. `rate_limited` says when
  // to come back, and that nothing was sent.
  caf::replies_to<ask_model>::with<model_answer>,
  caf::reacts_to<model_asked>,
  caf::reacts_to<asking_tick>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::model_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::ask_model)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::model_asked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::asking_tick)
