#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/limiter/protocol.hpp"
#include "actors/outward/provider_desk.hpp"

#include <chrono>
#include <functional>

namespace hub::actors {

/// What the attempts that send go by.
struct sending_rules {
  /// A call is over after this long, and where it got anywhere the provider has it: only from then
  /// on does its "there is no such message" say that there will be none.
  std::chrono::milliseconds settled_after{};
  /// Attempts beyond these ask what became of the earlier ones, and send nothing.
  int most_attempts = 1;
};

/// The rules where a call may take `call_within`.
[[nodiscard]] sending_rules rules_for_calls(std::chrono::milliseconds call_within,
                                            int most_attempts);

/// Sends one message at most once, however often its attempts die: asks for a permit, records that
/// it is about to send, sends, and where an earlier attempt never said how it ended asks the
/// provider, or a person. `desk` must outlive the actors.
void send_once(const attempt& one,
               const limiters_actor& limiters,
               provider_desk& desk,
               const sending_rules& rules,
               const outgoing_message& what);

/// The runner of `provider_check` jobs: `{"provider", "recipient", "text", "thread"?}`.
job_runner
run_provider_check(limiters_actor limiters, provider_desk& desk, const sending_rules& rules);

/// The runner of `canary` jobs, which do nothing, or with `{"fate": "abort"}` call `end_process`,
/// to show what becomes of a job that takes its process down. Null: they fail instead.
job_runner run_canary(std::function<void()> end_process);

} // namespace hub::actors
