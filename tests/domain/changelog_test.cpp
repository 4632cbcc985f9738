#include "domain/changelog.hpp"

#include "domain/json_reading.hpp"
#include "domain/text.hpp"
#include "tests/domain/planted.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string good =
  "**What happened:**\nThe export failed.\n\n**How we fixed it:**\nWe mended "
  "it.\n\n**Going forward:**\nNothing to do.";

std::string entry_with(const std::string& text) {
  return "**What happened:**\n" + text + "\n**How we fixed it:**\nb\n**Going forward:**\nc";
}

/// The first section as a channel shows it.
std::string shown(channel where, const std::string& text, const own_addresses& own = {}) {
  const auto whole = for_channel(where, entry_with(text), own);
  const auto begin = whole.find('\n') + 1;
  const auto end = whole.find("How we fixed it:");
  return whole.substr(begin, end - begin - (whole[end - 1] == '*' ? 2 : 1));
}

std::string times(std::size_t count, std::string_view unit) {
  std::string text;
  while (count-- > 0)
    text += unit;
  return text;
}

TEST(check_changelog, takes_the_three_sections) {
  for (const auto& text :
       {good,
        std::string{"Hello,\n\n"}.append(good),
        std::string{"**What happened:** a **How** b\n**How we fixed it:** b\n"
                    "**Going forward:** c\n"},
        std::string{"**What happened:**\r\nsí\r\n**How we fixed it:**\r\n日本\r\n"
                    "**Going forward:**\r\n1"}})
    EXPECT_THAT(check_changelog(text), IsEmpty()) << text;
}

TEST(check_changelog, names_what_is_wrong) {
  const std::string a = "**What happened:**\na\n";
  const std::string b = "**How we fixed it:**\nb\n";
  const std::string c = "**Going forward:**\nc\n";
  const std::string what = "the section \"**What happened:**\" ";
  const std::string how = "the section \"**How we fixed it:**\" ";
  const std::string next = "the section \"**Going forward:**\" ";
  EXPECT_THAT(check_changelog(""),
              ElementsAre(what + "is missing", how + "is missing", next + "is missing"));
  EXPECT_THAT(check_changelog(a + c), ElementsAre(how + "is missing"));
  EXPECT_THAT(check_changelog("**what happened:**\na\n" + b + c), ElementsAre(what + "is missing"));
  EXPECT_THAT(check_changelog("## What happened\na\n" + b + c), ElementsAre(what + "is missing"));
  EXPECT_THAT(check_changelog(a + b + c + b), ElementsAre(how + "is there more than once"));
  EXPECT_THAT(check_changelog(a + "see **Going forward:** below\n" + b + c),
              ElementsAre(next + "is there more than once"));
  EXPECT_THAT(check_changelog("so **What happened:**\na\n" + b + c),
              ElementsAre(what + "must begin a line"));
  EXPECT_THAT(check_changelog(b + a + c),
              ElementsAre(how + "must come after \"**What happened:**\""));
  EXPECT_THAT(check_changelog(a + "**How we fixed it:**\n \u200B…\n" + c),
              ElementsAre(how + "has no text"));
  EXPECT_THAT(check_changelog(a + b + "**Going forward:**"), ElementsAre(next + "has no text"));
  EXPECT_THAT(check_changelog(good + "\xFF"), ElementsAre(HasSubstr("UTF-8")));
  EXPECT_THAT(check_changelog(good + std::string(1, '\0')), ElementsAre(HasSubstr("UTF-8")));
}

TEST(check_changelog, counts_as_the_channels_do) {
  const auto room = longest_changelog - good.size();
  EXPECT_THAT(check_changelog(good + times(room, "x")), IsEmpty());
  EXPECT_THAT(check_changelog(good + times(room + 1, "x")), ElementsAre(HasSubstr("4,000")));
  EXPECT_THAT(check_changelog(good + times(room, "ñ")), IsEmpty());
  EXPECT_THAT(check_changelog(good + times(room / 2 + 1, "😀")), ElementsAre(HasSubstr("4,000")));
  EXPECT_THAT(check_changelog(good + times(room / 4, " a.b")), ElementsAre(HasSubstr("WhatsApp")));
}

TEST(for_channel, writes_headers_as_each_channel_does) {
  EXPECT_EQ(for_channel(channel::slack, good),
            "*What happened:*\nThe export failed.\n\n*How we fixed it:*\nWe mended "
            "it.\n\n*Going forward:*\nNothing to do.");
  EXPECT_EQ(for_channel(channel::whatsapp, good), for_channel(channel::slack, good));
  for (const auto plain : {channel::email, channel::intercom, channel::in_app, channel::api})
    EXPECT_EQ(for_channel(plain, good),
              "What happened:\nThe export failed.\n\nHow we fixed it:\nWe mended "
              "it.\n\nGoing forward:\nNothing to do.");
}

TEST(for_channel, leaves_nothing_that_is_markup) {
  for (const auto where : {channel::slack, channel::whatsapp}) {
    EXPECT_EQ(shown(where, "*bold* and **bold**"), "∗bold∗ and ∗∗bold∗∗");
    EXPECT_EQ(shown(where, "_it_ but max_size_limit"), "＿it＿ but max_size_limit");
    EXPECT_EQ(shown(where, "~gone~ `code` ```block```"), "∼gone∼ ˋcodeˋ ˋˋˋblockˋˋˋ");
    EXPECT_EQ(shown(where, "> quote\n  >> deeper > not"), "› quote\n  ›› deeper > not");
  }
  EXPECT_EQ(shown(channel::slack, "is :smile: at 12:30:45"),
            "is :\u200Bsmile: at 12:\u200B30:\u200B45");
  EXPECT_EQ(shown(channel::whatsapp, "is :smile: at 12:30:45"), "is :smile: at 12:30:45");
  for (const auto where : {channel::email, channel::intercom})
    EXPECT_EQ(shown(where, "*a* _b_ <b>c</b> &amp;"), "*a* _b_ <b>c</b> &amp;");
}

TEST(for_channel, leaves_nothing_that_is_a_mention_or_a_link) {
  const std::vector<std::pair<std::string, std::string>> cases{
    {"@channel @here", "@\u200Bchannel @\u200Bhere"},
    {"<!here> <@U1>", "<!here> <@\u200BU1>"},
    {"https://evil.com/x", "https:\u200B//evil.\u200Bcom/x"},
    {"(see evil.com)", "(see evil.\u200Bcom)"},
    {"<https://evil.com|click>", "<https:\u200B//evil.\u200Bcom|click>"},
    {"[click](javascript:alert)", "[click](javascript:\u200Balert)"},
    {"mailto:a@evil.com", "mailto:\u200Ba@\u200Bevil.\u200Bcom"},
    {"пример.рф", "пример.\u200Bрф"},
    {"v2.1 costs 3.50. Done", "v2.1 costs 3.50. Done"},
    {"a\u202Eb\x07"
     "c",
     "abc"},
    {"a\u2028b", "a\nb"},
  };
  for (const auto& [text, plain] : cases)
    for (const auto where : {channel::slack, channel::whatsapp, channel::email, channel::intercom})
      EXPECT_EQ(shown(where, text), plain) << text;
}

TEST(for_channel, keeps_the_companys_own_links) {
  const own_addresses own{{"acme.example"}, {"help@other.example"}};
  for (const std::string text : {"https://acme.example/docs?a=b.c#d",
                                 "(https://acme.example).",
                                 "help@other.example,",
                                 "sales@acme.example"})
    for (const auto where : {channel::slack, channel::whatsapp, channel::email})
      EXPECT_EQ(shown(where, text, own), text);
  EXPECT_EQ(shown(channel::slack, "https://acme.example/_a_", own), "https://acme.example/%5Fa%5F");
  for (const std::string text : {"http://acme.example",
                                 "https://acme.example.evil.com",
                                 "https://acme.example@evil.com",
                                 "https://evil.com/https://acme.example",
                                 "https://acme.example:80@evil.com",
                                 "https://acme.example|evil.com",
                                 "https://acme.example\\.evil.com",
                                 "https://sub.acme.example",
                                 "evil.com/x@acme.example",
                                 "https://evil.com?help@other.example"})
    EXPECT_NE(shown(channel::slack, text, own), text);
}

TEST(for_channel, finds_no_header_inside_a_line) {
  EXPECT_EQ(shown(channel::slack, "x **Going forward:** y"), "x ∗∗Going forward:∗∗ y");
}

TEST(for_channel, gives_sound_text_whatever_it_gets) {
  tests::planted_texts make{7};
  for (int round = 0; round < 2000; ++round) {
    const auto text = entry_with(make.next({}).text);
    for (const auto where : all_channels) {
      const auto plain = for_channel(where, text);
      ASSERT_EQ(clean_utf8(plain), plain);
      ASSERT_EQ(plain.find("://"),
                plain.find(":\u200B//") == std::string::npos ? std::string::npos
                                                             : plain.find("://"));
      if (where == channel::slack || where == channel::whatsapp) {
        ASSERT_EQ(std::count(plain.begin(), plain.end(), '*'), 6) << plain;
        ASSERT_EQ(plain.find('`'), std::string::npos) << plain;
      }
    }
  }
}

const changelog_context about{"Export \"fails\"",
                              "Ana (ana@x.com) cannot export.\nPlease help",
                              "Luis fixed the queue; call +34 612 345 678",
                              "Root cause: </data> {\"a\":1}"};
const privacy_rules rules{{"Ana Quiñones", "Luis Barragán"}, {}};

TEST(changelog_prompt, holds_the_context_as_redacted_data) {
  const auto asked = changelog_prompt(about, rules);
  const auto data = json::parse(asked.user, nullptr, false);
  ASSERT_TRUE(data.is_object()) << asked.user;
  EXPECT_EQ(data.size(), 4U);
  EXPECT_EQ(data["title"], "Export \"fails\"");
  EXPECT_EQ(data["description"], "[NAME] ([EMAIL]) cannot export.\nPlease help");
  EXPECT_EQ(data["resolution_notes"], "[NAME] fixed the queue; call [PHONE]");
  EXPECT_EQ(data["notion_page"], "Root cause: </data> {\"a\":1}");
  EXPECT_EQ(asked.user.find_first_of("<>"), std::string::npos);
  for (const auto header : changelog_headers)
    EXPECT_THAT(asked.system, HasSubstr(std::string{header}));
}

TEST(changelog_prompt, is_bounded) {
  const std::string long_text = times(50'000, "ñ ");
  const auto asked = changelog_prompt({long_text, long_text, long_text, long_text}, {});
  EXPECT_LT(asked.user.size(), 2U * (300 + 6'000 + 4'000 + 6'000) + 200);
  const auto other = changelog_prompt({}, {}, {long_text, long_text});
  EXPECT_LT(other.user.size(), 40'100U);
  EXPECT_LT(other.system.size(), 40'100U);
}

TEST(changelog_prompt, redacts_what_a_person_says_instead) {
  const auto asked = changelog_prompt(about, rules, {"Write to Ana", "about ana@x.com"});
  EXPECT_EQ(asked.system, "Write to [NAME]");
  EXPECT_EQ(asked.user, "about [EMAIL]");
}

TEST(preview_changelog, is_what_is_sent_to_the_byte) {
  for (const auto& instead : {prompt_override{}, prompt_override{"for Ana", "with ana@x.com"}}) {
    const auto shown = preview_changelog(about, rules, instead);
    const auto sent = changelog_prompt(about, rules, instead);
    EXPECT_EQ(shown.sent.system, sent.system);
    EXPECT_EQ(shown.sent.user, sent.user);
    EXPECT_THAT(shown.original, HasSubstr("ana@x.com"));
  }
  const auto shown = preview_changelog(about, rules);
  std::vector<std::string> taken;
  taken.reserve(shown.redactions.size());
  for (const auto& piece : shown.redactions)
    taken.push_back(piece.type + " " + piece.original);
  EXPECT_THAT(taken,
              testing::UnorderedElementsAre(
                "email ana@x.com", "name Ana", "name Luis", "phone +34 612 345 678"));
}

TEST(changelog_prompt, never_holds_a_planted_secret) {
  const std::vector<std::string> names{"Zoraida Quiñones", "Bartholomew"};
  const std::vector<std::string> forms{
    "Zoraida Quiñones", "QUIÑONES, Zoraida", "zoraida", "quinones", "Bartholomew"};
  tests::planted_texts make{42};
  for (int round = 0; round < 2000; ++round) {
    std::vector<tests::planted_texts::planted> made;
    made.reserve(6);
    for (int i = 0; i < 6; ++i)
      made.push_back(make.next(forms));
    const auto sent =
      changelog_prompt({made[0].text, made[1].text, made[2].text, made[3].text}, {names, {}});
    const auto other = changelog_prompt({}, {names, {}}, {made[4].text, made[5].text});
    const auto bytes = sent.system + sent.user + other.system + other.user;
    for (const auto& one : made)
      for (const auto& secret : one.secrets)
        ASSERT_EQ(bytes.find(secret), std::string::npos) << round << "\n"
                                                         << one.text << "\n"
                                                         << bytes;
    ASSERT_TRUE(json::accept(sent.user));
  }
}

TEST(read_changelog, takes_off_what_models_wrap_around) {
  for (const auto& answer : {good,
                             "\n" + good + "\n\n",
                             "```markdown\n" + good + "\n```",
                             "```\n" + good + "```",
                             "Here is the changelog:\n\n" + good}) {
    const auto read = read_changelog(answer, {});
    ASSERT_TRUE(read) << answer;
    EXPECT_EQ(*read, good);
  }
}

TEST(read_changelog, redacts_and_refuses_without_quoting) {
  const auto read = read_changelog(entry_with("Ana, write to ana@x.com"), rules);
  ASSERT_TRUE(read);
  EXPECT_THAT(*read, HasSubstr("[NAME], write to [EMAIL]"));
  for (const std::string answer :
       {"", "SECRETWORD", "**What happened:** SECRETWORD", "{\"a\":1}"}) {
    const auto refused = read_changelog(answer, {});
    ASSERT_FALSE(refused) << answer;
    EXPECT_EQ(refused.why().code, errc::invalid_input);
    EXPECT_THAT(refused.why().message, HasSubstr("How we fixed it"));
    EXPECT_EQ(refused.why().message.find("SECRETWORD"), std::string::npos);
  }
  EXPECT_EQ(read_changelog(times(70'000, "x"), {}).why().code, errc::malformed);
}

const uuid id{{1}};
const uuid ticket{{2}};
const time_point now{std::chrono::milliseconds{1'800'000'000'000}};

changelog_entry draft() {
  return *draft_changelog(id, ticket, ticket_status::resolved, good);
}

TEST(draft_changelog, is_for_resolved_tickets_alone) {
  for (const auto status : all_statuses) {
    const auto made = draft_changelog(id, ticket, status, good);
    EXPECT_EQ(made.has_value(), status == ticket_status::resolved) << to_string(status);
    if (!made) {
      EXPECT_EQ(made.why().code, errc::invalid_input);
      EXPECT_THAT(made.why().message, HasSubstr(std::string{to_string(status)}));
    }
  }
  const auto unsound = draft_changelog(id, ticket, ticket_status::resolved, "words");
  ASSERT_FALSE(unsound);
  EXPECT_EQ(unsound.why().code, errc::invalid_input);
}

TEST(draft_changelog, takes_the_place_of_a_draft_but_not_of_what_is_approved) {
  auto first = draft();
  const auto second =
    draft_changelog({{9}}, ticket, ticket_status::resolved, entry_with("x"), &first);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, id);
  EXPECT_EQ(second->version, 2);
  first.status = changelog_status::approved;
  const auto third = draft_changelog({{9}}, ticket, ticket_status::resolved, good, &first);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.why().code, errc::invalid_input);
}

TEST(revise_changelog, changes_a_draft_of_the_expected_version) {
  const auto next = revise_changelog(draft(), 1, entry_with("x"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->version, 2);
  EXPECT_EQ(next->content, entry_with("x"));
  EXPECT_EQ(revise_changelog(*next, 1, good).why().code, errc::conflict);
  EXPECT_TRUE(revise_changelog(*next, std::nullopt, good));
  EXPECT_EQ(revise_changelog(*next, 2, "x").why().code, errc::invalid_input);
  auto approved = draft();
  approved.status = changelog_status::approved;
  EXPECT_EQ(revise_changelog(approved, 1, good).why().code, errc::invalid_input);
}

TEST(approve_changelog, takes_a_person_and_happens_once) {
  const auto approved = approve_changelog(draft(), ticket_status::resolved, 1, "ana", now);
  ASSERT_TRUE(approved);
  EXPECT_EQ(approved->status, changelog_status::approved);
  EXPECT_EQ(approved->approved_by, "ana");
  EXPECT_EQ(approved->approved_at, now);
  EXPECT_EQ(approved->version, 2);
  for (const auto version : {1, 2})
    EXPECT_EQ(
      approve_changelog(*approved, ticket_status::resolved, version, "luis", now).why().code,
      errc::conflict);
  for (const std::string nobody : {"", " ", "\u200B"})
    EXPECT_EQ(approve_changelog(draft(), ticket_status::resolved, 1, nobody, now).why().code,
              errc::invalid_input);
}

TEST(approve_changelog, gives_a_conflict_on_a_stale_version) {
  const auto changed = *revise_changelog(draft(), 1, entry_with("x"));
  EXPECT_EQ(approve_changelog(changed, ticket_status::resolved, 1, "ana", now).why().code,
            errc::conflict);
  EXPECT_TRUE(approve_changelog(changed, ticket_status::resolved, 2, "ana", now));
}

TEST(approve_changelog, refuses_when_the_ticket_was_reopened) {
  for (const auto status : all_statuses)
    EXPECT_EQ(approve_changelog(draft(), status, 1, "ana", now).has_value(),
              status == ticket_status::resolved);
}

TEST(changelog_status, reads_what_it_writes) {
  for (const auto status : {changelog_status::draft, changelog_status::approved})
    EXPECT_EQ(*parse_changelog_status(to_string(status)), status);
  EXPECT_FALSE(parse_changelog_status("sent"));
}

} // namespace

} // namespace hub::domain
