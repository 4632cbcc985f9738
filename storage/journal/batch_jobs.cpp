#include "storage/audit_rows.hpp"
#include "storage/journal/batch.hpp"
#include "storage/journal/job_statements.hpp"
#include "storage/journal/row_set.hpp"
#include "storage/sealing.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <tuple>

namespace hub::storage {

namespace {

using domain::dead_letter_step;
using domain::job_step;
using domain::verdict;
using kind = job_step::kind;

std::string class_of(const job_step& step) {
  return step.error_class.empty() && step.why ? to_string(step.why->code) : step.error_class;
}

/// A failed attempt as a JSON array of one, to be appended to the job's history.
std::string attempt_of(const job_step& step, domain::time_point at) {
  nlohmann::json attempt{{"started_at", domain::to_rfc3339(step.started_at)},
                         {"failed_at", domain::to_rfc3339(at)}};
  if (step.why) {
    attempt["error_class"] = class_of(step);
    attempt["error_message"] = step.why->message;
  }
  return nlohmann::json::array({std::move(attempt)}).dump();
}

std::string message_of(const job_step& step) {
  return step.why ? step.why->message : std::string{};
}

std::string_view as_bytes(const domain::uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

template <std::size_t Columns>
void run_if_any(row_set<Columns>&& rows, pqxx::transaction_base& tx, const char* name) {
  if (!rows.empty())
    std::move(rows).run(tx, name);
}

} // namespace

void journal_batch::check_claims() {
  row_set<2> rows;
  std::vector<entry*> asked;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->step)
      continue;
    rows.add(item.change->step->job, item.change->step->claim);
    asked.push_back(&item);
  }
  if (asked.empty())
    return;
  std::vector<bool> held(asked.size(), false);
  for (const auto& row : std::move(rows).run(tx_, statements::lock_claims.name))
    held[row[0].as<std::size_t>()] = true;
  for (std::size_t at = 0; at < asked.size(); ++at)
    if (!held[at]) {
      settle(*asked[at], verdict::kind::conflict);
      asked[at]->verdict.why =
        domain::fail(domain::errc::conflict, "the claim on this job has passed to another attempt");
    }
}

void journal_batch::check_dead_letters() {
  row_set<2> rows;
  std::vector<entry*> asked;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->dead_letter)
      continue;
    rows.add(item.change->workspace, item.change->dead_letter->id);
    asked.push_back(&item);
    settle(item, verdict::kind::conflict); // until its row says otherwise
    item.verdict.why = domain::fail(domain::errc::not_found, "there is no such dead letter");
  }
  if (asked.empty())
    return;
  for (const auto& row : std::move(rows).run(tx_, statements::lock_dead_letters.name)) {
    auto& item = *asked[row[0].as<std::size_t>()];
    const auto& step = *item.change->dead_letter;
    if (row[1].as<std::string>() != "unresolved")
      item.verdict.why = domain::fail(domain::errc::conflict,
                                      "this dead letter is already " + row[1].as<std::string>());
    else if (step.what == dead_letter_step::kind::retry && row[2].as<bool>()
             && !step.although_unknown)
      item.verdict.why =
        domain::fail(domain::errc::conflict,
                     "what this job sent may have arrived; look, then resolve it, or retry it with "
                     "\"although_unknown\": true");
    else {
      settle(item, verdict::kind::committed);
      item.verdict.why.reset();
    }
  }
}

void journal_batch::write_job_steps() {
  row_set<2> beginning;
  row_set<2> finished;
  row_set<6> retried;
  row_set<9> buried;
  for (const auto& item : entries_) {
    if (!item.stands || !item.change->step)
      continue;
    const auto& step = *item.change->step;
    const auto at = item.change->at;
    switch (step.what) {
    case kind::begin_sending:
      beginning.add(step.job, at);
      break;
    case kind::finish:
      finished.add(step.job, at);
      break;
    case kind::retry:
    case kind::hold_back:
      retried.add(step.job,
                  step.run_at,
                  message_of(step),
                  step.what == kind::retry,
                  attempt_of(step, at),
                  step.outcome_unknown);
      break;
    case kind::bury:
      buried.add(step.job,
                 step.shown_args,
                 bytes{keys_.seal(step.args, as_bytes(step.job))},
                 class_of(step),
                 message_of(step),
                 step.why ? place_of(*step.why) : std::string{},
                 step.outcome_unknown,
                 attempt_of(step, at),
                 at);
      break;
    }
  }
  run_if_any(std::move(beginning), tx_, statements::begin_sending.name);
  run_if_any(std::move(finished), tx_, statements::finish_jobs.name);
  run_if_any(std::move(retried), tx_, statements::retry_jobs.name);
  run_if_any(std::move(buried), tx_, statements::bury_jobs.name);
}

void journal_batch::write_jobs() {
  struct wanted {
    const domain::change* cause;
    const domain::job_record* job;
  };
  std::vector<wanted> all;
  for (const auto& item : entries_)
    if (item.stands)
      for (const auto& job : item.change->jobs)
        all.push_back({item.change, &job});
  // Whoever inserts the same keys waits for them in the same order, and nobody deadlocks.
  std::ranges::stable_sort(
    all, {}, [](const wanted& one) -> const auto& { return one.job->dedup_key; });
  std::set<std::tuple<domain::uuid, domain::job_kind, std::string_view>> keys;
  row_set<7> rows;
  for (const auto& [cause, job] : all) {
    const bool keyed = !job->dedup_key.empty();
    if (keyed && !keys.emplace(cause->workspace, job->kind, job->dedup_key).second)
      continue; // joins the one before it
    rows.add(cause->workspace,
             job->id,
             to_string(job->kind),
             keyed ? std::optional{job->dedup_key} : std::nullopt,
             job->args,
             job->run_at,
             cause->at);
  }
  run_if_any(std::move(rows), tx_, statements::add_jobs.name);
}

void journal_batch::write_send_reports() {
  row_set<3> to_jobs;
  row_set<4> to_letters;
  for (const auto& item : entries_) {
    if (!item.stands || !item.change->of_sent)
      continue;
    const auto& [job, taken, code, message, said] = *item.change->of_sent;
    if (job.is_nil())
      continue; // of a message that no job sent
    const auto what = taken ? std::string{"taken"}
                            : "the provider says that it was not delivered"
                                + (code == 0 ? std::string{} : " (" + std::to_string(code) + ")");
    to_jobs.add(item.change->workspace, job, what);
    to_letters.add(item.change->workspace, job, what, item.change->at);
  }
  run_if_any(std::move(to_jobs), tx_, statements::report_to_jobs.name);
  run_if_any(std::move(to_letters), tx_, statements::report_to_dead_letters.name);
}

void journal_batch::write_operations() {
  row_set<5> settled;
  audit_rows actions;
  for (const auto& item : entries_) {
    if (!item.stands)
      continue;
    const auto& what = *item.change;
    if (const auto& letter = what.dead_letter) {
      const bool retried = letter->what == dead_letter_step::kind::retry;
      settled.add(what.workspace,
                  letter->id,
                  retried ? "retried" : "resolved",
                  retried ? std::optional{letter->new_job} : std::nullopt,
                  what.at);
    }
    if (const auto& control = what.control)
      tx_.exec_prepared(statements::set_job_control.name,
                        std::string{to_string(control->kind)},
                        control->state ? std::optional{std::string{to_string(*control->state)}}
                                       : std::nullopt,
                        domain::to_rfc3339(what.at),
                        control->force_fail);
    if (const auto& action = what.action)
      add_record(actions, what.workspace, *action, what.at);
  }
  run_if_any(std::move(settled), tx_, statements::settle_dead_letters.name);
  run_if_any(std::move(actions), tx_, statements::add_audit_records.name);
}

} // namespace hub::storage
