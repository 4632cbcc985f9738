#include "domain/intake.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>

namespace hub::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class intake : public ::testing::Test {
protected:
  change edited(const ticket_patch& patch) {
    auto decided = editing(patch, ticket_, ids_, now_);
    if (!decided || !*decided) {
      ADD_FAILURE() << "the patch changes nothing or is refused";
      return {};
    }
    return **std::move(decided);
  }

  static intake_item with_file(const std::string& name) {
    report said;
    said.text = "The export crashes";
    said.attachments.push_back({.file_name = name});
    intake_item item;
    item.payload = std::make_shared<const std::string>("payload");
    item.prepared = prepare(said.text);
    item.content = std::move(said);
    return item;
  }

  const time_point now_{std::chrono::hours{24 * 365 * 50}};
  const ticket_core ticket_{.workspace = {}, .id = {}, .number = 1, .version = 3};
  uuid_generator ids_{1};
};

TEST_F(intake, scrubs_every_text_of_a_patch_and_tells_all_it_found) {
  const auto what = edited({.title = "Ask ana@example.com",
                            .description = "Call +34 612 345 678",
                            .tags = {{"vip", "ben@example.com"}}});
  EXPECT_THAT(*what.updates->title, Not(HasSubstr("ana@")));
  EXPECT_THAT(*what.updates->description, Not(HasSubstr("612")));
  EXPECT_THAT(*what.updates->tags, ElementsAre("vip", Not(HasSubstr("ben@"))));
  EXPECT_THAT(what.updates->more_pii_types, ElementsAre("email", "phone"));
  for (const auto& event : what.events)
    EXPECT_THAT(event.data, Not(HasSubstr("@example.com")));
  EXPECT_THAT(edited({.title = "Ask ana@example.com"}).updates->more_pii_types,
              ElementsAre("email"));
}

TEST_F(intake, scrubs_the_names_of_files) {
  const auto item = with_file("ana@example.com.pdf");
  const auto opened = opening(item, {}, ids_, now_);
  EXPECT_THAT(opened.attachments.at(0).file.file_name, Not(HasSubstr("ana@")));
  EXPECT_THAT(opened.message->pii_types, ElementsAre("email"));
  EXPECT_THAT(opened.opens->pii_types, ElementsAre("email"));
  EXPECT_THAT(attaching(item, ticket_, {}, ids_, now_).updates->more_pii_types,
              ElementsAre("email"));
  for (const auto* usual : {"screenshot 2026-01-31 at 10.15.30.png", "IMG_20260131_101530.jpg"})
    EXPECT_EQ(opening(with_file(usual), {}, ids_, now_).attachments.at(0).file.file_name, usual);
}

TEST_F(intake, has_each_file_fetched_that_can_be) {
  auto item = with_file("shot.png");
  item.platform = channel::slack;
  EXPECT_THAT(opening(item, {}, ids_, now_).jobs, ::testing::IsEmpty()) << "nothing to fetch it by";
  auto& files = std::get<report>(item.content).attachments;
  files = {{.external_id = "F1", .url = "https://files.slack.com/1"},
           {.external_id = "F2"},
           {.external_id = "F3", .url = "https://files.slack.com/3"}};
  for (const auto& what :
       {opening(item, {}, ids_, now_), attaching(item, ticket_, {}, ids_, now_)}) {
    ASSERT_EQ(what.attachments.size(), 3U);
    ASSERT_EQ(what.jobs.size(), 2U);
    EXPECT_EQ(what.jobs[0].kind, job_kind::attachment_fetch);
    EXPECT_EQ(what.jobs[0].args,
              R"({"attachment":")" + to_string(what.attachments[0].id) + R"("})");
    EXPECT_EQ(what.jobs[1].dedup_key, fetch_key(what.attachments[2].id));
    EXPECT_EQ(what.jobs[1].run_at, now_);
  }
  item.platform = channel::whatsapp;
  files = {{.external_id = "M1"}, {.url = "https://example.com/2"}};
  const auto by_id = opening(item, {}, ids_, now_);
  ASSERT_EQ(by_id.jobs.size(), 1U) << "an address that nobody vouches for is none";
  EXPECT_EQ(by_id.jobs[0].dedup_key, fetch_key(by_id.attachments[0].id));
}

TEST_F(intake, has_a_new_ticket_triaged_where_that_is_the_rule) {
  const auto item = with_file("shot.pdf"); // which nothing can be fetched by
  EXPECT_TRUE(opening(item, {}, ids_, now_).jobs.empty());
  const auto opened = opening(item, {.triage = true}, ids_, now_);
  ASSERT_EQ(opened.jobs.size(), 1U);
  EXPECT_EQ(opened.jobs[0].kind, job_kind::ai_triage);
  EXPECT_EQ(opened.jobs[0].dedup_key, to_string(opened.opens->id)) << "once at a time";
  EXPECT_THAT(opened.jobs[0].args, HasSubstr(to_string(opened.opens->id)));
  EXPECT_TRUE(attaching(item, ticket_, {.triage = true}, ids_, now_).jobs.empty());

  new_ticket asked;
  asked.title = "Export";
  EXPECT_TRUE(creating(asked, ids_, now_).jobs.empty());
  asked.triage = true;
  EXPECT_EQ(creating(asked, ids_, now_).jobs.size(), 1U);
}

TEST_F(intake, knows_who_wrote_in_the_app_by_their_address) {
  new_ticket asked;
  asked.title = "Export";
  asked.reporter_email = " Ana@Example.org";
  for (const auto& [from, account] :
       {std::pair{channel::in_app, "ana@example.org"}, {channel::api, ""}, {channel::email, ""}}) {
    asked.original_channel = from;
    EXPECT_EQ(creating(asked, ids_, now_).author->platform_user_id, account);
  }
  asked.original_channel = channel::in_app;
  asked.reporter_email.reset();
  asked.reporter_name = "Ana";
  EXPECT_EQ(creating(asked, ids_, now_).author->platform_user_id, "");
}

TEST_F(intake, records_who_had_a_delivery_read_again) {
  auto item = with_file("shot.png");
  EXPECT_FALSE(opening(item, {}, ids_, now_).action) << "a provider delivered it";
  item.settles = uuid_generator{7}.next(now_);
  item.replayed_by = actor_stamp{"user", std::nullopt, "ana", "192.0.2.1", "r1"};
  auto aside = item;
  aside.content = not_feedback{"a bot"};
  for (const auto& what : {opening(item, {}, ids_, now_),
                           attaching(item, ticket_, {}, ids_, now_),
                           recording(aside, ids_, now_)}) {
    ASSERT_TRUE(what.action);
    EXPECT_EQ(what.action->what, "delivery_replayed");
    EXPECT_EQ(what.action->target, to_string(*item.settles));
    EXPECT_EQ(what.action->by.label, "ana");
  }
}

TEST_F(intake, recalls_a_patch_by_a_change_that_changes_nothing) {
  const ticket_patch patch{.urgency = 0, .idempotency = idempotency_record{.key = "key"}};
  const auto what = recalling(patch, ticket_, now_);
  EXPECT_EQ(what.idempotency->key, "key");
  EXPECT_EQ(what.updates->expected_version, 0) << "no ticket is at version 0";
  EXPECT_FALSE(what.updates->urgency);
  EXPECT_THAT(what.events, ::testing::IsEmpty());
}

} // namespace
} // namespace hub::domain
