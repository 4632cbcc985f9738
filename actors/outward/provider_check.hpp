#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/limiter/protocol.hpp"
#include "actors/outward/provider_desk.hpp"

#include <functional>

namespace hub::actors {

/// Sends one message at most once, however often its attempts die: asks for a permit, records that
/// it is about to send, sends, and where an earlier attempt never said how it ended asks the
/// provider, or a person. `desk` must outlive the actors.
void send_once(const attempt& one,
               const limiters_actor& limiters,
               provider_desk& desk,
               const outgoing_message& what);

/// The runner of `provider_check` jobs: `{"provider", "recipient", "text", "thread"?}`.
job_runner run_provider_check(limiters_actor limiters, provider_desk& desk);

/// The runner of `canary` jobs, which do nothing, or with `{"fate": "abort"}` call `end_process`,
/// to show what becomes of a job that takes its process down. Null: they fail instead.
job_runner run_canary(std::function<void()> end_process);

} // namespace hub::actors
