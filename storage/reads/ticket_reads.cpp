#include "storage/reads/ticket_reads.hpp"

#include "storage/journal/row_set.hpp"
#include "storage/reads/attachment_reads.hpp"
#include "storage/reads/event_queries.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/sealing.hpp"

#include <algorithm>

namespace hub::storage {

namespace {

constexpr auto core_query = R"sql(
  SELECT number, version, status, ticket_type, priority
  FROM tickets WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql";

// The columns of ticket_row, in the order `row_in` reads them.
constexpr auto ticket_columns = R"sql(
  t.id, t.number, t.title, t.ticket_type, t.priority, t.status, t.original_channel,
  r.id, r.name, r.email, t.tags, t.ticket_group_id, t.assignee_id, t.pii_redacted_types,
  coalesce(g.status, 'pending'), t.version,
  (extract(epoch FROM t.created_at) * 1000)::bigint,
  (extract(epoch FROM t.updated_at) * 1000)::bigint,
  (extract(epoch FROM t.resolved_at) * 1000)::bigint
)sql";

constexpr auto detail_columns =
  ", t.description, t.metadata::text, g.suggested_type, g.suggested_priority, g.summary, "
  "t.notion_page_id, t.notion_url, g.confidence, g.ai_model, g.decision, "
  "(extract(epoch FROM g.updated_at) * 1000)::bigint";

constexpr auto ticket_tables =
  " FROM tickets t LEFT JOIN reporters r ON (r.workspace_id, r.id) = (t.workspace_id, t.reporter_id)"
  " LEFT JOIN ticket_triage g ON (g.workspace_id, g.ticket_id) = (t.workspace_id, t.id)";

constexpr auto sources_query = R"sql(
  SELECT s.platform, s.external_id, s.external_url, d.id, d.payload_sealed
  FROM ticket_sources s
  LEFT JOIN webhook_deliveries d ON (d.workspace_id, d.id) = (s.workspace_id, s.delivery_id)
  WHERE s.workspace_id = $1::uuid AND s.ticket_id = $2::uuid
  ORDER BY s.created_at LIMIT 50
)sql";

const std::string events_query = std::string{"SELECT "} + event_columns + R"sql(
  FROM ticket_events WHERE workspace_id = $1::uuid AND ticket_id = $2::uuid
  ORDER BY seq DESC LIMIT $3::int
)sql";

constexpr auto messages_query = R"sql(
  SELECT id, direction, author, body, pii_redacted_types,
         (extract(epoch FROM created_at) * 1000)::bigint
  FROM ticket_messages WHERE workspace_id = $1::uuid AND ticket_id = $2::uuid
  ORDER BY created_at DESC, id DESC LIMIT $3::int
)sql";

constexpr auto original_query = R"sql(
  SELECT body, body_sealed, pii_redacted_types FROM ticket_messages
  WHERE workspace_id = $1::uuid AND ticket_id = $2::uuid AND id = $3::uuid
)sql";

// Behind row-level security no condition that may tell something of what it compares uses an index,
// and a text search is one; the function searches as its owner, in the workspaces that are seen.
constexpr auto search_words = "t.id IN (SELECT tickets_matching($1::uuid, ";

constexpr std::size_t ticket_column_count = 19;

ticket_row row_in(const pqxx::row& row) {
  ticket_row ticket;
  ticket.id = id_in(row[0]);
  ticket.number = number_in(row[1]);
  ticket.title = text_in(row[2]);
  ticket.type = text_in(row[3]);
  ticket.urgency = row[4].as<int>();
  ticket.status = text_in(row[5]);
  ticket.channel = text_in(row[6]);
  if (!row[7].is_null())
    ticket.reporter = reporter_row{id_in(row[7]), text_in(row[8]), optional_in(row[9], text_in)};
  ticket.tags = texts_in(row[10]);
  ticket.group = optional_in(row[11], id_in);
  ticket.assignee = optional_in(row[12], id_in);
  ticket.pii_types = texts_in(row[13]);
  ticket.enrichment_status = text_in(row[14]);
  ticket.version = number_in(row[15]);
  ticket.created_at = time_in(row[16]);
  ticket.updated_at = time_in(row[17]);
  ticket.resolved_at = optional_in(row[18], time_in);
  return ticket;
}

/// A WHERE clause and its parameters, built together.
class filter {
public:
  /// Adds the value as a parameter and returns its placeholder.
  std::string bind(std::string value) {
    values_.push_back(std::move(value));
    std::string placeholder{"$"};
    return placeholder.append(std::to_string(values_.size()));
  }
  void add(const std::string& condition) {
    text_ += (text_.empty() ? " WHERE " : " AND ") + condition;
  }
  /// Equality keeps an index's order for the single value that is by far the usual case.
  template <class Values, class Name>
  void any_of(const std::string& column,
              const std::string& type,
              const Values& values,
              const Name& name) {
    if (values.empty())
      return;
    if (values.size() == 1)
      return add(column + " = " + bind(std::string{name(values.front())}) + "::" + type);
    array_literal all;
    for (const auto& value : values)
      all.add(std::string{name(value)});
    add(column + " = ANY(" + bind(std::move(all).finish()) + "::" + type + "[])");
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] pqxx::result run(pqxx::transaction_base& tx, const std::string& sql) const {
    return tx.exec_params(sql, pqxx::prepare::make_dynamic_params(values_));
  }

private:
  std::string text_;
  std::vector<std::string> values_;
};

constexpr auto name_of = [](auto value) { return to_string(value); };
constexpr auto digits_of = [](int value) { return std::to_string(value); };

std::optional<std::string> ticket_number_in(std::string_view search) {
  if (search.starts_with('#'))
    search.remove_prefix(1);
  const bool digits = !search.empty() && search.size() <= 15
                      && search.find_first_not_of("0123456789") == std::string_view::npos;
  return digits ? std::optional{std::string{search}} : std::nullopt;
}

void add_facets(filter& where, const ticket_query& query) {
  where.add("t.workspace_id = " + where.bind(to_string(query.workspace)) + "::uuid");
  where.any_of("t.status", "text", query.statuses, name_of);
  where.any_of("t.original_channel", "text", query.channels, name_of);
  where.any_of("t.priority", "smallint", query.priorities, digits_of);
  where.any_of("t.ticket_type", "text", query.types, name_of);
}

void add_others(filter& where, const ticket_query& query) {
  if (query.group)
    where.add("t.ticket_group_id = " + where.bind(to_string(*query.group)) + "::uuid");
  if (query.assignee)
    where.add("t.assignee_id = " + where.bind(to_string(*query.assignee)) + "::uuid");
  if (query.search.empty())
    return;
  if (const auto number = ticket_number_in(query.search))
    where.add("t.number = " + where.bind(*number) + "::bigint");
  else
    where.add(search_words + where.bind(query.search) + "))"); // $1: see add_facets
}

void add_position(filter& where, const ticket_query& query) {
  if (!query.after)
    return;
  const auto at = where.bind(domain::to_rfc3339(query.after->created_at)) + "::timestamptz";
  const auto id = where.bind(to_string(query.after->id)) + "::uuid";
  const auto behind = "(t.created_at, t.id) < (" + at + ", " + id + ")";
  switch (query.order) {
  case ticket_order::newest:
    return where.add(behind);
  case ticket_order::oldest:
    return where.add("(t.created_at, t.id) > (" + at + ", " + id + ")");
  case ticket_order::urgency: {
    const auto urgency = where.bind(std::to_string(query.after->urgency)) + "::smallint";
    return where.add("t.priority >= " + urgency + " AND (t.priority > " + urgency + " OR " + behind
                     + ")");
  }
  }
}

const char* order_by(ticket_order order) {
  switch (order) {
  case ticket_order::newest:
    return " ORDER BY t.created_at DESC, t.id DESC";
  case ticket_order::oldest:
    return " ORDER BY t.created_at, t.id";
  case ticket_order::urgency:
    return " ORDER BY t.priority, t.created_at DESC, t.id DESC";
  }
  return "";
}

/// The total without counting tickets where the maintained cells know it; counted up to a bound
/// where they do not.
void read_total(pqxx::transaction_base& tx, const ticket_query& query, ticket_page& page) {
  const bool only_facets = !query.group && !query.assignee && query.search.empty();
  filter where;
  add_facets(where, query);
  if (only_facets) {
    const auto row =
      where.run(tx, "SELECT coalesce(sum(n), 0)::bigint FROM ticket_counters t" + where.text())[0];
    page.total = std::max<std::int64_t>(0, number_in(row[0]));
    return;
  }
  add_others(where, query);
  const auto bound = where.bind(std::to_string(counted_matches + 1)) + "::bigint";
  const auto row = where.run(tx,
                             "SELECT count(*) FROM (SELECT FROM tickets t" + where.text()
                               + " LIMIT " + bound + ") matches")[0];
  page.total = std::min(counted_matches, number_in(row[0]));
  page.total_is_exact = number_in(row[0]) <= counted_matches;
}

std::vector<source_row> read_sources(pqxx::transaction_base& tx,
                                     const std::string& workspace,
                                     const std::string& ticket,
                                     const key_ring& keys) {
  std::vector<source_row> sources;
  for (const auto& row : tx.exec_params(sources_query, workspace, ticket)) {
    source_row source{text_in(row[0]), text_in(row[1]), optional_in(row[2], text_in), std::nullopt};
    if (!row[3].is_null()) {
      const auto id = id_in(row[3]);
      const std::string_view aad{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
      if (auto opened = keys.unseal(bytes_in(row[4]), aad))
        source.payload = *std::move(opened);
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

} // namespace

domain::result<domain::ticket_core>
read_core(pqxx::transaction_base& tx, const domain::uuid& workspace, const domain::uuid& ticket) {
  const auto rows = tx.exec_params(core_query, to_string(workspace), to_string(ticket));
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no ticket with this id");
  const auto row = rows.front();
  const auto status = domain::parse_ticket_status(row[2].c_str());
  const auto type = domain::parse_ticket_type(row[3].c_str());
  if (!status || !type)
    return domain::fail(domain::errc::internal, "the ticket is in a state this version lacks");
  return domain::ticket_core{.workspace = workspace,
                             .id = ticket,
                             .number = number_in(row[0]),
                             .version = number_in(row[1]),
                             .status = *status,
                             .type = *type,
                             .urgency = row[4].as<int>()};
}

ticket_page read_page(pqxx::transaction_base& tx, const ticket_query& query) {
  ticket_page page;
  read_total(tx, query, page);
  filter where;
  add_facets(where, query);
  add_others(where, query);
  add_position(where, query);
  auto sql = std::string{"SELECT "} + ticket_columns + ticket_tables + where.text()
             + order_by(query.order) + " LIMIT " + where.bind(std::to_string(query.limit + 1))
             + "::int";
  if (!query.after && query.offset > 0)
    sql += " OFFSET " + where.bind(std::to_string(query.offset)) + "::int";
  for (const auto& row : where.run(tx, sql))
    page.tickets.push_back(row_in(row));
  page.more = page.tickets.size() > static_cast<std::size_t>(query.limit);
  if (page.more)
    page.tickets.pop_back();
  return page;
}

domain::result<ticket_detail> read_detail(pqxx::transaction_base& tx,
                                          const domain::uuid& workspace,
                                          const domain::uuid& ticket,
                                          const key_ring& keys) {
  const auto workspace_text = to_string(workspace);
  const auto ticket_text = to_string(ticket);
  const auto rows =
    tx.exec_params(std::string{"SELECT "} + ticket_columns + detail_columns + ticket_tables
                     + " WHERE t.workspace_id = $1::uuid AND t.id = $2::uuid",
                   workspace_text,
                   ticket_text);
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no ticket with this id");
  const auto row = rows.front();
  ticket_detail detail;
  detail.ticket = row_in(row);
  constexpr auto first = static_cast<int>(ticket_column_count);
  detail.description = text_in(row[first]);
  detail.metadata = text_in(row[first + 1]);
  detail.ai_suggested_type = optional_in(row[first + 2], text_in);
  if (!row[first + 3].is_null())
    detail.ai_suggested_priority = row[first + 3].as<int>();
  detail.ai_summary = optional_in(row[first + 4], text_in);
  detail.notion_page_id = optional_in(row[first + 5], text_in);
  detail.notion_url = optional_in(row[first + 6], text_in);
  if (!row[first + 7].is_null())
    detail.ai_confidence = row[first + 7].as<double>();
  detail.ai_model = optional_in(row[first + 8], text_in);
  detail.triage_decision = optional_in(row[first + 9], text_in);
  detail.triaged_at = optional_in(row[first + 10], time_in);
  detail.sources = read_sources(tx, workspace_text, ticket_text, keys);
  for (const auto& event :
       tx.exec_params(events_query, workspace_text, ticket_text, history_limit + 1))
    detail.events.push_back(event_in(event));
  for (const auto& message :
       tx.exec_params(messages_query, workspace_text, ticket_text, history_limit + 1))
    detail.messages.push_back({id_in(message[0]),
                               text_in(message[1]),
                               text_in(message[2]),
                               text_in(message[3]),
                               texts_in(message[4]),
                               time_in(message[5])});
  const auto limit = static_cast<std::size_t>(history_limit);
  detail.truncated = detail.events.size() > limit || detail.messages.size() > limit;
  detail.events.resize(std::min(detail.events.size(), limit));
  detail.messages.resize(std::min(detail.messages.size(), limit));
  std::ranges::reverse(detail.messages);
  detail.attachments = read_attachments(tx, workspace_text, ticket_text);
  return detail;
}

domain::result<original_message> read_original(pqxx::transaction_base& tx,
                                               const domain::uuid& workspace,
                                               const domain::uuid& ticket,
                                               const domain::uuid& message,
                                               const key_ring& keys) {
  const auto rows =
    tx.exec_params(original_query, to_string(workspace), to_string(ticket), to_string(message));
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "this ticket has no such message");
  const auto row = rows.front();
  if (row[1].is_null())
    return original_message{text_in(row[0]), texts_in(row[2]), false};
  const std::string_view aad{reinterpret_cast<const char*>(message.bytes.data()),
                             message.bytes.size()};
  auto body = keys.unseal(bytes_in(row[1]), aad);
  if (!body)
    return std::move(body).why();
  return original_message{*std::move(body), texts_in(row[2]), true};
}

} // namespace hub::storage
