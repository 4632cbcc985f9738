#pragma once

#include "domain/failure.hpp"
#include "domain/provider.hpp"
#include "domain/uuid.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/error.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace hub::actors {

/// Somebody wants to call a provider for one recipient; empty where the provider counts none.
struct want_permit {
  domain::uuid workspace;
  domain::provider whom{};
  std::string recipient;
};

/// The call that a permit was for has ended. Who dies without saying so is noticed.
struct permit_used {
  std::uint64_t call = 0;
  domain::call_outcome how{};
  std::optional<std::chrono::seconds> retry_after;
};

/// Time to let waiting calls go. Only the newest generation counts.
struct limiter_tick {
  std::uint64_t generation = 0;
};

struct permit;

/// Admits the calls to one provider account.
using limiter_actor = caf::typed_actor<
  // Answered when the call may go; `rate_limited` with a time when it had better come back, also
  // when the limiter ends before that.
  caf::replies_to<want_permit>::with<permit>,
  caf::reacts_to<permit_used>,
  caf::reacts_to<limiter_tick>>;

/// Leave for one call.
struct permit {
  std::uint64_t call = 0;
  /// Where to say how it went: directly, or news of the caller's end would overtake it.
  limiter_actor from;
};

/// The way to every limiter; makes each when it is first wanted.
using limiters_actor = caf::typed_actor<caf::replies_to<want_permit>::with<permit>>; // see above

/// What a caller fails with when no permit came: nothing was sent.
[[nodiscard]] domain::failure why_no_permit(const caf::error& error);

/// What an answer says about the provider, not about this one call; null: it was one.
[[nodiscard]] domain::call_outcome outcome_of(const domain::failure* why);

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::want_permit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::permit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::permit_used)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::limiter_tick)
