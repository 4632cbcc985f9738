#pragma once

#include "actors/feed/protocol.hpp"
#include "http/server/edge/responder.hpp"
#include "storage/reads/read_store.hpp"

#include <caf/fwd.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::http {

/// What somebody wants to be told of.
struct live_wish {
  domain::uuid workspace;
  std::optional<domain::uuid> ticket;   // unset: any
  std::vector<std::string> event_types; // empty: any
  /// The last `id` that came before the connection broke; unset: from now on.
  std::optional<std::int64_t> after;
};

/// Tells one client of events as they happen, as Server-Sent Events, until it leaves, takes
/// nothing, or may see them no longer. `data` is an event as a ticket's detail shows it, with its
/// `ticket_id`. After a break the client says the last `id` it got and misses nothing; an event may
/// come twice then, and has the same `data.id`. `event: reset` says that too much has happened in
/// between: what the client knows it must read again.
///
/// The head is sent at once and never says that the database is away: an EventSource would not come
/// back. `may_still_see` is asked every ten seconds; `held` is let go at the end; `random_delay` is
/// any number, so that clients do not all come back at once.
void send_events(caf::actor_system& system,
                 edge::responder responder,
                 live_wish wish,
                 actors::feed_actor feed,
                 storage::event_reads& reads,
                 std::function<void(std::function<void(bool)>)> may_still_see,
                 std::shared_ptr<const void> held,
                 std::uint64_t random_delay);

} // namespace hub::http
