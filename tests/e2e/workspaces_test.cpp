#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::string_literals;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

constexpr auto first_id = "00000000-0000-7000-8000-000000000001";
constexpr auto nobodys_id = "01890a5d-ac96-774b-bcce-b302099a8057";

/// How an operation of openapi.json is tried from the other workspace. Each must be among these.
enum class trial {
  by_id,  // has an id in its path: another workspace's is as unknown as nobody's
  shows,  // shows what is the caller's: nothing of another workspace may be in it
  writes, // makes or changes what is the caller's, found by no id in the path
  of_hub, // of the hub as a whole, or open to everybody
};

const std::map<std::string, trial> trials{
  {"receive_slack", trial::of_hub},
  {"probe_slack", trial::of_hub},
  {"receive_intercom", trial::of_hub},
  {"probe_intercom", trial::of_hub},
  {"receive_whatsapp", trial::of_hub},
  {"probe_whatsapp", trial::of_hub},
  {"verify_whatsapp", trial::of_hub},
  {"receive_slack_of_workspace", trial::of_hub},
  {"probe_slack_of_workspace", trial::of_hub},
  {"receive_intercom_of_workspace", trial::of_hub},
  {"probe_intercom_of_workspace", trial::of_hub},
  {"receive_whatsapp_of_workspace", trial::of_hub},
  {"probe_whatsapp_of_workspace", trial::of_hub},
  {"verify_whatsapp_of_workspace", trial::of_hub},
  {"list_tickets", trial::shows},
  {"create_ticket", trial::writes},
  {"show_ticket", trial::by_id},
  {"edit_ticket", trial::by_id},
  {"simulate_status", trial::by_id},
  {"triage_ticket", trial::by_id},
  {"accept_triage", trial::by_id},
  {"reject_triage", trial::by_id},
  {"reveal_message", trial::by_id},
  {"show_changelog", trial::by_id},
  {"preview_changelog", trial::by_id},
  {"generate_changelog", trial::by_id},
  {"write_changelog", trial::by_id},
  {"edit_changelog", trial::by_id},
  {"approve_changelog", trial::by_id},
  {"take_back_changelog", trial::by_id},
  {"list_changelog", trial::shows},
  {"open_attachment", trial::by_id},
  {"follow_events", trial::shows},
  {"list_deliveries", trial::shows},
  {"replay_delivery", trial::by_id},
  {"list_job_kinds", trial::shows},
  {"run_job", trial::writes},
  {"list_dead_letters", trial::shows},
  {"retry_dead_letters", trial::writes},
  {"force_failure", trial::of_hub},
  {"list_forced_failures", trial::shows},
  {"resolve_dead_letter", trial::by_id},
  {"retry_dead_letter", trial::by_id},
  {"list_providers", trial::shows},
  {"list_notifications", trial::shows},
  {"show_notification", trial::by_id},
  {"retry_notification", trial::by_id},
  {"list_pending_reviews", trial::shows},
  {"approve_all_reviews", trial::writes},
  {"approve_selected_reviews", trial::writes},
  {"reject_all_reviews", trial::writes},
  {"pause_jobs", trial::of_hub},
  {"resume_jobs", trial::of_hub},
  {"drain_jobs", trial::of_hub},
  {"show_ledger", trial::shows},
  {"list_actors", trial::shows},
  {"show_actor_kind", trial::shows},
  {"up", trial::of_hub},
  {"health", trial::of_hub},
  {"metrics", trial::shows},
  {"openapi", trial::of_hub},
  {"front_page", trial::of_hub},
  {"show_session", trial::shows},
  {"sign_in", trial::of_hub},
  {"sign_out", trial::writes},
  {"sign_in_by_link", trial::of_hub},
  {"set_password", trial::writes},
  {"list_sessions", trial::shows},
  {"end_other_sessions", trial::writes},
  {"end_session", trial::by_id},
  {"list_users", trial::shows},
  {"invite_user", trial::writes},
  {"change_user", trial::by_id},
  {"make_sign_in_link", trial::by_id},
  {"unlink_user", trial::by_id},
  {"list_api_keys", trial::shows},
  {"create_api_key", trial::writes},
  {"revoke_api_key", trial::by_id},
  {"list_settings", trial::shows},
  {"change_settings", trial::writes},
  {"list_audit_log", trial::shows},
  {"export_audit_log", trial::shows},
  {"show_sign_in_page", trial::of_hub},
  {"show_sign_in_script", trial::of_hub},
  {"start_sign_in_by_provider", trial::of_hub},
  {"finish_sign_in_by_provider", trial::of_hub},
};

/// Bodies that are sound, so that the id alone decides.
const std::map<std::string, json> bodies{
  {"edit_ticket", {{"title", "mine now"}}},
  {"simulate_status", {{"status", "resolved"}}},
  {"write_changelog",
   {{"content", "**What happened:**\na\n\n**How we fixed it:**\nb\n\n**Going forward:**\nc"}}},
  {"edit_changelog",
   {{"content", "**What happened:**\na\n\n**How we fixed it:**\nb\n\n**Going forward:**\nc"}}},
  {"approve_changelog", {{"version", 1}}},
  {"change_user", {{"name", "mine now"}}},
};

struct operation {
  std::string id;
  std::string method;
  std::string path;
};

/// Somebody who has signed in, as their browser calls.
struct browser {
  std::string id;
  std::string workspace;
  headers changing;
};

/// Two workspaces with something of everything in both; the second one's words all hold `marker`.
class workspaces : public hub_suite<workspaces> {
public:
  static constexpr auto marker = "zebra";

  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_SIMULATION"] = "on";
    // Nobody is there; what the hub itself knows of people at a provider can be tried.
    chosen.environment["HUB_OIDC_ISSUER"] = "http://127.0.0.1:1";
    chosen.environment["HUB_OIDC_CLIENT_ID"] = "hub";
    return chosen;
  }

  static void SetUpTestSuite() {
    hub_suite<workspaces>::SetUpTestSuite();
    const auto made =
      run({"workspaces", "create", "--name", "Zebra Works", "--owner", "owner@zebra.example"});
    second_ = made.substr(0, made.find('\n'));
    theirs_ = enter(made);
    ours_ = enter(run({"users", "invite", "owner@ours.example", "--role", "owner"}));
    std::vector<std::string> key{
      "keys", "create", "--name", "zebra key", "--workspace", "ZEBRA works"};
    for (const auto& scope : {"tickets:read",
                              "tickets:write",
                              "deliveries:read",
                              "deliveries:write",
                              "operations:read",
                              "operations:write",
                              "people:read",
                              "people:write",
                              "keys:read",
                              "keys:write",
                              "audit:read",
                              "settings:manage"}) {
      key.emplace_back("--scope");
      key.emplace_back(scope);
    }
    const auto text = run(key);
    their_key_ = {{"Authorization", "Bearer " + text.substr(0, text.find('\n'))}};
    hub_client api{hub().port()};
    for (const auto& [who, word] : {std::pair{headers{}, "ours"}, {their_key_, marker}}) {
      auto with = who;
      with.emplace_back("Idempotency-Key", "the-same-in-both");
      const auto ticket = api.post("/api/tickets", {{"title", std::string{"A "} + word}}, with);
      EXPECT_EQ(ticket.status, 201) << ticket.text;
      EXPECT_EQ(ticket.body.at("number"), 1);
      const auto set = api.patch("/api/settings", {{"smtp.from", word + "@example.org"s}}, who);
      EXPECT_EQ(set.status, 200) << set.text;
      const auto job = api.post("/api/jobs", {{"job_class", "CanaryJob"}, {"args", {}}}, who);
      EXPECT_EQ(job.status, 202) << job.text;
    }
    const auto allowed = api.patch("/api/users/" + ours_.id, {{"reads_pii", true}}, ours_.changing);
    EXPECT_EQ(allowed.status, 200) << allowed.text;
    fill(first_id, "ours");
    fill(second_, marker);
  }

protected:
  static std::string run(const std::vector<std::string>& command) {
    const auto done = hub().run(command);
    EXPECT_EQ(done.exit_code, 0) << done.err;
    return done.out;
  }

  /// Opens the link that a command has printed.
  static browser enter(const std::string& printed) {
    static const std::regex token{R"(#([\w-]+))"};
    std::smatch found;
    EXPECT_TRUE(std::regex_search(printed, found, token)) << printed;
    const auto entered = hub_client{hub().port()}.post(
      "/api/session/link", {{"token", found[1].str()}}, {{"Authorization", ""}});
    EXPECT_EQ(entered.status, 201) << entered.text;
    const auto cookie = entered.header("set-cookie");
    return {
      entered.at("id"),
      entered.at("workspace_id"),
      {{"Cookie", cookie.substr(0, cookie.find(';'))}, {"X-CSRF-Token", entered.at("csrf_token")}}};
  }

  /// What no call makes, or none at once: a delivery in quarantine with its counters, a dead
  /// letter, an assignee, a notification that waits for a review.
  static void fill(const std::string& workspace, const std::string& word) {
    pqxx::connection connection{hub().connection_string()};
    pqxx::work tx{connection};
    const auto w = tx.quote(workspace);
    tx.exec("INSERT INTO webhook_deliveries (workspace_id, platform, external_id, occurred_on, id, "
            "outcome, payload_sealed, received_at) VALUES ("
            + w + ", 'slack', 'Ev-" + word
            + "', current_date, gen_random_uuid(), 'quarantined', '', now())");
    tx.exec(
      "INSERT INTO intake_counters (workspace_id, platform, day, slot, received, quarantined) "
      "VALUES ("
      + w + ", 'slack', (now() AT TIME ZONE 'UTC')::date, 99, 1, 1)");
    tx.exec("INSERT INTO dead_letter_jobs (workspace_id, id, job_class, job_args, args_sealed, "
            "error_class, error_message, backtrace, queue, outcome_unknown, attempts, failed_at, "
            "created_at) VALUES ("
            + w + ", gen_random_uuid(), 'CanaryJob', '{}', '', 'internal', '" + word
            + "', '', 'default', false, '[]', now(), now())");
    tx.exec("INSERT INTO attachments (workspace_id, id, ticket_id, source_platform, file_name, "
            "created_at) SELECT workspace_id, gen_random_uuid(), id, 'slack', '"
            + word + "', now() FROM tickets WHERE workspace_id = " + w + " LIMIT 1");
    tx.exec("UPDATE tickets SET assignee_id = (SELECT id FROM users WHERE workspace_id = " + w
            + " LIMIT 1), ticket_group_id = gen_random_uuid() WHERE workspace_id = " + w);
    tx.exec("WITH person AS (INSERT INTO reporters (workspace_id, id, created_at) VALUES (" + w
            + ", gen_random_uuid(), now()) RETURNING workspace_id, id) "
              "INSERT INTO reporter_identities (workspace_id, platform, platform_user_id, "
              "reporter_id, last_message_at, created_at) SELECT workspace_id, 'whatsapp', '"
            + word + "', id, now(), now() FROM person");
    tx.exec(
      "WITH entry AS (INSERT INTO changelog_entries (workspace_id, id, ticket_id, content, status, "
      "seen_until, approved_by, approved_at, created_at, updated_at) SELECT workspace_id, "
      "gen_random_uuid(), id, '"
      + word + "', 'approved', now(), 'somebody', now(), now(), now() FROM tickets "
      + "WHERE workspace_id = " + w + " LIMIT 1 RETURNING workspace_id, id, ticket_id) "
      + "INSERT INTO notifications (workspace_id, id, job_id, ticket_id, changelog_entry_id, "
        "channel, platform_user_id, thread_id, status, content, send_at, created_at) "
        "SELECT e.workspace_id, gen_random_uuid(), gen_random_uuid(), e.ticket_id, e.id, "
        "i.platform, i.platform_user_id, '', 'pending_batch_review', '"
      + word
      + "', now(), now() FROM entry e JOIN reporter_identities i USING (workspace_id) LIMIT 1");
    tx.commit();
  }

  static std::string ask(const std::string& question) {
    pqxx::connection connection{hub().connection_string()};
    pqxx::nontransaction tx{connection};
    const auto rows = tx.exec(question);
    return rows.empty() ? "" : rows[0][0].as<std::string>("");
  }
  static std::string id_in(const std::string& table, const std::string& workspace) {
    return ask("SELECT id FROM " + table + " WHERE workspace_id = '" + workspace
               + "' ORDER BY id LIMIT 1");
  }

  /// Every id that a workspace's rows have.
  static std::set<std::string> ids_of(const std::string& workspace) {
    pqxx::connection connection{hub().connection_string()};
    pqxx::nontransaction tx{connection};
    std::set<std::string> ids{workspace};
    for (const auto& column : tx.exec(
           "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
           "JOIN pg_attribute w ON w.attrelid = c.oid AND w.attname = 'workspace_id' "
           "WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped "
           "AND a.atttypid = 'uuid'::regtype AND c.relnamespace = 'public'::regnamespace"))
      for (const auto& row :
           tx.exec("SELECT DISTINCT " + column[1].as<std::string>() + " FROM "
                   + column[0].as<std::string>() + " WHERE workspace_id = '" + workspace + "' AND "
                   + column[1].as<std::string>() + " IS NOT NULL"))
        ids.insert(row[0].as<std::string>());
    return ids;
  }

  std::vector<operation> all_operations() {
    std::vector<operation> all;
    const auto described = api_.get("/openapi.json");
    for (const auto& [path, methods] : described.body.at("paths").items())
      for (const auto& [method, what] : methods.items()) {
        operation one{what.at("operationId"), method, path};
        std::ranges::transform(one.method, one.method.begin(), [](unsigned char c) {
          return static_cast<char>(std::toupper(c));
        });
        all.push_back(std::move(one));
      }
    return all;
  }

  answer call(const operation& what, const std::string& path, headers with) {
    if (what.id == "follow_events") // else it would have no end; stream_test.cpp looks into it
      with.emplace_back("Last-Event-ID", "nonsense");
    if (what.method == "GET")
      return api_.get(path, with);
    with.emplace_back("Content-Type", "application/json");
    const auto body = bodies.find(what.id);
    return api_.call(
      what.method, path, (body == bodies.end() ? json::object() : body->second).dump(), with);
  }

  /// An id of the second workspace for the path.
  static std::string their_id_for(const std::string& path) {
    static const std::vector<std::pair<std::string, std::string>> tables{
      {"/api/tickets/", "tickets"},
      {"/api/attachments/", "attachments"},
      {"/api/webhook_deliveries/", "webhook_deliveries"},
      {"/api/dead_letter_jobs/", "dead_letter_jobs"},
      {"/api/notifications/", "notifications"},
      {"/api/sessions/", "sessions"},
      {"/api/users/", "users"},
      {"/api/api_keys/", "api_keys"},
    };
    for (const auto& [prefix, table] : tables)
      if (path.starts_with(prefix))
        return id_in(table, second_);
    ADD_FAILURE() << "say here where an id for " << path << " is";
    return nobodys_id;
  }

  static std::string with_id(const std::string& path, const std::string& id) {
    static const std::regex parameter{R"(\{[^}]+\})"};
    return std::regex_replace(path, parameter, id);
  }

  /// What each operation shows to whoever calls so.
  std::map<std::string, std::string> shown_by_operation(const headers& who) {
    std::map<std::string, std::string> all;
    for (const auto& what : all_operations()) {
      const auto how = trials.find(what.id);
      if (how == trials.end() || how->second != trial::shows)
        continue;
      std::vector<std::string> paths{what.path};
      if (what.id == "show_actor_kind")
        paths = {"/api/actors/job_supervisor", "/api/actors/rate_limiter", "/api/actors/ticket"};
      for (const auto& path : paths)
        all[what.id] += call(what, path, who).text;
    }
    return all;
  }

  std::string all_shown(const headers& who) {
    std::string all;
    for (const auto& [id, text] : shown_by_operation(who))
      all += text;
    return all;
  }

  /// What is shown of theirs, but for rates, ages and records, which move by themselves.
  std::map<std::string, std::string> kept() {
    static const std::set<std::string> moving{"list_job_kinds",
                                              "list_providers",
                                              "list_actors",
                                              "show_actor_kind",
                                              "metrics",
                                              "list_api_keys",
                                              "list_sessions",
                                              "list_audit_log",
                                              "export_audit_log"};
    auto all = shown_by_operation(theirs_.changing);
    std::erase_if(all, [](const auto& one) { return moving.contains(one.first); });
    return all;
  }

  void expect_nothing_of(const std::string& workspace, const std::string& shown) {
    for (const auto& id : ids_of(workspace))
      EXPECT_THAT(shown, Not(HasSubstr(id)));
  }

  static inline std::string second_;
  static inline browser ours_;
  static inline browser theirs_;
  static inline headers their_key_;
  hub_client api_{hub().port()};
};

TEST_F(workspaces, are_tried_with_every_operation_there_is) {
  std::set<std::string> described;
  for (const auto& what : all_operations()) {
    described.insert(what.id);
    EXPECT_TRUE(trials.contains(what.id))
      << what.id << " is new: say how it is tried from another workspace";
    const auto how = trials.find(what.id);
    if (how != trials.end() && what.path.find("{id}") != std::string::npos) {
      EXPECT_EQ(how->second, trial::by_id) << what.id;
    }
  }
  for (const auto& [id, how] : trials)
    EXPECT_TRUE(described.contains(id)) << id << " is no more";
}

TEST_F(workspaces, are_unknown_to_each_other_by_id) {
  const auto before = kept();
  int tried = 0;
  for (const auto& what : all_operations()) {
    const auto how = trials.find(what.id);
    if (how == trials.end() || how->second != trial::by_id)
      continue;
    SCOPED_TRACE(what.id);
    const auto theirs = their_id_for(what.path);
    ASSERT_EQ(theirs.size(), 36U) << "nothing of theirs to try it on";
    // A key with every permission, and an owner who has signed in.
    for (const auto& who : {headers{}, ours_.changing}) {
      if (who.empty()
          && (what.id == "end_session" || what.id == "reveal_message"
              || what.id == "open_attachment"))
        continue; // a key has no sessions, and this one sees no personal data
      auto hidden = call(what, with_id(what.path, theirs), who);
      const auto unknown = call(what, with_id(what.path, nobodys_id), who);
      EXPECT_EQ(hidden.status, 404) << hidden.text;
      EXPECT_EQ(unknown.status, 404) << unknown.text;
      EXPECT_EQ(std::regex_replace(hidden.text, std::regex{theirs}, nobodys_id), unknown.text);
      ++tried;
    }
  }
  EXPECT_GT(tried, 15);
  // The same ids are known where they belong, and nothing of them has changed.
  EXPECT_EQ(api_.get("/api/tickets/" + id_in("tickets", second_), their_key_).status, 200);
  EXPECT_THAT(before, Contains(Key("list_tickets")));
  EXPECT_EQ(kept(), before);
}

TEST_F(workspaces, show_nothing_of_each_other) {
  for (const auto& who : {headers{}, ours_.changing}) {
    const auto shown = all_shown(who);
    EXPECT_THAT(shown, HasSubstr("A ours"));
    EXPECT_THAT(shown, Not(HasSubstr(marker)));
    expect_nothing_of(second_, shown);
  }
  for (const auto& who : {their_key_, theirs_.changing}) {
    const auto shown = all_shown(who);
    EXPECT_THAT(shown, HasSubstr(std::string{"A "} + marker));
    EXPECT_THAT(shown, HasSubstr(marker + "@example.org"s));
    EXPECT_THAT(shown, HasSubstr(id_in("dead_letter_jobs", second_)));
    EXPECT_THAT(shown, HasSubstr(id_in("webhook_deliveries", second_)));
    expect_nothing_of(first_id, shown);
  }
}

TEST_F(workspaces, are_not_reached_by_filters_and_cursors) {
  const auto ticket = id_in("tickets", second_);
  const auto their = [&](const std::string& column) {
    return ask("SELECT " + column + " FROM tickets WHERE id = '" + ticket + "'");
  };
  const auto same_as_nobodys = [&](const std::string& path, const std::string& id) {
    SCOPED_TRACE(path);
    const auto hidden = api_.get(path + id);
    EXPECT_EQ(hidden.status, 200) << hidden.text;
    EXPECT_EQ(hidden.text, api_.get(path + nobodys_id).text);
  };
  same_as_nobodys("/api/tickets?assignee=", their("assignee_id"));
  same_as_nobodys("/api/tickets?group=", their("ticket_group_id"));
  same_as_nobodys("/api/tickets?search=", ticket);
  same_as_nobodys("/api/audit_log?actor=", theirs_.id);
  same_as_nobodys("/api/audit_log/export?actor=", theirs_.id);
  EXPECT_EQ(api_.get(std::string{"/api/tickets?search="} + marker).text,
            api_.get("/api/tickets?search=nosuchword").text);
  // A cursor is a place in a list, and the list stays the caller's.
  for (const auto& [list, table] : {std::pair{"/api/tickets", "tickets"},
                                    {"/api/webhook_deliveries", "webhook_deliveries"},
                                    {"/api/dead_letter_jobs", "dead_letter_jobs"},
                                    {"/api/notifications", "notifications"},
                                    {"/api/audit_log", "audit_log"}}) {
    SCOPED_TRACE(list);
    std::string cursor = id_in(table, second_);
    if (std::string{table} == "tickets") {
      const auto theirs = api_.post("/api/tickets", {{"title", "another zebra"}}, their_key_);
      ASSERT_EQ(theirs.status, 201);
      cursor =
        api_.get("/api/tickets?per_page=1", their_key_).body.at("pagination").at("next_cursor");
    } else if (std::string{table} == "dead_letter_jobs") {
      cursor = ask("SELECT (extract(epoch FROM failed_at) * 1000)::bigint || '.' || id FROM "
                   "dead_letter_jobs WHERE id = '"
                   + cursor + '\'');
    }
    const auto page = api_.get(std::string{list} + "?cursor=" + cursor);
    EXPECT_EQ(page.status, 200) << page.text;
    expect_nothing_of(second_, page.text);
    EXPECT_THAT(page.text, Not(HasSubstr(marker)));
  }
}

TEST_F(workspaces, keep_their_idempotency_keys_apart) {
  const auto body = json{{"title", "The very same"}};
  const headers key{{"Idempotency-Key", unique("shared-")}};
  auto their = their_key_;
  their.insert(their.end(), key.begin(), key.end());
  const auto first = api_.post("/api/tickets", body, key);
  const auto theirs = api_.post("/api/tickets", body, their);
  ASSERT_EQ(first.status, 201) << first.text;
  ASSERT_EQ(theirs.status, 201) << theirs.text;
  EXPECT_NE(first.at("id"), theirs.at("id"));
  EXPECT_EQ(api_.post("/api/tickets", body, key).at("id"), first.at("id"));
  EXPECT_EQ(api_.post("/api/tickets", body, their).at("id"), theirs.at("id"));
  // Of another body under a key of theirs, nobody here hears that it is in use.
  const headers used{{"Idempotency-Key", unique("theirs-")}};
  auto by_them = their_key_;
  by_them.insert(by_them.end(), used.begin(), used.end());
  ASSERT_EQ(api_.post("/api/tickets", {{"title", "theirs"}}, by_them).status, 201);
  EXPECT_EQ(api_.post("/api/tickets", {{"title", "ours"}}, used).status, 201);
}

TEST_F(workspaces, are_spared_by_what_is_done_to_all_of_another) {
  const auto letter = id_in("dead_letter_jobs", second_);
  const auto retried = api_.post("/api/dead_letter_jobs/retry?status=unresolved", json::object());
  EXPECT_LT(retried.status, 500) << retried.text;
  EXPECT_EQ(ask("SELECT status FROM dead_letter_jobs WHERE id = '" + letter + '\''), "unresolved");
  const auto waiting = id_in("notifications", second_);
  for (const auto* path : {"/api/batch_reviews/approve_all", "/api/batch_reviews/reject_all"})
    EXPECT_EQ(api_.post(path, json::object()).status, 200) << path;
  const auto chosen =
    api_.post("/api/batch_reviews/approve_selected", {{"notification_ids", {waiting}}});
  EXPECT_EQ(chosen.body.at("approved"), 0) << chosen.text;
  EXPECT_EQ(ask("SELECT status FROM notifications WHERE id = '" + waiting + '\''),
            "pending_batch_review");
  EXPECT_EQ(api_.call("DELETE", "/api/sessions", {}, ours_.changing).status, 200);
  EXPECT_EQ(api_.get("/api/tickets", theirs_.changing).status, 200);
}

TEST_F(workspaces, number_and_count_by_themselves) {
  const auto at = [&](const headers& who) {
    return api_.get("/api/tickets?per_page=1", who).body.at("pagination").at("total").get<int>();
  };
  const auto ours = at({});
  const auto theirs = at(their_key_);
  const auto made = api_.post("/api/tickets", {{"title", "one more zebra"}}, their_key_);
  EXPECT_EQ(made.body.at("number"), theirs + 1);
  EXPECT_EQ(at({}), ours);
  EXPECT_EQ(at(their_key_), theirs + 1);
}

TEST_F(workspaces, are_made_and_listed_beside_a_running_hub) {
  const auto listed = run({"workspaces", "list"});
  EXPECT_THAT(listed, HasSubstr(std::string{first_id} + "  default\n"));
  EXPECT_THAT(listed, HasSubstr(second_ + "  Zebra Works\n"));
  EXPECT_EQ(theirs_.workspace, second_);
  EXPECT_EQ(ours_.workspace, first_id);
  const auto taken = hub().run({"workspaces", "create", "--name", " zebra WORKS "});
  EXPECT_EQ(taken.exit_code, 1);
  EXPECT_THAT(taken.err, HasSubstr("of this name"));
  EXPECT_EQ(hub().run({"workspaces", "create", "--name", " "}).exit_code, 2);
  EXPECT_EQ(hub().run({"workspaces", "create", "--name", nobodys_id}).exit_code, 2);
  EXPECT_EQ(hub().run({"workspaces", "create", "--name", "x", "--owner", "nobody"}).exit_code, 2);
  const auto nowhere = hub().run(
    {"keys", "create", "--name", "k", "--scope", "tickets:read", "--workspace", "nowhere"});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("workspaces list"));
}

TEST_F(workspaces, are_left_when_a_browser_enters_another) {
  const auto ours = enter(run({"users", "invite", unique("both") + "@ours.example"}));
  const auto made =
    run({"users", "invite", unique("both") + "@zebra.example", "--workspace", second_});
  std::smatch found;
  ASSERT_TRUE(std::regex_search(made, found, std::regex{R"(#([\w-]+))"}));
  auto with = ours.changing;
  with.emplace_back("Authorization", "");
  const auto entered = api_.post("/api/session/link", {{"token", found[1].str()}}, with);
  ASSERT_EQ(entered.status, 201) << entered.text;
  EXPECT_EQ(entered.at("workspace_id"), second_);
  EXPECT_EQ(api_.get("/api/tickets", ours.changing).status, 401) << "the browser no longer has it";
}

TEST_F(workspaces, are_not_served_by_a_role_that_sees_through_the_walls) {
  const auto elsewhere = (hub().directory() / "elsewhere").string();
  for (const auto* command : {"serve", "doctor"}) {
    const auto refused = hub().run(
      {command}, {{"DATABASE_URL", hub().connection_string()}, {"HUB_DATA_DIR", elsewhere}});
    EXPECT_NE(refused.exit_code, 0) << command;
    EXPECT_THAT(refused.out + refused.err, HasSubstr("a superuser")) << command;
    EXPECT_THAT(refused.out + refused.err, HasSubstr("CREATE ROLE")) << command;
  }
}

TEST_F(workspaces, are_found_by_email_and_password) {
  const auto email = unique("both") + "@example.com";
  const auto join = [&](const std::string& workspace, const std::string& password) {
    const auto who = enter(run({"users", "invite", email, "--workspace", workspace}));
    auto with = who.changing;
    with.emplace_back("Content-Type", "application/json");
    EXPECT_EQ(
      api_.call("PUT", "/api/session/password", json{{"password", password}}.dump(), with).status,
      201);
  };
  const auto sign_in = [&](const std::string& password, const json& workspace = nullptr) {
    json body{{"email", email}, {"password", password}};
    if (!workspace.is_null())
      body["workspace"] = workspace;
    return api_.post("/api/session", body, {{"Authorization", ""}});
  };
  join(second_, "their horse battery");
  EXPECT_EQ(sign_in("their horse battery").at("workspace_id"), second_) << "one is enough";
  join("default", "our horse battery staple");
  // The oldest is asked for where none is named; that there are more hears who knows its password.
  const auto several = sign_in("their horse battery");
  EXPECT_EQ(several.status, 409) << several.text;
  EXPECT_THAT(several.at("error"), HasSubstr("workspace"));
  EXPECT_EQ(several.header("set-cookie"), "");
  const auto wrong = sign_in("our horse battery staple");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(sign_in("their horse battery", "zebra works").at("workspace_id"), second_);
  EXPECT_EQ(sign_in("their horse battery", second_).at("workspace_id"), second_);
  EXPECT_EQ(sign_in("our horse battery staple", "Default").at("workspace_id"), first_id);
  EXPECT_EQ(sign_in("our horse battery staple", first_id).at("workspace_id"), first_id);
  EXPECT_EQ(sign_in("their horse battery", "").status, 409) << "an empty one is none";
  // Whether the workspace, the person or the password is wrong, the answer is one.
  EXPECT_EQ(sign_in("their horse battery", "default").text, wrong.text);
  EXPECT_EQ(sign_in("their horse battery", "nowhere").text, wrong.text);
  EXPECT_EQ(sign_in("their horse battery", 7).status, 422);
}

} // namespace
} // namespace hub::testing
