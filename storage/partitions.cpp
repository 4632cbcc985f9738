#include "storage/partitions.hpp"

#include "storage/guarded.hpp"

namespace hub::storage {

namespace {

constexpr auto ensure_ahead =
  "SELECT ensure_delivery_partitions((now() AT TIME ZONE 'UTC')::date, $1::int)";
constexpr auto drop_old =
  "SELECT drop_delivery_partitions((now() AT TIME ZONE 'UTC')::date - $1::int)";

} // namespace

domain::outcome keep_delivery_partitions(const std::string& connection_string,
                                         const partition_plan& plan) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{connection_string};
    {
      pqxx::work tx{connection};
      // Intake must not queue behind the lock that a new partition takes.
      tx.exec("SET LOCAL lock_timeout = '3s'");
      tx.exec_params(ensure_ahead, plan.days_ahead);
      tx.commit();
    }
    pqxx::work tx{connection};
    tx.exec("SET LOCAL lock_timeout = '3s'");
    tx.exec_params(drop_old, plan.kept_days);
    tx.commit();
    return domain::done{};
  });
}

} // namespace hub::storage
