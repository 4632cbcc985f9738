#pragma once

#include "domain/result.hpp"

#include <pqxx/pqxx>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace hub::storage {

/// What a failed statement means for the caller, read from its SQLSTATE class.
enum class database_trouble {
  bad_data, // these rows can never be stored: 22 data, 23 integrity, 54 program limit
  busy,     // a deadlock or serialisation failure: the same again may work
  away,     // the server is going, gone or out of room: nothing to do with the rows
  bug,      // anything else, such as a statement that does not parse
};

[[nodiscard]] inline database_trouble classify(std::string_view sqlstate) {
  const auto family = sqlstate.substr(0, 2);
  if (family == "22" || family == "23" || family == "54")
    return database_trouble::bad_data;
  if (family == "40" || sqlstate == "55P03")
    return database_trouble::busy;
  if (family == "08" || family == "53" || family == "57" || family == "58")
    return database_trouble::away;
  return database_trouble::bug;
}

/// The failure for a database error. PostgreSQL's own message can hold customer text, so only the
/// SQLSTATE goes on.
[[nodiscard]] inline domain::failure to_failure(const pqxx::sql_error& error) {
  const auto state = error.sqlstate().empty() ? std::string{"no SQLSTATE"} : error.sqlstate();
  switch (classify(error.sqlstate())) {
  case database_trouble::bad_data:
    return domain::fail(domain::errc::invalid_input,
                        "the database refused the values (" + state + ")");
  case database_trouble::busy:
  case database_trouble::away:
    return domain::fail(domain::errc::unavailable,
                        "the database cannot take this right now (" + state + ")");
  case database_trouble::bug:
    break;
  }
  return domain::fail(domain::errc::internal, "a database statement failed (" + state + ")");
}

/// Runs `work` and turns every library exception into a failure: the door of this room.
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const pqxx::in_doubt_error&) {
    return domain::fail(domain::errc::unknown_outcome,
                        "the database went away during a commit; the outcome is unknown");
  } catch (const pqxx::broken_connection&) {
    return domain::fail(domain::errc::unavailable, "the database is not reachable");
  } catch (const pqxx::statement_completion_unknown&) {
    return domain::fail(domain::errc::unknown_outcome,
                        "the database does not know whether a statement was completed");
  } catch (const pqxx::transaction_rollback&) { // no sql_error in libpqxx 6: deadlocks, class 40
    return domain::fail(domain::errc::unavailable,
                        "the database rolled back in favour of another transaction");
  } catch (const pqxx::sql_error& error) {
    return to_failure(error);
  } catch (const std::exception& error) {
    return domain::fail(domain::errc::internal, error.what());
  }
}

} // namespace hub::storage
