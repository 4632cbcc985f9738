#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// A hub whose providers are all played by a sandbox.
class jobs : public hub_suite<jobs> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    auto environment = sandbox_->hub_environment();
    environment["HUB_JOBS_PROVIDER_CHECK_FIRST_DELAY"] = "500ms";
    environment["HUB_JOBS_CANARY_CONCURRENCY"] = "9";
    environment["HUB_CALLS_WITHIN"] = "5s"; // the sooner a provider's "no" counts
    return {.environment = std::move(environment), .arguments = {}};
  }
  static void TearDownTestSuite() {
    hub_suite<jobs>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  static sandbox_process& sandbox() { return *sandbox_; }
  hub_client api_{hub().port()};

  std::string enqueue(const json& job) {
    const auto answer = api_.post("/api/jobs", job);
    EXPECT_EQ(answer.status, 202) << answer.text;
    return answer.at("id");
  }
  std::string check(const std::string& provider, const std::string& recipient, json more = {}) {
    more["provider"] = provider;
    more["recipient"] = recipient;
    if (!more.contains("text"))
      more["text"] = "It is fixed";
    return enqueue({{"job_class", "ProviderCheckJob"}, {"args", more}});
  }
  bool is_sent(const std::string& job, std::chrono::milliseconds within = 10s) {
    return tests::eventually([&] { return sandbox().times_sent(job) == 1; }, within);
  }
  /// The dead letter of a job, once there is one; null if there is none in time.
  json letter_of(const std::string& job) {
    json found;
    tests::eventually([&] {
      for (const auto& letter : api_.get("/api/dead_letter_jobs?per_page=100").body)
        if (letter["id"] == job)
          found = letter;
      return !found.is_null();
    });
    return found;
  }
  /// Has WhatsApp say what became of the message of a job.
  void say(const std::string& job, const std::string& status, const json& errors) {
    json said{{"id", "wamid.of-" + job},
              {"status", status},
              {"timestamp", "1531420618"},
              {"recipient_id", "34600000101"},
              {"biz_opaque_callback_data", job}};
    if (!errors.is_null())
      said["errors"] = errors;
    const json value{{"messaging_product", "whatsapp"},
                     {"metadata", {{"phone_number_id", "106540352242922"}}},
                     {"statuses", json::array({said})}};
    const json change{{"field", "messages"}, {"value", value}};
    const json entry{{"id", "102290129340398"}, {"changes", json::array({change})}};
    auto what = whatsapp({});
    what.body =
      json{{"object", "whatsapp_business_account"}, {"entry", json::array({entry})}}.dump();
    EXPECT_EQ(api_.send(what).status, 200);
  }
  json kind(const std::string& job_class) {
    for (const auto& each : api_.get("/api/jobs").body)
      if (each["job_class"] == job_class)
        return each;
    return {};
  }

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

TEST_F(jobs, reach_every_provider_that_takes_messages) {
  const auto slack = check("slack", unique("C"));
  const auto whatsapp = check("whatsapp", "34600" + unique(""));
  const auto mail = check("smtp", "ana@example.org");
  const auto words = unique("fixed in version ");
  check("intercom", unique(""), {{"text", words}});
  EXPECT_TRUE(is_sent(slack));
  EXPECT_TRUE(is_sent(whatsapp));
  EXPECT_TRUE(is_sent(mail));
  EXPECT_TRUE(tests::eventually([&] { return sandbox().times_sent(words) == 1; }))
    << "Intercom keeps no id of ours: it is known by its words";
}

TEST_F(jobs, that_fail_for_good_become_dead_letters_without_personal_data) {
  const auto job = check("slack", "CMISSING", {{"text", "call ana@example.org"}});
  const auto letter = letter_of(job);
  ASSERT_FALSE(letter.is_null());
  EXPECT_EQ(letter["status"], "unresolved");
  EXPECT_EQ(letter["error_class"], "not_found");
  EXPECT_EQ(letter["job_args"]["text"], "call [EMAIL]");
  EXPECT_THAT(letter["attempts"], SizeIs(1));
  EXPECT_THAT(letter["backtrace"].get<std::string>(), HasSubstr("slack.cpp:"));

  const auto retried = api_.post("/api/dead_letter_jobs/" + job + "/retry", json::object());
  EXPECT_EQ(retried.status, 202) << retried.text;
  const auto again = letter_of(retried.at("replaced_by"));
  ASSERT_FALSE(again.is_null()) << "it fails again";
  EXPECT_EQ(api_.post("/api/dead_letter_jobs/" + job + "/retry", json::object()).status, 409);
  const auto resolved = api_.patch(
    "/api/dead_letter_jobs/" + again["id"].get<std::string>() + "/resolve", json::object());
  EXPECT_EQ(resolved.status, 200) << resolved.text;
  EXPECT_EQ(resolved.at("status"), "resolved");
}

TEST_F(jobs, whose_answer_was_lost_wait_for_a_person_and_are_not_sent_twice) {
  sandbox().misbehave({{"provider", "whatsapp"}, {"kind", "drop_after_work"}, {"times", 1}});
  const auto job = check("whatsapp", "34600" + unique(""));
  const auto letter = letter_of(job);
  ASSERT_FALSE(letter.is_null());
  EXPECT_TRUE(letter["outcome_unknown"]);
  EXPECT_EQ(sandbox().times_sent(job), 1);
  EXPECT_EQ(api_.post("/api/dead_letter_jobs/" + job + "/retry", json::object()).status, 409);
  EXPECT_EQ(
    api_.post("/api/dead_letter_jobs/" + job + "/retry", {{"although_unknown", true}}).status, 202);
}

TEST_F(jobs, whose_answer_was_lost_are_settled_when_whatsapp_speaks_of_them) {
  sandbox().misbehave({{"provider", "whatsapp"}, {"kind", "drop_after_work"}, {"times", 2}});
  const auto arrived = check("whatsapp", "34600" + unique(""));
  const auto refused = check("whatsapp", "34600" + unique(""));
  ASSERT_TRUE(letter_of(arrived)["outcome_unknown"]);
  ASSERT_TRUE(letter_of(refused)["outcome_unknown"]);
  say(arrived, "delivered", nullptr);
  say(refused, "failed", json::array({{{"code", 131026}, {"title", "Message undeliverable"}}}));
  EXPECT_EQ(letter_of(arrived)["status"], "resolved");
  const auto letter = letter_of(refused);
  EXPECT_EQ(letter["status"], "unresolved");
  EXPECT_EQ(letter["error_class"], "not_delivered");
  EXPECT_FALSE(letter["outcome_unknown"]);
  EXPECT_EQ(api_.post("/api/dead_letter_jobs/" + refused + "/retry", json::object()).status, 202)
    << "nobody has to fear a second message";
}

TEST_F(jobs, whose_answer_was_lost_are_looked_for_where_they_were_sent) {
  const auto in_channel = unique("C");
  const auto threaded = unique("C");
  const auto thread = sandbox().open_thread(threaded);
  const auto finished = kind("ProviderCheckJob")["finished"].get<int>();
  sandbox().misbehave({{"provider", "slack"},
                       {"operation", "chat.postMessage"},
                       {"kind", "drop_after_work"},
                       {"times", 2}});
  const auto outside = check("slack", in_channel);
  const auto within = check("slack", threaded, {{"thread", thread}});
  EXPECT_TRUE(tests::eventually(
    [&] { return kind("ProviderCheckJob")["finished"].get<int>() == finished + 2; }));
  EXPECT_EQ(sandbox().times_sent(outside), 1);
  EXPECT_EQ(sandbox().times_sent(within), 1);
}

TEST_F(jobs, that_never_arrived_are_sent_again_once_the_provider_says_so) {
  sandbox().misbehave({{"provider", "slack"}, {"kind", "reset"}, {"times", 1}});
  // The question meets a limit first; what is open must outlive that.
  sandbox().misbehave({{"provider", "slack"},
                       {"operation", "conversations.history"},
                       {"kind", "rate_limit"},
                       {"times", 1},
                       {"retry_after", 1}});
  const auto job = check("slack", unique("C"));
  EXPECT_TRUE(is_sent(job, 60s)) << "once no call can be under way any more";
}

TEST_F(jobs, come_back_when_the_provider_says_and_are_sent_once) {
  sandbox().misbehave(
    {{"provider", "slack"}, {"kind", "rate_limit"}, {"times", 2}, {"retry_after", 1}});
  const auto job = check("slack", unique("C"));
  EXPECT_TRUE(is_sent(job));
  EXPECT_GE(kind("ProviderCheckJob")["held_back"].get<int>(), 1);
}

TEST_F(jobs, go_on_to_others_while_one_person_has_been_sent_too_much) {
  sandbox().misbehave(
    {{"provider", "whatsapp"}, {"kind", "error"}, {"code", "131056"}, {"times", 1}});
  const auto held_back = kind("ProviderCheckJob")["held_back"].get<int>();
  const auto first = check("whatsapp", "34600" + unique(""));
  ASSERT_TRUE(tests::eventually(
    [&] { return kind("ProviderCheckJob")["held_back"].get<int>() == held_back + 1; }));
  EXPECT_EQ(sandbox().times_sent(first), 0);
  EXPECT_TRUE(is_sent(check("whatsapp", "34600" + unique("")))) << "the account is not paused";
}

TEST_F(jobs, of_a_paused_kind_wait_until_it_resumes) {
  const auto paused = api_.post("/api/jobs/CanaryJob/pause", json::object());
  EXPECT_EQ(paused.status, 200) << paused.text;
  EXPECT_EQ(paused.at("state"), "paused");
  const auto finished = kind("CanaryJob")["finished"].get<int>();
  enqueue({{"job_class", "CanaryJob"}});
  EXPECT_FALSE(
    tests::eventually([&] { return kind("CanaryJob")["finished"].get<int>() > finished; }, 1500ms));
  EXPECT_EQ(api_.post("/api/jobs/CanaryJob/resume", json::object()).at("state"), "running");
  EXPECT_TRUE(
    tests::eventually([&] { return kind("CanaryJob")["finished"].get<int>() > finished; }));
}

TEST_F(jobs, can_be_told_to_fail_once) {
  const auto armed = api_.post("/api/dead_letter_jobs/force_fail", {{"job_class", "CanaryJob"}});
  EXPECT_EQ(armed.status, 200) << armed.text;
  EXPECT_TRUE(armed.is("armed"));
  EXPECT_THAT(api_.get("/api/dead_letter_jobs/force_fail_status").body,
              Contains(json{{"job_class", "CanaryJob"}, {"armed", true}}));
  const auto fails = enqueue({{"job_class", "CanaryJob"}});
  const auto letter = letter_of(fails);
  ASSERT_FALSE(letter.is_null());
  EXPECT_EQ(letter["error_class"], "forced_failure");
  const auto all = api_.post("/api/dead_letter_jobs/retry?job_class=CanaryJob", json::object());
  EXPECT_EQ(all.status, 202) << all.text;
  EXPECT_EQ(all.body["retried"], 1);
  EXPECT_TRUE(tests::eventually([&] { return kind("CanaryJob")["running"] == 0; }));
}

TEST_F(jobs, asked_for_twice_with_one_key_run_once) {
  const headers key{{"Idempotency-Key", unique("key-")}};
  const json job{{"job_class", "ProviderCheckJob"},
                 {"args", {{"provider", "slack"}, {"recipient", unique("C")}, {"text", "Once"}}}};
  const auto first = api_.post("/api/jobs", job, key);
  EXPECT_EQ(first.status, 202) << first.text;
  EXPECT_EQ(first.header("idempotent-replay"), "");
  const auto again = api_.post("/api/jobs", job, key);
  EXPECT_EQ(again.status, 202) << again.text;
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotent-replay"), "true");
  EXPECT_TRUE(is_sent(first.at("id")));
  EXPECT_EQ(sandbox().times_sent("Once"), 1);
  const auto other = api_.post("/api/jobs", {{"job_class", "CanaryJob"}}, key);
  EXPECT_EQ(other.status, 422) << other.text;
  EXPECT_EQ(other.at("code"), "idempotency_key_reused");
  EXPECT_EQ(
    api_.post("/api/jobs", {{"job_class", "CanaryJob"}}, {{"Idempotency-Key", "a b"}}).status, 400);
}

TEST_F(jobs, asked_for_many_times_at_once_with_one_key_are_one_job) {
  const headers key{{"Idempotency-Key", unique("key-")}};
  std::mutex guard;
  std::set<std::string> made;
  in_parallel(8, [&](int) {
    hub_client mine{hub().port()};
    const auto got = mine.post("/api/jobs", {{"job_class", "CanaryJob"}}, key);
    EXPECT_EQ(got.status, 202) << got.text;
    const std::lock_guard lock{guard};
    made.insert(got.at("id"));
  });
  EXPECT_THAT(made, SizeIs(1));
}

TEST_F(jobs, that_are_dead_are_retried_once_for_one_key) {
  const auto job = check("slack", "CMISSING");
  ASSERT_FALSE(letter_of(job).is_null());
  const headers key{{"Idempotency-Key", unique("key-")}};
  const auto path = "/api/dead_letter_jobs/" + job + "/retry";
  const auto first = api_.post(path, json::object(), key);
  EXPECT_EQ(first.status, 202) << first.text;
  const auto again = api_.post(path, json::object(), key);
  EXPECT_EQ(again.status, 202) << again.text << ": without the key it would be a conflict";
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(api_.post(path, {{"although_unknown", true}}, key).status, 422);

  const std::string next = first.at("replaced_by");
  ASSERT_FALSE(letter_of(next).is_null());
  const headers resolve_key{{"Idempotency-Key", unique("key-")}};
  const auto resolve = "/api/dead_letter_jobs/" + next + "/resolve";
  const auto resolved = api_.patch(resolve, json::object(), resolve_key);
  EXPECT_EQ(resolved.status, 200) << resolved.text;
  EXPECT_EQ(api_.patch(resolve, json::object(), resolve_key).body, resolved.body);
  EXPECT_EQ(api_.patch(resolve, json::object()).status, 409);
}

TEST_F(jobs, that_are_dead_are_retried_in_bulk_once_for_one_key) {
  const auto job = check("slack", "CMISSING");
  ASSERT_FALSE(letter_of(job).is_null());
  const headers key{{"Idempotency-Key", unique("key-")}};
  const std::string path = "/api/dead_letter_jobs/retry?error_class=not_found";
  const auto first = api_.post(path, json::object(), key);
  EXPECT_EQ(first.status, 202) << first.text;
  EXPECT_GE(first.body.at("retried").get<int>(), 1);
  const std::string next =
    api_.get("/api/dead_letter_jobs?status=retried&per_page=100").body.at(0).at("replaced_by");
  ASSERT_FALSE(letter_of(next).is_null()) << "it fails again";
  const auto again = api_.post(path, json::object(), key);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(letter_of(next)["status"], "unresolved") << "a repeated call must not act again";
  EXPECT_EQ(
    api_.post("/api/dead_letter_jobs/retry?error_class=timeout", json::object(), key).status, 422);
}

TEST_F(jobs, of_a_kind_are_told_once_for_one_key) {
  const headers key{{"Idempotency-Key", unique("key-")}};
  const auto paused = api_.post("/api/jobs/AiTriageJob/pause", json::object(), key);
  EXPECT_EQ(paused.status, 200) << paused.text;
  EXPECT_EQ(api_.post("/api/jobs/AiTriageJob/resume", json::object()).at("state"), "running");
  const auto again = api_.post("/api/jobs/AiTriageJob/pause", json::object(), key);
  EXPECT_EQ(again.at("state"), "paused") << "as it was answered then";
  EXPECT_EQ(kind("AiTriageJob")["state"], "running") << "a repeated call must not act again";
  EXPECT_EQ(api_.post("/api/jobs/AiTriageJob/drain", json::object(), key).status, 422);
}

TEST_F(jobs, are_refused_with_reasons) {
  const auto unknown = api_.post("/api/jobs", {{"job_class", "NoSuchJob"}});
  EXPECT_EQ(unknown.status, 422);
  const auto incomplete =
    api_.post("/api/jobs", {{"job_class", "ProviderCheckJob"}, {"args", {{"provider", "pigeon"}}}});
  EXPECT_EQ(incomplete.status, 422);
  EXPECT_THAT(incomplete.text, HasSubstr("args.recipient"));
  const auto fate =
    api_.post("/api/jobs", {{"job_class", "CanaryJob"}, {"args", {{"fate", "sing"}}}});
  EXPECT_EQ(fate.status, 422);
  EXPECT_THAT(fate.text, HasSubstr("args.fate"));
  EXPECT_EQ(api_.post("/api/jobs/NoSuchJob/pause", json::object()).status, 404);
  EXPECT_EQ(api_.get("/api/dead_letter_jobs?status=lost").status, 400);
  EXPECT_EQ(api_.get("/api/dead_letter_jobs?cursor=x").status, 400);
  EXPECT_EQ(
    api_.post("/api/dead_letter_jobs/00000000-0000-7000-8000-000000000009/retry", json::object())
      .status,
    404);
}

TEST_F(jobs, and_providers_show_in_health_metrics_and_lists) {
  EXPECT_EQ(kind("CanaryJob")["concurrency"], 9) << "as it was set";
  const auto health = api_.get("/health");
  EXPECT_THAT(health.body["sandbox"]["providers"], Contains("slack"));
  const auto metrics = api_.get("/metrics").text;
  for (const auto* name : {"hub_jobs_due{job_class=\"CanaryJob\"}",
                           "hub_limiter_tokens{provider=\"slack\"}",
                           "hub_breaker_open{provider=\"whatsapp\"}",
                           "hub_job_start_delay_seconds_bucket",
                           "hub_provider_calls_active"})
    EXPECT_THAT(metrics, HasSubstr(name));
  const auto providers = api_.get("/api/providers");
  EXPECT_THAT(providers.body, SizeIs(6));
  EXPECT_EQ(providers.body[0]["breaker"], "closed");
}

TEST_F(jobs, and_limits_show_with_the_actors_that_look_after_them) {
  EXPECT_TRUE(is_sent(check("slack", unique("C"))));
  const auto supervisors = api_.get("/api/actors/job_supervisor");
  ASSERT_THAT(supervisors.body["details"], SizeIs(5)) << supervisors.text;
  json found;
  for (const auto& each : supervisors.body["details"])
    if (each["job_class"] == "ProviderCheckJob")
      found = each;
  EXPECT_EQ(found["state"], "running");
  EXPECT_GT(found["in_per_s"].get<double>(), 0);
  EXPECT_TRUE(found["due"].is_number() && found["dead"].is_number()) << found;
  EXPECT_TRUE(tests::eventually([&] {
    double done = 0;
    const auto shown = api_.get("/api/actors/job_supervisor");
    for (const auto& each : shown.body["details"])
      done += each["out_per_s"].get<double>();
    return done > 0;
  }));

  const auto limiters = api_.get("/api/actors/rate_limiter").body["details"];
  const auto slack =
    std::ranges::find_if(limiters, [](const json& each) { return each["provider"] == "slack"; });
  ASSERT_NE(slack, limiters.end()) << limiters;
  EXPECT_EQ((*slack)["breaker"], "closed");
  EXPECT_EQ((*slack)["waiting"], 0);
  EXPECT_FALSE(api_.get("/api/actors/intake_shard").body.contains("details"));
}

} // namespace
} // namespace hub::testing
