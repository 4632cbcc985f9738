#include "http/server/auth/gate.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/auth/tokens.hpp"

#include <gmock/gmock.h>

#include <ctime>
#include <future>
#include <set>
#include <string>
#include <utility>

namespace hub::http {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

edge::request request_with(std::vector<std::pair<std::string, std::string>> headers,
                           std::string peer = "192.0.2.1") {
  edge::request made;
  made.headers = std::move(headers);
  if (!made.header("host"))
    made.headers.emplace_back("host", "localhost");
  made.peer = std::move(peer);
  return made;
}

// ---- tokens

TEST(tokens, are_random_and_fit_into_headers_and_addresses) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto token = random_token();
    EXPECT_THAT(token, MatchesRegex("[A-Za-z0-9_-]{43}"));
    EXPECT_TRUE(seen.insert(token).second);
    const auto key = make_api_key();
    EXPECT_THAT(key.text(), MatchesRegex("fbh_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}"));
    const auto read = read_api_key(key.text());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->prefix, key.prefix);
    EXPECT_EQ(read->secret, key.secret);
  }
}

TEST(tokens, that_somebody_chose_show_nothing_of_themselves) {
  const auto chosen = read_api_key("0123456789abcdef0123456789abcdef");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->prefix, "own");
  EXPECT_EQ(chosen->secret, "0123456789abcdef0123456789abcdef");
}

TEST(tokens, that_cannot_be_one_are_refused) {
  for (const auto& text : {std::string{},
                           std::string{"short"},
                           std::string(600, 'x'),
                           std::string{"with a space in between"},
                           std::string{"control\x01characters-inside"},
                           std::string{"n\xC3\xB6n-ascii-characters"}})
    EXPECT_FALSE(read_api_key(text)) << text;
}

TEST(tokens, of_sessions_give_pages_a_second_secret) {
  const auto token = random_token();
  EXPECT_EQ(csrf_token_of(token), csrf_token_of(token));
  EXPECT_NE(csrf_token_of(token), csrf_token_of(random_token()));
  EXPECT_THAT(csrf_token_of(token), Not(HasSubstr(token)));
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "abcd"));
}

// ---- passwords

/// Cheap enough for many; the real cost is measured once, below.
constexpr hash_cost cheap{.kibibytes = 64, .passes = 1};

domain::result<bool>
verify(password_hasher& hasher, const std::string& secret, const std::string& hash) {
  std::promise<domain::result<bool>> promise;
  auto answer = promise.get_future();
  hasher.verify(secret, hash, [&](domain::result<bool> same) { promise.set_value(same); });
  return answer.get();
}

TEST(password_hashes, match_what_they_were_made_of_and_nothing_else) {
  password_hasher hasher{1, 8, cheap};
  const auto hash = password_hasher::hash_now("correct horse", cheap);
  ASSERT_TRUE(hash);
  EXPECT_THAT(*hash, HasSubstr("$argon2id$"));
  EXPECT_NE(*hash, *password_hasher::hash_now("correct horse", cheap)) << "each has a salt";
  EXPECT_TRUE(*verify(hasher, "correct horse", *hash));
  EXPECT_FALSE(*verify(hasher, "wrong horse", *hash));
  EXPECT_FALSE(*verify(hasher, "correct horse", ""));
  EXPECT_FALSE(*verify(hasher, "correct horse", "not a hash"));
}

TEST(password_hashes, cost_as_much_where_there_is_no_account) {
  password_hasher hasher{1, 8};
  const auto hash = *password_hasher::hash_now("correct horse");
  const auto cost_of = [&](const std::string& known) {
    const auto begin = std::clock(); // of the processor: others' load does not count
    for (int i = 0; i < 5; ++i)
      EXPECT_FALSE(*verify(hasher, "wrong horse", known));
    return static_cast<double>(std::clock() - begin);
  };
  cost_of(hash); // warm
  const auto known = cost_of(hash);
  const auto unknown = cost_of("");
  EXPECT_GT(unknown, known / 2);
  EXPECT_LT(unknown, known * 2);
}

TEST(password_hashes, are_refused_when_too_many_wait) {
  password_hasher hasher{0, 1, cheap}; // nobody works off the queue
  int refused = 0;
  const auto count = [&](const domain::result<bool>& same) {
    if (!same && same.why().code == domain::errc::rate_limited)
      ++refused;
  };
  hasher.verify("a", "", [](const domain::result<bool>&) {});
  hasher.verify("b", "", count);
  EXPECT_EQ(refused, 1);
}

TEST(password_hashes, that_wait_when_it_stops_are_answered) {
  password_hasher hasher{0, 8, cheap};
  std::string why;
  hasher.hash("a", [&](const domain::result<std::string>& hash) { why = hash.why().message; });
  hasher.stop();
  EXPECT_THAT(why, HasSubstr("stopping"));
  hasher.hash("b", [&](const domain::result<std::string>& hash) { why = hash ? "" : "refused"; });
  EXPECT_EQ(why, "refused");
}

// ---- cookies and addresses

TEST(session_cookies, are_for_the_server_alone) {
  const auto here = session_cookie("token", false, std::chrono::seconds{60});
  EXPECT_EQ(here, "hub_session=token; Path=/; HttpOnly; SameSite=Lax; Max-Age=60");
  EXPECT_EQ(session_cookie("token", true, std::chrono::seconds{60}),
            "__Host-hub_session=token; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
}

TEST(session_cookies, are_taken_beyond_this_machine_only_from_whom_tls_vouches_for) {
  const auto token_of = [](const char* host, const char* cookie) {
    return session_token_in(request_with({{"host", host}, {"cookie", cookie}}));
  };
  EXPECT_EQ(token_of("hub.example", "hub_session=planted; __Host-hub_session=own"), "own");
  EXPECT_EQ(token_of("hub.example", "hub_session=planted"), std::nullopt);
  EXPECT_EQ(token_of("127.0.0.1:3000", "hub_session=own"), "own");
}

TEST(session_cookies, are_found_among_others) {
  EXPECT_EQ(session_token_in(request_with({{"cookie", "a=b; hub_session=token; c=d"}})), "token");
  EXPECT_EQ(session_token_in(request_with({{"cookie", "a=b"}, {"cookie", "hub_session=t"}})), "t");
  for (const auto* none :
       {"", "hub_session", "hub_session=", "xhub_session=token", "a=hub_session=token", ";;;="})
    EXPECT_EQ(session_token_in(request_with({{"cookie", none}})), std::nullopt) << none;
}

TEST(addresses, are_the_peers_unless_it_is_a_trusted_proxy) {
  const std::vector<std::string> trusted{"127.0.0.1", "10.0.0.1"};
  const auto forwarded = [](const char* peer, const char* chain) {
    return request_with({{"x-forwarded-for", chain}}, peer);
  };
  EXPECT_EQ(address_of(request_with({}, "127.0.0.1"), trusted), "127.0.0.1");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "198.51.100.7"), trusted), "198.51.100.7");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "198.51.100.7, 10.0.0.1"), trusted), "198.51.100.7");
  // What the caller wrote in front is theirs, and believed by nobody.
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "1.1.1.1, 198.51.100.7"), trusted), "198.51.100.7");
  EXPECT_EQ(address_of(forwarded("192.0.2.1", "198.51.100.7"), trusted), "192.0.2.1");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "198.51.100.7"), {}), "127.0.0.1");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", ""), trusted), "127.0.0.1");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "198.51.100.7:4711"), trusted), "127.0.0.1");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", "2001:db8::7"), trusted), "2001:db8::7");
  EXPECT_EQ(address_of(forwarded("127.0.0.1", std::string(60, 'x').c_str()), trusted), "127.0.0.1");
}

TEST(guesses, make_one_address_wait_and_no_other) {
  failure_counter guesses{{.every = std::chrono::hours{1}, .burst = 3}};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(guesses.begin("192.0.2.1"), std::nullopt);
  const auto wait = guesses.begin("192.0.2.1");
  ASSERT_TRUE(wait);
  EXPECT_GT(*wait, std::chrono::minutes{30});
  EXPECT_EQ(guesses.begin("192.0.2.2"), std::nullopt);
  guesses.forgive("192.0.2.1");
  EXPECT_EQ(guesses.begin("192.0.2.1"), std::nullopt) << "a right one ends it";
}

TEST(guesses, that_nobody_could_check_are_given_back) {
  failure_counter guesses{{.every = std::chrono::hours{1}, .burst = 2}};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(guesses.begin("192.0.2.1"), std::nullopt);
    guesses.give_back("192.0.2.1");
  }
  guesses.give_back("192.0.2.1"); // never more than there were
  EXPECT_EQ(guesses.begin("192.0.2.1"), std::nullopt);
  EXPECT_EQ(guesses.begin("192.0.2.1"), std::nullopt);
  EXPECT_TRUE(guesses.begin("192.0.2.1"));
}

TEST(guesses, are_counted_by_network_where_addresses_are_plenty) {
  failure_counter guesses{{.every = std::chrono::hours{1}, .burst = 1}};
  EXPECT_EQ(guesses.begin("2001:db8::1"), std::nullopt);
  EXPECT_TRUE(guesses.begin("2001:db8::2"));
  EXPECT_EQ(guesses.begin("2001:db8:0:1::2"), std::nullopt);
}

} // namespace
} // namespace hub::http
