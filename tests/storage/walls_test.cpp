#include "storage/housekeeping.hpp"
#include "storage/journal/job_statements.hpp"
#include "storage/journal/statements.hpp"
#include "storage/migrations.hpp"
#include "storage/serving_role.hpp"
#include "tests/storage/journal_fixture.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

constexpr auto first = "00000000-0000-7000-8000-000000000001";
constexpr auto second = "00000000-0000-7000-8000-000000000002";

/// How a row of each walled table is made: $W stands for its workspace, $I for an id, the same in
/// all of a workspace's rows. In an order that foreign keys like.
const std::vector<std::pair<std::string, std::string>> rows_of{
  {"workspaces", "(id, name) VALUES ('$W', 'workspace $W')"},
  {"reporters", "(workspace_id, id, created_at) VALUES ('$W', '$I', now())"},
  {"reporter_identities",
   "(workspace_id, platform, platform_user_id, reporter_id, last_message_at, created_at) "
   "VALUES ('$W', 'slack', 'U1', '$I', now(), now())"},
  {"tickets",
   "(workspace_id, id, number, title, description, ticket_type, priority, original_channel, "
   "created_at, updated_at) VALUES ('$W', '$I', 1, 'crash', '', 'bug', 2, 'slack', now(), now())"},
  {"ticket_sources",
   "(workspace_id, platform, external_id, ticket_id, created_at) "
   "VALUES ('$W', 'slack', 'T1', '$I', now())"},
  {"ticket_messages",
   "(workspace_id, id, ticket_id, platform, direction, body, created_at) "
   "VALUES ('$W', '$I', '$I', 'slack', 'inbound', '', now())"},
  {"attachments",
   "(workspace_id, id, ticket_id, source_platform, created_at) "
   "VALUES ('$W', '$I', '$I', 'slack', now())"},
  {"ticket_events",
   "(workspace_id, id, ticket_id, event_type, actor_type, created_at) "
   "VALUES ('$W', '$I', '$I', 'created', 'user', now())"},
  {"webhook_deliveries",
   "(workspace_id, platform, external_id, occurred_on, id, outcome, payload_sealed, received_at) "
   "VALUES ('$W', 'slack', 'E1', current_date, '$I', 'quarantined', '', now())"},
  {"ticket_counters",
   "(workspace_id, status, original_channel, priority, ticket_type, slot, n) "
   "VALUES ('$W', 'open', 'slack', 2, 'bug', 0, 1)"},
  {"intake_counters", "(workspace_id, platform, day, slot) VALUES ('$W', 'slack', now(), 0)"},
  {"idempotency_keys",
   "(workspace_id, key, request_hash, ticket_id, status, created_at) "
   "VALUES ('$W', 'K1', '', '$I', 201, now())"},
  {"jobs",
   "(workspace_id, id, kind, args, run_at, created_at) "
   "VALUES ('$W', '$I', 'CanaryJob', '{}', now(), now())"},
  {"finished_jobs",
   "(workspace_id, id, kind, attempts, created_at, finished_at) "
   "VALUES ('$W', '$I', 'CanaryJob', 1, now(), now())"},
  {"dead_letter_jobs",
   "(workspace_id, id, job_class, job_args, args_sealed, error_class, error_message, backtrace, "
   "queue, outcome_unknown, attempts, failed_at, created_at) VALUES ('$W', '$I', 'CanaryJob', "
   "'{}', '', 'internal', '', '', 'default', false, '[]', now(), now())"},
  {"users",
   "(workspace_id, id, email, role, created_at) "
   "VALUES ('$W', '$I', 'ana@example.org', 'owner', now())"},
  {"sign_in_links",
   "(workspace_id, id, user_id, token_hash, created_at, expires_at) "
   "VALUES ('$W', '$I', '$I', sha256('$W'), now(), now())"},
  {"sessions",
   "(workspace_id, id, user_id, token_hash, address, user_agent, by_link, created_at, "
   "last_seen_at, expires_at) "
   "VALUES ('$W', '$I', '$I', sha256('$W'), '', '', false, now(), now(), now())"},
  {"sign_in_attempts",
   "(workspace_id, email_hash, address, failed, last_at) VALUES ('$W', '', '', 1, now())"},
  {"api_keys",
   "(workspace_id, id, name, prefix, secret_hash, scopes, created_at) "
   "VALUES ('$W', '$I', '', '$W', '', '{}', now())"},
  {"user_identities",
   "(workspace_id, id, user_id, issuer, subject, linked_at, last_used_at) "
   "VALUES ('$W', '$I', '$I', 'https://id.example', 'S1', now(), now())"},
  {"oidc_attempts",
   "(workspace_id, id, state_hash, browser_hash, redirect_uri, return_to, created_at, expires_at) "
   "VALUES ('$W', '$I', sha256('$W'), '', '', '/', now(), now())"},
  {"audit_log",
   "(workspace_id, id, actor_type, actor, action, target, address, request_id, created_at) "
   "VALUES ('$W', '$I', 'nobody', '', '', '', '', '', now())"},
  {"workspace_sources",
   "(workspace_id, platform, account, connected_at) VALUES ('$W', 'slack', 'T-$W', now())"},
  {"settings", "(workspace_id, key, value, updated_at) VALUES ('$W', 'slack.burst', '3', now())"},
  {"webhook_paths",
   "(workspace_id, id, platform, secret_hash, created_at) "
   "VALUES ('$W', '$I', 'slack', sha256('$W'), now())"},
  {"ticket_triage",
   "(workspace_id, ticket_id, status, updated_at) VALUES ('$W', '$I', 'failed', now())"},
  {"changelog_entries",
   "(workspace_id, id, ticket_id, content, status, seen_until, approved_by, approved_at, "
   "created_at, updated_at) "
   "VALUES ('$W', '$I', '$I', '', 'approved', now(), 'ana', now(), now(), now())"},
  {"notifications",
   "(workspace_id, id, job_id, ticket_id, changelog_entry_id, channel, platform_user_id, "
   "thread_id, content, send_at, created_at) "
   "VALUES ('$W', '$I', '$I', '$I', '$I', 'slack', 'U1', 'T1', '', now(), now())"},
  {"notification_attempts",
   "(workspace_id, id, notification_id, started_at, outcome) "
   "VALUES ('$W', '$I', '$I', now(), 'unknown')"},
  {"provider_cooldowns", "(workspace_id, provider, until) VALUES ('$W', 'openai', now())"},
};

constexpr auto refused = "insufficient privilege";
constexpr auto stays_as_it_was = "23001"; // restrict_violation

/// Tables whose rows nobody who serves may change or remove.
const std::set<std::string> append_only{"audit_log", "ticket_events"};
/// Tables that the machinery looks into, whosever the rows are; see migrations 0015, 0017, 0021.
const std::vector<std::string> open_to_machinery{"api_keys",
                                                 "dead_letter_jobs",
                                                 "idempotency_keys",
                                                 "jobs",
                                                 "notifications",
                                                 "oidc_attempts",
                                                 "sessions",
                                                 "settings",
                                                 "sign_in_attempts",
                                                 "sign_in_links",
                                                 "ticket_triage",
                                                 "user_identities",
                                                 "users",
                                                 "webhook_paths",
                                                 "workspace_sources",
                                                 "workspaces"};

std::string statement_for(const std::string& table, std::string columns, const char* workspace) {
  const auto fill = [&](const std::string& mark, const std::string& value) {
    for (auto at = columns.find(mark); at != std::string::npos; at = columns.find(mark, at))
      columns.replace(at, mark.size(), value);
  };
  fill("$W", workspace);
  fill("$I", "00000000-0000-7000-9000-00000000000"s + workspace[35]);
  return "INSERT INTO " + table + ' ' + columns;
}

std::string key_of(const std::string& table) {
  return table == "workspaces" ? "id" : "workspace_id";
}

class walls : public postgres_test {
protected:
  walls() : owner_{owner_connection()}, serving_{connection_string()} {}

  std::vector<std::string> ask(const std::string& question) {
    pqxx::nontransaction tx{owner_};
    std::vector<std::string> found;
    for (const auto& row : tx.exec(question))
      found.push_back(row[0].as<std::string>());
    return found;
  }

  /// A row of every table in both workspaces.
  void fill_both() {
    pqxx::work tx{owner_};
    for (const auto* workspace : {first, second})
      for (const auto& [table, columns] : rows_of)
        if (table != "workspaces" || workspace == second)
          tx.exec(statement_for(table, columns, workspace));
    tx.commit();
  }

  /// What becomes of a statement of the serving role's that says it works for `seen`: the first
  /// field or the number of rows, or the SQLSTATE.
  std::string serve(const std::string& seen, const std::string& statement) {
    pqxx::work tx{serving_};
    try {
      tx.exec_params("SELECT set_config('hub.workspaces', $1, true)", seen);
      const auto rows = tx.exec(statement);
      return rows.empty() ? std::to_string(rows.affected_rows()) : rows[0][0].as<std::string>("");
    } catch (const pqxx::insufficient_privilege&) { // libpqxx 6 forgets its SQLSTATE
      return refused;
    } catch (const pqxx::sql_error& error) {
      return error.sqlstate();
    }
  }

  std::string count(const std::string& seen, const std::string& table, const char* workspace) {
    return serve(
      seen, "SELECT count(*) FROM " + table + " WHERE " + key_of(table) + " = '" + workspace + "'");
  }

  static std::string only(const char* workspace) { return '{' + std::string{workspace} + '}'; }

  pqxx::connection owner_;
  pqxx::connection serving_;
};

constexpr auto walled_tables =
  "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
  "AND c.relkind IN ('r', 'p') AND (c.relname = 'workspaces' OR EXISTS (SELECT FROM pg_attribute a "
  "WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped)) ";

TEST_F(walls, stand_around_every_table_of_a_workspace) {
  ASSERT_TRUE(storage::keep_house(connection_string(), {})); // makes partitions
  EXPECT_THAT(ask(walled_tables
                  + "AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
                    "AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))"s),
              IsEmpty())
    << "a migration that makes a table with workspace_id walls it off: SELECT wall_off('…')";
  EXPECT_THAT(ask(walled_tables
                  + "AND c.relispartition AND EXISTS (SELECT FROM pg_policy p "
                    "WHERE p.polrelid = c.oid AND p.polname <> 'machinery')"s),
              IsEmpty());
  std::vector<std::string> known;
  for (const auto& [table, columns] : rows_of)
    known.push_back(table);
  EXPECT_THAT(ask(walled_tables + "AND NOT c.relispartition"s), UnorderedElementsAreArray(known))
    << "say in rows_of how a row of a new table is made, so that its wall is tried";
}

TEST_F(walls, no_key_points_through_them) {
  // Each foreign key between two such tables pairs the workspaces, as does each to workspaces.
  EXPECT_THAT(ask(R"sql(
    SELECT k.conrelid::regclass || '.' || k.conname FROM pg_constraint k
    JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attname = 'workspace_id'
    JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attname =
      CASE WHEN k.confrelid = 'workspaces'::regclass THEN 'id' ELSE 'workspace_id' END
    WHERE k.contype = 'f' AND NOT EXISTS (
      SELECT FROM unnest(k.conkey, k.confkey) AS pair (one, other)
      WHERE pair.one = own.attnum AND pair.other = theirs.attnum))sql"),
              IsEmpty());
}

TEST_F(walls, every_unique_key_begins_with_the_workspace) {
  // Else who inserts learns, by a conflict, what others have. What is long and random nobody meets.
  const std::vector<std::string> exceptions{
    "api_keys_prefix_key",           // finds the key, whosever; random
    "oidc_attempts_state_hash_key",  // finds the sign-in, whosever; as random as sessions
    "sessions_token_hash_key",       // finds the session, whosever; the hash of 256 random bits
    "sign_in_links_token_hash_key",  // as are links
    "ticket_events_pkey",            // a sequence number that the database gives out
    "webhook_paths_secret_hash_key", // finds the address, whosever; the hash of 256 random bits
    "workspace_sources_owner",       // an account is one workspace's: who connects it is told so
  };
  EXPECT_THAT(ask(R"sql(
    SELECT i.indexrelid::regclass::text FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace
    JOIN pg_attribute w ON w.attrelid = c.oid AND w.attname = 'workspace_id'
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
    WHERE i.indisunique AND NOT c.relispartition AND i.indkey[0] <> w.attnum
      AND NOT (i.indnatts = 1 AND a.attname = 'id' AND a.atttypid = 'uuid'::regtype)
    ORDER BY 1)sql"),
              ElementsAreArray(exceptions));
}

TEST_F(walls, hide_the_rows_of_other_workspaces) {
  fill_both();
  for (const auto& [table, columns] : rows_of) {
    SCOPED_TRACE(table);
    const auto key = key_of(table);
    const auto theirs = " WHERE "s + key + " = '" + second + "'";
    EXPECT_EQ(count(only(second), table, second), "1");
    EXPECT_EQ(count(only(first), table, first), "1");
    EXPECT_EQ(count(only(first), table, second), "0");
    EXPECT_EQ(serve(only(first), "SELECT count(*) FROM " + table), "1");
    const auto insert = statement_for(table, columns, second);
    EXPECT_EQ(serve(only(first), insert), refused);
    const bool grows = append_only.contains(table);
    EXPECT_EQ(serve(only(first), "UPDATE " + table + " SET " + key + " = " + key + theirs),
              grows ? refused : "0");
    // Nor does a row move to where it is not seen.
    EXPECT_EQ(serve(only(first), "UPDATE " + table + " SET " + key + " = '" + second + "'"),
              table == "changelog_entries" ? stays_as_it_was : refused);
    EXPECT_EQ(serve(only(first), "DELETE FROM " + table + theirs),
              grows || table == "workspaces" ? refused : "0");
  }
}

TEST_F(walls, hide_everything_from_who_says_nothing) {
  fill_both();
  for (const auto& seen : {""s, "{}"s})
    for (const auto& [table, columns] : rows_of) {
      SCOPED_TRACE(table);
      EXPECT_EQ(serve(seen, "SELECT count(*) FROM " + table), "0");
      EXPECT_EQ(serve(seen, statement_for(table, columns, second)), refused);
      if (!append_only.contains(table)) {
        EXPECT_EQ(serve(seen, "UPDATE " + table + " SET " + key_of(table) + " = DEFAULT"), "0");
      }
    }
  pqxx::nontransaction tx{serving_}; // nor is it kept from one transaction to the next
  EXPECT_EQ(tx.exec1("SELECT count(*) FROM tickets")[0].as<int>(), 0);
}

TEST_F(walls, open_to_the_machinery_where_it_needs_that) {
  fill_both();
  std::vector<std::string> open;
  for (const auto& [table, columns] : rows_of) {
    if (serve("*", "SELECT count(*) FROM " + table) != "0")
      open.push_back(table);
    // What it writes is of what it has found: finished and dead jobs, and what those were about.
    if (table != "finished_jobs" && table != "dead_letter_jobs" && table != "ticket_triage") {
      EXPECT_EQ(serve("*", statement_for(table, columns, second)), refused) << table;
    }
  }
  EXPECT_THAT(open, UnorderedElementsAreArray(open_to_machinery));
}

TEST_F(walls, cannot_be_taken_down_by_who_serves) {
  ASSERT_TRUE(storage::keep_house(connection_string(), {}));
  for (
    const auto* statement : {
      "SET ROLE hub",
      "SET SESSION AUTHORIZATION hub",
      "ALTER TABLE tickets DISABLE ROW LEVEL SECURITY",
      "ALTER TABLE tickets NO FORCE ROW LEVEL SECURITY",
      "ALTER TABLE tickets OWNER TO hub_serving",
      "DROP POLICY of_workspace ON tickets",
      "CREATE POLICY open ON tickets USING (true)",
      "ALTER FUNCTION hub_visible() RENAME TO seen",
      "CREATE FUNCTION hub_visible(text) RETURNS uuid[] LANGUAGE sql AS 'SELECT null'",
      "CREATE TABLE public.mine (id int)",
      "TRUNCATE jobs",
      "DROP TABLE jobs",
      "DELETE FROM audit_log",
      "UPDATE ticket_events SET data = '{}'",
      "DELETE FROM workspaces",
      "INSERT INTO schema_migrations (version, name, checksum) VALUES (99, '', '')",
      "SELECT setval(ticket_number_sequence('00000000-0000-7000-8000-000000000001')::regclass, 1)",
      "SELECT * FROM webhook_deliveries_default",
      "DELETE FROM finished_jobs_default",
      "ALTER ROLE hub_serving BYPASSRLS",
      "CREATE ROLE another",
      "COPY tickets TO PROGRAM 'true'",
      "SET LOCAL row_security = off; SELECT * FROM tickets",
    })
    EXPECT_EQ(serve(only(first), statement), refused) << statement;
}

TEST_F(walls, give_who_serves_no_more_than_it_needs) {
  ASSERT_TRUE(storage::keep_house(connection_string(), {}));
  EXPECT_THAT(ask(R"sql(
    SELECT c.relname || ': ' || a.privilege_type FROM pg_class c, aclexplode(c.relacl) a
    WHERE a.grantee <> c.relowner AND c.relnamespace = 'public'::regnamespace
      AND (a.grantee <> 'hub_serving'::regrole OR c.relispartition
           OR a.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE')))sql"),
              IsEmpty());
  EXPECT_THAT(ask("SELECT relname FROM pg_class WHERE relowner = 'hub_serving'::regrole"),
              IsEmpty());
  // A function that runs as its owner says itself where its words are looked up, last of all among
  // what whoever calls it has made, and is nobody else's to call.
  EXPECT_THAT(ask(R"sql(
    SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
      AND (proconfig IS DISTINCT FROM '{"search_path=public, pg_temp"}'
           OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)))sql"),
              IsEmpty());
  EXPECT_THAT(ask("SELECT proname FROM pg_proc WHERE prosecdef "
                  "AND pronamespace = 'public'::regnamespace ORDER BY 1"),
              ElementsAre("create_ticket_number_sequence",
                          "drop_delivery_partitions",
                          "drop_job_partitions",
                          "ensure_delivery_partitions",
                          "ensure_job_partitions",
                          "last_event_number",
                          "tickets_matching"));
}

TEST_F(walls, let_the_search_see_no_further) {
  fill_both();
  const auto find = [](const char* workspace) {
    return "SELECT count(*) FROM tickets_matching('"s + workspace + "', 'crash')";
  };
  EXPECT_EQ(serve(only(second), find(second)), "1");
  EXPECT_EQ(serve(only(first), find(second)), "0");
  EXPECT_EQ(serve("", find(second)), "0");
  EXPECT_EQ(serve("*", find(second)), "0");
}

TEST_F(walls, number_the_tickets_of_a_new_workspace) {
  EXPECT_EQ(serve(only(second), statement_for(rows_of[0].first, rows_of[0].second, second)), "1");
  pqxx::work tx{serving_};
  tx.exec_params("SELECT set_config('hub.workspaces', $1, true)", only(second));
  tx.exec(statement_for(rows_of[0].first, rows_of[0].second, second));
  EXPECT_EQ(
    tx.exec1("SELECT nextval(ticket_number_sequence('"s + second + "')::regclass)")[0].as<int>(),
    1);
}

/// The indexes a plan uses, sorted.
std::vector<std::string> indexes_in(pqxx::connection& connection, const std::string& sql) {
  static int number = 0;
  const auto name = "plan_" + std::to_string(number++);
  pqxx::work tx{connection};
  tx.exec("SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; "
          "SET LOCAL enable_mergejoin = off; SET LOCAL enable_bitmapscan = off; "
          "SET LOCAL plan_cache_mode = force_generic_plan");
  tx.exec("PREPARE " + name + " AS " + sql);
  int parameters = 0;
  while (sql.find('$' + std::to_string(parameters + 1)) != std::string::npos)
    ++parameters;
  std::string nulls;
  for (int at = 0; at < parameters; ++at)
    nulls += at == 0 ? "(NULL" : ", NULL";
  std::vector<std::string> used;
  for (const auto& row : tx.exec("EXPLAIN (COSTS OFF) EXECUTE " + name + nulls + ')')) {
    const auto line = row[0].as<std::string>();
    const auto at = line.find(" using ");
    if (at != std::string::npos)
      used.push_back(line.substr(at + 7, line.find(' ', at + 7) - at - 7));
    EXPECT_EQ(line.find("Index Cond: (workspace_id = ANY"), std::string::npos) << line;
  }
  tx.exec("DEALLOCATE " + name);
  std::ranges::sort(used);
  return used;
}

TEST_F(walls, cost_the_journal_no_index) {
  {
    pqxx::work tx{owner_};
    tx.exec("CREATE TEMP TABLE n AS SELECT gen_random_uuid() AS id FROM generate_series(1, 20000)");
    const auto each = [&](const std::string& insert, const std::string& values) {
      tx.exec("INSERT INTO " + insert + " SELECT '" + first + "', " + values + " FROM n");
    };
    each("reporters (workspace_id, id, email, created_at)", "id, id || '@example.org', now()");
    each("tickets (workspace_id, id, number, title, description, ticket_type, priority, "
         "original_channel, reporter_id, created_at, updated_at)",
         "id, row_number() OVER (), 'crash', '', 'bug', 2, 'slack', id, now(), now()");
    each("reporter_identities (workspace_id, platform, platform_user_id, reporter_id, "
         "last_message_at, created_at)",
         "'slack', id, id, now(), now()");
    each("ticket_sources (workspace_id, platform, external_id, ticket_id, created_at)",
         "'slack', id, id, now()");
    each("ticket_messages (workspace_id, id, ticket_id, platform, external_id, direction, body, "
         "created_at)",
         "id, id, 'slack', id, 'inbound', '', now()");
    each("webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, outcome, "
         "payload_sealed, received_at)",
         "'slack', id, current_date, id, 'created', '', now()");
    each("jobs (workspace_id, id, kind, args, run_at, created_at)",
         "id, 'CanaryJob', '{}', now(), now()");
    tx.commit();
  }
  std::vector<storage::statements::statement> hot{storage::statements::all.begin(),
                                                  storage::statements::all.end()};
  hot.insert(
    hot.end(), storage::statements::about_jobs.begin(), storage::statements::about_jobs.end());
  std::size_t with_some = 0;
  for (const auto& [name, sql] : hot) {
    const auto wanted = indexes_in(owner_, sql);
    EXPECT_EQ(indexes_in(serving_, sql), wanted) << name;
    with_some += wanted.empty() ? 0 : 1;
  }
  EXPECT_GT(with_some, 10U);
}

/// A role on the test's server, which it is connected as by way of the superuser.
class role {
public:
  role(std::string name, const std::string& attributes) : name_{std::move(name)} {
    run("DROP ROLE IF EXISTS " + name_ + "; CREATE ROLE " + name_ + ' ' + attributes);
  }
  role(const role&) = delete;
  role& operator=(const role&) = delete;
  ~role() {
    try {
      run("DROP ROLE " + name_);
    } catch (const std::exception&) { // still in use by a failed test
      return;
    }
  }

  static void run(const std::string& statement) {
    pqxx::connection connection{test_server().connections().owner};
    pqxx::nontransaction{connection}.exec(statement);
  }

  [[nodiscard]] std::string connect_to(const test_database& database) const {
    return database.owner_connection() + " options='-c role=" + name_ + "'";
  }

private:
  std::string name_;
};

TEST(serving_role, must_be_one_that_row_level_security_holds) {
  const test_database database;
  EXPECT_TRUE(storage::check_serving_role(database.connection_string()));
  const role plain{"plain_for_test", "NOLOGIN"};
  EXPECT_TRUE(storage::check_serving_role(plain.connect_to(database)));

  const auto as_superuser = storage::check_serving_role(database.owner_connection());
  ASSERT_FALSE(as_superuser);
  EXPECT_EQ(as_superuser.why().code, domain::errc::forbidden);
  EXPECT_THAT(as_superuser.why().message, HasSubstr("as \"hub\", a superuser"));
  EXPECT_THAT(as_superuser.why().message, HasSubstr("CREATE ROLE"));
  EXPECT_THAT(as_superuser.why().message, HasSubstr("DATABASE_OWNER_URL"));

  const role bypassing{"bypassing_for_test", "NOLOGIN BYPASSRLS"};
  const auto bypasses = storage::check_serving_role(bypassing.connect_to(database));
  ASSERT_FALSE(bypasses);
  EXPECT_THAT(bypasses.why().message,
              HasSubstr("as \"bypassing_for_test\", a role with BYPASSRLS"));

  const role member{"member_for_test", "NOLOGIN NOINHERIT IN ROLE bypassing_for_test"};
  const auto lent = storage::check_serving_role(member.connect_to(database));
  ASSERT_FALSE(lent);
  EXPECT_THAT(lent.why().message, HasSubstr("a member of \"bypassing_for_test\""));
}

TEST(serving_role, gets_what_it_needs_again_and_again) {
  const test_database database;
  const role plain{"granted_for_test", "NOLOGIN"};
  const auto serving = plain.connect_to(database);
  const auto count = [&] {
    pqxx::connection connection{serving};
    pqxx::nontransaction tx{connection};
    return tx.exec1("SELECT count(*) FROM tickets")[0].as<int>();
  };
  EXPECT_THROW(count(), pqxx::insufficient_privilege);
  for (int round = 0; round < 2; ++round) {
    const auto done = storage::let_serve(database.owner_connection(), serving);
    ASSERT_TRUE(done) << done.why().message;
    EXPECT_EQ(count(), 0);
  }
  // To its owner there is nothing to give.
  EXPECT_TRUE(storage::let_serve(database.owner_connection(), database.owner_connection()));
  pqxx::connection connection{database.owner_connection()};
  pqxx::nontransaction{connection}.exec("DROP OWNED BY granted_for_test");
}

/// A database whose one role owns the tables and serves.
class one_role : public ::testing::Test {
protected:
  one_role() {
    pqxx::connection connection{database_.owner_connection()};
    pqxx::nontransaction tx{connection};
    tx.exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO owner_for_test', "
            "current_database()); END $$");
    const auto migrated = storage::migrate(where(), storage::built_in_migrations());
    EXPECT_TRUE(migrated) << migrated.why().message;
  }
  [[nodiscard]] std::string where() const { return owner_.connect_to(database_); }

private:
  role owner_{"owner_for_test", "NOLOGIN"}; // outlives what it owns
  test_database database_{test_database::content::empty};
};

TEST_F(one_role, is_held_although_it_owns_the_tables) {
  EXPECT_TRUE(storage::check_serving_role(where()));
  pqxx::connection connection{where()};
  pqxx::work tx{connection};
  EXPECT_EQ(tx.exec1("SELECT count(*) FROM workspaces")[0].as<int>(), 0);
  tx.exec("SELECT set_config('hub.workspaces', '*', true)");
  EXPECT_EQ(tx.exec1("SELECT count(*) FROM workspaces")[0].as<int>(), 1);
}

TEST_F(one_role, keeps_house_and_what_waits_in_quarantine) {
  {
    pqxx::connection connection{where()};
    pqxx::work tx{connection};
    tx.exec("SELECT ensure_delivery_partitions(current_date - 100, 1)");
    tx.exec("SELECT set_config('hub.workspaces', '{"s + first + "}', true)");
    tx.exec("INSERT INTO webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, "
            "outcome, payload_sealed, received_at) SELECT '"s
            + first
            + "', 'slack', o, current_date - d, gen_random_uuid(), o, '', now() - "
              "make_interval(days => d) FROM (VALUES ('quarantined', 100), ('created', 101), "
              "('quarantined', 300), ('created', 301)) AS old (o, d)");
    tx.commit();
  }
  const auto kept = storage::keep_house(where(), {});
  ASSERT_TRUE(kept) << kept.why().message;
  pqxx::connection connection{where()};
  pqxx::work tx{connection};
  tx.exec("SELECT set_config('hub.workspaces', '{"s + first + "}', true)");
  std::multiset<std::string> left;
  for (const auto& row : tx.exec("SELECT outcome FROM webhook_deliveries"))
    left.insert(row[0].as<std::string>());
  EXPECT_THAT(left, ElementsAre("quarantined", "quarantined"));
}

TEST(walls_of_old, go_up_around_what_is_there) {
  const test_database database{test_database::content::empty};
  const auto all = storage::built_in_migrations();
  ASSERT_TRUE(storage::migrate(database.owner_connection(), all.first(14)));
  std::set<std::string> old{"workspaces"};
  {
    pqxx::connection connection{database.owner_connection()};
    pqxx::work tx{connection};
    tx.exec("SELECT ensure_delivery_partitions(current_date, 1)");
    for (const auto& [table, columns] : rows_of) {
      if (old.contains(table)
          || !tx.exec1("SELECT to_regclass('" + table + "') IS NOT NULL")[0].as<bool>())
        continue;
      tx.exec(statement_for(table, columns, first));
      old.insert(table);
    }
    tx.exec("UPDATE reporters SET email = 'Ána@Example.org'");
    tx.commit();
  }
  const auto migrated = storage::migrate(database.owner_connection(), all);
  ASSERT_TRUE(migrated) << migrated.why().message;
  ASSERT_TRUE(storage::let_serve(database.owner_connection(), database.connection_string()));
  pqxx::connection connection{database.connection_string()};
  pqxx::work tx{connection};
  for (const auto& [table, columns] : rows_of)
    EXPECT_EQ(tx.exec1("SELECT count(*) FROM " + table)[0].as<int>(), 0) << table;
  tx.exec("SELECT set_config('hub.workspaces', '{"s + first + "}', true)");
  for (const auto& [table, columns] : rows_of)
    EXPECT_EQ(tx.exec1("SELECT count(*) FROM " + table)[0].as<int>(), old.contains(table) ? 1 : 0)
      << table;
  EXPECT_EQ(tx.exec1("SELECT email_folded FROM reporters")[0].as<std::string>(), "ána@example.org");
}

/// A journal batch that carries Changes of two workspaces.
class two_workspaces : public journal_fixture {
protected:
  void SetUp() override {
    run("INSERT INTO workspaces (id, name) VALUES ('"s + second + "', 'second')");
  }
  domain::change theirs(domain::change what) const {
    what.workspace = *domain::parse_uuid(second);
    return what;
  }
};

TEST_F(two_workspaces, share_a_batch_and_nothing_else) {
  auto verdicts =
    commit({opening({.delivery = "E1", .user = "U1", .email = "ana@example.org"}),
            theirs(opening({.delivery = "E1", .user = "U1", .email = "ana@example.org"}))});
  ASSERT_EQ(verdicts.size(), 2U);
  for (const auto& one : verdicts) {
    EXPECT_EQ(one.what, domain::verdict::kind::committed);
    EXPECT_EQ(one.number, 1);
  }
  EXPECT_EQ(stats_.transactions, 1U);
  EXPECT_EQ(count("reporters"), "2");
  // The same delivery is known to each by itself.
  const auto again = commit(theirs(opening({.delivery = "E1", .user = "U1"})));
  EXPECT_EQ(again.what, domain::verdict::kind::duplicate);
}

TEST_F(two_workspaces, know_nothing_of_the_others_ids) {
  const auto ticket = open_ticket({.delivery = "E1"});
  const auto hidden = wait_for<domain::ticket_core>(
    [&](auto done) { reads().core_of(*domain::parse_uuid(second), ticket.id, std::move(done)); });
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.why().code, domain::errc::not_found);
  // A Change of theirs that names our ticket changes nothing.
  domain::ticket_patch patch;
  patch.title = "mine now";
  const auto verdict = commit(theirs(patching(patch, ticket)));
  EXPECT_EQ(verdict.what, domain::verdict::kind::conflict);
  EXPECT_EQ(ask("SELECT title FROM tickets"), "The export crashes");
}

} // namespace
} // namespace hub::testing
