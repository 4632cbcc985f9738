#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/limiter/protocol.hpp"
#include "actors/outward/provider_desk.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

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

/// A message, and what its job makes of how it goes.
struct sending {
  outgoing_message what;
  /// Committed together with the start of sending; where what it expects is so no longer, nothing
  /// is sent and the job is done. Null: nothing.
  std::shared_ptr<const domain::change> begun = nullptr;
  /// What is committed together with the job's end when the provider has it, in the form it was
  /// sent in; its id is empty where that is known by asking.
  std::function<std::shared_ptr<const domain::change>(const outgoing_message&, const sent_message&)>
    effects = nullptr;
  /// The other form in which to send at once what the provider refused to take in this one.
  std::function<std::optional<outgoing_message>(const outgoing_message&, const domain::failure&)>
    otherwise = nullptr;
  /// The name of a failure for good, where it is not its code's.
  std::function<std::string(const outgoing_message&, const domain::failure&)> error_class = nullptr;
};

/// Sends one message at most once, however often its attempts die: asks for a permit, records that
/// it is about to send, sends, and where an earlier attempt never said how it ended asks the
/// provider, or a person. `desk` must outlive the actors.
void send_once(const attempt& one,
               const limiters_actor& limiters,
               provider_desk& desk,
               const sending_rules& rules,
               sending what);

/// The runner of `provider_check` jobs: `{"provider", "recipient", "text", "thread"?}`.
job_runner
run_provider_check(limiters_actor limiters, provider_desk& desk, const sending_rules& rules);

/// The runner of `canary` jobs, which do nothing, or with `{"fate": "abort"}` call `end_process`,
/// to show what becomes of a job that takes its process down. Null: they fail instead.
job_runner run_canary(std::function<void()> end_process);

} // namespace hub::actors
