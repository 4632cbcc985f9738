#include "storage/reads/read_store.hpp"

#include "storage/connection_pool.hpp"
#include "storage/guarded.hpp"
#include "storage/reads/attachment_reads.hpp"
#include "storage/reads/event_queries.hpp"
#include "storage/reads/job_reads.hpp"
#include "storage/reads/release_queries.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/reads/ticket_reads.hpp"
#include "storage/sealing.hpp"
#include "storage/visibility.hpp"

#include <algorithm>
#include <utility>

namespace hub::storage {

namespace {

using domain::errc;
using domain::fail;

constexpr auto deliveries_query = R"sql(
  SELECT id, platform, external_id, outcome, error, ticket_id, octet_length(payload_sealed),
         (extract(epoch FROM received_at) * 1000)::bigint
  FROM webhook_deliveries
  WHERE workspace_id = $1::uuid
    AND ($2::text IS NULL OR outcome = $2::text)
    AND ($3::text IS NULL OR platform = $3::text)
    AND ($4::uuid IS NULL OR id < $4::uuid)
  ORDER BY id DESC LIMIT $5::int OFFSET $6::int
)sql";

// Deliveries leave with their day's partition, so no counter knows how many are left.
constexpr auto deliveries_total = R"sql(
  SELECT count(*) FROM (
    SELECT FROM webhook_deliveries
    WHERE workspace_id = $1::uuid
      AND ($2::text IS NULL OR outcome = $2::text)
      AND ($3::text IS NULL OR platform = $3::text)
    LIMIT $4::bigint) matches
)sql";

constexpr auto delivery_query_by_id = R"sql(
  SELECT id, platform, external_id, outcome, error, ticket_id, octet_length(payload_sealed),
         (extract(epoch FROM received_at) * 1000)::bigint,
         content_type, payload_sealed, (extract(epoch FROM occurred_on::timestamptz) * 1000)::bigint
  FROM webhook_deliveries WHERE workspace_id = $1::uuid AND id = $2::uuid
)sql";

constexpr auto ledger_query = R"sql(
  SELECT platform, sum(received)::bigint, sum(created)::bigint, sum(attached)::bigint,
         sum(duplicate)::bigint, sum(not_feedback)::bigint, sum(quarantined)::bigint
  FROM intake_counters WHERE workspace_id = $1::uuid GROUP BY platform
)sql";

constexpr auto answer_query = R"sql(
  SELECT status, coalesce(answer::text, ''), request_hash FROM idempotency_keys
  WHERE workspace_id = $1::uuid AND key = $2
)sql";

// Kept cells against counted rows, both ways, naming only those that differ.
constexpr auto recount_tickets = R"sql(
  SELECT format('tickets %s/%s/P%s/%s: counter says %s, rows say %s', status, original_channel,
                priority, ticket_type, coalesce(kept.n, 0), coalesce(counted.n, 0))
  FROM (SELECT status, original_channel, priority, ticket_type, sum(n)::bigint AS n
        FROM ticket_counters WHERE workspace_id = $1::uuid GROUP BY 1, 2, 3, 4) kept
  FULL JOIN (SELECT status, original_channel, priority, ticket_type, count(*) AS n
             FROM tickets WHERE workspace_id = $1::uuid GROUP BY 1, 2, 3, 4) counted
    USING (status, original_channel, priority, ticket_type)
  WHERE coalesce(kept.n, 0) <> coalesce(counted.n, 0)
)sql";

// Replays are counted but not stored, so duplicates may exceed their rows and are left out.
// Retention drops rows: only yesterday and today are compared, which have all of theirs. One pass
// over the rows.
constexpr auto recount_intake = R"sql(
  SELECT format('%s deliveries of %s: %s: counter says %s, rows say %s', platform, day, outcome,
                coalesce(kept.n, 0), coalesce(counted.n, 0))
  FROM (SELECT c.platform, c.day, o.outcome, sum(o.n)::bigint AS n
        FROM intake_counters c,
             LATERAL (VALUES ('created', c.created), ('attached', c.attached),
                             ('not_feedback', c.not_feedback), ('quarantined', c.quarantined))
               AS o (outcome, n)
        WHERE c.workspace_id = $1::uuid AND c.day >= (now() AT TIME ZONE 'UTC')::date - 1
        GROUP BY 1, 2, 3) kept
  FULL JOIN (SELECT platform, (received_at AT TIME ZONE 'UTC')::date AS day, outcome, count(*) AS n
             FROM webhook_deliveries
             WHERE workspace_id = $1::uuid AND outcome <> 'duplicate'
               AND received_at >= ((now() AT TIME ZONE 'UTC')::date - 1)::timestamp
                                  AT TIME ZONE 'UTC'
             GROUP BY 1, 2, 3) counted
    USING (platform, day, outcome)
  WHERE coalesce(kept.n, 0) <> coalesce(counted.n, 0)
)sql";

constexpr auto unbalanced_query = R"sql(
  SELECT format('%s: received %s, outcomes add up to %s', platform, sum(received),
                sum(created + attached + duplicate + not_feedback + quarantined))
  FROM intake_counters WHERE workspace_id = $1::uuid GROUP BY platform
  HAVING sum(received) <> sum(created + attached + duplicate + not_feedback + quarantined)
)sql";

delivery_row delivery_in(const pqxx::row& row) {
  return {id_in(row[0]),
          text_in(row[1]),
          text_in(row[2]),
          text_in(row[3]),
          optional_in(row[4], text_in),
          optional_in(row[5], id_in),
          number_in(row[6]),
          time_in(row[7])};
}

template <class T>
const char* text_or_null(const std::optional<T>& value, std::string& keep) {
  if (!value)
    return nullptr;
  keep = to_string(*value);
  return keep.c_str();
}

class pooled_reads final : public read_store {
public:
  pooled_reads(read_store_options options, const key_ring& keys)
    : pool_{{.connection_string = std::move(options.connection_string),
             .session = "SET default_transaction_read_only = on; SET statement_timeout = '15s'; "
                        "SET jit = off; SET application_name = 'feedback-hub reads'",
             .connections = options.connections,
             .queue_limit = options.queue_limit}},
      keys_{keys} {}

  void core_of(domain::uuid workspace,
               domain::uuid ticket,
               callback<domain::ticket_core> done) override {
    read<domain::ticket_core>(
      workspace, std::move(done), [workspace, ticket](pqxx::transaction_base& tx) {
        return read_core(tx, workspace, ticket);
      });
  }

  void list_tickets(ticket_query query, callback<ticket_page> done) override {
    const auto workspace = query.workspace;
    read<ticket_page>(
      workspace, std::move(done), [query = std::move(query)](pqxx::transaction_base& tx) {
        return domain::result{read_page(tx, query)};
      });
  }

  void
  detail_of(domain::uuid workspace, domain::uuid ticket, callback<ticket_detail> done) override {
    read<ticket_detail>(
      workspace, std::move(done), [this, workspace, ticket](pqxx::transaction_base& tx) {
        return read_detail(tx, workspace, ticket, keys_);
      });
  }

  void original_of(domain::uuid workspace,
                   domain::uuid ticket,
                   domain::uuid message,
                   callback<original_message> done) override {
    read<original_message>(
      workspace, std::move(done), [this, workspace, ticket, message](pqxx::transaction_base& tx) {
        return read_original(tx, workspace, ticket, message, keys_);
      });
  }

  void writing_context_of(domain::uuid workspace,
                          domain::uuid ticket,
                          callback<writing_context> done) override {
    read<writing_context>(
      workspace, std::move(done), [workspace, ticket](pqxx::transaction_base& tx) {
        return read_writing_context(tx, workspace, ticket);
      });
  }

  void list_changelog(changelog_query query, callback<changelog_page> done) override {
    const auto workspace = query.workspace;
    read<changelog_page>(
      workspace, std::move(done), [query = std::move(query)](pqxx::transaction_base& tx) {
        return domain::result{read_changelog_page(tx, query)};
      });
  }

  void list_notifications(notification_query query, callback<notification_page> done) override {
    const auto workspace = query.workspace;
    read<notification_page>(
      workspace, std::move(done), [query = std::move(query)](pqxx::transaction_base& tx) {
        return domain::result{read_notification_page(tx, query)};
      });
  }

  void notification_of(domain::uuid workspace,
                       domain::uuid id,
                       callback<notification_detail> done) override {
    read<notification_detail>(
      workspace, std::move(done), [workspace, id](pqxx::transaction_base& tx) {
        return read_notification(tx, workspace, id);
      });
  }

  void attachment_of(domain::uuid workspace,
                     domain::uuid attachment,
                     callback<attachment_facts> done) override {
    read<attachment_facts>(
      workspace, std::move(done), [workspace, attachment](pqxx::transaction_base& tx) {
        return read_attachment(tx, workspace, attachment);
      });
  }

  void list_deliveries(delivery_query query, callback<delivery_page> done) override {
    read<delivery_page>(query.workspace, std::move(done), [query](pqxx::transaction_base& tx) {
      std::string outcome;
      std::string platform;
      std::string after;
      const auto workspace = to_string(query.workspace);
      const auto* outcome_or_null = text_or_null(query.outcome, outcome);
      const auto* platform_or_null = text_or_null(query.platform, platform);
      delivery_page page;
      for (const auto& row : tx.exec_params(deliveries_query,
                                            workspace,
                                            outcome_or_null,
                                            platform_or_null,
                                            text_or_null(query.after, after),
                                            query.limit + 1,
                                            query.after ? 0 : query.offset))
        page.deliveries.push_back(delivery_in(row));
      page.more = page.deliveries.size() > static_cast<std::size_t>(query.limit);
      if (page.more)
        page.deliveries.pop_back();
      const auto counted = number_in(tx.exec_params1(
        deliveries_total, workspace, outcome_or_null, platform_or_null, counted_matches + 1)[0]);
      page.total = std::min(counted_matches, counted);
      page.total_is_exact = counted <= counted_matches;
      return domain::result{std::move(page)};
    });
  }

  void
  delivery_of(domain::uuid workspace, domain::uuid id, callback<stored_delivery> done) override {
    read<stored_delivery>(
      workspace,
      std::move(done),
      [this, workspace, id](pqxx::transaction_base& tx) -> domain::result<stored_delivery> {
        const auto rows = tx.exec_params(delivery_query_by_id, to_string(workspace), to_string(id));
        if (rows.empty())
          return fail(errc::not_found, "there is no delivery with this id");
        const auto row = rows.front();
        const std::string_view aad{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
        auto payload = keys_.unseal(bytes_in(row[9]), aad);
        if (!payload)
          return std::move(payload).why();
        return stored_delivery{
          delivery_in(row), text_in(row[8]), *std::move(payload), time_in(row[10])};
      });
  }

  void list_dead_letters(dead_letter_query query, callback<dead_letter_page> done) override {
    const auto workspace = query.workspace;
    read<dead_letter_page>(
      workspace, std::move(done), [query = std::move(query)](pqxx::transaction_base& tx) {
        return domain::result{read_dead_letters(tx, query)};
      });
  }

  void dead_letter_of(domain::uuid workspace,
                      domain::uuid id,
                      callback<stored_dead_letter> done) override {
    read<stored_dead_letter>(
      workspace, std::move(done), [this, workspace, id](pqxx::transaction_base& tx) {
        return read_dead_letter(tx, workspace, id, keys_);
      });
  }

  void list_job_controls(callback<std::vector<job_control_row>> done) override {
    read<std::vector<job_control_row>>(std::move(done), [](pqxx::transaction_base& tx) {
      return domain::result{read_job_controls(tx)};
    });
  }

  void list_events(event_query query, callback<event_page> done) override {
    read<event_page>(std::move(done), [query = std::move(query)](pqxx::transaction_base& tx) {
      see_only(tx, query.workspaces);
      return domain::result{read_events(tx, query)};
    });
  }

  void ledger_of(domain::uuid workspace, callback<ledger> done) override {
    read<ledger>(workspace, std::move(done), [workspace](pqxx::transaction_base& tx) {
      ledger lines;
      for (const auto& row : tx.exec_params(ledger_query, to_string(workspace)))
        lines[text_in(row[0])] = {number_in(row[1]),
                                  number_in(row[2]),
                                  number_in(row[3]),
                                  number_in(row[4]),
                                  number_in(row[5]),
                                  number_in(row[6])};
      return domain::result{std::move(lines)};
    });
  }

  void answer_to(domain::uuid workspace, std::string key, callback<stored_answer> done) override {
    read<stored_answer>(workspace,
                        std::move(done),
                        [workspace, key = std::move(key)](
                          pqxx::transaction_base& tx) -> domain::result<stored_answer> {
                          const auto rows = tx.exec_params(answer_query, to_string(workspace), key);
                          if (rows.empty())
                            return fail(errc::not_found, "this Idempotency-Key is not known");
                          return stored_answer{rows.front()[0].as<int>(),
                                               text_in(rows.front()[1]),
                                               bytes_in(rows.front()[2])};
                        });
  }

  void ping(callback<std::chrono::microseconds> done) override {
    read<std::chrono::microseconds>(std::move(done), [](pqxx::transaction_base& tx) {
      const auto start = std::chrono::steady_clock::now();
      tx.exec("SELECT 1");
      return domain::result{std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start)};
    });
  }

  void count_again(domain::uuid workspace, callback<recount> done) override {
    read<recount>(workspace, std::move(done), [workspace](pqxx::transaction_base& tx) {
      recount found;
      tx.exec("SET LOCAL statement_timeout = '10min'"); // counts every row there is
      for (const auto* query : {unbalanced_query, recount_tickets, recount_intake})
        for (const auto& row : tx.exec_params(query, to_string(workspace)))
          found.differences.push_back(text_in(row[0]));
      return domain::result{std::move(found)};
    });
  }

  [[nodiscard]] pool_stats stats() const override { return pool_.stats(); }
  void stop() override { pool_.stop(); }

private:
  /// Runs `query` in one consistent snapshot of what belongs to no workspace, and hands its result
  /// on.
  template <class T, class Query>
  void read(callback<T> done, Query query) {
    in_transaction<pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>, T>(
      pool_, std::move(done), std::move(query));
  }

  /// As `read`, of what belongs to this workspace.
  template <class T, class Query>
  void read(const domain::uuid& workspace, callback<T> done, Query query) {
    read<T>(std::move(done), [workspace, query = std::move(query)](pqxx::transaction_base& tx) {
      see_only(tx, workspace);
      return query(tx);
    });
  }

  connection_pool pool_;
  const key_ring& keys_;
};

} // namespace

std::unique_ptr<read_store> make_read_store(read_store_options options, const key_ring& keys) {
  return std::make_unique<pooled_reads>(std::move(options), keys);
}

} // namespace hub::storage
