#pragma once

#include "actors/jobs/protocol.hpp"
#include "domain/change.hpp"
#include "storage/journal/journal_store.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <vector>

namespace hub::actors {

struct commit_change {
  storage::change_ptr what;
};

/// A writer has a connection and nothing to do.
struct writer_ready {
  int slot = 0;
};

/// A writer has done its batch. `connected` false: it comes back with `writer_ready`.
struct batch_written {
  int slot = 0;
  std::shared_ptr<std::vector<domain::verdict>> verdicts;
  storage::commit_stats stats;
  bool connected = true;
};

/// A writer has no connection; it goes on trying.
struct writer_away {
  int slot = 0;
};

/// Whom to tell of committed jobs of a kind.
struct tell_of_jobs {
  domain::job_kind kind{};
  job_supervisor_actor supervisor;
};

/// The only way state reaches the database. Queues Changes, hands whatever waits to the next free
/// writer as one batch, and answers each sender.
using journal_actor = caf::typed_actor<
  // Commits one Change; `unavailable` at once when the queue is full or no writer has a database.
  caf::replies_to<commit_change>::with<domain::verdict>,
  caf::reacts_to<tell_of_jobs>,
  // From the writers.
  caf::reacts_to<writer_ready>,
  caf::reacts_to<batch_written>,
  caf::reacts_to<writer_away>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::commit_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::tell_of_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::writer_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::batch_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::writer_away)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::domain::verdict)
