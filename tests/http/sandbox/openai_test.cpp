#include "http/sandbox/openai.hpp"

#include "http/sandbox/openai_answers.hpp"
#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace hub::tests {
namespace {

using testing::HasSubstr;

json says(const std::string& role, const std::string& text) {
  return {{"role", role}, {"content", text}};
}

json triage_schema() {
  return {
    {"type", "object"},
    {"additionalProperties", false},
    {"required", json::array({"suggested_type", "suggested_priority", "summary", "confidence"})},
    {"properties",
     {{"suggested_type",
       {{"type", "string"},
        {"enum", json::array({"bug", "feature_request", "question", "incident"})}}},
      {"suggested_priority", {{"type", "integer"}, {"minimum", 0}, {"maximum", 5}}},
      {"summary", {{"type", "string"}, {"maxLength", 40}}},
      {"confidence", {{"type", "number"}}}}}};
}

class sandbox_openai : public testing::Test {
protected:
  answer call(std::string_view path, const json& body, const std::string& token = "sk-sandbox") {
    const auto request =
      make_request("POST",
                   "/openai/v1/" + std::string{path},
                   {{"authorization", "Bearer " + token}, {"content-type", "application/json"}},
                   body.dump());
    return read(openai_.handle(sandbox::call_of(request, now_)));
  }
  answer chat(const json& more, const std::string& question = "Checkout crashes with an error.") {
    json body{{"model", "gpt-4o-mini"}, {"messages", json::array({says("user", question)})}};
    body.update(more.is_null() ? json::object() : more);
    return call("chat/completions", body);
  }
  static std::string content(const answer& got) {
    return got.body["choices"][0]["message"]["content"].get<std::string>();
  }

  sandbox::openai openai_;
  domain::time_point now_ = noon;
};

TEST_F(sandbox_openai, answers_in_words_and_counts_them) {
  const auto done = chat({});
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.body["object"], "chat.completion");
  EXPECT_EQ(done.body["choices"][0]["finish_reason"], "stop");
  EXPECT_THAT(content(done), HasSubstr("Checkout crashes with an error."));
  EXPECT_EQ(done.body["usage"]["total_tokens"],
            done.body["usage"]["prompt_tokens"].get<int>()
              + done.body["usage"]["completion_tokens"].get<int>());
  EXPECT_EQ(content(chat({})), content(done));
}

TEST_F(sandbox_openai, writes_under_the_headings_it_is_asked_for) {
  const auto text = content(chat(
    {{"messages",
      json::array({says("system",
                        "Use exactly these sections: **What happened:** then **How we fixed it:** "
                        "then **Going forward:**"),
                   says("user", "The export button does nothing.")})}}));
  const auto first = text.find("**What happened:**");
  const auto second = text.find("**How we fixed it:**");
  const auto third = text.find("**Going forward:**");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(sandbox_openai, speaks_of_what_an_object_of_texts_says) {
  const auto asked = json{{"title", "Export"}, {"description", "The export button does nothing."}};
  EXPECT_THAT(content(chat({}, asked.dump(2))),
              testing::AllOf(HasSubstr("The export button does nothing."),
                             testing::Not(HasSubstr("description"))));
}

TEST_F(sandbox_openai, fills_a_schema) {
  const json format{
    {"type", "json_schema"},
    {"json_schema", {{"name", "triage"}, {"strict", true}, {"schema", triage_schema()}}}};
  const auto bug = json::parse(content(chat({{"response_format", format}})));
  EXPECT_EQ(bug["suggested_type"], "bug");
  EXPECT_GE(bug["suggested_priority"], 0);
  EXPECT_LE(bug["suggested_priority"], 5);
  EXPECT_LE(bug["summary"].get<std::string>().size(), 40U);
  EXPECT_GT(bug["confidence"], 0);
  EXPECT_LE(bug["confidence"], 1);
  EXPECT_EQ(json::parse(content(chat({{"response_format", format}},
                                     "How do I add an administrator?")))["suggested_type"],
            "question");
}

TEST_F(sandbox_openai, fills_lists_of_ids_with_those_it_was_given) {
  const json schema{
    {"type", "object"},
    {"properties",
     {{"suggestions", {{"type", "array"}, {"items", {{"$ref", "#/$defs/suggestion"}}}}}}},
    {"$defs",
     {{"suggestion",
       {{"type", "object"},
        {"properties",
         {{"name", {{"type", "string"}}},
          {"ticket_ids", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}}}}}};
  const auto made =
    http::sandbox::answer_in_schema(schema,
                                    {"",
                                     "0198c000-0000-7000-8000-000000000001 export broken\n"
                                     "0198c000-0000-7000-8000-000000000002 export fails\n"});
  EXPECT_EQ(
    made["suggestions"][0]["ticket_ids"],
    json::array({"0198c000-0000-7000-8000-000000000001", "0198c000-0000-7000-8000-000000000002"}));
}

TEST_F(sandbox_openai, answers_json_with_the_keys_of_the_example) {
  const json format{{"type", "json_object"}};
  const auto made = json::parse(content(
    chat({{"response_format", format},
          {"messages",
           json::array(
             {says("system",
                   R"(Answer in JSON: {"type": "bug|question", "summary": "text", "tags": []})"),
              says("user", "It crashes.")})}})));
  EXPECT_EQ(made["type"], "bug");
  EXPECT_TRUE(made["summary"].is_string());
  EXPECT_TRUE(made["tags"].is_array());
  const auto refused = chat({{"response_format", format}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body["error"]["message"].get<std::string>(), HasSubstr("'json'"));
}

TEST_F(sandbox_openai, refuses_what_openai_refuses) {
  auto loose = triage_schema();
  loose.erase("additionalProperties");
  auto optional = triage_schema();
  optional["required"] = json::array({"summary"});
  const auto format = [](const json& schema) {
    return json{{"response_format",
                 {{"type", "json_schema"},
                  {"json_schema", {{"name", "x"}, {"strict", true}, {"schema", schema}}}}}};
  };
  const std::vector<std::tuple<json, int, std::string>> cases{
    {{{"messages", json::array()}}, 400, "empty array"},
    {{{"messages", json::array({says("robot", "x")})}}, 400, "robot"},
    {{{"messages", "x"}}, 400, "messages"},
    {{{"model", "missing-1"}}, 404, "does not exist"},
    {{{"model", "o3-mini"}, {"temperature", 0.2}}, 400, "temperature"},
    {{{"model", "gpt-5"}, {"temperature", 0}}, 400, "temperature"},
    {{{"model", "gpt-5.1"}, {"reasoning_effort", "high"}, {"temperature", 0}}, 400, "temperature"},
    {{{"model", "gpt-5.1"}, {"max_tokens", 100}}, 400, "max_completion_tokens"},
    {{{"temperature", 3}}, 400, "temperature"},
    {{{"colour", 1}}, 400, "colour"},
    {{{"stream", true}}, 400, "stream"},
    {{{"response_format", {{"type", "xml"}}}}, 400, "xml"},
    {format(loose), 400, "additionalProperties"},
    {format(optional), 400, "Missing 'confidence'"},
  };
  for (const auto& [more, status, part] : cases) {
    const auto refused = chat(more);
    EXPECT_EQ(refused.status, status) << more;
    EXPECT_THAT(refused.body["error"]["message"].get<std::string>(), HasSubstr(part));
    EXPECT_TRUE(refused.body["error"].contains("type"));
    EXPECT_TRUE(refused.body["error"].contains("param"));
    EXPECT_TRUE(refused.body["error"].contains("code"));
  }
  EXPECT_EQ(chat({{"model", "gpt-5.1"}, {"temperature", 0}}).status, 200);
  EXPECT_EQ(call("chat/completions", {{"x", 1}}, "revoked").body["error"]["code"],
            "invalid_api_key");
  EXPECT_EQ(call("cheese", json::object()).status, 404);
}

TEST_F(sandbox_openai, can_be_asked_for_awkward_answers) {
  EXPECT_THAT(content(chat({}, "sandbox:fenced Please.")), HasSubstr("```json"));
  EXPECT_EQ(chat({}, "sandbox:cut It crashes every time.").body["choices"][0]["finish_reason"],
            "length");
  const auto refused = chat({}, "sandbox:refuse").body["choices"][0]["message"];
  EXPECT_TRUE(refused["content"].is_null());
  EXPECT_TRUE(refused["refusal"].is_string());
  const auto cut = chat({{"max_completion_tokens", 3}});
  EXPECT_EQ(cut.body["choices"][0]["finish_reason"], "length");
  EXPECT_LE(cut.body["usage"]["completion_tokens"], 3);
}

double nearness(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

TEST_F(sandbox_openai, embeds_similar_texts_near_each_other) {
  const auto done = call("embeddings",
                         {{"model", "text-embedding-3-small"},
                          {"input",
                           json::array({"The export button does nothing",
                                        "Export button does nothing at all",
                                        "Invoices show the wrong rate"})}});
  ASSERT_EQ(done.status, 200) << done.body;
  std::vector<std::vector<float>> vectors;
  for (const auto& each : done.body["data"])
    vectors.push_back(each["embedding"].get<std::vector<float>>());
  EXPECT_EQ(vectors[0].size(), 1536U);
  EXPECT_NEAR(nearness(vectors[0], vectors[0]), 1, 1e-5);
  EXPECT_GT(nearness(vectors[0], vectors[1]), 0.7);
  EXPECT_LT(nearness(vectors[0], vectors[2]), 0.4);
  EXPECT_GT(done.body["usage"]["prompt_tokens"], 0);
  EXPECT_EQ(
    call("embeddings", {{"model", "text-embedding-3-small"}, {"input", "x"}, {"dimensions", 256}})
      .body["data"][0]["embedding"]
      .size(),
    256U);
  EXPECT_EQ(
    call("embeddings",
         {{"model", "text-embedding-3-small"}, {"input", "x"}, {"encoding_format", "base64"}})
      .body["data"][0]["embedding"]
      .get<std::string>()
      .size(),
    8192U);
}

TEST_F(sandbox_openai, refuses_inputs_it_cannot_embed) {
  const auto embed = [&](const json& more) {
    json body{{"model", "text-embedding-3-small"}, {"input", "x"}};
    body.update(more);
    return call("embeddings", body).status;
  };
  EXPECT_EQ(embed({{"input", ""}}), 400);
  EXPECT_EQ(embed({{"input", json::array()}}), 400);
  EXPECT_EQ(embed({{"input", 5}}), 400);
  EXPECT_EQ(embed({{"input", std::string(40'000, 'x')}}), 400);
  EXPECT_EQ(embed({{"dimensions", 4096}}), 400);
  EXPECT_EQ(embed({{"dimensions", 0}}), 400);
  EXPECT_EQ(embed({{"encoding_format", "hex"}}), 400);
  EXPECT_EQ(embed({{"model", "text-embedding-ada-002"}, {"dimensions", 256}}), 400);
}

TEST_F(sandbox_openai, allows_500_requests_a_minute) {
  int taken = 0;
  while (chat({}).status == 200)
    ++taken;
  EXPECT_EQ(taken, 500);
  const auto refused = chat({});
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(refused.header("retry-after"), "1");
}

} // namespace
} // namespace hub::tests
