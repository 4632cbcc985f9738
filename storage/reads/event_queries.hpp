#pragma once

#include "storage/reads/event_reads.hpp"

#include <pqxx/pqxx>

namespace hub::storage {

/// Fields in the order of `event_columns`, from `first` on.
[[nodiscard]] event_row event_in(const pqxx::row& row, int first = 0);
inline constexpr auto event_columns = "id, seq, event_type, actor_type, actor_id, data::text, "
                                      "(extract(epoch FROM created_at) * 1000)::bigint";

/// The transaction must see the workspaces of the query, in one snapshot.
event_page read_events(pqxx::transaction_base& tx, const event_query& query);

} // namespace hub::storage
