#include "http/server/webhooks/signature.hpp"
#include "tests/e2e/hub_suite.hpp"

namespace hub::testing {
namespace {

using domain::channel;
using namespace std::chrono_literals;

// ---- the webhooks' doors

class webhook_doors : public hub_suite<webhook_doors> {
protected:
  static delivery sound(channel where) {
    const auto id = unique("");
    if (where == channel::slack)
      return slack({.event_id = "Ev" + id, .ts = fresh_ts()});
    if (where == channel::intercom)
      return intercom({.conversation = "c" + id});
    return whatsapp({{.id = "wamid." + id, .from = "346" + id}});
  }

  static answer call(const delivery& what, const headers& with) {
    hub_client client{hub().port()};
    auto all = with;
    all.emplace_back("Content-Type", what.content_type);
    return client.call("POST", webhook_path(what.channel), what.body, all);
  }

  static std::string signature_name(channel where) {
    return where == channel::slack      ? "X-Slack-Signature"
           : where == channel::intercom ? "X-Hub-Signature"
                                        : "X-Hub-Signature-256";
  }
};

constexpr std::array every_channel{channel::slack, channel::intercom, channel::whatsapp};

TEST_F(webhook_doors, stay_shut_to_whoever_cannot_sign_and_store_nothing) {
  const auto before = ledger_total(hub().port());
  for (const auto where : every_channel) {
    const auto what = sound(where);
    const auto good = signature_headers(what);
    std::vector<headers> bad{{}};
    for (const auto* value : {"",
                              "v0=",
                              "sha1=",
                              "sha256=",
                              "v0=00",
                              "garbage",
                              "sha256=zz",
                              "sha512=0000",
                              "v0=\xC3\xA9",
                              "=",
                              "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}) {
      auto wrong = good;
      wrong.back().second = value;
      bad.push_back(wrong);
    }
    auto lengthened = good;
    lengthened.back().second += std::string(4000, '0');
    bad.push_back(lengthened);
    auto of_another_body = signature_headers(sound(where));
    bad.push_back(of_another_body);
    for (const auto& each : bad) {
      const auto got = call(what, each);
      EXPECT_EQ(got.status, 401) << to_string(where) << ' '
                                 << (each.empty() ? "unsigned" : each.back().second.substr(0, 80))
                                 << ' ' << got.text;
      EXPECT_FALSE(got.at("error").empty());
      EXPECT_FALSE(got.at("code").empty());
    }
    EXPECT_EQ(call(what, good).status, 200);
  }
  const auto after = ledger_total(hub().port());
  EXPECT_EQ(after.received - before.received, std::int64_t{every_channel.size()});
  EXPECT_EQ(after.created - before.created, std::int64_t{every_channel.size()});
}

TEST_F(webhook_doors, refuse_slack_deliveries_from_another_time) {
  const auto what = sound(channel::slack);
  const auto now = std::chrono::system_clock::now();
  for (const auto away : {-6min, 6min}) {
    const auto got = call(what, signature_headers(what, now + away));
    EXPECT_EQ(got.status, 401) << got.text;
    EXPECT_EQ(got.at("code"), "stale_timestamp");
  }
  EXPECT_EQ(call(what, signature_headers(what, now - 4min)).status, 200);
}

TEST_F(webhook_doors, accept_every_form_of_intercoms_signature) {
  for (const std::string form : {"sha1=", "sha256=", ""}) {
    const auto what = sound(channel::intercom);
    const auto mac = form == "sha1=" ? http::hmac_sha1_hex(intercom_secret, what.body)
                                     : http::hmac_sha256_hex(intercom_secret, what.body);
    const auto got = call(what, {{"X-Hub-Signature", form + mac}});
    EXPECT_EQ(got.status, 200) << form << got.text;
    EXPECT_FALSE(got.at("ticket_id").empty());
  }
}

TEST_F(webhook_doors, sign_the_raw_bytes_not_what_they_mean) {
  // As Meta writes JSON: escaped where it need not be, white space where nobody expects it.
  const auto id = unique("wamid.");
  const delivery what{
    channel::whatsapp,
    R"( {"object":"whatsapp_business_account" , "entry":[{"id":"1","changes":[{"field":"messages",)"
    R"("value":{"metadata":{"phone_number_id":"1"},"messages":[{"from":"34600000199","id":")"
      + id + R"(","timestamp":")" + std::to_string(unix_now())
      + R"(","type":"text","text":{"body":"Caf\u00e9 a\/b \ud83d\ude00"}}]}}]}]} )"};
  hub_client api{hub().port()};
  const auto got = call(what, signature_headers(what));
  ASSERT_EQ(got.status, 200) << got.text;
  const auto detail = api.get("/api/tickets/" + got.at("ticket_id"));
  EXPECT_EQ(detail.at("description"), "Café a/b 😀");
  const delivery rewritten{channel::whatsapp, nlohmann::json::parse(what.body).dump()};
  EXPECT_EQ(call(rewritten, signature_headers(what)).status, 401);
}

TEST_F(webhook_doors, repeat_metas_challenge_to_who_knows_the_token) {
  hub_client client{hub().port()};
  const auto ask = [&](const std::string& query) {
    return client.get("/webhooks/whatsapp" + query);
  };
  const std::string token = whatsapp_verify_token;
  const auto got = ask("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.text, "1158201444");
  EXPECT_TRUE(got.header("content-type").starts_with("text/plain"));
  EXPECT_EQ(ask("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=" + token + "x").status, 403);
  EXPECT_EQ(ask("?hub.mode=subscribe&hub.challenge=1&hub.verify_token=").status, 403);
  EXPECT_EQ(ask("?hub.mode=subscribe&hub.challenge=1").status, 403);
  EXPECT_EQ(ask("?hub.mode=subscribe&hub.verify_token=" + token).status, 403);
  EXPECT_EQ(ask("?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=" + token).status, 403);
  EXPECT_EQ(ask("").status, 403);
}

TEST_F(webhook_doors, answer_probes_and_name_the_methods_they_take) {
  hub_client client{hub().port()};
  for (const auto where : every_channel) {
    EXPECT_EQ(client.call("HEAD", webhook_path(where), "", {}).status, 200) << to_string(where);
    const auto refused = client.call("PUT", webhook_path(where), "", {});
    EXPECT_EQ(refused.status, 405);
    EXPECT_NE(refused.header("allow").find("POST"), std::string::npos);
  }
  EXPECT_EQ(client.get("/webhooks/slack").status, 405);
  EXPECT_EQ(client.call("POST", "/webhooks/fax", "", {}).status, 404);
}

TEST_F(webhook_doors, echo_slacks_challenge_when_it_is_signed) {
  const delivery what{
    channel::slack,
    R"({"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV","type":"url_verification"})"};
  const auto before = ledger_total(hub().port());
  const auto got = call(what, signature_headers(what));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.text, "3eZbrw1aBm2rZgRNFdxV");
  EXPECT_EQ(call(what, {}).status, 401);
  EXPECT_EQ(ledger_total(hub().port()).received, before.received);
}

TEST_F(webhook_doors, take_slash_commands_and_interactions_as_forms_and_know_them_again) {
  hub_client api{hub().port()};
  const auto form = [](const std::string& body) {
    return delivery{channel::slack, body, "application/x-www-form-urlencoded; charset=utf-8"};
  };
  const auto command =
    form("team_id=T1&channel_id=C1&user_id=U1&user_name=ana&command=%2Ffeedback&text=The+export+is+"
         "100%25+broken&trigger_id=1.2."
         + unique(""));
  const auto interaction = form(
    "payload=%7B%22type%22%3A%22block_actions%22%2C%22team%22%3A%7B%22id%22%3A%22T1%22%7D%2C%22user"
    "%22%3A%7B%22id%22%3A%22U1%22%7D%2C%22trigger_id%22%3A%221.3."
    + unique("")
    + "%22%2C%22actions%22%3A%5B%7B%22type%22%3A%22plain_text_input%22%2C%22value%22%3A%22It+is+"
      "back%22%7D%5D%7D");
  for (const auto& [what, said] :
       {std::pair{command, "The export is 100% broken"}, std::pair{interaction, "It is back"}}) {
    const auto first = api.send(what);
    ASSERT_EQ(first.status, 200) << first.text;
    ASSERT_FALSE(first.at("ticket_id").empty()) << first.text;
    EXPECT_EQ(api.get("/api/tickets/" + first.at("ticket_id")).at("description"), said);
    const auto again = api.send(what);
    EXPECT_TRUE(again.is("duplicate")) << again.text;
    EXPECT_EQ(again.at("ticket_id"), first.at("ticket_id"));
    EXPECT_EQ(call(what, {}).status, 401);
  }
}

TEST_F(webhook_doors, count_what_they_refused) {
  const auto what = sound(channel::intercom);
  call(what, {});
  hub_client client{hub().port()};
  const auto metrics = client.get("/metrics").text;
  EXPECT_NE(metrics.find("hub_webhooks_refused_total{channel=\"intercom\",reason=\"missing_"),
            std::string::npos)
    << metrics.substr(0, 3000);
}

} // namespace
} // namespace hub::testing
