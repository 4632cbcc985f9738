#include "storage/housekeeping.hpp"

#include "storage/guarded.hpp"
#include "storage/visibility.hpp"

namespace hub::storage {

namespace {

constexpr auto ensure_ahead =
  "SELECT ensure_delivery_partitions((now() AT TIME ZONE 'UTC')::date, $1::int)";
constexpr auto drop_old =
  "SELECT drop_delivery_partitions((now() AT TIME ZONE 'UTC')::date - $1::int)";
constexpr auto ensure_jobs_ahead =
  "SELECT ensure_job_partitions((now() AT TIME ZONE 'UTC')::date, $1::int)";
constexpr auto drop_old_jobs =
  "SELECT drop_job_partitions((now() AT TIME ZONE 'UTC')::date - $1::int)";
constexpr auto forget_settled =
  "DELETE FROM dead_letter_jobs WHERE settled_at < now() - make_interval(days => $1::int)";
constexpr auto forget_keys =
  "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1::int)";
constexpr auto forget_sessions =
  "DELETE FROM sessions WHERE expires_at < now() - make_interval(days => $1::int)";
constexpr auto forget_links =
  "DELETE FROM sign_in_links WHERE expires_at < now() - make_interval(days => $1::int)";
constexpr auto forget_attempts =
  "DELETE FROM sign_in_attempts WHERE last_at < now() - make_interval(days => $1::int)";
constexpr auto forget_oidc_attempts =
  "DELETE FROM oidc_attempts WHERE expires_at < now() - make_interval(days => $1::int)";

/// Each step is a transaction of its own, so that one that cannot get its lock undoes no other.
void run(pqxx::connection& connection, const char* sql, int parameter) {
  pqxx::work tx{connection};
  tx.exec("SET LOCAL lock_timeout = '1s'"); // intake queues behind the lock that this waits for
  see_all(tx);
  tx.exec_params(sql, parameter);
  tx.commit();
}

} // namespace

domain::outcome keep_house(const std::string& connection_string, const housekeeping_plan& plan) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{connection_string};
    domain::outcome all = domain::done{};
    const auto step = [&](const char* sql, int parameter) {
      auto done = guarded([&]() -> domain::outcome {
        run(connection, sql, parameter);
        return domain::done{};
      });
      if (all && !done)
        all = std::move(done);
    };
    step(ensure_ahead, plan.days_ahead);
    step(drop_old, plan.kept_days);
    step(ensure_jobs_ahead, plan.days_ahead);
    step(drop_old_jobs, plan.kept_job_days);
    step(forget_settled, plan.kept_days);
    step(forget_keys, plan.kept_key_hours);
    for (const auto* forget : {forget_sessions, forget_links, forget_attempts})
      step(forget, plan.kept_access_days);
    step(forget_oidc_attempts, 0); // worth nothing from then on, and anybody can begin one
    return all;
  });
}

} // namespace hub::storage
