#include "storage/serving_role.hpp"

#include "storage/guarded.hpp"

namespace hub::storage {

namespace {

// SET ROLE would lend whatever a role is a member of.
constexpr auto stronger_roles = R"sql(
  SELECT r.rolname, r.rolname = current_user, r.rolsuper FROM pg_roles r
  WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(current_user, r.oid, 'MEMBER')
  ORDER BY r.rolname <> current_user, r.rolname LIMIT 1
)sql";

constexpr auto advice =
  ", so row-level security would not keep workspaces apart. Make a role for the hub to serve as:\n"
  "  CREATE ROLE feedback_hub LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS;\n"
  "let DATABASE_URL name it, and DATABASE_OWNER_URL the role that owns the tables (the one that "
  "DATABASE_URL names now, if the hub has used it before): the hub migrates as that one, and "
  "grants the other what it needs";

std::string role_of(const std::string& connection_string) {
  pqxx::connection connection{connection_string};
  pqxx::nontransaction tx{connection};
  return tx.exec1("SELECT current_user")[0].as<std::string>();
}

} // namespace

domain::outcome check_serving_role(const std::string& serving) {
  return guarded([&]() -> domain::outcome {
    pqxx::connection connection{serving};
    pqxx::nontransaction tx{connection};
    const auto found = tx.exec(stronger_roles);
    if (found.empty())
      return domain::done{};
    const auto name = '"' + found[0][0].as<std::string>() + '"';
    const auto what =
      found[0][2].as<bool>() ? std::string{"a superuser"} : std::string{"a role with BYPASSRLS"};
    return domain::fail(domain::errc::forbidden,
                        (found[0][1].as<bool>()
                           ? "the database lets the hub in as " + name + ", " + what
                           : "the database's role for the hub is a member of " + name + ", " + what)
                          + advice);
  });
}

domain::outcome let_serve(const std::string& owner, const std::string& serving) {
  return guarded([&]() -> domain::outcome {
    const auto role = role_of(serving);
    pqxx::connection connection{owner};
    pqxx::work tx{connection};
    tx.exec("SET LOCAL lock_timeout = '60s'"); // other nodes may be at it
    tx.exec_params("SELECT let_serve($1::name) WHERE current_user <> $1::name", role);
    tx.commit();
    return domain::done{};
  });
}

} // namespace hub::storage
