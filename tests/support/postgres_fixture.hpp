#pragma once

#include "storage/embedded_server.hpp"

#include <gtest/gtest.h>

#include <string>

namespace hub::testing {

/// The PostgreSQL of this test process: started on first use in a temporary directory, with the
/// settings of production, stopped and removed at exit, also after a crash of the test.
storage::embedded_server& test_server();

/// A database of one's own on that server, dropped when it goes.
class test_database {
public:
  enum class content { migrated, empty };

  explicit test_database(content with = content::migrated);
  test_database(const test_database&) = delete;
  test_database& operator=(const test_database&) = delete;
  ~test_database();

  /// As the role that serves: what the hub connects with.
  [[nodiscard]] const std::string& connection_string() const { return connections_.serving; }
  /// As the owner of the tables, whom row-level security does not hold: to look and to tamper.
  [[nodiscard]] const std::string& owner_connection() const { return connections_.owner; }

private:
  std::string name_;
  storage::server_connections connections_;
};

/// For tests that want a fresh migrated database each. A suite that can share one holds a
/// `test_database` in its SetUpTestSuite instead.
class postgres_test : public ::testing::Test {
protected:
  [[nodiscard]] const std::string& connection_string() const {
    return database_.connection_string();
  }
  [[nodiscard]] const std::string& owner_connection() const { return database_.owner_connection(); }

private:
  test_database database_;
};

} // namespace hub::testing
