#pragma once

#include "domain/time.hpp"
#include "domain/uuid.hpp"
#include "storage/pool.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

struct event_row {
  domain::uuid id;
  std::int64_t seq = 0;
  std::string type;
  std::string actor_type;
  std::optional<std::string> actor_id;
  std::string data; // JSON
  domain::time_point created_at{};
};

/// An event and whose it is.
struct ticket_event {
  domain::uuid workspace;
  domain::uuid ticket;
  event_row what;
};

/// Events of these workspaces by their numbers.
struct event_query {
  std::vector<domain::uuid> workspaces;
  std::int64_t after = 0;            // numbers above this
  std::optional<std::int64_t> until; // and up to this
  int limit = 1000;
  bool takes_number = false; // fills in `own_number`
};

/// What one snapshot of the database shows. Numbers are handed out before transactions commit, so a
/// lower one can appear after a higher one: `last_number`, `oldest_running` and `own_number` tell
/// when that is over, see actors/feed/settling.hpp.
struct event_page {
  std::vector<ticket_event> events; // by number
  bool more = false;                // there are more than `limit`
  std::int64_t last_number = 0;     // handed out by now, to whichever workspace
  std::int64_t oldest_running = 0;  // every transaction before this one has ended
  /// The number of this read's own transaction: whichever begins to write later has a higher one. A
  /// snapshot does not tell it: its upper end is behind the last transaction that has *ended*.
  std::optional<std::int64_t> own_number;
};

/// The history of all tickets, for whoever follows it. Asynchronous, as read_store.hpp says.
class event_reads {
public:
  virtual ~event_reads() = default;
  virtual void list_events(event_query query, callback<event_page> done) = 0;
};

} // namespace hub::storage
