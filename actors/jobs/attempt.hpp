#pragma once

#include "actors/jobs/protocol.hpp"
#include "actors/metered.hpp"
#include "actors/surroundings.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <memory>

namespace hub::actors {

class attempt;

/// Something to be done in the attempt's own actor.
struct run_here {
  std::function<void()> what;
};

/// Does one attempt at a job: starts what has to be done and returns; the attempt ends with
/// `succeed` or `fail`, called once, from the attempt's own actor. What it throws is a failure.
using job_runner = std::function<void(attempt)>;

struct worker_state {
  worker_state() = default; // never an aggregate: docs/decisions/0003

  static inline const char* name = "job_worker";
  std::shared_ptr<const surroundings> around;
  job_supervisor_actor supervisor;
  domain::claimed_job job;
  bool ended = false;
};

using worker_pointer = caf::stateful_actor<worker_state, metered<>>*;

/// What a runner holds of its attempt. Copies are the same attempt; valid as long as its actor, in
/// whose handlers alone it may be used.
class attempt {
public:
  explicit attempt(worker_pointer self) : self_{self} {}

  [[nodiscard]] const domain::claimed_job& job() const { return self_->state.job; }
  [[nodiscard]] const surroundings& around() const { return *self_->state.around; }
  /// For requests and timers. They end with the attempt.
  [[nodiscard]] caf::event_based_actor* self() const { return self_; }

  /// Brings an answer from another thread home: what is passed to it runs in the attempt's actor,
  /// or not at all when the attempt has ended.
  [[nodiscard]] std::function<void(std::function<void()>)> way_home() const;
  /// Says that the provider can be asked for what is sent: should this attempt die or take too
  /// long, no person is needed yet.
  void can_be_asked() const;
  /// Records that something outside is about to change, then calls `go_on`. When it cannot be
  /// recorded the attempt fails and nothing may be sent. `with` is committed together with the
  /// record; where what it expects is so no longer, there is nothing left to do and the job is
  /// done.
  void begin_sending(std::function<void()> go_on,
                     std::shared_ptr<const domain::change> with = nullptr) const;
  /// The job is done; `effects` are committed together with that.
  void succeed(std::shared_ptr<const domain::change> effects = nullptr) const;
  /// `error_class` names the failure should it be for good; empty: its code does.
  void fail(domain::failure why, std::string error_class = {}) const;
  /// As `fail` after a send whose outcome is unknown, where the provider can be asked for it: a
  /// later attempt does that before anything else. No person is needed yet.
  void leave_open(domain::failure why) const;
  /// As `fail` where it is now known that earlier attempts sent nothing either.
  void fail_unsent(domain::failure why) const;

private:
  void end(attempt_done how) const;
  worker_pointer self_;
};

/// One attempt, alone in its actor: whatever happens to it happens to nothing else.
caf::behavior worker_behavior(worker_pointer self,
                              domain::claimed_job job,
                              const job_runner& runner,
                              job_supervisor_actor supervisor,
                              std::shared_ptr<const surroundings> around);

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::run_here)
