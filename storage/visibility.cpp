#include "storage/visibility.hpp"

#include <string>

namespace hub::storage {

namespace {

void see(pqxx::transaction_base& tx, const std::string& what) {
  tx.exec_params("SELECT set_config('hub.workspaces', $1, true)", what);
}

} // namespace

void see_only(pqxx::transaction_base& tx, const domain::uuid& workspace) {
  see(tx, '{' + to_string(workspace) + '}');
}

void see_only(pqxx::transaction_base& tx, const std::vector<domain::uuid>& workspaces) {
  std::string all;
  for (const auto& one : workspaces)
    all += (all.empty() ? '{' : ',') + to_string(one);
  see(tx, all.empty() ? all : all + '}');
}

void see_all(pqxx::transaction_base& tx) {
  see(tx, "*");
}

} // namespace hub::storage
