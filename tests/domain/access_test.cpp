#include "domain/access.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

namespace hub::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(permissions, are_known_by_their_names) {
  for (unsigned i = 0; i < permission_count; ++i) {
    const auto what = static_cast<permission>(i);
    const auto parsed = parse_permission(to_string(what));
    ASSERT_TRUE(parsed) << to_string(what);
    EXPECT_EQ(*parsed, what);
  }
  const auto unknown = parse_permission("tickets:burn");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.why().message, HasSubstr("tickets:write"));
}

TEST(permissions, of_a_role_are_those_of_the_one_before_and_more) {
  for (std::size_t i = 1; i < all_roles.size(); ++i)
    EXPECT_TRUE(permissions_of(all_roles[i]).covers(permissions_of(all_roles[i - 1])));
}

TEST(permissions, to_see_personal_data_come_with_no_role) {
  for (const auto role : all_roles)
    EXPECT_FALSE(permissions_of(role).has(permission::pii_read)) << to_string(role);
}

TEST(permissions, make_a_set) {
  permission_set set{permission::keys_read};
  EXPECT_THAT(set.names(), ElementsAre("keys:read"));
  EXPECT_FALSE(set.covers({permission::keys_read, permission::keys_write}));
  set.add(permission::keys_write);
  EXPECT_TRUE(set.covers({permission::keys_read, permission::keys_write}));
  set.remove(permission::keys_read);
  EXPECT_EQ(set, permission_set{permission::keys_write});
  const std::vector<std::string> names{"keys:write", "nonsense"};
  EXPECT_FALSE(parse_permissions(names));
}

principal somebody(role rank) {
  principal who;
  who.rank = rank;
  who.may = permissions_of(rank);
  return who;
}

TEST(roles, are_given_by_those_who_are_no_less) {
  EXPECT_TRUE(may_manage(somebody(role::owner), role::owner, true));
  EXPECT_TRUE(may_manage(somebody(role::admin), role::admin, false));
  EXPECT_FALSE(may_manage(somebody(role::admin), role::owner, false));
  EXPECT_FALSE(may_manage(somebody(role::admin), role::viewer, true)) << "that is the owners'";
  EXPECT_FALSE(may_manage(somebody(role::agent), role::viewer, false));
  principal key;
  key.rank = role::admin;
  key.may = {permission::people_write};
  EXPECT_FALSE(may_manage(key, role::viewer, false)) << "viewers may more than it";
}

TEST(roles, decide_who_may_be_let_in_by_a_link) {
  EXPECT_TRUE(may_make_link(somebody(role::admin), role::admin, false, false));
  EXPECT_FALSE(may_make_link(somebody(role::admin), role::admin, false, true))
    << "it would make one admin the other";
  EXPECT_TRUE(may_make_link(somebody(role::admin), role::agent, false, true));
  EXPECT_FALSE(may_make_link(somebody(role::admin), role::agent, true, false));
  EXPECT_TRUE(may_make_link(somebody(role::owner), role::owner, true, true));
}

TEST(emails, are_compared_in_one_form) {
  EXPECT_EQ(*parse_email("  Ana@Example.COM "), "ana@example.com");
  for (const std::string odd : {"",
                                "ana",
                                "@example.com",
                                "ana@",
                                "a@b@c",
                                "ana @example.com",
                                "ana@example.com\r\nBcc: x@y",
                                "<ana@example.com>",
                                "ana@example.com,ben@example.com",
                                "ana@ex\xC3.com"})
    EXPECT_FALSE(parse_email(odd)) << odd;
  EXPECT_FALSE(parse_email(std::string(250, 'a').append("@b.co")));
}

TEST(passwords, are_long_and_not_the_first_to_be_tried) {
  EXPECT_TRUE(check_password("correct horse battery", "ana@example.com"));
  EXPECT_TRUE(check_password("contraseña ñandú", "ana@example.com"));
  EXPECT_TRUE(check_password("x7Gq9tLm2vRa", "ana@example.com"));
  std::string longest{"each of us sang another tune; "};
  while (longest.size() < 256)
    longest += static_cast<char>('a' + longest.size() * longest.size() % 23);
  EXPECT_TRUE(check_password(longest, "ana@example.com"));
  std::string repeated(256, 'x');
  repeated.back() = 'y';
  const std::string too_long(257, 'x');
  const std::vector<std::pair<std::string, const char*>> refused{
    {"elevenchars", "12 to 256"},
    {too_long, "12 to 256"},
    {"\xC3\xB1\xC3\xB1\xC3\xB1\xC3\xB1\xC3\xB1\xC3\xB1", "12 to 256"}, // six characters
    {"aaaaaaaaaaaaaa", "first"},
    {repeated, "first"},
    {"PasswordPassword", "first"},
    {"123456789012", "first"},
    {"Password1234!", "first"},
    {"qwertyuiop1234", "first"},
    {"iloveyou12345", "first"},
    {"FeedbackHub2026", "first"},
    {"feedback-hub-ana", "first"},
    {"Summer2026!!", "first"},
    {"manchesterunited", "first"},
    {"ana@example.com", "first"},
    {std::string("twelve\0chars", 12), "text"},
    {"not utf-8 \xFF\xFF\xFF", "text"}};
  for (const auto& [password, why] : refused) {
    const auto checked = check_password(password, "Ana@example.com");
    ASSERT_FALSE(checked) << password;
    EXPECT_THAT(checked.why().message, HasSubstr(why));
  }
}

} // namespace
} // namespace hub::domain
