#include "storage/reads/release_queries.hpp"

#include "storage/reads/read_store.hpp"
#include "storage/reads/row_reading.hpp"

#include <algorithm>
#include <string>

namespace hub::storage {

namespace {

// The columns of changelog_row, in the order `entry_in` reads them.
constexpr auto entry_columns = R"sql(
  e.id, e.ticket_id, e.content, e.status, e.version, e.ai_model, e.ai_prompt_tokens,
  e.ai_completion_tokens, e.ai_latency_ms, e.approved_by,
  (extract(epoch FROM e.approved_at) * 1000)::bigint,
  (extract(epoch FROM e.taken_back_at) * 1000)::bigint,
  (extract(epoch FROM e.created_at) * 1000)::bigint,
  (extract(epoch FROM e.updated_at) * 1000)::bigint,
  t.title, t.status, coalesce(r.name, '')
)sql";

constexpr auto entry_tables = R"sql(
  FROM changelog_entries e
  JOIN tickets t ON (t.workspace_id, t.id) = (e.workspace_id, e.ticket_id)
  LEFT JOIN reporters r ON (r.workspace_id, r.id) = (t.workspace_id, t.reporter_id)
)sql";

// A draft sorts before what is approved; of those the newest.
constexpr auto entry_of_ticket = R"sql(
  WHERE e.workspace_id = $1::uuid AND e.ticket_id = $2::uuid
  ORDER BY e.status = 'draft' DESC, e.id DESC LIMIT 1
)sql";

constexpr auto entry_page = R"sql(
  WHERE e.workspace_id = $1::uuid AND ($2::text IS NULL OR e.status = $2::text)
    AND ($3::uuid IS NULL OR e.id < $3::uuid)
  ORDER BY e.id DESC LIMIT $4::int OFFSET $5::int
)sql";

constexpr auto entry_total = R"sql(
  SELECT count(*) FROM (
    SELECT FROM changelog_entries
    WHERE workspace_id = $1::uuid AND ($2::text IS NULL OR status = $2::text)
    LIMIT $3::bigint) counted
)sql";

constexpr auto context_query = R"sql(
  SELECT t.title, t.description, t.status, t.version,
         (extract(epoch FROM (
            SELECT max(m.created_at) FROM ticket_messages m
            WHERE m.workspace_id = $1::uuid AND m.ticket_id = $2::uuid
              AND m.direction = 'inbound')) * 1000)::bigint,
         (extract(epoch FROM (
            SELECT c.until FROM provider_cooldowns c
            WHERE c.workspace_id = $1::uuid AND c.provider = 'openai')) * 1000)::bigint
  FROM tickets t WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid
)sql";

// More than sixty-four are not looked for.
constexpr auto names_query = R"sql(
  SELECT name FROM (
    SELECT r.name, 1 AS nearness FROM reporters r JOIN tickets t
      ON (t.workspace_id, t.reporter_id) = (r.workspace_id, r.id)
    WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid
    UNION
    SELECT i.display_name, 2 FROM reporter_identities i JOIN tickets t
      ON (t.workspace_id, t.reporter_id) = (i.workspace_id, i.reporter_id)
    WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid
    UNION
    SELECT m.author, 3 FROM (
      SELECT author FROM ticket_messages
      WHERE workspace_id = $1::uuid AND ticket_id = $2::uuid AND direction = 'inbound'
      ORDER BY created_at, id LIMIT 200) m
  ) named
  WHERE name <> '' GROUP BY name ORDER BY min(nearness), name LIMIT 64
)sql";

// Of several accounts that one person has on a platform, the one that wrote here last.
constexpr auto reaches_query = R"sql(
  SELECT s.platform, i.platform_user_id, s.external_id
  FROM ticket_sources s
  JOIN tickets t ON (t.workspace_id, t.id) = (s.workspace_id, s.ticket_id)
  CROSS JOIN LATERAL (
    SELECT i.platform_user_id FROM reporter_identities i
    WHERE (i.workspace_id, i.reporter_id) = (t.workspace_id, t.reporter_id)
      AND i.platform = s.platform
    ORDER BY i.last_ticket_id = t.id DESC NULLS LAST, i.last_message_at DESC LIMIT 1) i
  WHERE s.workspace_id = $1::uuid AND s.ticket_id = $2::uuid
  ORDER BY s.created_at LIMIT 50
)sql";

// Who wrote in the app is reached there, else by mail.
constexpr auto reaches_without_thread = R"sql(
  SELECT i.platform, i.platform_user_id, ''
  FROM tickets t JOIN reporter_identities i
    ON (i.workspace_id, i.reporter_id) = (t.workspace_id, t.reporter_id) AND i.platform = 'in_app'
  WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid AND t.original_channel = 'in_app'
  UNION ALL
  SELECT 'email', r.email, ''
  FROM tickets t JOIN reporters r ON (r.workspace_id, r.id) = (t.workspace_id, t.reporter_id)
  WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid AND r.email IS NOT NULL
  LIMIT 1
)sql";

constexpr auto notification_columns = R"sql(
  n.id, n.ticket_id, n.changelog_entry_id, n.channel, n.platform_user_id,
  coalesce(i.display_name, ''), n.status, n.content, n.retry_count, n.last_error,
  n.provider_message_id,
  (extract(epoch FROM n.send_at) * 1000)::bigint,
  (extract(epoch FROM n.sent_at) * 1000)::bigint,
  (extract(epoch FROM n.delivered_at) * 1000)::bigint,
  (extract(epoch FROM n.read_at) * 1000)::bigint,
  (extract(epoch FROM n.created_at) * 1000)::bigint
)sql";
constexpr int notification_column_count = 16;

constexpr auto notification_tables = R"sql(
  FROM notifications n
  LEFT JOIN reporter_identities i
    ON (i.workspace_id, i.platform, i.platform_user_id)
     = (n.workspace_id, n.channel, n.platform_user_id)
)sql";

constexpr auto notification_filter = R"sql(
  WHERE n.workspace_id = $1::uuid AND ($2::text IS NULL OR n.status = $2::text)
    AND ($3::text IS NULL OR n.channel = $3::text)
    AND ($4::uuid IS NULL OR n.ticket_id = $4::uuid)
)sql";

constexpr auto attempts_query = R"sql(
  SELECT (extract(epoch FROM started_at) * 1000)::bigint,
         (extract(epoch FROM finished_at) * 1000)::bigint, outcome, error
  FROM notification_attempts WHERE workspace_id = $1::uuid AND notification_id = $2::uuid
  ORDER BY started_at, id LIMIT 100
)sql";

changelog_row entry_in(const pqxx::row& row, int first = 0) {
  changelog_row entry;
  entry.id = id_in(row[first]);
  entry.ticket = id_in(row[first + 1]);
  entry.content = text_in(row[first + 2]);
  entry.status = text_in(row[first + 3]);
  entry.version = number_in(row[first + 4]);
  entry.ai_model = optional_in(row[first + 5], text_in);
  entry.ai_prompt_tokens = optional_in(row[first + 6], number_in);
  entry.ai_completion_tokens = optional_in(row[first + 7], number_in);
  entry.ai_latency_ms = optional_in(row[first + 8], number_in);
  entry.approved_by = optional_in(row[first + 9], text_in);
  entry.approved_at = optional_in(row[first + 10], time_in);
  entry.taken_back_at = optional_in(row[first + 11], time_in);
  entry.created_at = time_in(row[first + 12]);
  entry.updated_at = time_in(row[first + 13]);
  entry.ticket_title = text_in(row[first + 14]);
  entry.ticket_status = text_in(row[first + 15]);
  entry.reporter_name = text_in(row[first + 16]);
  return entry;
}

notification_row notification_in(const pqxx::row& row) {
  notification_row one;
  one.id = id_in(row[0]);
  one.ticket = id_in(row[1]);
  one.entry = id_in(row[2]);
  one.channel = text_in(row[3]);
  one.platform_user_id = text_in(row[4]);
  one.recipient_name = text_in(row[5]);
  one.status = text_in(row[6]);
  one.content = text_in(row[7]);
  one.retry_count = number_in(row[8]);
  one.last_error = optional_in(row[9], text_in);
  one.provider_message_id = optional_in(row[10], text_in);
  one.send_at = time_in(row[11]);
  one.sent_at = optional_in(row[12], time_in);
  one.delivered_at = optional_in(row[13], time_in);
  one.read_at = optional_in(row[14], time_in);
  one.created_at = time_in(row[15]);
  return one;
}

std::optional<std::string> text_of(const std::optional<domain::uuid>& id) {
  return id ? std::optional{to_string(*id)} : std::nullopt;
}

/// One reach for each identity: the thread it wrote in first.
void add_reaches(writing_context& context, const pqxx::result& rows) {
  for (const auto& row : rows) {
    const auto platform = domain::parse_channel(row[0].c_str());
    auto who = text_in(row[1]);
    const bool known = !platform || std::ranges::any_of(context.reaches, [&](const reach& one) {
      return one.platform == *platform && one.platform_user_id == who;
    });
    if (!known)
      context.reaches.push_back({*platform, std::move(who), text_in(row[2])});
  }
}

/// Cuts a page that was read one row too long, and says how many there are.
template <class Page, class Rows>
void finish_page(Page& page, Rows& rows, int limit, std::int64_t counted) {
  page.more = rows.size() > static_cast<std::size_t>(limit);
  if (page.more)
    rows.pop_back();
  page.total = std::min(counted_matches, counted);
  page.total_is_exact = counted <= counted_matches;
}

} // namespace

domain::result<writing_context> read_writing_context(pqxx::transaction_base& tx,
                                                     const domain::uuid& workspace,
                                                     const domain::uuid& ticket) {
  const auto in = to_string(workspace);
  const auto id = to_string(ticket);
  const auto rows = tx.exec_params(context_query, in, id);
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no ticket with this id");
  const auto row = rows.front();
  const auto status = domain::parse_ticket_status(text_in(row[2]));
  if (!status)
    return status.why();
  writing_context context;
  context.ticket = ticket;
  context.title = text_in(row[0]);
  context.description = text_in(row[1]);
  context.status = *status;
  context.version = number_in(row[3]);
  context.last_inbound = optional_in(row[4], time_in).value_or(domain::time_point{});
  context.cooling_until = optional_in(row[5], time_in);
  for (const auto& name : tx.exec_params(names_query, in, id))
    context.names.push_back(text_in(name[0]));
  const auto entry =
    tx.exec_params(std::string{"SELECT "} + entry_columns + entry_tables + entry_of_ticket, in, id);
  if (!entry.empty())
    context.entry = entry_in(entry.front());
  add_reaches(context, tx.exec_params(reaches_query, in, id));
  if (context.reaches.empty())
    add_reaches(context, tx.exec_params(reaches_without_thread, in, id));
  return context;
}

changelog_page read_changelog_page(pqxx::transaction_base& tx, const changelog_query& query) {
  const auto workspace = to_string(query.workspace);
  changelog_page page;
  for (const auto& row :
       tx.exec_params(std::string{"SELECT "} + entry_columns + entry_tables + entry_page,
                      workspace,
                      query.status,
                      text_of(query.after),
                      query.limit + 1,
                      query.after ? 0 : query.offset))
    page.entries.push_back(entry_in(row));
  finish_page(
    page,
    page.entries,
    query.limit,
    number_in(tx.exec_params1(entry_total, workspace, query.status, counted_matches + 1)[0]));
  return page;
}

notification_page read_notification_page(pqxx::transaction_base& tx,
                                         const notification_query& query) {
  const auto workspace = to_string(query.workspace);
  const auto ticket = text_of(query.ticket);
  notification_page page;
  for (const auto& row : tx.exec_params(std::string{"SELECT "} + notification_columns
                                          + notification_tables + notification_filter
                                          + " AND ($5::uuid IS NULL OR n.id < $5::uuid)"
                                            " ORDER BY n.id DESC LIMIT $6::int OFFSET $7::int",
                                        workspace,
                                        query.status,
                                        query.channel,
                                        ticket,
                                        text_of(query.after),
                                        query.limit + 1,
                                        query.after ? 0 : query.offset))
    page.notifications.push_back(notification_in(row));
  finish_page(page,
              page.notifications,
              query.limit,
              number_in(tx.exec_params1(std::string{"SELECT count(*) FROM (SELECT FROM "
                                                    "notifications n"}
                                          + notification_filter + "LIMIT $5::bigint) counted",
                                        workspace,
                                        query.status,
                                        query.channel,
                                        ticket,
                                        counted_matches + 1)[0]));
  return page;
}

domain::result<notification_detail> read_notification(pqxx::transaction_base& tx,
                                                      const domain::uuid& workspace,
                                                      const domain::uuid& id) {
  const auto in = to_string(workspace);
  const auto rows = tx.exec_params(
    std::string{"SELECT "} + notification_columns
      + ", n.job_id, n.thread_id, n.use_template, "
        "(extract(epoch FROM i.last_message_at) * 1000)::bigint, p.locale, "
      + entry_columns + notification_tables
      + " JOIN changelog_entries e ON (e.workspace_id, e.id) = (n.workspace_id, "
        "n.changelog_entry_id) JOIN tickets t ON (t.workspace_id, t.id) = (n.workspace_id, "
        "n.ticket_id) LEFT JOIN reporters r ON (r.workspace_id, r.id) = (t.workspace_id, "
        "t.reporter_id) LEFT JOIN reporters p ON (p.workspace_id, p.id) = (i.workspace_id, "
        "i.reporter_id) WHERE n.workspace_id = $1::uuid AND n.id = $2::uuid",
    in,
    to_string(id));
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no notification with this id");
  const auto row = rows.front();
  notification_detail detail;
  detail.row = notification_in(row);
  constexpr auto own = notification_column_count;
  detail.job = id_in(row[own]);
  detail.thread_id = text_in(row[own + 1]);
  detail.use_template = row[own + 2].as<bool>();
  detail.last_message_at = optional_in(row[own + 3], time_in).value_or(domain::time_point{});
  detail.locale = optional_in(row[own + 4], text_in);
  detail.entry = entry_in(row, own + 5);
  for (const auto& attempt : tx.exec_params(attempts_query, in, to_string(id)))
    detail.attempts.push_back({time_in(attempt[0]),
                               optional_in(attempt[1], time_in),
                               text_in(attempt[2]),
                               optional_in(attempt[3], text_in)});
  return detail;
}

} // namespace hub::storage
