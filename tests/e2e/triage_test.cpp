#include "tests/domain/planted.hpp"
#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto patience = 30s; // the machine is noisy

/// The event of a type, newest first; null if there is none.
json event_of(const json& ticket, const std::string& type) {
  for (const auto& event : ticket.at("events"))
    if (event.at("event_type") == type)
      return event;
  return nullptr;
}

/// A hub that triages every ticket, with a model that the sandbox plays.
class triage : public hub_suite<triage> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    auto environment = sandbox_->hub_environment();
    environment["HUB_AI_TRIAGE"] = "automatic";
    environment["HUB_JOBS_TRIAGE_FIRST_DELAY"] = "500ms";
    environment["HUB_JOBS_TRIAGE_LONGEST_DELAY"] = "1s";
    environment["HUB_JOBS_LEASE"] = "3s";
    // Tests ask again and again whether it is there.
    environment["HUB_KEY_CALLS_PER_SECOND"] = "0";
    environment["HUB_ADDRESS_CALLS_PER_SECOND"] = "0";
    environment["HUB_WORKSPACE_CALLS_PER_SECOND"] = "0";
    environment["HUB_BREAKER_OPEN_FOR"] = "1s";
    environment["HUB_BREAKER_LONGEST_OPEN"] = "1s";
    return {.environment = std::move(environment), .arguments = {}};
  }
  static void TearDownTestSuite() {
    hub_suite<triage>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  static sandbox_process& sandbox() { return *sandbox_; }

  std::string report(const std::string& text) {
    const auto taken = api_.send(slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = text}));
    EXPECT_EQ(taken.status, 200) << taken.text;
    return taken.at("ticket_id");
  }
  json ticket(const std::string& id) { return api_.get("/api/tickets/" + id).body; }
  /// The ticket once its triage is there, or has failed.
  json once(const std::string& id, const std::string& status = "completed") {
    json seen;
    EXPECT_TRUE(tests::eventually(
      [&] {
        seen = ticket(id);
        return seen.at("enrichment_status") == status;
      },
      patience))
      << seen;
    return seen;
  }
  answer decide(const std::string& id,
                const std::string& how,
                const json& body = json::object(),
                const headers& more = {}) {
    return api_.post("/api/tickets/" + id + "/triage" + how, body, more);
  }
  /// Every question about a ticket that holds the words, as the model was asked it.
  std::vector<json> questions(const std::string& words) {
    std::vector<json> found;
    for (const auto& call : sandbox().calls())
      if (call.at("provider") == "openai" && call.dump().find(words) != std::string::npos)
        found.push_back(call);
    return found;
  }
  json letter_about(const std::string& ticket) {
    json found;
    EXPECT_TRUE(tests::eventually(
      [&] {
        for (const auto& letter : api_.get("/api/dead_letter_jobs?per_page=100").body)
          if (letter.at("job_args").value("ticket", "") == ticket
              && letter.at("status") == "unresolved")
            found = letter;
        return !found.is_null();
      },
      patience));
    return found;
  }
  /// Tries something out with other settings of the workspace.
  void with(const json& settings, const std::function<void()>& what) {
    auto set = api_.patch("/api/settings", settings);
    ASSERT_EQ(set.status, 200) << set.text;
    what();
    json unset = json::object();
    for (const auto& [key, value] : settings.items())
      unset[key] = nullptr;
    set = api_.patch("/api/settings", unset);
    ASSERT_EQ(set.status, 200) << set.text;
  }
  void TearDown() override {
    sandbox().behave();
    hub_suite<triage>::TearDown();
  }

  hub_client api_{hub().port()};

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

TEST_F(triage, suggests_what_a_report_is_about) {
  const auto words = unique("The checkout crashes with an error ");
  const auto seen = once(report(words));
  EXPECT_EQ(seen.at("ai_suggested_type"), "bug");
  EXPECT_TRUE(seen.at("ai_suggested_priority").is_number_integer());
  EXPECT_FALSE(seen.at("ai_summary").get<std::string>().empty());
  EXPECT_EQ(seen.at("ai_model"), "gpt-4o-mini");
  EXPECT_EQ(seen.at("ai_confidence"), 0.82);
  EXPECT_TRUE(seen.at("triage_decision").is_null());
  EXPECT_EQ(seen.at("version"), 1) << "nothing of the ticket has changed";
  const auto event = event_of(seen, "ai_triaged");
  ASSERT_FALSE(event.is_null());
  EXPECT_EQ(event.at("actor_type"), "ai");
  EXPECT_EQ(event.at("data"),
            (json{{"type", "bug"},
                  {"priority", seen.at("ai_suggested_priority")},
                  {"confidence", 0.82},
                  {"model", "gpt-4o-mini"}}));
  EXPECT_THAT(questions(words), SizeIs(1));
}

TEST_F(triage, suggests_for_tickets_made_by_hand) {
  const auto made = api_.post("/api/tickets", {{"title", "How do I export?"}});
  ASSERT_EQ(made.status, 201) << made.text;
  once(made.at("id"));
}

TEST_F(triage, reads_answers_with_fences_and_words_around_them) {
  const auto seen = once(report(unique("sandbox:fenced The page is broken ")));
  EXPECT_EQ(seen.at("ai_suggested_type"), "bug");
}

TEST_F(triage, asks_once_more_after_a_wrong_answer_and_then_waits_for_a_person) {
  const auto words = unique("sandbox:nonsense The page is broken ");
  const auto id = report(words);
  const auto failed = once(id, "failed");
  EXPECT_TRUE(failed.at("ai_suggested_type").is_null());
  EXPECT_THAT(questions(words), SizeIs(2));
  const auto letter = letter_about(id);
  EXPECT_EQ(letter.at("job_class"), "AiTriageJob");
  EXPECT_EQ(letter.at("error_class"), "invalid_input");
  EXPECT_EQ(letter.dump().find("weather"), std::string::npos) << "answers are never quoted";

  const json clearer{{"title", "The page is broken"}, {"description", "It shows an error"}};
  ASSERT_EQ(api_.patch("/api/tickets/" + id, clearer).status, 200);
  const auto retried = api_.post(
    "/api/dead_letter_jobs/" + letter.at("id").get<std::string>() + "/retry", json::object());
  ASSERT_EQ(retried.status, 202) << retried.text;
  EXPECT_EQ(once(id).at("ai_suggested_type"), "bug");
}

TEST_F(triage, costs_nothing_but_the_suggestion_while_the_model_is_away) {
  sandbox().misbehave({{"provider", "openai"}, {"kind", "outage"}});
  const auto words = unique("The page is broken ");
  const auto id = report(words);
  EXPECT_EQ(ticket(id).at("status"), "open") << "it is there at once";
  EXPECT_TRUE(tests::eventually([&] { return questions(words).size() >= 4; }, patience))
    << "more often than a job is attempted";
  EXPECT_EQ(ticket(id).at("enrichment_status"), "pending");
  sandbox().behave();
  EXPECT_EQ(once(id).at("ai_suggested_type"), "bug");
}

TEST_F(triage, waits_for_as_long_as_the_model_is_told_to) {
  sandbox().misbehave(
    {{"provider", "openai"}, {"kind", "rate_limit"}, {"times", 1}, {"retry_after", 2}});
  const auto words = unique("The page is broken ");
  once(report(words));
  const auto asked = questions(words);
  ASSERT_THAT(asked, SizeIs(2)) << "one was refused, and nobody asked in between";
  EXPECT_EQ(asked[0].at("status"), 429);
  pqxx::connection database{hub().connection_string()};
  pqxx::work tx{database};
  EXPECT_EQ(
    tx.exec1("SELECT count(*) FROM provider_cooldowns WHERE provider = 'openai'")[0].as<int>(), 1)
    << "for the other nodes";
}

TEST_F(triage, asks_nothing_while_another_node_was_told_to_wait) {
  pqxx::connection database{hub().connection_string()};
  const auto pause = [&](const std::string& until) {
    pqxx::work tx{database};
    tx.exec("INSERT INTO provider_cooldowns (workspace_id, provider, until) "
            "VALUES ('00000000-0000-7000-8000-000000000001', 'openai', "
            + until
            + ") ON CONFLICT (workspace_id, provider) DO UPDATE SET until = excluded.until");
    tx.commit();
  };
  pause("now() + interval '4 seconds'");
  const auto before = std::chrono::steady_clock::now();
  const auto words = unique("The page is broken ");
  const auto id = report(words);
  once(id);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 3s);
  EXPECT_THAT(questions(words), SizeIs(1));
  for (const auto& letter : api_.get("/api/dead_letter_jobs?per_page=100").body)
    EXPECT_NE(letter.at("job_args").value("ticket", ""), id);
}

TEST_F(triage, is_made_up_for_when_the_hub_dies_while_it_waits_for_the_model) {
  sandbox().misbehave({{"provider", "openai"}, {"kind", "delay"}, {"ms", 60'000}, {"times", 1}});
  const auto words = unique("The page is broken ");
  const auto id = report(words);
  ASSERT_TRUE(tests::eventually([&] { return !questions(words).empty(); }, patience));
  hub().kill9();
  hub().start();
  once(id);
}

// ---- what people do with a suggestion

TEST_F(triage, is_accepted_as_it_was_suggested) {
  const auto id = report(unique("Production is down, urgent, nobody can work "));
  const auto seen = once(id);
  const auto accepted = decide(id, "/accept");
  ASSERT_EQ(accepted.status, 200) << accepted.text;
  EXPECT_EQ(accepted.body.at("ticket_type"), seen.at("ai_suggested_type"));
  EXPECT_EQ(accepted.body.at("priority"), seen.at("ai_suggested_priority"));
  EXPECT_EQ(accepted.body.at("triage_decision"), "accepted");
  const auto event = event_of(accepted.body, "triage_accepted");
  ASSERT_FALSE(event.is_null());
  EXPECT_EQ(event.at("actor_type"), "user");
  EXPECT_EQ(event.at("data").at("edited"), false);

  const auto second = decide(id, "/accept");
  EXPECT_EQ(second.status, 409) << second.text;
  EXPECT_THAT(second.at("error"), HasSubstr("no suggestion waits"));
  EXPECT_EQ(decide(id, "/reject").status, 409);
}

TEST_F(triage, is_accepted_once_however_often_the_call_is_repeated) {
  const auto id = report(unique("The page is broken "));
  once(id);
  const headers key{{"Idempotency-Key", unique("accept-")}};
  const auto first = decide(id, "/accept", {{"priority", 0}, {"title", "Page broken"}}, key);
  ASSERT_EQ(first.status, 200) << first.text;
  EXPECT_EQ(first.body.at("priority"), 0);
  EXPECT_EQ(first.body.at("title"), "Page broken");
  EXPECT_EQ(event_of(first.body, "triage_accepted").at("data").at("edited"), true);
  const auto again = decide(id, "/accept", {{"priority", 0}, {"title", "Page broken"}}, key);
  EXPECT_EQ(again.status, 200) << again.text;
  EXPECT_EQ(again.header("idempotent-replay"), "true");
  EXPECT_EQ(decide(id, "/accept", {{"priority", 1}}, key).status, 422);
}

TEST_F(triage, is_rejected_and_asked_for_again) {
  const auto words = unique("The page is broken ");
  const auto id = report(words);
  const auto seen = once(id);
  const auto rejected = decide(id, "/reject");
  ASSERT_EQ(rejected.status, 200) << rejected.text;
  EXPECT_EQ(rejected.body.at("ticket_type"), seen.at("ticket_type"));
  EXPECT_EQ(rejected.body.at("triage_decision"), "rejected");
  EXPECT_FALSE(event_of(rejected.body, "triage_rejected").is_null());
  EXPECT_EQ(decide(id, "/accept").status, 409);

  const auto asked = decide(id, "");
  ASSERT_EQ(asked.status, 202) << asked.text;
  EXPECT_EQ(asked.at("enrichment_status"), "pending");
  const auto again = once(id);
  EXPECT_TRUE(again.at("triage_decision").is_null()) << "a new one waits for a decision";
  EXPECT_THAT(questions(words), SizeIs(2));
}

TEST_F(triage, refuses_decisions_about_what_is_not_there) {
  std::string id;
  with({{"ai.triage", "manual"}}, [&] { id = report(unique("The page is broken ")); });
  EXPECT_EQ(decide(id, "/accept").status, 409);
  EXPECT_EQ(decide(id, "/reject").status, 409);
  const std::string nobodys = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(decide(nobodys, "").status, 404);
  EXPECT_EQ(decide(nobodys, "/accept").status, 404);
  EXPECT_EQ(decide(nobodys, "/reject").status, 404);
  EXPECT_EQ(decide(id, "", json::object(), {{"If-Match", "\"7\""}}).status, 409);
  EXPECT_EQ(decide(id, "/accept", json::object(), {{"If-Match", "\"7\""}}).status, 409);
  EXPECT_EQ(decide(id, "/accept", {{"priority", 9}}).status, 422);
  EXPECT_EQ(decide(id, "/accept", {{"status", "open"}}).status, 422);
}

// ---- where it is asked for, and whom

TEST_F(triage, happens_only_where_somebody_asks_for_it) {
  with({{"ai.triage", "manual"}}, [&] {
    const auto words = unique("The page is broken ");
    const auto id = report(words);
    const headers key{{"Idempotency-Key", unique("triage-")}};
    EXPECT_EQ(decide(id, "", json::object(), key).status, 202);
    EXPECT_EQ(decide(id, "", json::object(), key).header("idempotent-replay"), "true");
    once(id);
    EXPECT_THAT(questions(words), SizeIs(1)) << "not by itself, and not for the repeated call";
  });
}

TEST_F(triage, is_nobodys_where_it_is_off) {
  with({{"ai.triage", "off"}}, [&] {
    const auto id = report(unique("The page is broken "));
    const auto refused = decide(id, "");
    EXPECT_EQ(refused.status, 409) << refused.text;
    EXPECT_THAT(refused.at("error"), HasSubstr("ai.triage"));
    pqxx::connection database{hub().connection_string()};
    pqxx::work tx{database};
    EXPECT_EQ(
      tx.exec1("SELECT count(*) FROM jobs WHERE args->>'ticket' = " + tx.quote(id))[0].as<int>(),
      0);
  });
}

TEST_F(triage, asks_nobody_where_the_workspace_says_so) {
  with({{"ai.provider", "local"}}, [&] {
    const auto words = unique("The page crashes ");
    const auto seen = once(report(words));
    EXPECT_EQ(seen.at("ai_model"), "local");
    EXPECT_EQ(seen.at("ai_suggested_type"), "bug");
    EXPECT_THAT(questions(words), IsEmpty());
  });
}

TEST_F(triage, asks_the_model_that_the_workspace_names) {
  with({{"ai.triage_model", "o3-mini"}},
       [&] { EXPECT_EQ(once(report(unique("The page is broken "))).at("ai_model"), "o3-mini"); });
  with({{"ai.triage_model", "gpt-5.1"}},
       [&] { EXPECT_EQ(once(report(unique("The page is broken "))).at("ai_model"), "gpt-5.1"); });
}

// ---- privacy

/// Hands every text in `value` to `look`; those that are JSON themselves also taken apart.
void each_text(const json& value, const std::function<void(const std::string&)>& look) {
  if (value.is_structured()) {
    for (const auto& [key, part] : value.items()) {
      look(key);
      each_text(part, look);
    }
    return;
  }
  if (!value.is_string())
    return;
  const auto& text = value.get_ref<const std::string&>();
  look(text);
  const auto begin = text.find('{');
  const auto end = text.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return;
  const auto inner = json::parse(text.substr(begin, end - begin + 1), nullptr, false);
  if (inner.is_structured())
    each_text(inner, look);
}

TEST_F(triage, tells_the_model_no_secret_and_nobodys_name) {
  const std::vector<std::pair<std::string, std::string>> people{{"UZ1", "Zoraida Quiñones"},
                                                                {"UB1", "Bartholomew Ashworth"}};
  const std::vector<std::vector<std::string>> forms{
    {"Zoraida Quiñones", "QUIÑONES, Zoraida", "zoraida", "quinones"},
    {"Bartholomew Ashworth", "bartholomew", "ASHWORTH"}};
  tests::planted_texts make{test_seed()};
  std::vector<std::string> hidden;
  std::vector<std::string> tickets;
  for (std::size_t round = 0; round < 60; ++round) {
    const auto who = round % people.size();
    const auto planted = make.next(forms[who]);
    hidden.insert(hidden.end(), planted.secrets.begin(), planted.secrets.end());
    const auto taken = api_.send(slack({.event_id = unique("Ev"),
                                        .ts = fresh_ts(),
                                        .text = unique("planted") + " " + planted.text,
                                        .user = people[who].first,
                                        .name = people[who].second}));
    ASSERT_EQ(taken.status, 200) << taken.text;
    tickets.push_back(taken.at("ticket_id"));
  }
  hidden.insert(hidden.end(), {"Zoraida", "Quiñones", "Bartholomew", "Ashworth"});
  for (const auto& each : tickets)
    once(each);
  int received = 0;
  const auto look = [&](const std::string& text) {
    for (const auto& secret : hidden)
      EXPECT_EQ(text.find(secret), std::string::npos) << secret << "\n" << text;
  };
  for (const auto& state : {sandbox().calls(), sandbox().messages()})
    for (const auto& each : state)
      if (each.at("provider") == "openai") {
        received += each.dump().find("planted") != std::string::npos ? 1 : 0;
        each_text(each, look);
      }
  EXPECT_GE(received, 60) << "the model was asked about them";
}

// ---- a hub that is told nothing of any model

class triage_without_a_key : public hub_suite<triage_without_a_key> {
public:
  static hub_options options() {
    hub_options chosen;
    chosen.environment["HUB_AI_TRIAGE"] = "automatic";
    return chosen;
  }
};

TEST_F(triage_without_a_key, goes_by_rules_of_its_own) {
  hub_client api{hub().port()};
  const auto taken = api.send(slack({.event_id = unique("Ev"), .ts = fresh_ts()}));
  ASSERT_EQ(taken.status, 200);
  json seen;
  EXPECT_TRUE(tests::eventually(
    [&] {
      seen = api.get("/api/tickets/" + taken.at("ticket_id")).body;
      return seen.at("enrichment_status") == "completed";
    },
    patience));
  EXPECT_EQ(seen.at("ai_model"), "local");
  EXPECT_EQ(event_of(seen, "ai_triaged").at("data").at("model"), "local");
}

} // namespace
} // namespace hub::testing
