#include "actors/outward/notification.hpp"

#include "tests/actors/sending_fixture.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>

namespace hub::actors {
namespace {

using namespace std::chrono_literals;
using domain::errc;
using domain::job_step;
using domain::notification_step;
using ::testing::ElementsAre;
using testing::id_of;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::test_workspace;

const domain::time_point now{std::chrono::hours{24 * 365 * 50}}; // as the surroundings say

/// One notification, as storage would give it.
struct fake_reads final : storage::release_reads {
  storage::notification_detail detail;

  void writing_context_of(domain::uuid,
                          domain::uuid,
                          storage::callback<storage::writing_context> done) override {
    done(domain::fail(errc::internal, "nobody writes here"));
  }
  void list_changelog(storage::changelog_query,
                      storage::callback<storage::changelog_page> done) override {
    done(domain::fail(errc::internal, "nobody reads this here"));
  }
  void list_notifications(storage::notification_query,
                          storage::callback<storage::notification_page> done) override {
    done(domain::fail(errc::internal, "nobody reads this here"));
  }
  void notification_of(domain::uuid workspace,
                       domain::uuid id,
                       storage::callback<storage::notification_detail> done) override {
    if (workspace == test_workspace && id == detail.row.id)
      done(detail);
    else
      done(domain::fail(errc::not_found, "there is no notification with this id"));
  }
};

class notification_job : public testing::sending_fixture {
protected:
  notification_job() {
    auto& about = reads_.detail;
    about.row.id = id_of(7);
    about.row.status = "pending";
    about.row.content = "*What happened:*\nIt broke.";
    about.job = id_of(1);
    about.last_message_at = now - 1h;
    about.entry.ticket_title = "It crashes";
  }

  void to(const char* channel, const char* person, const char* thread) {
    reads_.detail.row.channel = channel;
    reads_.detail.row.platform_user_id = person;
    reads_.detail.thread_id = thread;
  }
  void to_whatsapp() { to("whatsapp", "34600000101", "wamid.1"); }
  void to_slack() { to("slack", "T1:U1", "T1:C1:1714060800.123456"); }

  void attempt_it(std::optional<domain::time_point> sending_since = {}) {
    domain::claimed_job job;
    job.workspace = test_workspace;
    job.id = id_of(1);
    job.kind = domain::job_kind::notification_dispatch;
    job.args = R"({"notification":")" + to_string(id_of(7)) + R"("})";
    job.sending_since = sending_since;
    job.created_at = now;
    attempt(job,
            run_notification(
              limiters_, desk_, reads_, [this](const domain::uuid&) { return set_; }, rules_));
  }

  /// The steps of the notification that the journal was given.
  std::vector<notification_step::kind> told() const {
    std::vector<notification_step::kind> all;
    for (const auto& change : journal_->seen)
      if (change->notification)
        all.push_back(change->notification->what);
    return all;
  }
  const notification_step& last_told() const { return *journal_->seen.back()->notification; }

  void refuse_once(errc code) {
    desk_.answer = sent_message{"wamid.OUT"};
    desk_.first_answers.push_back(domain::fail(code, "refused"));
  }

  fake_reads reads_;
  domain::release_rules set_;
};

TEST_F(notification_job, is_begun_and_ended_together_with_its_notification) {
  to_slack();
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].whom, domain::provider::slack);
  EXPECT_EQ(desk_.sent[0].recipient, "C1");
  EXPECT_EQ(desk_.sent[0].thread, "1714060800.123456");
  EXPECT_EQ(desk_.sent[0].text, "*What happened:*\nIt broke.");
  EXPECT_EQ(desk_.sent[0].id, id_of(1)) << "the provider is told the job's id";
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish));
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::begin, notification_step::kind::sent));
  EXPECT_EQ(last_told().notification, id_of(7));
  EXPECT_EQ(last_told().job, id_of(1));
  EXPECT_EQ(last_told().attempt, last_step().claim);
  EXPECT_EQ(last_told().provider_message_id, "m1");
  EXPECT_FALSE(last_told().by_template);
  EXPECT_EQ(journal_->seen[0]->workspace, test_workspace);
}

TEST_F(notification_job, sends_nothing_that_was_taken_back_while_it_waited) {
  to_slack();
  journal_->decide = [](const storage::change_ptr& change) {
    const bool begins = change->step->what == job_step::kind::begin_sending;
    return std::optional{domain::result<domain::verdict>{
      begins ? testing::verdict_of(domain::verdict::kind::conflict, *change)
             : testing::committed(*change)}};
  };
  attempt_it();
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish));
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::begin));
  EXPECT_EQ(providers_->of(domain::provider::slack).under_way, 0) << "its permit came back";
}

class settled_notification : public notification_job,
                             public ::testing::WithParamInterface<const char*> {};

TEST_P(settled_notification, is_not_sent) {
  to_slack();
  reads_.detail.row.status = GetParam();
  attempt_it();
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
  EXPECT_THAT(told(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(as,
                         settled_notification,
                         ::testing::Values("rejected",
                                           "pending_batch_review",
                                           "sent",
                                           "delivered",
                                           "permanently_failed",
                                           "channel_restricted",
                                           "uncertain"),
                         [](const auto& tested) { return std::string{tested.param}; });

TEST_F(notification_job, leaves_what_another_job_sends) {
  to_slack();
  reads_.detail.job = id_of(2);
  attempt_it();
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
}

TEST_F(notification_job, is_tried_again_after_a_failure) {
  to_slack();
  reads_.detail.row.status = "failed";
  attempt_it();
  EXPECT_THAT(desk_.sent, SizeIs(1));
}

TEST_F(notification_job, asks_the_provider_what_an_attempt_left_open) {
  to_slack();
  desk_.can_be_asked = true;
  desk_.finds = found_message::yes;
  attempt_it(now - 1min);
  EXPECT_THAT(desk_.sent, IsEmpty());
  ASSERT_THAT(desk_.asked_for, SizeIs(1));
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::sent));
}

TEST_F(notification_job, begins_anew_when_the_provider_never_got_it) {
  to_slack();
  desk_.can_be_asked = true;
  desk_.finds = found_message::no;
  attempt_it(now - 1min);
  advance(2s);
  EXPECT_THAT(desk_.sent, SizeIs(1));
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::begin, notification_step::kind::sent));
}

TEST_F(notification_job, leaves_a_lost_answer_to_the_next_attempt_where_that_can_ask) {
  to_slack();
  desk_.can_be_asked = true;
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::retry);
  EXPECT_TRUE(last_step().outcome_unknown);
  EXPECT_EQ(last_step().of, domain::job_kind::notification_dispatch);
}

TEST_F(notification_job, leaves_a_lost_answer_of_whatsapp_to_a_person) {
  to_whatsapp();
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
  EXPECT_EQ(last_step().error_class, "");
}

TEST_F(notification_job, says_that_it_was_sent_when_whatsapp_said_so_first) {
  to_whatsapp();
  reads_.detail.row.status = "delivered";
  attempt_it(now - 1min);
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::finish));
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::sent));
}

TEST_F(notification_job, is_free_text_on_whatsapp_within_a_day) {
  to_whatsapp();
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].recipient, "34600000101");
  EXPECT_EQ(desk_.sent[0].form.name, "");
}

TEST_F(notification_job, is_a_template_on_whatsapp_after_a_day) {
  to_whatsapp();
  set_.template_languages = {"en_US", "es"};
  reads_.detail.locale = "es_MX";
  reads_.detail.last_message_at = now - 25h;
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].form.name, "issue_resolved");
  EXPECT_EQ(desk_.sent[0].form.language, "es");
  EXPECT_THAT(desk_.sent[0].form.parameters, ElementsAre("*What happened:* It broke."));
  EXPECT_TRUE(last_told().by_template);
}

TEST_F(notification_job, is_a_template_where_free_text_was_refused_before) {
  to_whatsapp();
  reads_.detail.use_template = true;
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].form.name, "issue_resolved");
}

TEST_F(notification_job, goes_on_with_the_template_when_whatsapp_refuses_free_text) {
  to_whatsapp();
  refuse_once(errc::conflict);
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(2));
  EXPECT_EQ(desk_.sent[0].form.name, "");
  EXPECT_EQ(desk_.sent[1].form.name, "issue_resolved");
  EXPECT_THAT(steps(), ElementsAre(job_step::kind::begin_sending, job_step::kind::finish))
    << "one attempt";
  EXPECT_TRUE(last_told().by_template);
  EXPECT_EQ(last_told().provider_message_id, "wamid.OUT");
  EXPECT_EQ(providers_->of(domain::provider::whatsapp).under_way, 0);
}

TEST_F(notification_job, asks_a_person_when_the_answer_to_the_template_was_lost) {
  to_whatsapp();
  refuse_once(errc::conflict);
  desk_.answer = domain::fail(errc::unknown_outcome, "lost");
  attempt_it();
  EXPECT_THAT(desk_.sent, SizeIs(2));
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_TRUE(last_step().outcome_unknown);
}

TEST_F(notification_job, is_shut_out_where_there_is_no_such_template) {
  to_whatsapp();
  reads_.detail.use_template = true;
  desk_.answer = domain::fail(errc::unsupported_media, "whatsapp: 132001");
  attempt_it();
  ASSERT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_EQ(last_step().error_class, "channel_restricted");
  EXPECT_FALSE(last_step().outcome_unknown);
}

TEST_F(notification_job, is_shut_out_where_no_template_is_set) {
  to_whatsapp();
  set_.whatsapp_template.clear();
  reads_.detail.last_message_at = domain::time_point{};
  attempt_it();
  EXPECT_THAT(desk_.sent, IsEmpty());
  ASSERT_THAT(steps(), ElementsAre(job_step::kind::bury));
  EXPECT_EQ(last_step().error_class, "channel_restricted");

  reads_.detail.last_message_at = now;
  refuse_once(errc::conflict);
  attempt_it();
  EXPECT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(last_step().error_class, "channel_restricted") << "WhatsApp said so";
}

TEST_F(notification_job, has_failed_for_good_where_the_person_cannot_be_reached) {
  to_whatsapp();
  desk_.answer = domain::fail(errc::not_found, "whatsapp: 131026");
  attempt_it();
  ASSERT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_EQ(last_step().error_class, "");

  to("slack", "T1:ana@example.org", "workflow:1");
  attempt_it();
  EXPECT_THAT(desk_.sent, SizeIs(1)) << "only the first";
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_EQ(last_step().why->code, errc::not_found);
}

TEST_F(notification_job, reaches_a_person_on_slack_who_wrote_in_no_thread) {
  to("slack", "T1:U1", "T1:C1:command-12.34.56");
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].recipient, "U1");
  EXPECT_EQ(desk_.sent[0].thread, "");
}

TEST_F(notification_job, answers_a_mail_in_its_thread) {
  to("email", "ana@example.org", "<m1@example.org>");
  attempt_it();
  ASSERT_THAT(desk_.sent, SizeIs(1));
  EXPECT_EQ(desk_.sent[0].whom, domain::provider::smtp);
  EXPECT_EQ(desk_.sent[0].subject, "Re: It crashes");
  EXPECT_EQ(desk_.sent[0].thread, "<m1@example.org>");
}

TEST_F(notification_job, is_there_at_once_in_the_app) {
  to("in_app", "u1", "");
  attempt_it();
  EXPECT_THAT(desk_.sent, IsEmpty());
  EXPECT_THAT(told(), ElementsAre(notification_step::kind::begin, notification_step::kind::sent));
  EXPECT_TRUE(last_told().arrived);

  attempt_it(now - 1min);
  EXPECT_THAT(steps(),
              ElementsAre(job_step::kind::begin_sending,
                          job_step::kind::finish,
                          job_step::kind::begin_sending,
                          job_step::kind::finish))
    << "an attempt that died in between has done no harm";
}

TEST_F(notification_job, fails_for_good_without_its_notification) {
  reads_.detail.row.id = id_of(8);
  attempt_it();
  EXPECT_EQ(last_step().what, job_step::kind::bury);
  EXPECT_EQ(last_step().why->code, errc::not_found);
}

} // namespace
} // namespace hub::actors
