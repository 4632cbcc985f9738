#include "domain/changelog.hpp"
#include "storage/jobs/job_store.hpp"
#include "tests/storage/journal_fixture.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace hub::storage {
namespace {

using domain::change;
using domain::changelog_step;
using domain::notification_step;
using domain::verdict;
using testing::quoted;
using kind = verdict::kind;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::ElementsAre;

const std::string text = "**What happened:**\nThe export crashed.\n\n**How we fixed it:**\nIt no "
                         "longer does.\n\n**Going forward:**\nWe watch it.";
const std::string other_text =
  "**What happened:**\nThe export crashed.\n\n**How we fixed it:**\nWe "
  "count the rows.\n\n**Going forward:**\nWe watch it.";

class release : public testing::journal_fixture {
protected:
  change empty(std::chrono::milliseconds later = 1s) const {
    change what;
    what.workspace = testing::first_workspace;
    what.at = at(later);
    return what;
  }

  /// A WhatsApp ticket with this status.
  domain::ticket_core resolved(const std::string& delivery,
                               domain::ticket_status status = domain::ticket_status::resolved,
                               const std::string& by = "ana") {
    auto core = open_ticket({.delivery = delivery,
                             .thread = "wa:" + delivery,
                             .user = "user of " + delivery,
                             .platform = domain::channel::whatsapp});
    if (status == domain::ticket_status::open)
      return core;
    domain::ticket_patch patch;
    patch.status = status;
    patch.actor_id = by;
    EXPECT_EQ(commit(patching(patch, core)).what, kind::committed);
    return core_of(core.id);
  }

  writing_context context_of(const domain::uuid& ticket) {
    const auto found = wait_for<writing_context>([&](auto done) {
      reads().writing_context_of(testing::first_workspace, ticket, std::move(done));
    });
    EXPECT_TRUE(found);
    return found ? *found : writing_context{};
  }

  notification_detail notification(const domain::uuid& id) {
    const auto found = wait_for<notification_detail>(
      [&](auto done) { reads().notification_of(testing::first_workspace, id, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? *found : notification_detail{};
  }

  verdict step(changelog_step what, std::chrono::milliseconds later = 1s) {
    auto wanted = empty(later);
    wanted.changelog = std::move(what);
    return commit(std::move(wanted));
  }

  changelog_step drafting(const domain::ticket_core& ticket, const std::string& content = text) {
    changelog_step what;
    what.what = changelog_step::kind::draft;
    what.ticket = ticket.id;
    what.entry = fresh_id();
    what.content = content;
    what.seen_until = context_of(ticket.id).last_inbound;
    what.by_model = {
      .model = "gpt-5.1", .prompt_tokens = 10, .completion_tokens = 20, .latency = 5ms};
    return what;
  }

  /// As the route makes it: of the draft as it is read.
  changelog_step approving(const domain::ticket_core& ticket, std::int64_t version = 1) {
    const auto context = context_of(ticket.id);
    changelog_step what;
    what.what = changelog_step::kind::approve;
    what.ticket = ticket.id;
    what.expected_version = version;
    what.person = "ana@example.org";
    what.undo_within = 10s;
    if (!context.entry)
      return what;
    what.entry = context.entry->id;
    for (const auto& one : context.reaches)
      what.notifications.push_back(
        {fresh_id(), one.platform, one.platform_user_id, one.thread_id, context.entry->content});
    return what;
  }

  /// Drafts and approves; the notification's id.
  domain::uuid approve(const domain::ticket_core& ticket) {
    EXPECT_EQ(step(drafting(ticket)).what, kind::committed);
    const auto what = approving(ticket);
    EXPECT_EQ(step(what).what, kind::committed);
    return what.notifications.empty() ? domain::uuid{} : what.notifications.front().id;
  }

  notification_step of_job(notification_step::kind what, const domain::uuid& id) {
    return {.what = what,
            .notification = id,
            .job = notification(id).job,
            .attempt = fresh_id(),
            .provider_message_id = "wamid.1"};
  }

  verdict move(const notification_step& what, std::chrono::milliseconds later = 12s) {
    auto wanted = empty(later);
    wanted.notification = what;
    return commit(std::move(wanted));
  }

  void
  hear(const std::string& said, std::int64_t code = 0, const std::string& message = "wamid.1") {
    auto wanted = empty(20s);
    domain::send_report report;
    report.taken = said != "failed";
    report.error_code = code;
    report.message_id = message;
    report.said = said;
    wanted.of_sent = report;
    EXPECT_EQ(commit(std::move(wanted)).what, kind::committed);
  }

  std::string status_of(const domain::uuid& id) {
    return ask("SELECT status FROM notifications WHERE id = " + quoted(id));
  }
  std::string events_of(const domain::uuid& ticket) {
    return ask(
      "SELECT string_agg(event_type, ' ' ORDER BY seq) FROM ticket_events WHERE ticket_id = "
      + quoted(ticket) + " AND event_type LIKE 'notification%'");
  }
};

// ---- triage

TEST_F(release, keeps_one_suggestion_and_one_decision_about_it) {
  const auto ticket = open_ticket({.delivery = "d1"});
  const auto suggest = [&](domain::priority urgency) {
    auto what = empty();
    domain::triage_record record;
    record.ticket = ticket.id;
    record.suggested.emplace();
    record.suggested->type = domain::ticket_type::incident;
    record.suggested->urgency = urgency;
    record.suggested->summary = "Exports crash.";
    record.suggested->confidence = 0.75;
    record.by.model = "local";
    what.triage = record;
    return commit(std::move(what)).what;
  };
  const auto decide = [&](bool accepted) {
    domain::ticket_patch patch;
    patch.decision = domain::triage_decision{.accepted = accepted, .person = "ana"};
    patch.urgency = accepted ? std::optional{1} : std::nullopt;
    return commit(patching(patch, core_of(ticket.id)));
  };
  const auto detail = [&] {
    return wait_for<ticket_detail>(
      [&](auto done) { reads().detail_of(testing::first_workspace, ticket.id, std::move(done)); });
  };
  EXPECT_EQ(detail()->ticket.enrichment_status, "pending");
  EXPECT_EQ(decide(true).what, kind::conflict) << "there is nothing to accept";
  EXPECT_EQ(core_of(ticket.id).urgency, ticket.urgency) << "and nothing of it is done";

  EXPECT_EQ(suggest(1), kind::committed);
  EXPECT_EQ(detail()->ticket.enrichment_status, "completed");
  EXPECT_EQ(detail()->ai_suggested_type, "incident");
  EXPECT_EQ(detail()->ai_suggested_priority, 1);
  EXPECT_EQ(detail()->ai_model, "local");
  EXPECT_DOUBLE_EQ(detail()->ai_confidence.value_or(0), 0.75);
  EXPECT_EQ(detail()->ticket.urgency, ticket.urgency) << "a suggestion overwrites nothing";

  EXPECT_EQ(decide(true).what, kind::committed);
  EXPECT_EQ(core_of(ticket.id).urgency, 1);
  EXPECT_EQ(detail()->triage_decision, "accepted");
  const auto second = decide(false);
  EXPECT_EQ(second.what, kind::conflict);
  EXPECT_EQ(second.why->message, "no suggestion waits for a decision on this ticket");
  EXPECT_EQ(suggest(2), kind::committed);
  EXPECT_EQ(detail()->triage_decision, std::nullopt) << "a new one waits for its own";
}

TEST_F(release, shows_a_triage_that_failed_for_good) {
  const auto ticket = open_ticket({.delivery = "d1"});
  auto store = make_job_store(connection_string(), keys_, 15s);
  auto cause = empty();
  domain::job_record job;
  job.id = fresh_id();
  job.kind = domain::job_kind::ai_triage;
  job.args = nlohmann::json{{"ticket", to_string(ticket.id)}}.dump();
  job.run_at = at();
  cause.jobs.push_back(job);
  ASSERT_EQ(commit(std::move(cause)).what, kind::committed);
  storage::claim_request wanted;
  wanted.kind = domain::job_kind::ai_triage;
  wanted.claim = fresh_id();
  wanted.limit = 1;
  wanted.ids = {job.id};
  const auto claimed = store->claim(wanted);
  ASSERT_TRUE(claimed);
  ASSERT_EQ(claimed->jobs.size(), 1U);
  auto end = empty();
  end.step.emplace();
  end.step->what = domain::job_step::kind::bury;
  end.step->of = domain::job_kind::ai_triage;
  end.step->job = job.id;
  end.step->claim = claimed->jobs.front().claim;
  end.step->args = job.args;
  end.step->why = domain::fail(domain::errc::invalid_input, "no JSON");
  ASSERT_EQ(commit(std::move(end)).what, kind::committed);
  EXPECT_EQ(ask("SELECT status FROM ticket_triage WHERE ticket_id = " + quoted(ticket.id)),
            "failed");
}

// ---- drafts

TEST_F(release, drafts_only_what_is_resolved_and_once) {
  const auto open = resolved("d1", domain::ticket_status::open);
  const auto refused = step(drafting(open));
  EXPECT_EQ(refused.what, kind::conflict);
  EXPECT_EQ(refused.why->code, domain::errc::invalid_input) << refused.why->message;

  const auto ticket = resolved("d2");
  EXPECT_EQ(step(drafting(ticket)).what, kind::committed);
  EXPECT_EQ(step(drafting(ticket)).what, kind::conflict) << "a draft is there";
  auto again = drafting(ticket, other_text);
  again.instead = true;
  again.entry = context_of(ticket.id).entry->id;
  again.expected_version = 1;
  EXPECT_EQ(step(again).what, kind::committed);
  EXPECT_EQ(step(again).what, kind::conflict) << "it is at version 2 now";
  const auto context = context_of(ticket.id);
  EXPECT_EQ(context.entry->content, other_text);
  EXPECT_EQ(context.entry->version, 2);
  EXPECT_EQ(context.entry->ai_model, "gpt-5.1");
  EXPECT_EQ(context.entry->ai_prompt_tokens, 10);
  EXPECT_EQ(count("changelog_entries"), "1");
  EXPECT_EQ(step(drafting(ticket, "no sections")).why->code, domain::errc::conflict);
}

TEST_F(release, revises_the_version_that_was_read) {
  const auto ticket = resolved("d1");
  changelog_step edit;
  edit.what = changelog_step::kind::revise;
  edit.ticket = ticket.id;
  edit.content = other_text;
  edit.expected_version = 1;
  EXPECT_EQ(step(edit).why->code, domain::errc::invalid_input) << "there is no draft";
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  EXPECT_EQ(step(edit).what, kind::committed);
  EXPECT_EQ(step(edit).why->code, domain::errc::conflict);
  edit.expected_version = 2;
  edit.content = "**What happened:**\nonly";
  EXPECT_EQ(step(edit).why->code, domain::errc::invalid_input);
  EXPECT_EQ(context_of(ticket.id).entry->content, other_text);
}

// ---- approval

TEST_F(release, notifies_whoever_reported_once_it_is_approved) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  const auto found = notification(id);
  EXPECT_EQ(found.row.status, "pending");
  EXPECT_EQ(found.row.channel, "whatsapp");
  EXPECT_EQ(found.row.platform_user_id, "user of d1");
  EXPECT_EQ(found.thread_id, "wa:d1");
  EXPECT_EQ(found.row.send_at, at(11s));
  EXPECT_EQ(found.entry.status, "approved");
  EXPECT_EQ(found.entry.approved_by, "ana@example.org");
  EXPECT_EQ(found.job, id);
  EXPECT_EQ(ask("SELECT kind || ' ' || (args->>'notification') || ' ' || (run_at = '"
                + domain::to_rfc3339(at(11s)) + "') FROM jobs"),
            "NotificationDispatchJob " + to_string(id) + " true");
}

TEST_F(release, lets_one_of_two_approve) {
  const auto ticket = resolved("d1");
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  const auto first = approving(ticket);
  const auto second = approving(ticket);
  std::array<verdict, 2> said;
  {
    const auto approve_on = [&](std::size_t who, const changelog_step& what) {
      const auto writer = make_writer(static_cast<std::int16_t>(who));
      auto wanted = empty();
      wanted.changelog = what;
      commit_stats stats;
      said[who] = writer->commit(testing::shared({std::move(wanted)}), stats).front();
    };
    std::thread one{[&] { approve_on(0, first); }};
    std::thread two{[&] { approve_on(1, second); }};
    one.join();
    two.join();
  }
  EXPECT_THAT((std::set{said[0].what, said[1].what}), ElementsAre(kind::committed, kind::conflict));
  const auto& loser = said[0].what == kind::conflict ? said[0] : said[1];
  EXPECT_EQ(loser.why->code, domain::errc::conflict);
  EXPECT_EQ(count("notifications"), "1");
  EXPECT_EQ(count("jobs"), "1");
}

TEST_F(release, lets_two_writers_write_of_the_same_messages_in_any_order) {
  std::vector<notification_step> begun;
  for (int i = 0; i < 24; ++i) {
    const auto number = std::to_string(i);
    // Each by somebody else: many by one would wait for a review.
    const auto ticket = resolved("W-both-" + number, domain::ticket_status::resolved, "p" + number);
    auto what = of_job(notification_step::kind::begin, approve(ticket));
    what.provider_message_id = "wamid.both." + number;
    ASSERT_EQ(move(what).what, kind::committed);
    what.what = notification_step::kind::sent;
    begun.push_back(what);
  }
  const auto sent = [&](const notification_step& what) {
    auto wanted = empty(14s);
    wanted.notification = what;
    return wanted;
  };
  const auto heard = [&](const notification_step& of, const char* said) {
    auto wanted = empty(15s);
    wanted.of_sent.emplace();
    wanted.of_sent->job = of.job;
    wanted.of_sent->taken = true;
    wanted.of_sent->message_id = of.provider_message_id;
    wanted.of_sent->said = said;
    return wanted;
  };
  // Each batch holds sends of one half and statuses of the other, in opposite orders.
  const auto batch = [&](std::size_t half, const char* said) {
    std::vector<change> all;
    for (std::size_t i = 0; i < 12; ++i) {
      all.push_back(sent(begun[half * 12 + i]));
      all.push_back(heard(begun[(1 - half) * 12 + 11 - i], said));
    }
    return testing::shared(std::move(all));
  };
  std::array<std::atomic<int>, 2> committed{};
  const auto write = [&](std::size_t who) {
    const auto writer = make_writer(static_cast<std::int16_t>(who));
    for (const auto* said : {"sent", "delivered", "read"}) {
      commit_stats stats;
      for (const auto& verdict : writer->commit(batch(who, said), stats))
        committed[who] += verdict.what == kind::committed;
    }
  };
  {
    const std::jthread one{[&] { write(0); }};
    const std::jthread two{[&] { write(1); }};
  }
  EXPECT_EQ(committed[0], 72);
  EXPECT_EQ(committed[1], 72);
  EXPECT_EQ(count("notifications WHERE status = 'delivered' AND read_at IS NOT NULL"), "24");
  EXPECT_EQ(ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

TEST_F(release, approves_the_version_that_was_read_and_nothing_unread) {
  const auto ticket = resolved("d1");
  EXPECT_EQ(step(approving(ticket)).why->code, domain::errc::invalid_input) << "no draft";
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  EXPECT_EQ(step(approving(ticket, 2)).why->code, domain::errc::conflict);
  auto blind = approving(ticket);
  blind.person.clear();
  EXPECT_EQ(step(blind).why->code, domain::errc::invalid_input) << "a person approves";

  const auto open = core_of(ticket.id);
  domain::ticket_patch reopened;
  reopened.status = domain::ticket_status::open;
  ASSERT_EQ(commit(patching(reopened, open)).what, kind::committed);
  EXPECT_EQ(step(approving(ticket)).why->code, domain::errc::invalid_input) << "not resolved";
  EXPECT_EQ(count("notifications"), "0");
}

TEST_F(release, warns_of_what_the_reporter_wrote_since) {
  rules_.reopen_resolved = false;
  const auto ticket = resolved("d1");
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  ASSERT_EQ(commit(attaching({.delivery = "d2",
                              .thread = "wa:d1",
                              .user = "user of d1",
                              .platform = domain::channel::whatsapp,
                              .later = 30s},
                             core_of(ticket.id)))
              .what,
            kind::committed);
  auto what = approving(ticket);
  const auto warned = step(what);
  EXPECT_EQ(warned.what, kind::conflict);
  EXPECT_THAT(warned.why->message, ::testing::HasSubstr("has written again"));
  what.although_newer = true;
  EXPECT_EQ(step(what).what, kind::committed);
}

TEST_F(release, cannot_be_gone_around_in_sql) {
  const auto ticket = resolved("d1");
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  const auto entry = context_of(ticket.id).entry->id;
  const auto insert = [&](const domain::uuid& of) {
    run("INSERT INTO notifications (workspace_id, id, job_id, ticket_id, changelog_entry_id, "
        "channel, platform_user_id, thread_id, content, send_at, created_at) VALUES ("
        + quoted(testing::first_workspace) + ", " + quoted(fresh_id()) + ", " + quoted(fresh_id())
        + ", " + quoted(ticket.id) + ", " + quoted(of)
        + ", 'whatsapp', 'user of d1', '', 'x', now(), now())");
  };
  EXPECT_ANY_THROW(insert(entry)) << "of a draft";
  const auto approved = approving(ticket);
  ASSERT_EQ(step(approved).what, kind::committed);
  EXPECT_ANY_THROW(insert(entry)) << "the same person twice";
  EXPECT_ANY_THROW(run("UPDATE changelog_entries SET content = 'other words'"));
  EXPECT_ANY_THROW(run("UPDATE changelog_entries SET status = 'draft', approved_by = NULL, "
                       "approved_at = NULL"));
  EXPECT_ANY_THROW(run("DELETE FROM changelog_entries"));
  EXPECT_ANY_THROW(run("UPDATE notifications SET entry_status = 'draft'"));
  EXPECT_ANY_THROW(run("UPDATE notifications SET status = 'sent'")) << "without saying when";
}

TEST_F(release, takes_an_approval_back_until_it_is_sent) {
  const auto ticket = resolved("d1");
  changelog_step back;
  back.what = changelog_step::kind::take_back;
  back.ticket = ticket.id;
  back.entry = fresh_id();
  EXPECT_EQ(step(back).why->code, domain::errc::invalid_input) << "nothing is approved";
  const auto id = approve(ticket);
  const auto begin = of_job(notification_step::kind::begin, id);
  EXPECT_EQ(step(back).what, kind::committed);
  EXPECT_EQ(status_of(id), "rejected");
  EXPECT_EQ(move(begin).what, kind::conflict) << "its job finds that it is not to be sent";
  EXPECT_EQ(context_of(ticket.id).entry->status, "draft");
  EXPECT_EQ(context_of(ticket.id).entry->content, text);
  EXPECT_EQ(step(back).why->code, domain::errc::conflict);

  const auto again = approving(ticket);
  ASSERT_EQ(step(again).what, kind::committed);
  const auto second = again.notifications.front().id;
  ASSERT_EQ(move(of_job(notification_step::kind::begin, second)).what, kind::committed);
  back.entry = fresh_id();
  const auto late = step(back);
  EXPECT_EQ(late.why->code, domain::errc::conflict) << "it is being sent";
  EXPECT_EQ(status_of(second), "pending");
}

TEST_F(release, does_not_send_what_is_taken_back_in_the_same_breath) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  auto begin = empty(10s);
  begin.notification = of_job(notification_step::kind::begin, id);
  auto back = empty(10s);
  back.changelog.emplace();
  back.changelog->what = changelog_step::kind::take_back;
  back.changelog->ticket = ticket.id;
  back.changelog->entry = fresh_id();
  const auto said = commit(std::vector{begin, back});
  EXPECT_EQ(said[0].what, kind::conflict) << "both in one transaction: the person wins";
  EXPECT_EQ(said[1].what, kind::committed);
  EXPECT_EQ(status_of(id), "rejected");
  EXPECT_EQ(count("notifications WHERE begun_at IS NOT NULL"), "0");
}

TEST_F(release, revives_nothing_that_was_taken_back) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  run("UPDATE notifications SET status = 'rejected'");
  run("INSERT INTO dead_letter_jobs (workspace_id, id, job_class, job_args, args_sealed, "
      "error_class, error_message, backtrace, queue, outcome_unknown, attempts, failed_at, "
      "created_at) VALUES ("
      + quoted(testing::first_workspace) + ", " + quoted(id)
      + ", 'NotificationDispatchJob', '{}', '', 'internal', '', '', 'default', false, '[]', now(), "
        "now())");
  auto retried = empty(20s);
  retried.dead_letter.emplace();
  retried.dead_letter->what = domain::dead_letter_step::kind::retry;
  retried.dead_letter->id = id;
  retried.dead_letter->new_job = fresh_id();
  EXPECT_EQ(commit(std::move(retried)).what, kind::committed);
  EXPECT_EQ(status_of(id), "rejected");
  EXPECT_EQ(notification(id).job, id);
}

TEST_F(release, cannot_be_taken_back_once_it_may_have_been_sent) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  ASSERT_EQ(move(of_job(notification_step::kind::begin, id)).what, kind::committed);
  // As a person's retry leaves it.
  run("UPDATE notifications SET begun_at = NULL, status = 'pending', job_id = "
      + quoted(fresh_id()));
  changelog_step back;
  back.what = changelog_step::kind::take_back;
  back.ticket = ticket.id;
  back.entry = fresh_id();
  EXPECT_EQ(step(back).why->code, domain::errc::conflict);
}

TEST_F(release, writes_over_no_draft_that_was_approved_meanwhile) {
  const auto ticket = resolved("d1");
  ASSERT_EQ(step(drafting(ticket)).what, kind::committed);
  auto late = drafting(ticket, other_text);
  late.instead = true;
  late.expected_version = 1;
  late.entry = context_of(ticket.id).entry->id;
  ASSERT_EQ(step(approving(ticket)).what, kind::committed);
  EXPECT_EQ(step(late).why->code, domain::errc::conflict);
}

TEST_F(release, has_many_resolutions_by_one_cause_reviewed) {
  std::vector<domain::ticket_core> tickets;
  for (int n = 0; n < 6; ++n)
    tickets.push_back(resolved("d" + std::to_string(n)));
  const auto other = resolved("other", domain::ticket_status::resolved, "bob");
  std::vector<domain::uuid> held;
  for (const auto& ticket : tickets)
    held.push_back(approve(ticket));
  const auto apart = approve(other);
  for (const auto& id : held)
    EXPECT_EQ(status_of(id), "pending_batch_review");
  EXPECT_EQ(status_of(apart), "pending");
  EXPECT_EQ(count("jobs"), "1");

  const auto review = [&](bool approved, std::vector<domain::uuid> chosen) {
    auto what = empty(60s);
    what.review = domain::batch_review{approved, std::move(chosen), "ana"};
    return commit(std::move(what)).number;
  };
  EXPECT_EQ(review(true, {held[0], held[1], apart, fresh_id()}), 2);
  EXPECT_EQ(status_of(held[0]), "pending");
  EXPECT_EQ(count("jobs"), "3");
  EXPECT_EQ(review(true, {held[0]}), 0) << "let go once";
  EXPECT_EQ(review(false, {held[2]}), 1);
  EXPECT_EQ(status_of(held[2]), "rejected");
  EXPECT_EQ(review(true, {}), 3);
  EXPECT_EQ(count("jobs"), "6");
  EXPECT_EQ(review(true, {}), 0);
  EXPECT_EQ(move(of_job(notification_step::kind::begin, held[2])).what, kind::conflict);
}

TEST_F(release, counts_five_resolutions_as_five) {
  std::vector<domain::ticket_core> tickets;
  for (int n = 0; n < 5; ++n)
    tickets.push_back(resolved("d" + std::to_string(n)));
  for (const auto& ticket : tickets)
    EXPECT_EQ(status_of(approve(ticket)), "pending");
  // One more, but six minutes later.
  run("UPDATE tickets SET resolved_at = resolved_at - interval '6 minutes'");
  EXPECT_EQ(status_of(approve(resolved("late"))), "pending");
}

// ---- sending

TEST_F(release, moves_a_notification_as_it_is_sent) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  const auto begin = of_job(notification_step::kind::begin, id);
  auto stranger = begin;
  stranger.job = fresh_id();
  EXPECT_EQ(move(stranger).what, kind::conflict) << "another job's";
  ASSERT_EQ(move(begin).what, kind::committed);
  auto sent = begin;
  sent.what = notification_step::kind::sent;
  ASSERT_EQ(move(sent, 13s).what, kind::committed);
  auto found = notification(id);
  EXPECT_EQ(found.row.status, "sent");
  EXPECT_EQ(found.row.sent_at, at(13s));
  EXPECT_EQ(found.row.provider_message_id, "wamid.1");
  ASSERT_EQ(found.attempts.size(), 1U);
  EXPECT_EQ(found.attempts.front().outcome, "sent");
  EXPECT_EQ(found.attempts.front().finished_at, at(13s));
  EXPECT_EQ(move(begin).what, kind::conflict) << "nor is it sent again";
  EXPECT_EQ(
    ask("SELECT direction || ' ' || body FROM ticket_messages WHERE external_id = 'wamid.1'"),
    "outbound " + text);

  hear("sent");
  EXPECT_EQ(status_of(id), "sent");
  hear("read");
  EXPECT_EQ(status_of(id), "delivered");
  hear("delivered");
  hear("failed", 131026);
  found = notification(id);
  EXPECT_EQ(found.row.status, "delivered") << "what arrived has arrived";
  EXPECT_TRUE(found.row.read_at);
  EXPECT_EQ(events_of(ticket.id), "notification_sent notification_delivered");
}

TEST_F(release, hears_of_a_message_before_it_knows_that_it_was_sent) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  const auto begin = of_job(notification_step::kind::begin, id);
  ASSERT_EQ(move(begin).what, kind::committed);
  auto told = empty(13s);
  domain::send_report report;
  report.job = begin.job;
  report.taken = true;
  report.message_id = "wamid.1";
  report.said = "delivered";
  told.of_sent = report;
  ASSERT_EQ(commit(std::move(told)).what, kind::committed);
  EXPECT_EQ(status_of(id), "delivered");
  auto sent = begin;
  sent.what = notification_step::kind::sent;
  ASSERT_EQ(move(sent, 14s).what, kind::committed);
  EXPECT_EQ(status_of(id), "delivered");
  EXPECT_EQ(notification(id).row.sent_at, at(13s));
  EXPECT_EQ(events_of(ticket.id), "notification_delivered");
  EXPECT_EQ(count("ticket_messages WHERE direction = 'outbound'"), "1");
}

TEST_F(release, sends_again_what_a_person_wants_sent_again) {
  const auto id = approve(resolved("W-again"));
  ASSERT_EQ(move(of_job(notification_step::kind::begin, id)).what, kind::committed);
  ASSERT_EQ(move(of_job(notification_step::kind::sent, id)).what, kind::committed);
  auto again = of_job(notification_step::kind::retry, id);
  again.new_job = fresh_id();
  EXPECT_EQ(move(again).what, kind::conflict) << "it did not fail";
  hear("failed", 131'026);
  ASSERT_EQ(status_of(id), "permanently_failed");
  auto wanted = empty(21s);
  wanted.notification = again;
  wanted.jobs.push_back({.id = again.new_job,
                         .kind = domain::job_kind::notification_dispatch,
                         .dedup_key = {},
                         .args = R"({"notification":")" + to_string(id) + R"("})",
                         .run_at = wanted.at});
  EXPECT_EQ(commit(wanted).what, kind::committed);
  EXPECT_EQ(status_of(id), "pending");
  EXPECT_EQ(notification(id).job, again.new_job);
  hear("failed", 131'026);
  EXPECT_EQ(status_of(id), "pending") << "that was said of the message before";
  EXPECT_EQ(commit(wanted).what, kind::conflict) << "once";
  EXPECT_EQ(move(of_job(notification_step::kind::begin, id), 22s).what, kind::committed);
}

TEST_F(release, is_not_sent_again_when_the_first_message_turns_out_to_have_arrived) {
  for (const auto* said : {"delivered", "read"}) {
    const auto id = approve(resolved("W-late-"s + said));
    ASSERT_EQ(move(of_job(notification_step::kind::begin, id)).what, kind::committed);
    run("UPDATE notifications SET status = 'uncertain' WHERE id = " + quoted(id));
    auto again = of_job(notification_step::kind::retry, id);
    again.new_job = fresh_id();
    ASSERT_EQ(move(again).what, kind::committed);
    ASSERT_EQ(status_of(id), "pending");
    auto told = empty(22s);
    told.of_sent.emplace();
    told.of_sent->job = id; // the first job's
    told.of_sent->taken = true;
    told.of_sent->message_id = "wamid.late."s + said;
    told.of_sent->said = "sent";
    ASSERT_EQ(commit(told).what, kind::committed);
    EXPECT_EQ(status_of(id), "pending") << "it may still fail";
    told = empty(23s);
    told.of_sent.emplace();
    told.of_sent->job = id;
    told.of_sent->taken = true;
    told.of_sent->message_id = "wamid.late."s + said;
    told.of_sent->said = said;
    ASSERT_EQ(commit(told).what, kind::committed);
    EXPECT_EQ(status_of(id), "delivered");
    EXPECT_EQ(move(of_job(notification_step::kind::begin, id), 24s).what, kind::conflict)
      << "nothing is left to send";
  }
}

TEST_F(release, counts_no_word_of_the_first_message_once_the_second_has_begun) {
  const auto id = approve(resolved("W-too-late"));
  ASSERT_EQ(move(of_job(notification_step::kind::begin, id)).what, kind::committed);
  run("UPDATE notifications SET status = 'uncertain' WHERE id = " + quoted(id));
  auto again = of_job(notification_step::kind::retry, id);
  again.new_job = fresh_id();
  ASSERT_EQ(move(again).what, kind::committed);
  ASSERT_EQ(move(of_job(notification_step::kind::begin, id), 22s).what, kind::committed);
  auto told = empty(23s);
  told.of_sent.emplace();
  told.of_sent->job = id;
  told.of_sent->taken = true;
  told.of_sent->message_id = "wamid.first";
  told.of_sent->said = "delivered";
  ASSERT_EQ(commit(told).what, kind::committed);
  EXPECT_EQ(status_of(id), "pending");
}

TEST_F(release, sends_a_template_where_free_text_came_too_late) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  auto sent = of_job(notification_step::kind::begin, id);
  ASSERT_EQ(move(sent).what, kind::committed);
  sent.what = notification_step::kind::sent;
  ASSERT_EQ(move(sent).what, kind::committed);
  hear("failed", 131047);
  const auto found = notification(id);
  EXPECT_EQ(found.row.status, "pending");
  EXPECT_TRUE(found.use_template);
  EXPECT_NE(found.job, sent.job);
  EXPECT_EQ(count("jobs WHERE id = " + quoted(found.job)), "1");
  hear("failed", 131047); // the same status, delivered once more
  EXPECT_EQ(notification(id).job, found.job);

  auto again = of_job(notification_step::kind::begin, id);
  ASSERT_EQ(move(again).what, kind::committed);
  again.what = notification_step::kind::sent;
  again.provider_message_id = "wamid.2";
  again.by_template = true;
  ASSERT_EQ(move(again).what, kind::committed);
  hear("failed", 131047, "wamid.2");
  EXPECT_EQ(status_of(id), "permanently_failed") << "there is no third way";
}

TEST_F(release, follows_its_job_to_the_dead_letters_and_back) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  run("UPDATE jobs SET run_at = now() - interval '1 minute'");
  const auto store = make_job_store(connection_string(), keys_, 15s);
  const auto claim = [&] {
    claim_request wanted;
    wanted.kind = domain::job_kind::notification_dispatch;
    wanted.claim = fresh_id();
    wanted.limit = 1;
    wanted.ids = {notification(id).job};
    const auto claimed = store->claim(wanted);
    EXPECT_TRUE(claimed && claimed->jobs.size() == 1);
    return claimed->jobs.front();
  };
  const auto end = [&](const domain::claimed_job& job,
                       domain::job_step::kind what,
                       const std::string& error_class,
                       bool unknown) {
    auto wanted = empty(15s);
    wanted.step.emplace();
    wanted.step->what = what;
    wanted.step->of = job.kind;
    wanted.step->job = job.id;
    wanted.step->claim = job.claim;
    wanted.step->args = job.args;
    wanted.step->error_class = error_class;
    wanted.step->run_at = at(-60s);
    wanted.step->started_at = at(14s);
    wanted.step->outcome_unknown = unknown;
    wanted.step->why = domain::fail(domain::errc::unavailable, "as the test wants it");
    EXPECT_EQ(commit(std::move(wanted)).what, kind::committed);
  };
  using step_kind = domain::job_step::kind;
  end(claim(), step_kind::hold_back, "", false);
  EXPECT_EQ(status_of(id), "pending") << "a limit is no failure";
  end(claim(), step_kind::retry, "", false);
  EXPECT_EQ(status_of(id), "failed");
  EXPECT_EQ(notification(id).row.retry_count, 1);
  EXPECT_EQ(notification(id).row.last_error, "as the test wants it");
  const auto retried = [&](const domain::uuid& letter) {
    auto wanted = empty(16s);
    domain::job_record job;
    job.id = fresh_id();
    job.kind = domain::job_kind::notification_dispatch;
    job.args = nlohmann::json{{"notification", to_string(id)}}.dump();
    job.run_at = at(-60s);
    wanted.dead_letter.emplace();
    wanted.dead_letter->what = domain::dead_letter_step::kind::retry;
    wanted.dead_letter->id = letter;
    wanted.dead_letter->new_job = job.id;
    wanted.dead_letter->although_unknown = true;
    wanted.jobs.push_back(job);
    EXPECT_EQ(commit(std::move(wanted)).what, kind::committed);
    EXPECT_EQ(notification(id).job, job.id);
    EXPECT_EQ(status_of(id), "pending");
  };
  for (const auto& [error_class, unknown, status] :
       {std::tuple{"channel_restricted", false, "channel_restricted"},
        std::tuple{"", true, "uncertain"},
        std::tuple{"", false, "permanently_failed"}}) {
    const auto job = claim();
    end(job, step_kind::bury, error_class, unknown);
    EXPECT_EQ(status_of(id), status);
    retried(job.id);
  }
  EXPECT_EQ(events_of(ticket.id), "notification_failed notification_failed notification_failed");
  EXPECT_EQ(notification(id).attempts.size(), 4U);
}

TEST_F(release, asks_a_person_about_what_took_its_process_down) {
  const auto ticket = resolved("d1");
  const auto id = approve(ticket);
  run("UPDATE jobs SET run_at = now() - interval '1 minute'");
  const auto store = make_job_store(connection_string(), keys_, 15s);
  for (int crash = 0; crash < rules_of(domain::job_kind::notification_dispatch).most_crashes;
       ++crash) {
    claim_request wanted;
    wanted.kind = domain::job_kind::notification_dispatch;
    wanted.claim = fresh_id();
    const auto claimed = store->claim(wanted);
    ASSERT_TRUE(claimed && claimed->jobs.size() == 1);
    run("UPDATE jobs SET lease_until = now() - interval '1 second'");
    ASSERT_TRUE(store->free_expired());
  }
  EXPECT_EQ(count("dead_letter_jobs WHERE error_class = 'quarantined'"), "1");
  EXPECT_EQ(status_of(id), "uncertain");
}

// ---- whom a ticket reaches

TEST_F(release, reaches_reporters_where_they_wrote) {
  const auto ticket = resolved("d1");
  const auto context = context_of(ticket.id);
  ASSERT_EQ(context.reaches.size(), 1U);
  EXPECT_EQ(context.reaches.front().platform, domain::channel::whatsapp);
  EXPECT_THAT(context.names, ElementsAre("Ana"));

  auto by_hand_ticket = titled("by hand");
  by_hand_ticket.reporter_name = "Bea";
  by_hand_ticket.reporter_email = "bea@example.com";
  const auto made = commit(by_hand(by_hand_ticket));
  const auto reaches = context_of(made.ticket_id).reaches;
  ASSERT_EQ(reaches.size(), 1U);
  EXPECT_EQ(reaches.front().platform, domain::channel::email);
  EXPECT_EQ(reaches.front().platform_user_id, "bea@example.com");
  domain::ticket_patch done;
  done.status = domain::ticket_status::resolved;
  ASSERT_EQ(commit(patching(done, core_of(made.ticket_id))).what, kind::committed);
  const auto id = approve(core_of(made.ticket_id));
  EXPECT_EQ(notification(id).row.channel, "email");

  const auto unknown = commit(by_hand(titled("nobody")));
  EXPECT_TRUE(context_of(unknown.ticket_id).reaches.empty());
}

TEST_F(release, lists_what_is_drafted_and_what_is_sent) {
  const auto first = resolved("d1");
  const auto second = resolved("d2");
  const auto id = approve(first);
  ASSERT_EQ(step(drafting(second)).what, kind::committed);
  const auto entries = [&](std::optional<std::string> status) {
    changelog_query query;
    query.workspace = testing::first_workspace;
    query.status = std::move(status);
    return *wait_for<changelog_page>(
      [&](auto done) { reads().list_changelog(query, std::move(done)); });
  };
  EXPECT_EQ(entries({}).total, 2);
  ASSERT_EQ(entries("draft").entries.size(), 1U);
  EXPECT_EQ(entries("draft").entries.front().ticket, second.id);
  EXPECT_EQ(entries("approved").entries.front().reporter_name, "Ana");
  notification_query query;
  query.workspace = testing::first_workspace;
  query.ticket = first.id;
  query.channel = "whatsapp";
  query.status = "pending";
  const auto page = *wait_for<notification_page>(
    [&](auto done) { reads().list_notifications(query, std::move(done)); });
  ASSERT_EQ(page.notifications.size(), 1U);
  EXPECT_EQ(page.notifications.front().id, id);
  query.after = id;
  EXPECT_TRUE((*wait_for<notification_page>(
                 [&](auto done) { reads().list_notifications(query, std::move(done)); }))
                .notifications.empty());
}

} // namespace
} // namespace hub::storage
