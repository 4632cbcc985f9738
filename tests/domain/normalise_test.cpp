#include "domain/report.hpp"
#include "domain/text.hpp"
#include "tests/domain/case_file.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

namespace {

using nlohmann::json;

constexpr time_point received{std::chrono::seconds{1767225600}}; // 2026-01-01T00:00:00Z

struct recorded_case {
  std::string channel;
  std::filesystem::path file;

  friend std::ostream& operator<<(std::ostream& out, const recorded_case& shown) {
    return out << shown.file;
  }
};

std::vector<recorded_case> recorded_cases() {
  std::vector<recorded_case> cases;
  for (const auto* channel : {"slack", "intercom", "whatsapp"})
    for (const auto& file :
         std::filesystem::directory_iterator{std::filesystem::path{HUB_CASES} / channel})
      if (file.path().extension() == ".json")
        cases.push_back({channel, file.path()});
  std::sort(cases.begin(), cases.end(), [](const auto& left, const auto& right) {
    return left.file < right.file;
  });
  return cases;
}

result<intake> normalise(const std::string& channel, const raw_delivery& delivery) {
  if (channel == "slack")
    return normalise_slack(delivery);
  return channel == "intercom" ? normalise_intercom(delivery) : normalise_whatsapp(delivery);
}

json shown(const attachment& file) {
  return {{"external_id", file.external_id},
          {"file_name", file.file_name},
          {"file_type", file.file_type},
          {"file_size", file.file_size ? json(*file.file_size) : json()},
          {"url", file.url}};
}

template <class T>
json shown(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json shown(const report& written) {
  json out{{"conversation", written.conversation},
           {"thread_id", written.thread_id},
           {"message_id", written.message_id},
           {"quoted_message_id", shown(written.quoted_message_id)},
           {"joins_open_ticket", written.joins_open_ticket},
           {"from",
            {{"platform_user_id", written.from.platform_user_id},
             {"display_name", written.from.display_name},
             {"email", shown(written.from.email)},
             {"locale", shown(written.from.locale)}}},
           {"text", written.text},
           {"external_url", written.external_url},
           {"attachments", json::array()},
           {"metadata", json::object()}};
  for (const auto& file : written.attachments)
    out["attachments"].push_back(shown(file));
  for (const auto& [name, value] : written.metadata)
    out["metadata"][name] = value;
  return out;
}

json shown(const delivery_item& item) {
  json out{{"delivery_id", item.delivery_id}, {"occurred_at", to_rfc3339(item.occurred_at)}};
  if (const auto* written = std::get_if<report>(&item.content))
    out["report"] = shown(*written);
  else if (const auto* aside = std::get_if<not_understood>(&item.content))
    out["not_understood"] = aside->error;
  else
    out["not_feedback"] = std::get<not_feedback>(item.content).reason;
  if (const auto* other = std::get_if<not_feedback>(&item.content); other && other->of_sent)
    out["of_sent"] = {{"job", other->of_sent->job.is_nil() ? "" : to_string(other->of_sent->job)},
                      {"taken", other->of_sent->taken},
                      {"error_code", other->of_sent->error_code},
                      {"message_id", other->of_sent->message_id},
                      {"said", other->of_sent->said}};
  return out;
}

json shown(const result<intake>& understood) {
  if (!understood)
    return {{"failure", to_string(understood.why().code)}};
  json out{{"items", json::array()}};
  for (const auto& item : understood->items)
    out["items"].push_back(shown(item));
  if (understood->answer)
    out["answer"] = {{"content_type", understood->answer->content_type},
                     {"body", understood->answer->body}};
  return out;
}

/// Keeps of `actual` what `expected` mentions, so that a case states only what it is about.
json mentioned(const json& actual, const json& expected) {
  if (actual.is_object() && expected.is_object()) {
    auto kept = json::object();
    for (const auto& [key, value] : expected.items())
      kept[key] = actual.contains(key) ? mentioned(actual[key], value) : json("(nothing)");
    return kept;
  }
  if (actual.is_array() && expected.is_array() && actual.size() == expected.size()) {
    auto kept = json::array();
    for (std::size_t i = 0; i < actual.size(); ++i)
      kept.push_back(mentioned(actual[i], expected[i]));
    return kept;
  }
  return actual;
}

class normalise_case : public testing::TestWithParam<recorded_case> {};

TEST_P(normalise_case, reads_as_expected) {
  std::ifstream file{GetParam().file};
  const auto recorded = json::parse(file);
  const auto body = tests::body_of(recorded);
  const auto type = recorded.value("content_type", "application/json");
  const auto understood = normalise(GetParam().channel, {body, type, received});
  const auto actual = shown(understood);
  const auto& expected = recorded.at("expect");
  ASSERT_EQ(mentioned(actual, expected).dump(2), expected.dump(2))
    << recorded.at("description") << (understood ? "" : understood.why().message);
  if (!understood)
    return;

  ASSERT_TRUE(!understood->items.empty() || understood->answer);
  for (const auto& item : understood->items) {
    ASSERT_EQ(item.own_payload.has_value(), understood->items.size() > 1);
    if (!item.own_payload)
      continue;
    const auto again =
      normalise(GetParam().channel, {*item.own_payload, "application/json", received});
    if (std::holds_alternative<not_understood>(item.content)) {
      EXPECT_FALSE(again) << "set aside, but understood alone";
      continue;
    }
    ASSERT_TRUE(again) << again.why().message << *item.own_payload;
    ASSERT_EQ(again->items.size(), 1U);
    EXPECT_EQ(shown(again->items.front()).dump(2), shown(item).dump(2));
    EXPECT_FALSE(again->items.front().own_payload);
  }
}

INSTANTIATE_TEST_SUITE_P(
  recorded, normalise_case, testing::ValuesIn(recorded_cases()), [](const auto& tested) {
    auto name = tested.param.channel + "_" + tested.param.file.stem().string();
    std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
  });

/// Thousands of messages that share a name of half a megabyte must not each read it.
void expect_quick(result<intake> (*read)(const raw_delivery&),
                  std::string body,
                  std::string_view message,
                  std::string_view end) {
  for (int left = 9000; left > 0; --left)
    body.append(left == 9000 ? "" : ",").append(message);
  body += end;
  const auto start = std::clock(); // processor time: others' load does not count
  const auto understood = read({body, "application/json", received});
  const auto took = (std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_TRUE(understood) << understood.why().message;
  EXPECT_EQ(understood->items.size(), 9000U);
  EXPECT_LT(took, 20); // seconds; quadratic takes minutes under sanitizers
}

TEST(normalise, reads_what_messages_share_once) {
  const std::string name(500'000, 'n');
  expect_quick(normalise_whatsapp,
               std::string{R"({"entry":[{"changes":[{"field":"messages","value":{"contacts":[)"}
                 .append(R"({"wa_id":"1","profile":{"name":")")
                 .append(name)
                 .append(R"("}}],"messages":[)"),
               R"({"from":"1","id":"w","type":"text","text":{"body":"x"}})",
               "]}}]}]}");
  expect_quick(normalise_intercom,
               std::string{R"({"topic":"conversation.user.replied","data":{"item":{"id":"1",)"}
                 .append(R"("contacts":{"contacts":[{"id":"1","name":")")
                 .append(name)
                 .append(R"("}]},"conversation_parts":{"conversation_parts":[)"),
               R"({"id":"p","body":"x","author":{"id":"1"}})",
               "]}}}}");
}

} // namespace

} // namespace hub::domain
