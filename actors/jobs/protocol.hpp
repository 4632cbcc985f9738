#pragma once

#include "domain/change.hpp"
#include "storage/jobs/job_store.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::actors {

/// The journal has committed these jobs; they may be due.
struct jobs_committed {
  domain::job_kind kind{};
  std::vector<domain::uuid> ids;
};

/// Something changed that may make waiting jobs due: an operator's word, an old dead letter.
struct look_again {};

/// An attempt is about to change something outside, and this is recorded.
struct attempt_sends {
  domain::uuid job;
  domain::uuid claim;
};

/// What this attempt or an earlier one may have sent, a later attempt can find out.
struct attempt_can_ask {
  domain::uuid job;
  domain::uuid claim;
};

/// What a failed attempt knows of what may have been sent.
enum class known_of_send : std::uint8_t {
  unsaid,       // what its failure says
  can_be_asked, // a later attempt can find out
  not_sent,     // nothing was, by earlier attempts either
};

/// An attempt has ended by its own word.
struct attempt_done {
  domain::uuid job;
  domain::uuid claim;
  std::shared_ptr<const domain::change> effects; // null: none
  std::optional<domain::failure> why;            // unset: it succeeded
  known_of_send known = known_of_send::unsaid;
  std::string error_class = {}; // of a dead letter; empty: the failure's code
};

/// Time to look at what is due and what is late. Only the newest generation counts.
struct job_tick {
  std::uint64_t generation = 0;
};

/// Begin no attempts any more. Answered when none runs, or after the grace; what was not begun is
/// given back.
struct stop_jobs {
  std::chrono::milliseconds grace{};
};

struct jobs_stopped {
  int given_back = 0;
};

/// Runs the jobs of one kind on this node.
using job_supervisor_actor = caf::typed_actor<caf::reacts_to<jobs_committed>,
                                              caf::reacts_to<look_again>,
                                              caf::reacts_to<attempt_sends>,
                                              caf::reacts_to<attempt_can_ask>,
                                              caf::reacts_to<attempt_done>,
                                              caf::reacts_to<job_tick>,
                                              caf::replies_to<stop_jobs>::with<jobs_stopped>>;

struct claim_jobs {
  storage::claim_request what;
};

struct jobs_claimed {
  std::shared_ptr<const storage::claimed_jobs> what;
};

struct renew_claims {
  std::vector<storage::held_claim> held;
};

struct claims_renewed {
  std::vector<storage::held_claim> lost;
};

struct release_claims {
  std::vector<storage::held_claim> held;
};

/// Time to free expired claims and to look at the backlog.
struct claims_tick {};

/// The node's one connection for claims. Every failure is `unavailable`: nothing was claimed that
/// its lease does not free.
using job_claimer_actor = caf::typed_actor<caf::replies_to<claim_jobs>::with<jobs_claimed>,
                                           caf::replies_to<renew_claims>::with<claims_renewed>,
                                           caf::replies_to<release_claims>::with<jobs_stopped>,
                                           caf::reacts_to<claims_tick>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::jobs_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::attempt_sends)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::attempt_can_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::attempt_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::job_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::stop_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::jobs_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::claim_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::jobs_claimed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::renew_claims)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::claims_renewed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::release_claims)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::claims_tick)
