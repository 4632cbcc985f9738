#include "domain/job.hpp"

namespace hub::domain {

namespace {

using namespace std::chrono_literals;

constexpr listed_delays minutes_1_5_30{{1min, 5min, 30min}};

constexpr job_rules_table table{{
  {.kind = job_kind::ai_triage,
   .job_class = "AiTriageJob",
   .concurrency = 4,
   .retry = {.schedule = jittered_doubling{10s, 10min}, .most_attempts = 3},
   .within = 90s},
  {.kind = job_kind::changelog_generation,
   .job_class = "ChangelogGeneratorJob",
   .concurrency = 4,
   .retry = {.schedule = jittered_doubling{10s, 10min}, .most_attempts = 3},
   .within = 90s},
  {.kind = job_kind::notification_dispatch,
   .job_class = "NotificationDispatchJob",
   .concurrency = 64,
   .retry = {.schedule = minutes_1_5_30, .most_attempts = 5, .repeatable = false},
   .within = 60s,
   .sends_outward = true},
  {.kind = job_kind::notion_sync,
   .job_class = "NotionSyncJob",
   .concurrency = 8,
   .retry = {.schedule = polynomial_delays{2s, 4, 1h}, .most_attempts = 3},
   .within = 60s,
   .sends_outward = true},
  {.kind = job_kind::notion_poll,
   .job_class = "NotionPollJob",
   .concurrency = 1,
   .retry = {.schedule = jittered_doubling{5s, 5min}, .most_attempts = 3},
   .within = 120s},
  {.kind = job_kind::provider_check,
   .job_class = "ProviderCheckJob",
   .concurrency = 16,
   .retry = {.schedule = minutes_1_5_30, .most_attempts = 5, .repeatable = false},
   .within = 60s,
   .sends_outward = true},
  {.kind = job_kind::attachment_fetch,
   .job_class = "AttachmentFetchJob",
   .concurrency = 4, // so many files are held in memory at once
   .retry = {.schedule = jittered_doubling{30s, 30min}, .most_attempts = 10}, // some hours
   .within = 300s},
  {.kind = job_kind::canary,
   .job_class = "CanaryJob",
   .concurrency = 256,
   .retry = {.schedule = jittered_doubling{1s, 1min}, .most_attempts = 3},
   .within = 10s},
}};

constexpr bool in_order() {
  for (std::size_t at = 0; at < table.size(); ++at)
    if (static_cast<std::size_t>(table[at].kind) != at)
      return false;
  return true;
}
static_assert(in_order());

} // namespace

const job_rules_table& all_job_rules() {
  return table;
}

const job_rules& rules_of(job_kind kind) {
  return table[static_cast<std::size_t>(kind)];
}

std::string_view to_string(job_kind kind) {
  return rules_of(kind).job_class;
}

result<job_kind> parse_job_kind(std::string_view job_class) {
  std::string known;
  for (const auto& rules : table) {
    if (rules.job_class == job_class)
      return rules.kind;
    known.append(known.empty() ? "" : ", ").append(rules.job_class);
  }
  return fail(errc::not_found, "there is no such job class; there are " + known);
}

std::string_view to_string(job_kind_state state) {
  switch (state) {
  case job_kind_state::running:
    return "running";
  case job_kind_state::paused:
    return "paused";
  case job_kind_state::draining:
    return "draining";
  }
  return "";
}

result<job_kind_state> parse_job_kind_state(std::string_view text) {
  for (const auto state :
       {job_kind_state::running, job_kind_state::paused, job_kind_state::draining})
    if (to_string(state) == text)
      return state;
  return fail(errc::invalid_input, "unknown state; use running, paused or draining");
}

std::string place_of(const failure& why) {
  return why.line == 0 ? std::string{} : why.file + (':' + std::to_string(why.line));
}

} // namespace hub::domain
