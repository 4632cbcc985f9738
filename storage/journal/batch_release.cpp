#include "domain/changelog.hpp"
#include "domain/json_reading.hpp"
#include "storage/journal/batch.hpp"
#include "storage/journal/release_statements.hpp"
#include "storage/journal/row_set.hpp"
#include "storage/reads/row_reading.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace hub::storage {

namespace {

using domain::change;
using domain::changelog_step;
using domain::errc;
using domain::fail;
using domain::job_kind;
using domain::job_step;
using domain::notification_step;
using domain::verdict;

template <std::size_t Columns>
void run_if_any(row_set<Columns>&& rows, pqxx::transaction_base& tx, const char* name) {
  if (!rows.empty())
    std::move(rows).run(tx, name);
}

const char* name_of(job_step::kind what) {
  switch (what) {
  case job_step::kind::retry:
    return "retry";
  case job_step::kind::hold_back:
    return "hold_back";
  case job_step::kind::bury:
    return "bury";
  case job_step::kind::begin_sending:
  case job_step::kind::finish:
    break;
  }
  return "";
}

/// Whether a notification at that status takes the step.
bool may_step(notification_step::kind what, std::string_view status) {
  switch (what) {
  case notification_step::kind::begin:
    return status == "pending" || status == "failed";
  case notification_step::kind::sent: // what has been sent was sent, whatever was heard of it since
    return true;
  case notification_step::kind::retry:
    return status == "permanently_failed" || status == "channel_restricted"
           || status == "uncertain";
  }
  return false;
}

std::string interval(std::chrono::seconds length) {
  return std::to_string(length.count()) + " seconds";
}

/// A ticket's entries as one step finds them, and what it makes of them.
class entry_step {
public:
  entry_step(pqxx::transaction_base& tx, const change& of)
    : tx_{tx},
      what_{*of.changelog},
      workspace_{to_string(of.workspace)},
      ticket_{to_string(of.changelog->ticket)},
      at_{of.at} {}

  domain::outcome write() {
    const auto rows = tx_.exec_prepared(statements::lock_released_ticket.name, workspace_, ticket_);
    if (rows.empty())
      return fail(errc::not_found, "there is no ticket with this id");
    const auto status = domain::parse_ticket_status(rows.front()[0].c_str());
    if (!status)
      return status.why();
    status_ = *status;
    find_draft();
    switch (what_.what) {
    case changelog_step::kind::draft:
      return draft();
    case changelog_step::kind::revise:
      return revise();
    case changelog_step::kind::approve:
      return approve();
    case changelog_step::kind::take_back:
      return take_back();
    }
    return domain::done{};
  }

private:
  void find_draft() {
    const auto rows = tx_.exec_prepared(statements::find_draft.name, workspace_, ticket_);
    if (rows.empty())
      return;
    auto& found = draft_.emplace();
    found.id = id_in(rows.front()[0]);
    found.ticket_id = what_.ticket;
    found.content = text_in(rows.front()[1]);
    found.version = number_in(rows.front()[2]);
    has_newer_ = rows.front()[3].as<bool>();
  }

  [[nodiscard]] static domain::failure no_draft() {
    return fail(errc::invalid_input,
                "there is no draft of a changelog entry for this ticket; generate or write one");
  }

  domain::outcome draft() {
    if (draft_ && !what_.instead)
      return fail(errc::conflict, "this ticket has a draft already; read it, or write over it");
    if (what_.instead && (!draft_ || draft_->id != what_.entry))
      return fail(errc::conflict, "the draft was approved meanwhile; read it again");
    if (draft_ && what_.expected_version && *what_.expected_version != draft_->version)
      return fail(errc::conflict, "the draft has changed since you read it; read it again");
    const auto fresh = domain::draft_changelog(
      what_.entry, what_.ticket, status_, what_.content, draft_ ? &*draft_ : nullptr);
    if (!fresh)
      return fresh.why();
    save(*fresh, what_.seen_until);
    return domain::done{};
  }

  void save(const domain::changelog_entry& entry, domain::time_point seen_until) {
    const auto& by = what_.by_model;
    const bool by_person = by.model.empty();
    const auto number = [&](std::int64_t value) {
      return by_person ? std::optional<std::int64_t>{} : std::optional{value};
    };
    tx_.exec_prepared(statements::write_draft.name,
                      workspace_,
                      to_string(entry.id),
                      ticket_,
                      entry.content,
                      entry.version,
                      by_person ? std::optional<std::string>{} : std::optional{by.model},
                      number(by.prompt_tokens),
                      number(by.completion_tokens),
                      number(by.latency.count()),
                      domain::to_rfc3339(seen_until),
                      domain::to_rfc3339(at_));
  }

  domain::outcome revise() {
    if (!draft_)
      return no_draft();
    const auto revised = domain::revise_changelog(*draft_, what_.expected_version, what_.content);
    if (!revised)
      return revised.why();
    tx_.exec_prepared(statements::revise_draft.name,
                      workspace_,
                      to_string(revised->id),
                      revised->content,
                      revised->version,
                      domain::to_rfc3339(at_));
    return domain::done{};
  }

  domain::outcome approve() {
    if (!draft_)
      return already_approved() ? domain::outcome{fail(
               errc::conflict, "this entry is approved already, perhaps by somebody else just now")}
                                : domain::outcome{no_draft()};
    if (draft_->id != what_.entry)
      return fail(errc::conflict, "the draft has changed since you read it; read it again");
    const auto approved =
      domain::approve_changelog(*draft_, status_, what_.expected_version, what_.person, at_);
    if (!approved)
      return approved.why();
    if (has_newer_ && !what_.although_newer)
      return fail(errc::conflict,
                  "the reporter has written again since this draft was made; read the ticket, then "
                  "approve with \"although_newer\": true");
    tx_.exec_prepared(statements::approve_draft.name,
                      workspace_,
                      to_string(approved->id),
                      approved->version,
                      what_.person,
                      what_.person_id ? std::optional{to_string(*what_.person_id)}
                                      : std::optional<std::string>{},
                      domain::to_rfc3339(at_));
    notify();
    return domain::done{};
  }

  /// `approved_by` of the newest entry tells "approved a moment ago" from "never drafted".
  bool already_approved() {
    const auto rows = tx_.exec_prepared(statements::find_approved.name, workspace_, ticket_);
    return !rows.empty() && id_in(rows.front()[0]) == what_.entry;
  }

  void notify() {
    const bool held = tx_
                        .exec_prepared(statements::is_mass_resolution.name,
                                       workspace_,
                                       ticket_,
                                       what_.batch_above,
                                       interval(what_.batch_within))
                        .front()[0]
                        .as<bool>();
    const auto send_at = at_ + what_.undo_within;
    row_set<7> jobs;
    for (const auto& one : what_.notifications) {
      if (one.platform == domain::channel::email)
        tx_.exec_prepared(statements::add_mail_identity.name,
                          workspace_,
                          ticket_,
                          one.platform_user_id,
                          domain::to_rfc3339(at_));
      tx_.exec_prepared(statements::add_notification.name,
                        workspace_,
                        to_string(one.id),
                        ticket_,
                        to_string(what_.entry),
                        std::string{to_string(one.platform)},
                        one.platform_user_id,
                        one.thread_id,
                        one.content,
                        held ? "pending_batch_review" : "pending",
                        domain::to_rfc3339(send_at),
                        domain::to_rfc3339(at_));
      if (!held)
        jobs.add(workspace_,
                 one.id,
                 to_string(job_kind::notification_dispatch),
                 std::optional<std::string>{},
                 nlohmann::json{{"notification", to_string(one.id)}}.dump(),
                 send_at,
                 at_);
    }
    run_if_any(std::move(jobs), tx_, "add_jobs");
  }

  domain::outcome take_back() {
    if (draft_)
      return fail(errc::conflict, "this ticket has a newer draft already");
    tx_.exec_prepared(statements::lock_notifications_of.name, workspace_, ticket_);
    const auto rows = tx_.exec_prepared(statements::find_approved.name, workspace_, ticket_);
    if (rows.empty())
      return fail(errc::invalid_input, "no changelog entry of this ticket is approved");
    const auto row = rows.front();
    if (row[4].as<bool>())
      return fail(errc::conflict, "this approval was taken back already");
    if (number_in(row[5]) > 0)
      return fail(errc::conflict, "this entry is being sent already, and cannot be taken back");
    const auto approved = text_in(row[0]);
    const auto at = domain::to_rfc3339(at_);
    tx_.exec_prepared(statements::take_back_entry.name, workspace_, approved, at);
    tx_.exec_prepared(statements::reject_notifications_of.name, workspace_, approved);
    tx_.exec_prepared(statements::write_draft.name,
                      workspace_,
                      to_string(what_.entry),
                      ticket_,
                      text_in(row[1]),
                      std::int64_t{1},
                      std::optional<std::string>{},
                      std::optional<std::int64_t>{},
                      std::optional<std::int64_t>{},
                      std::optional<std::int64_t>{},
                      text_in(row[2]),
                      at);
    return domain::done{};
  }

  pqxx::transaction_base& tx_;
  const changelog_step& what_;
  const std::string workspace_;
  const std::string ticket_;
  const domain::time_point at_;
  domain::ticket_status status_{};
  std::optional<domain::changelog_entry> draft_;
  bool has_newer_ = false;
};

} // namespace

void journal_batch::refuse_all(const std::vector<entry*>& asked, const char* why) {
  for (auto* item : asked)
    if (item != nullptr) {
      settle(*item, verdict::kind::conflict);
      item->verdict.why = fail(errc::conflict, why);
    }
}

void journal_batch::check_decisions() {
  row_set<3> suggestions;
  std::vector<entry*> deciding;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->triage_decided)
      continue;
    suggestions.add(item.change->workspace, item.ticket, item.change->triage_decided->of);
    deciding.push_back(&item);
  }
  if (deciding.empty())
    return;
  for (const auto& row : std::move(suggestions).run(tx_, statements::lock_triage.name))
    deciding[row[0].as<std::size_t>()] = nullptr;
  refuse_all(deciding, "no suggestion waits for a decision on this ticket");
}

void journal_batch::lock_notifications() {
  row_set<4> named;
  const std::optional<domain::uuid> unnamed;
  for (const auto& item : entries_) {
    if (!item.stands)
      continue;
    const auto& what = *item.change;
    const auto by_job = [&](const domain::uuid& job) {
      named.add(what.workspace, unnamed, std::optional{job}, std::optional<std::string>{});
    };
    if (what.notification)
      named.add(what.workspace,
                std::optional{what.notification->notification},
                unnamed,
                std::optional<std::string>{});
    if (what.step && what.step->of == job_kind::notification_dispatch
        && *name_of(what.step->what) != '\0')
      by_job(what.step->job);
    if (what.dead_letter && what.dead_letter->what == domain::dead_letter_step::kind::retry)
      by_job(what.dead_letter->id);
    if (what.of_sent && !what.of_sent->said.empty())
      named.add(what.workspace,
                std::optional{what.of_sent->job}, // a notification's first job has its id
                std::optional{what.of_sent->job},
                std::optional{what.of_sent->message_id});
  }
  run_if_any(std::move(named), tx_, statements::lock_named_notifications.name);
}

void journal_batch::check_notifications() {
  row_set<3> notifications;
  std::vector<entry*> sending;
  for (auto& item : entries_) {
    if (!item.stands || !item.change->notification)
      continue;
    const auto& step = *item.change->notification;
    notifications.add(item.change->workspace, step.notification, step.job);
    sending.push_back(&item);
  }
  if (sending.empty())
    return;
  for (const auto& row : std::move(notifications).run(tx_, statements::lock_notifications.name)) {
    const auto at = row[0].as<std::size_t>();
    const std::string status = row[1].c_str();
    if (may_step(sending[at]->change->notification->what, status))
      sending[at] = nullptr;
  }
  refuse_all(sending, "this notification is not to be sent (any more)");
}

void journal_batch::write_changelog_steps() {
  for (auto& item : entries_) {
    if (!item.stands || !item.change->changelog)
      continue;
    auto done = entry_step{tx_, *item.change}.write();
    if (done)
      continue;
    settle(item, verdict::kind::conflict);
    item.verdict.why = std::move(done).why();
  }
}

void journal_batch::write_triage() {
  row_set<11> rows;
  row_set<3> awaited;
  row_set<5> decisions;
  for (const auto& item : entries_) {
    if (!item.stands)
      continue;
    const auto& workspace = item.change->workspace;
    const auto at = item.change->at;
    if (const auto& triage = item.change->triage; triage && triage->suggested)
      rows.add(workspace,
               triage->ticket,
               to_string(triage->suggested->type),
               triage->suggested->urgency,
               triage->suggested->summary,
               std::to_string(triage->suggested->confidence),
               triage->by.model,
               triage->by.prompt_tokens,
               triage->by.completion_tokens,
               triage->by.latency.count(),
               at);
    else if (triage)
      awaited.add(workspace, triage->ticket, at);
    if (const auto& decision = item.change->triage_decided)
      decisions.add(
        workspace, item.ticket, decision->accepted ? "accepted" : "rejected", decision->person, at);
  }
  run_if_any(std::move(rows), tx_, statements::write_triage.name);
  run_if_any(std::move(awaited), tx_, statements::await_triage.name);
  run_if_any(std::move(decisions), tx_, statements::decide_triage.name);
}

void journal_batch::write_notification_steps() {
  row_set<4> begun;
  row_set<7> sent;
  row_set<3> wanted;
  for (const auto& item : entries_) {
    if (!item.stands || !item.change->notification)
      continue;
    const auto& step = *item.change->notification;
    const auto& workspace = item.change->workspace;
    if (step.what == notification_step::kind::begin)
      begun.add(workspace, step.notification, step.attempt, item.change->at);
    else if (step.what == notification_step::kind::retry)
      wanted.add(workspace, step.job, step.new_job);
    else
      sent.add(workspace,
               step.notification,
               step.attempt,
               step.provider_message_id,
               step.by_template,
               step.arrived,
               item.change->at);
  }
  run_if_any(std::move(begun), tx_, statements::begin_notifications.name);
  run_if_any(std::move(sent), tx_, statements::send_notifications.name);
  run_if_any(std::move(wanted), tx_, statements::follow_retries.name);
}

void journal_batch::follow_jobs() {
  row_set<8> dispatched;
  row_set<3> untriaged;
  row_set<3> replaced;
  row_set<6> reported;
  for (const auto& item : entries_) {
    if (!item.stands)
      continue;
    const auto& what = *item.change;
    if (const auto& step = what.step; step && *name_of(step->what) != '\0') {
      if (step->of == job_kind::notification_dispatch)
        dispatched.add(what.workspace,
                       step->job,
                       step->claim,
                       name_of(step->what),
                       step->why ? step->why->message : std::string{},
                       step->outcome_unknown,
                       step->started_at,
                       what.at);
      if (step->of == job_kind::ai_triage && step->what == job_step::kind::bury) {
        const auto args = domain::read_json(step->args);
        if (const auto ticket = domain::parse_uuid(args ? domain::text_at(*args, "ticket") : ""))
          untriaged.add(what.workspace, *ticket, what.at);
      }
    }
    if (const auto& letter = what.dead_letter;
        letter && letter->what == domain::dead_letter_step::kind::retry)
      replaced.add(what.workspace, letter->id, letter->new_job);
    if (const auto& told = what.of_sent; told && !told->said.empty())
      reported.add(
        what.workspace, told->job, told->message_id, told->said, told->error_code, what.at);
  }
  run_if_any(std::move(dispatched), tx_, statements::follow_dispatch.name);
  run_if_any(std::move(untriaged), tx_, statements::fail_triage.name);
  run_if_any(std::move(replaced), tx_, statements::follow_retries.name);
  run_if_any(std::move(reported), tx_, statements::follow_reports.name);
}

void journal_batch::write_reviews() {
  for (auto& item : entries_) {
    if (!item.stands || !item.change->review)
      continue;
    const auto& review = *item.change->review;
    array_literal chosen;
    for (const auto& id : review.notifications)
      chosen.add(id);
    item.verdict.number = tx_
                            .exec_prepared(statements::review_notifications.name,
                                           to_string(item.change->workspace),
                                           std::move(chosen).finish(),
                                           review.approved,
                                           review.person,
                                           domain::to_rfc3339(item.change->at))
                            .front()[0]
                            .as<std::int64_t>();
  }
}

} // namespace hub::storage
