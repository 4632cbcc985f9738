#include "config/job_rules.hpp"

namespace hub::config {

namespace {

using domain::job_kind;

struct named_kind {
  std::string_view name;
  job_kind_settings job_settings::*member = nullptr;
};

named_kind naming(job_kind kind) {
  switch (kind) {
  case job_kind::ai_triage:
    return {"triage", &job_settings::triage};
  case job_kind::changelog_generation:
    return {"changelog", &job_settings::changelog};
  case job_kind::notification_dispatch:
    return {"notification", &job_settings::notification};
  case job_kind::notion_sync:
    return {"notion_sync", &job_settings::notion_sync};
  case job_kind::notion_poll:
    return {"notion_poll", &job_settings::notion_poll};
  case job_kind::provider_check:
    return {"provider_check", &job_settings::provider_check};
  case job_kind::attachment_fetch:
    return {"attachment_fetch", &job_settings::attachment_fetch};
  case job_kind::canary:
    break;
  }
  return {"canary", &job_settings::canary};
}

} // namespace

const job_kind_settings& settings_of(const job_settings& from, job_kind kind) {
  return from.*naming(kind).member;
}

std::string_view setting_name(job_kind kind) {
  return naming(kind).name;
}

domain::job_rules_table job_rules(const job_settings& from) {
  auto table = domain::all_job_rules();
  for (auto& rules : table) {
    const auto& set = settings_of(from, rules.kind);
    rules.concurrency = set.concurrency;
    rules.within = set.within;
    rules.retry.most_attempts = set.attempts;
    rules.retry.patience = from.patience;
    rules.retry.schedule =
      domain::between(rules.retry.schedule, set.first_delay, set.longest_delay);
  }
  return table;
}

} // namespace hub::config
