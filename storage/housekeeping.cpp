#include "storage/housekeeping.hpp"

#include "storage/guarded.hpp"

namespace hub::storage {

namespace {

constexpr auto ensure_ahead =
  "SELECT ensure_delivery_partitions((now() AT TIME ZONE 'UTC')::date, $1::int)";
constexpr auto drop_old =
  "SELECT drop_delivery_partitions((now() AT TIME ZONE 'UTC')::date - $1::int)";
constexpr auto forget_keys =
  "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1::int)";

/// Each step is a transaction of its own, so that one that cannot get its lock undoes no other.
void run(pqxx::connection& connection, const char* sql, int parameter) {
  pqxx::work tx{connection};
  tx.exec("SET LOCAL lock_timeout = '3s'"); // intake must not queue behind the lock it waits for
  tx.exec_params(sql, parameter);
  tx.commit();
}

} // namespace

domain::outcome keep_house(const std::string& connection_string, const housekeeping_plan& plan) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{connection_string};
    run(connection, ensure_ahead, plan.days_ahead);
    run(connection, drop_old, plan.kept_days);
    run(connection, forget_keys, plan.kept_key_hours);
    return domain::done{};
  });
}

} // namespace hub::storage
