#include "storage/jobs/job_store.hpp"

#include "domain/scrub_json.hpp"
#include "storage/guarded.hpp"
#include "storage/journal/job_statements.hpp"
#include "storage/journal/row_set.hpp"
#include "storage/reads/row_reading.hpp"
#include "storage/sealing.hpp"
#include "storage/visibility.hpp"

#include <array>
#include <optional>
#include <utility>

namespace hub::storage {

namespace {

using domain::result;

using statements::statement;

// A kind that operators paused gives nothing; one that drains gives what was there before.
#define HUB_MAY_RUN                                                                                \
  "AND NOT EXISTS (SELECT FROM job_controls c WHERE c.kind = $1::text "                            \
  "  AND (c.state = 'paused' OR c.state = 'draining' AND j.created_at > c.drained_until)) "

#define HUB_CLAIM                                                                                  \
  "UPDATE jobs j SET claim_id = $2::uuid, attempts = j.attempts + 1, "                             \
  "  lease_until = now() + make_interval(secs => $3::int) "                                        \
  "FROM picked WHERE j.id = picked.id "                                                            \
  "RETURNING j.workspace_id, j.id, j.args, j.attempts, j.crashes, "                                \
  "  (extract(epoch FROM j.created_at) * 1000)::bigint, "                                          \
  "  (extract(epoch FROM j.sending_since) * 1000)::bigint, "                                       \
  "  (extract(epoch FROM j.run_at) * 1000)::bigint, (extract(epoch FROM now()) * 1000)::bigint"

// By the primary key and nothing else: a planner that sees an empty table would take the index of
// due jobs, which is the one that old transactions make slow. It cannot see through these guises.
constexpr statement claim_by_id{
  "claim_by_id",
  "WITH picked AS MATERIALIZED (SELECT j.id FROM jobs j WHERE j.id = ANY($4::uuid[]) "
  "AND j.kind || '' = $1::text AND (j.claim_id IS NULL) IS TRUE AND j.run_at <= now() " HUB_MAY_RUN
  "ORDER BY j.id FOR UPDATE SKIP LOCKED) " HUB_CLAIM};

constexpr statement claim_due{
  "claim_due",
  "WITH picked AS MATERIALIZED (SELECT j.id FROM jobs j WHERE j.kind = $1::text "
  "AND j.claim_id IS NULL AND j.run_at <= now() "
  "AND j.run_at >= coalesce($4::timestamptz, '-infinity') " HUB_MAY_RUN
  "ORDER BY j.run_at, j.id LIMIT $5::int FOR UPDATE SKIP LOCKED) " HUB_CLAIM};

constexpr statement next_due{
  "next_due",
  "SELECT (extract(epoch FROM now()) * 1000)::bigint, "
  "(SELECT (extract(epoch FROM j.run_at) * 1000)::bigint + 1 FROM jobs j "
  "  WHERE j.kind = $1::text AND j.claim_id IS NULL AND j.run_at > now() "
  "  ORDER BY j.run_at LIMIT 1)"};

constexpr statement take_forced_failure{
  "take_forced_failure",
  "UPDATE job_controls SET force_fail = false WHERE kind = $1::text AND force_fail"};

constexpr statement renew_leases{
  "renew_leases",
  "WITH i AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS i (id, claim)), "
  "renewed AS (UPDATE jobs j SET lease_until = now() + make_interval(secs => $3::int) "
  "  FROM i WHERE j.id = i.id AND j.claim_id = i.claim RETURNING j.id) "
  "SELECT i.id, i.claim FROM i WHERE i.id NOT IN (SELECT id FROM renewed)"};

constexpr statement give_back{
  "give_back",
  "UPDATE jobs j SET claim_id = NULL, lease_until = NULL, attempts = j.attempts - 1, "
  "run_at = now() FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) "
  "  AS i (id, claim, sending_since) "
  "WHERE j.id = i.id AND j.claim_id = i.claim "
  "AND j.sending_since IS NOT DISTINCT FROM i.sending_since"};

constexpr statement free_leases{
  "free_leases",
  "WITH gone AS MATERIALIZED (SELECT j.id FROM jobs j WHERE j.claim_id IS NOT NULL "
  "  AND j.lease_until < now() ORDER BY j.lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED) "
  "UPDATE jobs j SET claim_id = NULL, lease_until = NULL, crashes = j.crashes + 1, "
  "  run_at = now() FROM gone WHERE j.id = gone.id RETURNING j.id, j.kind, j.crashes, j.args, "
  "  j.workspace_id"};

/// A backlog is looked at, never counted to its end.
constexpr statement count_backlog{"count_backlog", R"sql(
  SELECT k.kind, coalesce(c.state, 'running'), coalesce(c.force_fail, false),
    (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.kind = k.kind AND j.claim_id IS NULL
       AND j.run_at <= now() LIMIT $2::int) x),
    (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.kind = k.kind AND j.claim_id IS NULL
       AND j.run_at > now() LIMIT $2::int) x),
    (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.kind = k.kind AND j.claim_id IS NOT NULL
       LIMIT $2::int) x),
    (SELECT count(*) FROM (SELECT j.attempts FROM jobs j WHERE j.kind = k.kind
       AND j.claim_id IS NULL ORDER BY j.run_at LIMIT $2::int) x WHERE x.attempts > 0),
    (SELECT count(*) FROM (SELECT FROM dead_letter_jobs d WHERE d.job_class = k.kind
       AND d.status = 'unresolved' LIMIT $2::int) x),
    (SELECT floor(extract(epoch FROM now() - j.run_at) * 1000)::bigint FROM jobs j
       WHERE j.kind = k.kind AND j.claim_id IS NULL AND j.run_at <= now()
       ORDER BY j.run_at LIMIT 1)
  FROM unnest($1::text[]) WITH ORDINALITY AS k (kind, ord)
  LEFT JOIN job_controls c ON c.kind = k.kind
  ORDER BY k.ord
)sql"};

#undef HUB_MAY_RUN
#undef HUB_CLAIM

constexpr std::array all{claim_by_id,
                         claim_due,
                         next_due,
                         take_forced_failure,
                         renew_leases,
                         give_back,
                         free_leases,
                         count_backlog};

domain::claimed_job job_in(const pqxx::row& row, const claim_request& wanted) {
  domain::claimed_job job;
  job.workspace = id_in(row[0]);
  job.id = id_in(row[1]);
  job.claim = wanted.claim;
  job.kind = wanted.kind;
  job.args = text_in(row[2]);
  job.attempt = row[3].as<int>();
  job.crashes = row[4].as<int>();
  job.created_at = time_in(row[5]);
  job.sending_since = optional_in(row[6], time_in);
  job.run_at = time_in(row[7]);
  return job;
}

job_backlog backlog_in(const pqxx::row& row, domain::job_kind kind) {
  job_backlog of;
  of.kind = kind;
  if (const auto state = domain::parse_job_kind_state(text_in(row[1])))
    of.state = *state;
  of.force_fail = row[2].as<bool>();
  of.due = number_in(row[3]);
  of.delayed = number_in(row[4]);
  of.claimed = number_in(row[5]);
  of.retrying = number_in(row[6]);
  of.dead = number_in(row[7]);
  of.oldest_due = std::chrono::milliseconds{row[8].is_null() ? 0 : number_in(row[8])};
  return of;
}

std::string array_of(const std::vector<domain::uuid>& ids) {
  array_literal literal;
  for (const auto& id : ids)
    literal.add(id);
  return std::move(literal).finish();
}

// What a quarantined job was about shows it, as `follow_dispatch` and `fail_triage` of the journal
// have it for those that are buried. Rare: planned each time.
constexpr auto quarantined_notifications = R"sql(
  UPDATE notifications n SET status = 'uncertain', last_error = d.error_message
  FROM unnest($1::uuid[], $2::uuid[]) AS i (id, ws)
  JOIN dead_letter_jobs d ON (d.workspace_id, d.id) = (i.ws, i.id)
  WHERE d.job_class = 'NotificationDispatchJob'
    AND (n.workspace_id, n.job_id) = (d.workspace_id, d.id) AND n.status IN ('pending', 'failed')
)sql";

constexpr auto quarantined_triage = R"sql(
  INSERT INTO ticket_triage AS t (workspace_id, ticket_id, status, updated_at)
  SELECT d.workspace_id, (d.job_args->>'ticket')::uuid, 'failed', d.failed_at
  FROM unnest($1::uuid[], $2::uuid[]) AS i (id, ws)
  JOIN dead_letter_jobs d ON (d.workspace_id, d.id) = (i.ws, i.id)
  WHERE d.job_class = 'AiTriageJob'
    AND d.job_args->>'ticket' ~ '^[0-9a-f-]{36}$'
  ON CONFLICT (workspace_id, ticket_id) DO UPDATE SET
    status = 'failed', updated_at = excluded.updated_at
)sql";

class postgres_jobs final : public job_store {
public:
  postgres_jobs(std::string connection_string, const key_ring& keys, std::chrono::seconds lease)
    : connection_string_{std::move(connection_string)},
      keys_{keys},
      lease_seconds_{static_cast<int>(lease.count())} {}

  domain::outcome connect() override {
    if (connection_ && connection_->is_open())
      return domain::done{};
    return guarded([&]() -> domain::outcome {
      connection_.reset();
      auto fresh = std::make_unique<pqxx::connection>(connection_string_);
      // A claim that a crash of the database forgets is a job that is due again: nothing to wait
      // for the disk for.
      pqxx::nontransaction{*fresh}.exec(
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
        "SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off; "
        "SET synchronous_commit = off; SET lock_timeout = '2s'; SET statement_timeout = '10s'; "
        "SET idle_in_transaction_session_timeout = '10s'; "
        "SET application_name = 'feedback-hub jobs'");
      for (const auto& one : all)
        fresh->prepare(one.name, one.sql);
      fresh->prepare(statements::bury_jobs.name, statements::bury_jobs.sql);
      connection_ = std::move(fresh);
      return domain::done{};
    });
  }

  result<claimed_jobs> claim(const claim_request& wanted) override {
    return in_transaction<claimed_jobs>([&](pqxx::work& tx) {
      claimed_jobs claimed;
      const std::string kind{to_string(wanted.kind)};
      const auto claim = to_string(wanted.claim);
      const auto rows =
        wanted.ids.empty()
          ? tx.exec_prepared(claim_due.name,
                             kind,
                             claim,
                             lease_seconds_,
                             wanted.due_since ? std::optional{domain::to_rfc3339(*wanted.due_since)}
                                              : std::nullopt,
                             wanted.limit)
          : tx.exec_prepared(claim_by_id.name, kind, claim, lease_seconds_, array_of(wanted.ids));
      claimed.jobs.reserve(rows.size());
      for (const auto& row : rows)
        claimed.jobs.push_back(job_in(row, wanted));
      if (!claimed.jobs.empty())
        claimed.first_must_fail =
          tx.exec_prepared(take_forced_failure.name, kind).affected_rows() > 0;
      if (!wanted.ids.empty())
        return claimed;
      if (!rows.empty())
        claimed.looked_at = time_in(rows[0][8]);
      if (std::cmp_less(claimed.jobs.size(), wanted.limit))
        note_exhausted(claimed, tx.exec_prepared1(next_due.name, kind));
      return claimed;
    });
  }

  result<std::vector<held_claim>> renew(const std::vector<held_claim>& held) override {
    return in_transaction<std::vector<held_claim>>([&](pqxx::work& tx) {
      std::vector<held_claim> lost;
      const auto [jobs, claims] = columns_of(held);
      for (const auto& row : tx.exec_prepared(renew_leases.name, jobs, claims, lease_seconds_))
        lost.push_back({id_in(row[0]), id_in(row[1])});
      return lost;
    });
  }

  domain::outcome release(const std::vector<held_claim>& held) override {
    return in_transaction<domain::done>([&](pqxx::work& tx) {
      const auto [jobs, claims] = columns_of(held);
      array_literal sending;
      for (const auto& one : held)
        sending.add(one.sending_since);
      tx.exec_prepared(give_back.name, jobs, claims, std::move(sending).finish());
      return domain::done{};
    });
  }

  result<freed_claims> free_expired() override {
    return in_transaction<freed_claims>([&](pqxx::work& tx) {
      freed_claims found;
      row_set<9> buried;
      array_literal ids;
      array_literal workspaces;
      for (const auto& row : tx.exec_prepared(free_leases.name)) {
        const auto kind = domain::parse_job_kind(text_in(row[1]));
        const auto crashes = row[2].as<int>();
        if (kind && crashes < rules_of(*kind).most_crashes)
          found.freed.push_back(*kind);
        else if (kind) {
          bury(buried, id_in(row[0]), text_in(row[3]), crashes);
          ids.add(id_in(row[0]));
          workspaces.add(id_in(row[4]));
        }
      }
      found.quarantined = static_cast<int>(buried.size());
      if (found.quarantined == 0)
        return found;
      std::move(buried).run(tx, statements::bury_jobs.name);
      const auto about = std::move(ids).finish();
      const auto of = std::move(workspaces).finish();
      tx.exec_params(quarantined_notifications, about, of);
      tx.exec_params(quarantined_triage, about, of);
      return found;
    });
  }

  result<std::vector<job_backlog>> backlog() override {
    return in_transaction<std::vector<job_backlog>>([&](pqxx::work& tx) {
      array_literal kinds;
      for (const auto& rules : domain::all_job_rules())
        kinds.add(rules.job_class);
      std::vector<job_backlog> all_kinds;
      for (const auto& row :
           tx.exec_prepared(count_backlog.name, std::move(kinds).finish(), counted_jobs))
        all_kinds.push_back(backlog_in(row, domain::all_job_rules()[all_kinds.size()].kind));
      return all_kinds;
    });
  }

private:
  /// Runs `work` in one transaction on a live connection; jobs are claimed whosever they are.
  template <class T, class Work>
  result<T> in_transaction(Work work) {
    if (auto up = connect(); !up)
      return std::move(up).why();
    auto answer = guarded([&]() -> result<T> {
      pqxx::work tx{*connection_};
      see_all(tx);
      auto value = work(tx);
      tx.commit();
      return value;
    });
    if (!answer && answer.why().code != domain::errc::internal)
      connection_.reset(); // busy or gone: a new one is cheap here
    return answer;
  }

  /// Fewer than asked for: until now, nothing else is due.
  static void note_exhausted(claimed_jobs& claimed, const pqxx::row& row) {
    claimed.exhausted = true;
    claimed.looked_at = time_in(row[0]);
    claimed.next_due = optional_in(row[1], time_in);
  }

  static std::pair<std::string, std::string> columns_of(const std::vector<held_claim>& held) {
    array_literal jobs;
    array_literal claims;
    for (const auto& one : held) {
      jobs.add(one.job);
      claims.add(one.claim);
    }
    return {std::move(jobs).finish(), std::move(claims).finish()};
  }

  /// Nobody lived to report these attempts; what we know is when their absence was noticed.
  void bury(row_set<9>& rows, const domain::uuid& id, const std::string& args, int crashes) const {
    const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto why = domain::fail(domain::errc::internal,
                                  "its process ended " + std::to_string(crashes)
                                    + " times while it ran; it is not tried again by itself");
    const std::string_view name{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
    rows.add(id,
             domain::scrub_json(args),
             bytes{keys_.seal(args, name)},
             "quarantined",
             why.message,
             place_of(why),
             true,
             "[]",
             now);
  }

  std::string connection_string_;
  const key_ring& keys_;
  int lease_seconds_;
  std::unique_ptr<pqxx::connection> connection_;
};

} // namespace

std::unique_ptr<job_store>
make_job_store(std::string connection_string, const key_ring& keys, std::chrono::seconds lease) {
  return std::make_unique<postgres_jobs>(std::move(connection_string), keys, lease);
}

} // namespace hub::storage
