#include "storage/visibility.hpp"

#include <string>

namespace hub::storage {

namespace {

void see(pqxx::transaction_base& tx, const std::string& what) {
  tx.exec_params("SELECT set_config('hub.workspaces', $1, true)", what);
}

/// Empty for none: whoever works for nobody sees nothing.
std::string array_of(const std::vector<domain::uuid>& workspaces) {
  std::string all;
  for (const auto& one : workspaces)
    all += (all.empty() ? '{' : ',') + to_string(one);
  return all.empty() ? all : all + '}';
}

} // namespace

void see_only(pqxx::transaction_base& tx, const domain::uuid& workspace) {
  see(tx, '{' + to_string(workspace) + '}');
}

void see_only(pqxx::transaction_base& tx, const std::vector<domain::uuid>& workspaces) {
  see(tx, array_of(workspaces));
}

void see_and_write(pqxx::transaction_base& tx, const std::vector<domain::uuid>& workspaces) {
  tx.exec_params("SELECT set_config('hub.workspaces', $1, true), pg_current_xact_id()",
                 array_of(workspaces));
}

void see_all(pqxx::transaction_base& tx) {
  see(tx, "*");
}

} // namespace hub::storage
