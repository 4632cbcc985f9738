#include "domain/source.hpp"

#include "domain/json_reading.hpp"

#include <gmock/gmock.h>

namespace hub::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace std::chrono_literals;

const auto home = *parse_uuid("00000000-0000-7000-8000-000000000001");
const auto north = *parse_uuid("00000000-0000-7000-8000-00000000000a");
const auto south = *parse_uuid("00000000-0000-7000-8000-00000000000b");

time_point at(int minutes) {
  return time_point{std::chrono::minutes{1'000'000 + minutes}};
}

std::vector<std::string>
accounts_in(channel platform, std::string_view body, std::string_view type = "application/json") {
  const auto parts = split_by_account(platform, {body, type, {}});
  EXPECT_THAT(parts, SizeIs(1));
  EXPECT_FALSE(parts.front().own_body) << "it is the whole delivery";
  return parts.front().accounts;
}

constexpr auto form = "application/x-www-form-urlencoded";

TEST(an_account, is_the_team_a_slack_event_happened_in) {
  EXPECT_THAT(accounts_in(channel::slack, R"({"type":"event_callback","team_id":"T1","event":{}})"),
              ElementsAre("T1"));
}

TEST(an_account, is_looked_for_where_slack_connect_and_enterprise_grid_put_it) {
  EXPECT_THAT(accounts_in(channel::slack,
                          R"({"team_id":"T9","context_team_id":"T1","enterprise_id":"E9",
                              "authorizations":[{"team_id":"T1","enterprise_id":"E1"}]})"),
              ElementsAre("T9", "T1", "E9", "E1"));
  EXPECT_THAT(accounts_in(channel::slack,
                          R"({"team_id":null,"authorizations":[{"team_id":null,
                              "enterprise_id":"E1","is_enterprise_install":true}]})"),
              ElementsAre("E1"));
}

TEST(an_account, is_in_the_form_of_a_slack_command) {
  EXPECT_THAT(accounts_in(channel::slack, "command=%2Ffeedback&team_id=T1&enterprise_id=E1", form),
              ElementsAre("T1", "E1"));
  EXPECT_THAT(accounts_in(channel::slack, "ssl_check=1", form), IsEmpty());
}

TEST(an_account, is_in_the_payload_of_a_slack_interaction) {
  EXPECT_THAT(
    accounts_in(channel::slack,
                "payload=%7B%22type%22%3A%22block_actions%22%2C%22team%22%3A%7B%22id%22%3A"
                "%22T1%22%7D%2C%22user%22%3A%7B%22team_id%22%3A%22T1%22%7D%7D",
                form),
    ElementsAre("T1"));
  EXPECT_THAT(accounts_in(channel::slack,
                          "payload=%7B%22team%22%3Anull%2C%22user%22%3A%7B%22team_id%22%3A%22T2%22"
                          "%7D%2C%22enterprise%22%3A%7B%22id%22%3A%22E1%22%7D%7D",
                          form),
              ElementsAre("T2", "E1"));
}

TEST(an_account, is_intercoms_app) {
  EXPECT_THAT(accounts_in(channel::intercom, R"({"app_id":"abc12","topic":"ping"})"),
              ElementsAre("abc12"));
}

TEST(an_account, is_not_read_from_what_cannot_be_one) {
  for (const auto* body : {R"({"app_id":"a b"})",
                           R"({"app_id":"'; --"})",
                           R"({"app_id":{}})",
                           R"({"app_id":""})",
                           "[]",
                           "no json",
                           ""})
    EXPECT_THAT(accounts_in(channel::intercom, body), IsEmpty()) << body;
  const json too_long{{"app_id", std::string(65, 'a')}};
  EXPECT_THAT(accounts_in(channel::intercom, write_json(too_long)), IsEmpty());
}

json change_of(const char* number, const char* message) {
  return {{"field", "messages"},
          {"value",
           {{"metadata", {{"phone_number_id", number}}},
            {"messages", json::array({{{"id", message}}})}}}};
}

std::string post_of(const json& entries) {
  return write_json({{"object", "whatsapp_business_account"}, {"entry", entries}});
}

TEST(whatsapp_posts, of_one_number_stay_whole) {
  EXPECT_THAT(accounts_in(channel::whatsapp,
                          post_of({{{"id", "WABA"},
                                    {"changes", {change_of("11", "a"), change_of("11", "b")}}}})),
              ElementsAre("11"));
}

TEST(whatsapp_posts, of_several_numbers_become_one_for_each) {
  const auto body = post_of(
    {{{"id", "WABA1"}, {"time", 5}, {"changes", {change_of("11", "a"), change_of("22", "b")}}},
     {{"id", "WABA2"}, {"changes", {change_of("11", "c")}}}});
  const auto parts = split_by_account(channel::whatsapp, {body, "application/json", {}});
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_THAT(parts[0].accounts, ElementsAre("11"));
  EXPECT_EQ(*parts[0].own_body,
            post_of({{{"id", "WABA1"}, {"time", 5}, {"changes", {change_of("11", "a")}}},
                     {{"id", "WABA2"}, {"changes", {change_of("11", "c")}}}}));
  EXPECT_THAT(parts[1].accounts, ElementsAre("22"));
  EXPECT_EQ(*parts[1].own_body,
            post_of({{{"id", "WABA1"}, {"time", 5}, {"changes", {change_of("22", "b")}}}}))
    << "nothing of the other number";
}

TEST(whatsapp_posts, about_a_whole_account_are_known_by_it) {
  EXPECT_THAT(accounts_in(channel::whatsapp,
                          post_of({{{"id", "102"},
                                    {"changes", {{{"field", "account_update"}, {"value", {}}}}}}})),
              ElementsAre("102"));
}

using names = std::vector<std::string>;

TEST(sources, that_nobody_connected_leave_everything_to_the_home_workspace) {
  const source_table table{home, {}};
  const auto where = table.place(channel::slack, names{"T1"});
  EXPECT_EQ(where.workspace, home);
  EXPECT_TRUE(where.known);
  EXPECT_THAT(where.holders, IsEmpty());
  EXPECT_FALSE(table.has_any(channel::slack));
}

TEST(sources, send_an_accounts_deliveries_to_its_workspace) {
  const source_table table{home,
                           {{north, channel::slack, "T1", at(0), {}},
                            {south, channel::slack, "T2", at(0), {}},
                            {south, channel::intercom, "T1", at(0), {}}}};
  EXPECT_EQ(table.place(channel::slack, names{"T1"}).workspace, north);
  EXPECT_EQ(table.place(channel::slack, names{"T2"}).workspace, south);
  EXPECT_EQ(table.place(channel::intercom, names{"T1"}).workspace, south);
  EXPECT_EQ(table.place(channel::slack, names{"T9", "T2"}).workspace, south)
    << "the first name that is connected";
}

TEST(sources, of_others_are_the_home_workspaces_until_it_has_one_of_its_own) {
  const source_table without{home, {{north, channel::slack, "T1", at(0), {}}}};
  const auto taken = without.place(channel::slack, names{"T2"});
  EXPECT_EQ(taken.workspace, home);
  EXPECT_TRUE(taken.known);

  const source_table with{
    home, {{north, channel::slack, "T1", at(0), {}}, {home, channel::slack, "T0", at(0), {}}}};
  for (const auto& unknown : {names{"T2"}, names{}}) {
    const auto aside = with.place(channel::slack, unknown);
    EXPECT_EQ(aside.workspace, home);
    EXPECT_FALSE(aside.known);
    EXPECT_THAT(aside.holders, ElementsAre(home)) << "it may have taken it in before";
    EXPECT_GT(aside.settled_since, at(1'000'000));
  }
  EXPECT_TRUE(with.place(channel::intercom, names{"app"}).known) << "of another channel";
}

TEST(sources, remember_who_had_an_account_before) {
  const source_table table{
    home,
    {{north, channel::slack, "T1", at(0), at(10)}, {south, channel::slack, "T1", at(20), {}}}};
  const auto where = table.place(channel::slack, names{"T1"});
  EXPECT_EQ(where.workspace, south);
  EXPECT_THAT(where.holders, ElementsAre(north, home));
  EXPECT_EQ(where.settled_since, at(20) + source_table::hand_over);

  const source_table gone{home, {{north, channel::slack, "T1", at(0), at(10)}}};
  const auto back = gone.place(channel::slack, names{"T1"});
  EXPECT_EQ(back.workspace, home);
  EXPECT_FALSE(back.known) << "it waits for whoever gets it next, though home has no account";
  EXPECT_THAT(back.holders, ElementsAre(north, home));
  EXPECT_TRUE(gone.place(channel::slack, names{"T2"}).known) << "that was nobody's ever";
}

TEST(sources, are_named_as_the_provider_names_them) {
  EXPECT_EQ(*parse_account(channel::slack, " T012AB3CD "), "T012AB3CD");
  EXPECT_FALSE(parse_account(channel::slack, "my team"));
  EXPECT_FALSE(parse_account(channel::whatsapp, "+34 600"));
  EXPECT_FALSE(parse_account(channel::email, "a"));
  EXPECT_FALSE(parse_account(channel::intercom, ""));
}

TEST(unplaced_deliveries, say_what_to_do) {
  EXPECT_THAT(why_unplaced(channel::slack, names{"T2"}),
              HasSubstr("Slack team T2 is connected to no workspace: connect it"));
  EXPECT_TRUE(is_unplaced(unplaced_id(names{"T2"}, "Ev1")));
  EXPECT_NE(unplaced_id(names{"T2"}, "Ev1"), unplaced_id(names{"T3"}, "Ev1"));
  EXPECT_FALSE(is_unplaced("Ev1"));
}

} // namespace
} // namespace hub::domain
