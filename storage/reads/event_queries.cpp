#include "storage/reads/event_queries.hpp"

#include "storage/journal/row_set.hpp"
#include "storage/reads/row_reading.hpp"

#include <string>

namespace hub::storage {

namespace {

// In the order of numbers, which is the primary key's: it reads what is new and nothing else.
const std::string events_query =
  std::string{"SELECT workspace_id, ticket_id, "} + event_columns + R"sql(
  FROM ticket_events
  WHERE workspace_id = ANY ($1::uuid[]) AND seq > $2::bigint
    AND seq <= coalesce($3::bigint, 9223372036854775807)
  ORDER BY seq LIMIT $4::int
)sql";

constexpr auto moment_query = R"sql(
  SELECT last_event_number(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
         CASE WHEN $1::boolean THEN pg_current_xact_id()::text::bigint END
)sql";

std::string array_of(const std::vector<domain::uuid>& ids) {
  array_literal all;
  for (const auto& id : ids)
    all.add(id);
  return std::move(all).finish();
}

} // namespace

event_row event_in(const pqxx::row& row, int first) {
  return {id_in(row[first]),
          number_in(row[first + 1]),
          text_in(row[first + 2]),
          text_in(row[first + 3]),
          optional_in(row[first + 4], text_in),
          text_in(row[first + 5]),
          time_in(row[first + 6])};
}

event_page read_events(pqxx::transaction_base& tx, const event_query& query) {
  event_page page;
  for (const auto& row : tx.exec_params(
         events_query, array_of(query.workspaces), query.after, query.until, query.limit + 1))
    page.events.push_back({id_in(row[0]), id_in(row[1]), event_in(row, 2)});
  page.more = page.events.size() > static_cast<std::size_t>(query.limit);
  if (page.more)
    page.events.pop_back();
  const auto moment = tx.exec_params1(moment_query, query.takes_number);
  page.last_number = number_in(moment[0]);
  page.oldest_running = number_in(moment[1]);
  page.own_number = optional_in(moment[2], number_in);
  return page;
}

} // namespace hub::storage
