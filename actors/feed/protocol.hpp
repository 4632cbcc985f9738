#pragma once

#include "storage/reads/event_reads.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace hub::actors {

/// Events of the watcher's workspace, in the order of their numbers; none where only `settled` has
/// moved. One can come again, and a number that is lower than one before can come late, never after
/// `settled` has reached it.
struct events_happened {
  std::shared_ptr<const std::vector<storage::ticket_event>> events;
  /// Together with these, all up to this number that there will ever be have come.
  std::int64_t settled = 0;
  /// The database counts from elsewhere now, as after a restore: nothing more comes.
  bool is_over = false;
};

using events_watcher_actor = caf::typed_actor<caf::reacts_to<events_happened>>;

/// From now on `watcher` is told of this workspace's events, until it ends.
struct watch_events {
  domain::uuid workspace;
  events_watcher_actor watcher;
};

/// Where the watching begins: what came up to `settled` can be read, everything else will be told.
struct feed_position {
  std::int64_t settled = 0;
  std::int64_t last_number = 0; // no event has a higher one yet
};

/// A reader thread has answered.
struct events_read {
  std::shared_ptr<const domain::result<storage::event_page>> page;
};

/// Only the last one that was asked for counts.
struct look_for_events {
  std::uint64_t which = 0;
};

/// The live feed: tells what happens to tickets, on whichever node, to whoever watches here. Reads
/// the database only while somebody does.
using feed_actor = caf::typed_actor<
  // `unavailable` while the database is away.
  caf::replies_to<watch_events>::with<feed_position>,
  caf::reacts_to<events_read>,
  caf::reacts_to<look_for_events>>;

} // namespace hub::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::events_happened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::watch_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::feed_position)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::events_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(hub::actors::look_for_events)
