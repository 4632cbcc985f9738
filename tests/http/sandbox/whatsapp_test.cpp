#include "http/sandbox/whatsapp.hpp"

#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace hub::tests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class sandbox_whatsapp : public testing::Test {
protected:
  answer send(const json& more = {}, const std::string& token = "sandbox") {
    json body{{"messaging_product", "whatsapp"},
              {"to", "34600000101"},
              {"type", "text"},
              {"text", {{"body", "It is fixed."}}}};
    body.update(more.is_null() ? json::object() : more);
    for (auto each = body.begin(); each != body.end();)
      each = each->is_null() ? body.erase(each) : std::next(each);
    const auto request =
      make_request("POST",
                   "/whatsapp/v23.0/106540352242922/messages",
                   {{"authorization", "Bearer " + token}, {"content-type", "application/json"}},
                   body.dump());
    return read(whatsapp_.handle(sandbox::call_of(request, now_)));
  }
  static json template_of(const std::string& name, const std::string& language = "en_US") {
    return {
      {"type", "template"},
      {"text", nullptr},
      {"template",
       {{"name", name},
        {"language", {{"code", language}}},
        {"components",
         json::array({{{"type", "body"},
                       {"parameters", json::array({{{"type", "text"}, {"text", "x"}}})}}})}}}};
  }
  std::vector<std::string> statuses() {
    std::vector<std::string> all;
    for (const auto& each : whatsapp_.take_statuses())
      all.push_back(each.status + (each.error == 0 ? "" : " " + std::to_string(each.error)));
    return all;
  }

  sandbox::whatsapp whatsapp_;
  domain::time_point now_ = noon;
};

TEST_F(sandbox_whatsapp, accepts_a_message_and_plans_its_statuses) {
  const auto done = send({{"to", "+34 600 000 101"}});
  EXPECT_EQ(done.status, 400); // spaces are no digits
  const auto sent = send({{"to", "+34600000101"},
                          {"biz_opaque_callback_data", "delivery-1"},
                          {"context", {{"message_id", "wamid.x"}}}});
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.body["messaging_product"], "whatsapp");
  EXPECT_EQ(sent.body["contacts"][0]["input"], "+34600000101");
  EXPECT_EQ(sent.body["contacts"][0]["wa_id"], "34600000101");
  EXPECT_THAT(sent.body["messages"][0]["id"].get<std::string>(), testing::StartsWith("wamid."));
  const auto planned = whatsapp_.take_statuses();
  ASSERT_EQ(planned.size(), 3U);
  EXPECT_EQ(planned[0].callback_data, "delivery-1");
  EXPECT_EQ(planned[0].message_id, sent.body["messages"][0]["id"]);
  EXPECT_LT(planned[0].after, planned[1].after);
  EXPECT_THAT((std::vector<std::string>{planned[0].status, planned[1].status, planned[2].status}),
              ElementsAre("sent", "delivered", "read"));
}

TEST_F(sandbox_whatsapp, refuses_free_text_outside_the_24_hours_but_takes_a_template) {
  const auto refused = send({{"to", "34600000000"}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body["error"]["code"], 131047);
  EXPECT_THAT(refused.body["error"]["error_data"]["details"].get<std::string>(),
              HasSubstr("24 hours"));
  EXPECT_TRUE(statuses().empty());
  auto by_template = template_of("ticket_resolved");
  by_template["to"] = "34600000000";
  const auto sent = send(by_template);
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.body["messages"][0]["message_status"], "accepted");
}

TEST_F(sandbox_whatsapp, believes_what_it_is_told_about_the_last_message) {
  whatsapp_.wrote("+34600000000", now_ - 23h);
  EXPECT_EQ(send({{"to", "34600000000"}}).status, 200);
  whatsapp_.wrote("34600000101", now_ - 25h);
  EXPECT_EQ(send().body["error"]["code"], 131047);
}

TEST_F(sandbox_whatsapp, notices_some_things_late) {
  statuses();
  EXPECT_EQ(send({{"to", "34600000001"}}).status, 200);
  EXPECT_THAT(statuses(), ElementsAre("failed 131047"));
  EXPECT_EQ(send({{"to", "34600000002"}}).body["error"]["code"], 131026);
  EXPECT_EQ(send({{"to", "34600000003"}}).status, 200);
  EXPECT_THAT(statuses(), ElementsAre("sent", "failed 131026"));
}

TEST_F(sandbox_whatsapp, refuses_what_is_not_a_message) {
  const std::vector<std::tuple<json, int, int>> cases{
    {{{"messaging_product", nullptr}}, 400, 100},
    {{{"messaging_product", "sms"}}, 400, 100},
    {{{"to", nullptr}}, 400, 100},
    {{{"to", "Ana"}}, 400, 131009},
    {{{"text", nullptr}}, 400, 131008},
    {{{"text", {{"body", ""}}}}, 400, 131008},
    {{{"text", {{"body", std::string(4097, 'x')}}}}, 400, 100},
    {{{"text", {{"body", "x"}, {"colour", 1}}}}, 400, 100},
    {{{"type", "smoke"}}, 400, 100},
    {{{"colour", 1}}, 400, 100},
    {{{"biz_opaque_callback_data", std::string(513, 'x')}}, 400, 100},
    {{{"context", {{"id", "x"}}}}, 400, 131008},
    {template_of("missing_one"), 404, 132001},
    {template_of("Has Spaces"), 404, 132001},
    {template_of("fine", "english please"), 404, 132001},
  };
  for (const auto& [more, status, code] : cases) {
    const auto refused = send(more);
    EXPECT_EQ(refused.status, status) << more;
    EXPECT_EQ(refused.body["error"]["code"], code) << more << refused.body;
    EXPECT_TRUE(refused.body["error"].contains("fbtrace_id"));
    EXPECT_FALSE(refused.delivered);
  }
  const std::string wide = "ñ";
  std::string exact;
  for (int i = 0; i < 4096; ++i)
    exact += wide;
  EXPECT_EQ(send({{"text", {{"body", exact}}}}).status, 200); // characters, not bytes
}

TEST_F(sandbox_whatsapp, refuses_a_dead_token_and_what_is_not_there) {
  const auto refused = send({}, "revoked");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body["error"]["code"], 190);
  const auto nothing = make_request("GET", "/whatsapp/v23.0/1/cheese", {});
  EXPECT_EQ(read(whatsapp_.handle(sandbox::call_of(nothing, now_))).body["error"]["code"], 2500);
  const auto no_number =
    make_request("POST", "/whatsapp/v23.0/me/messages", {{"authorization", "Bearer t"}}, "{}");
  const auto answer = read(whatsapp_.handle(sandbox::call_of(no_number, now_)));
  EXPECT_EQ(answer.body["error"]["error_subcode"], 33);
}

TEST_F(sandbox_whatsapp, lets_45_messages_to_one_person_then_one_in_six_seconds) {
  int taken = 0;
  while (send().status == 200)
    ++taken;
  EXPECT_EQ(taken, 45);
  EXPECT_EQ(send().body["error"]["code"], 131056);
  EXPECT_EQ(send({{"to", "34600000102"}}).status, 200);
  now_ += 6s;
  EXPECT_EQ(send().status, 200);
  EXPECT_EQ(send().body["error"]["code"], 131056);
}

TEST_F(sandbox_whatsapp, lets_80_messages_a_second_out_of_one_number) {
  int taken = 0;
  answer last;
  do
    last = send({{"to", std::to_string(34600001000 + taken * 7 + 4)}});
  while (last.status == 200 && ++taken < 200);
  EXPECT_EQ(taken, 80);
  EXPECT_EQ(last.body["error"]["code"], 130429);
}

TEST_F(sandbox_whatsapp, writes_statuses_as_meta_does) {
  sandbox::status_update update;
  update.message_id = "wamid.1/2";
  update.recipient = "34600000101";
  update.phone_number_id = "106540352242922";
  update.status = "delivered";
  update.callback_data = "señal";
  update.category = "service";
  const auto text = sandbox::status_webhook(update, noon);
  EXPECT_THAT(text, HasSubstr("wamid.1\\/2"));
  EXPECT_THAT(text, HasSubstr("se\\u00f1al"));
  const auto value = json::parse(text)["entry"][0]["changes"][0]["value"];
  EXPECT_EQ(value["metadata"]["phone_number_id"], "106540352242922");
  EXPECT_EQ(value["statuses"][0]["status"], "delivered");
  EXPECT_EQ(value["statuses"][0]["timestamp"], "1772357415");
  EXPECT_EQ(value["statuses"][0]["biz_opaque_callback_data"], "señal");
  update.status = "failed";
  update.error = 131047;
  const auto failed = json::parse(sandbox::status_webhook(update, noon));
  EXPECT_EQ(failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"][0]["code"], 131047);
}

} // namespace
} // namespace hub::tests
