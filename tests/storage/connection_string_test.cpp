#include "storage/connection_string.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <map>
#include <memory>
#include <string>

namespace hub::storage {
namespace {

/// As libpq reads it; what is not set is missing.
std::map<std::string, std::string> read(const std::string& connection_string) {
  char* trouble = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options{
    PQconninfoParse(connection_string.c_str(), &trouble), PQconninfoFree};
  if (!options) {
    ADD_FAILURE() << connection_string << ": " << trouble;
    PQfreemem(trouble);
    return {};
  }
  std::map<std::string, std::string> found;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr)
      found[option->keyword] = option->val;
  return found;
}

void expect_limits_in(std::map<std::string, std::string> found) {
  EXPECT_EQ(found["connect_timeout"], "5");
  EXPECT_EQ(found["keepalives_idle"], "10");
  EXPECT_EQ(found["keepalives_interval"], "5");
  EXPECT_EQ(found["keepalives_count"], "3");
  EXPECT_EQ(found["tcp_user_timeout"], "20000");
}

TEST(connection_strings, get_limits_in_either_form_and_keep_what_they_say) {
  for (const auto* given : {"host=db.example.com user=hub password='a b?c' dbname=tickets",
                            "postgresql://hub:a%20b%3Fc@db.example.com/tickets",
                            "postgres://hub:a%20b%3Fc@db.example.com/tickets?",
                            "postgres://hub:a%20b?c@db.example.com/tickets",
                            "postgres:///tickets?host=db.example.com&user=hub&password=a%20b?c",
                            "postgresql://hub@db.example.com?password=a%20b?c&dbname=tickets"}) {
    auto found = read(with_time_limits(given));
    expect_limits_in(found);
    EXPECT_EQ(found["host"], "db.example.com") << given;
    EXPECT_EQ(found["user"], "hub") << given;
    EXPECT_EQ(found["password"], "a b?c") << given;
    EXPECT_EQ(found["dbname"], "tickets") << given;
  }
  expect_limits_in(read(with_time_limits("")));
}

TEST(connection_strings, keep_limits_of_their_own) {
  for (const auto* given : {"host=x connect_timeout=60 keepalives_idle = 90",
                            "postgresql://x/y?connect_timeout=60&keepalives_idle=90",
                            "postgresql://x/y?sslmode=require&keepalives_idle=90"
                            "&connect_timeout=60"}) {
    auto found = read(with_time_limits(given));
    EXPECT_EQ(found["connect_timeout"], "60") << given;
    EXPECT_EQ(found["keepalives_idle"], "90") << given;
    EXPECT_EQ(found["keepalives_count"], "3") << given;
  }
}

} // namespace
} // namespace hub::storage
