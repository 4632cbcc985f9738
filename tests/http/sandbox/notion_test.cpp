#include "http/sandbox/notion.hpp"

#include "tests/http/sandbox/requests.hpp"

#include <gmock/gmock.h>

#include <set>

namespace hub::tests {
namespace {

using testing::HasSubstr;

constexpr auto database = "1a2b3c4d-0000-4000-8000-00000000abcd";
constexpr auto source = "da7a3c4d-0000-4000-8000-00000000abcd";

json title(const std::string& text) {
  return {{"title", json::array({{{"text", {{"content", text}}}}})}};
}

json rich(const std::string& text) {
  return {{"rich_text", json::array({{{"text", {{"content", text}}}}})}};
}

class sandbox_notion : public testing::Test {
protected:
  answer call(std::string_view method, const std::string& target, const json& body = nullptr) {
    header_list headers{{"authorization", "Bearer " + token_},
                        {"content-type", "application/json"}};
    if (!version_.empty())
      headers.emplace_back("notion-version", version_);
    const auto request =
      make_request(method, "/notion/v1/" + target, headers, body.is_null() ? "" : body.dump());
    now_ += pace_;
    return read(notion_.handle(sandbox::call_of(request, now_)));
  }
  answer create(const json& properties, const json& more = {}) {
    json body{{"parent", {{"type", "data_source_id"}, {"data_source_id", source}}},
              {"properties", properties}};
    body.update(more.is_null() ? json::object() : more);
    return call("POST", "pages", body);
  }
  answer query(const json& body) {
    return call("POST", "data_sources/" + std::string{source} + "/query", body);
  }
  void expect_invalid(const answer& got, const std::string& says) {
    EXPECT_EQ(got.status, 400) << got.body;
    EXPECT_EQ(got.body["object"], "error");
    EXPECT_EQ(got.body["code"], "validation_error");
    EXPECT_THAT(got.body["message"].get<std::string>(), HasSubstr(says));
    EXPECT_FALSE(got.delivered);
  }

  sandbox::notion notion_;
  domain::time_point now_ = noon;
  std::chrono::milliseconds pace_ = 400ms; // slower than the limit
  std::string token_ = "sandbox";
  std::string version_ = "2025-09-03";
};

TEST_F(sandbox_notion, shows_a_database_with_its_data_source) {
  const auto shown = call("GET", "databases/" + std::string{database}).body;
  EXPECT_EQ(shown["object"], "database");
  EXPECT_EQ(shown["data_sources"][0]["id"], source);
  const auto columns = call("GET", "data_sources/" + std::string{source}).body;
  EXPECT_EQ(columns["properties"]["Name"]["type"], "title");
  EXPECT_EQ(columns["parent"]["database_id"], database);
}

TEST_F(sandbox_notion, creates_retrieves_and_updates_a_page) {
  const auto made = create({{"Name", title("Export fails")},
                            {"Status", {{"status", {{"name", "Open"}}}}},
                            {"Priority", {{"select", {{"name", "High"}}}}},
                            {"Hub ID", rich("t-1")}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_TRUE(made.delivered);
  EXPECT_EQ(made.body["last_edited_time"], "2026-03-01T09:30:00.000Z");
  EXPECT_EQ(made.body["parent"]["data_source_id"], source);
  EXPECT_EQ(made.body["properties"]["Name"]["title"][0]["plain_text"], "Export fails");
  EXPECT_EQ(made.body["properties"]["Status"]["status"]["name"], "Open");
  EXPECT_TRUE(made.body["properties"]["Resolution notes"]["rich_text"].empty());
  const auto page = "pages/" + made.body["id"].get<std::string>();
  now_ += 10min;
  const auto updated =
    call("PATCH", page, {{"properties", {{"Status", {{"status", {{"name", "Done"}}}}}}}});
  EXPECT_EQ(updated.status, 200) << updated.body;
  const auto shown = call("GET", page).body;
  EXPECT_EQ(shown["properties"]["Status"]["status"]["name"], "Done");
  EXPECT_EQ(shown["properties"]["Hub ID"]["rich_text"][0]["plain_text"], "t-1");
  EXPECT_EQ(shown["last_edited_time"], "2026-03-01T09:40:00.000Z");
  EXPECT_EQ(shown["created_time"], "2026-03-01T09:30:00.000Z");
}

TEST_F(sandbox_notion, finds_pages_by_text_number_and_time) {
  for (int i = 0; i < 5; ++i) {
    create({{"Name", title("page " + std::to_string(i))},
            {"Hub ID", rich("t-" + std::to_string(i))},
            {"Number", {{"number", i}}}});
    now_ += 1min;
  }
  const auto names = [&](const json& filter) {
    std::set<std::string> found;
    const auto answered = query({{"filter", filter}});
    EXPECT_EQ(answered.status, 200) << answered.body;
    for (const auto& page : answered.body["results"])
      found.insert(page["properties"]["Name"]["title"][0]["plain_text"].get<std::string>());
    return found;
  };
  using set = std::set<std::string>;
  EXPECT_EQ(names({{"property", "Hub ID"}, {"rich_text", {{"equals", "t-3"}}}}), set{"page 3"});
  EXPECT_EQ(names({{"property", "Number"}, {"number", {{"equals", 2}}}}), set{"page 2"});
  EXPECT_EQ(names({{"property", "Number"}, {"number", {{"greater_than", 2}}}}),
            (set{"page 3", "page 4"}));
  EXPECT_EQ(names({{"timestamp", "last_edited_time"},
                   {"last_edited_time", {{"on_or_after", "2026-03-01T09:33:00.000Z"}}}}),
            (set{"page 3", "page 4"}));
  EXPECT_EQ(names({{"or",
                    json::array({{{"property", "Hub ID"}, {"rich_text", {{"equals", "t-0"}}}},
                                 {{"property", "Number"}, {"number", {{"equals", 4}}}}})}}),
            (set{"page 0", "page 4"}));
  EXPECT_EQ(names({{"property", "Name"}, {"title", {{"contains", "page"}}}}).size(), 5U);
}

TEST_F(sandbox_notion, sorts_and_pages) {
  for (int i = 0; i < 7; ++i) {
    create({{"Name", title(std::to_string(i))}});
    now_ += 1min;
  }
  std::string seen;
  json cursor = nullptr;
  do {
    json body{
      {"page_size", 3},
      {"sorts", json::array({{{"timestamp", "last_edited_time"}, {"direction", "ascending"}}})}};
    if (!cursor.is_null())
      body["start_cursor"] = cursor;
    const auto page = query(body).body;
    ASSERT_EQ(page["object"], "list") << page;
    for (const auto& each : page["results"])
      seen += each["properties"]["Name"]["title"][0]["plain_text"].get<std::string>();
    cursor = page["next_cursor"];
    EXPECT_EQ(page["has_more"], !cursor.is_null());
  } while (!cursor.is_null());
  EXPECT_EQ(seen, "0123456");
  EXPECT_EQ(
    query(json::object()).body["results"][0]["properties"]["Name"]["title"][0]["plain_text"],
    "6"); // the newest first
  expect_invalid(query({{"page_size", 101}}), "page_size");
  expect_invalid(query({{"start_cursor", "5a4d0000-0000-4000-a000-000000000001"}}), "start_cursor");
  expect_invalid(query({{"filter", {{"property", "Name"}, {"title", {{"near", "x"}}}}}}), "near");
}

TEST_F(sandbox_notion, refuses_values_beyond_its_limits) {
  expect_invalid(create({{"Name", title(std::string(2001, 'x'))}}),
                 "body.properties.Name.title[0].text.content.length should be ≤ `2000`");
  std::string faces; // two units each
  for (int i = 0; i < 1001; ++i)
    faces += "😀";
  expect_invalid(create({{"Name", title(faces)}}), "instead was `2002`");
  json many = json::array();
  for (int i = 0; i < 101; ++i)
    many.push_back({{"text", {{"content", "x"}}}});
  expect_invalid(create({{"Name", {{"title", many}}}}), "should be ≤ `100`, instead was `101`");
  json blocks = json::array();
  for (int i = 0; i < 101; ++i)
    blocks.push_back({{"type", "paragraph"}, {"paragraph", {{"rich_text", json::array()}}}});
  expect_invalid(create({{"Name", title("x")}}, {{"children", blocks}}), "body.children.length");
  expect_invalid(create({{"Number", {{"number", "five"}}}}), "number");
  expect_invalid(create({{"Name", {{"colour", "red"}}}}), "body.properties.Name");
  expect_invalid(create({{"Name", title("x")}}, {{"colour", "red"}}), "body.colour");
  expect_invalid(call("POST", "pages", {{"properties", json::object()}}), "body.parent");
  EXPECT_EQ(create({{"Name", title(std::string(2000, 'x'))}}).status, 200);
}

TEST_F(sandbox_notion, keeps_a_columns_type_once_it_was_used) {
  EXPECT_EQ(create({{"Hub ID", {{"number", 5}}}}).status, 200);
  expect_invalid(create({{"Hub ID", rich("t-1")}}), "Hub ID is expected to be number");
  expect_invalid(query({{"filter", {{"property", "Hub ID"}, {"rich_text", {{"equals", "x"}}}}}}),
                 "does not match filter");
}

TEST_F(sandbox_notion, holds_callers_to_columns_that_were_set) {
  EXPECT_FALSE(notion_.set_schema(
    database,
    {{"Task", {{"title", json::object()}}},
     {"State", {{"status", {{"options", json::array({{{"name", "Todo"}}})}}}}}}));
  expect_invalid(create({{"Name", title("x")}}), "Name is not a property that exists.");
  expect_invalid(create({{"State", {{"status", {{"name", "Done"}}}}}}), "Invalid status option");
  expect_invalid(query({{"filter", {{"property", "Hub ID"}, {"rich_text", {{"equals", "x"}}}}}}),
                 "Could not find property");
  EXPECT_EQ(create({{"Task", title("x")}, {"State", {{"status", {{"name", "Todo"}}}}}}).status,
            200);
  EXPECT_TRUE(notion_.set_schema(database, {{"Only", {{"number", json::object()}}}}));
}

TEST_F(sandbox_notion, refuses_callers_and_paths) {
  version_ = "";
  EXPECT_EQ(query({}).body["code"], "missing_version");
  version_ = "2022-06-28";
  EXPECT_EQ(query({}).status, 400);
  version_ = "2025-09-03";
  token_ = "revoked";
  EXPECT_EQ(query({}).status, 401);
  EXPECT_EQ(query({}).body["code"], "unauthorized");
  token_ = "sandbox";
  EXPECT_EQ(call("GET", "cheese").body["code"], "invalid_request_url");
  expect_invalid(call("GET", "pages/x"), "should be a valid uuid");
  const auto missing = call("GET", "pages/" + std::string{database});
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body["code"], "object_not_found");
  // A database's id is not its data source's.
  EXPECT_EQ(call("POST", "data_sources/" + std::string{database} + "/query", json::object()).status,
            404);
  const auto broken = make_request("POST",
                                   "/notion/v1/pages",
                                   {{"authorization", "Bearer t"},
                                    {"notion-version", "2025-09-03"},
                                    {"content-type", "application/json"}},
                                   "{");
  EXPECT_EQ(read(notion_.handle(sandbox::call_of(broken, now_))).body["code"], "invalid_json");
}

TEST_F(sandbox_notion, speaks_two_versions) {
  const auto id = create({{"Name", title("x")}}).body["id"].get<std::string>();
  EXPECT_EQ(call("PATCH", "pages/" + id, {{"archived", true}}).body["archived"], true);
  EXPECT_TRUE(query(json::object()).body["results"].empty());
  expect_invalid(call("PATCH", "pages/" + id, {{"properties", json::object()}}), "archived");
  version_ = "2026-03-11";
  const auto back = call("PATCH", "pages/" + id, {{"in_trash", false}}).body;
  EXPECT_EQ(back["in_trash"], false);
  EXPECT_FALSE(back.contains("archived"));
  expect_invalid(call("PATCH", "pages/" + id, {{"archived", true}}), "archived");
}

TEST_F(sandbox_notion, allows_three_requests_a_second_on_average) {
  pace_ = 0ms;
  int taken = 0;
  while (query({}).status == 200)
    ++taken;
  EXPECT_EQ(taken, 15);
  const auto refused = query({});
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body["code"], "rate_limited");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  now_ += 1s;
  taken = 0;
  while (query({}).status == 200)
    ++taken;
  EXPECT_LE(taken, 3);
  EXPECT_GE(taken, 2);
}

TEST_F(sandbox_notion, keeps_a_pages_text) {
  const auto made = create(
    {{"Name", title("x")}},
    {{"children",
      json::array(
        {{{"object", "block"}, {"type", "paragraph"}, {"paragraph", rich("what happened")}}})}});
  const auto blocks = "blocks/" + made.body["id"].get<std::string>() + "/children";
  EXPECT_EQ(
    call("PATCH", blocks, {{"children", json::array({{{"heading_2", rich("Resolution notes")}}})}})
      .status,
    200);
  const auto shown = call("GET", blocks).body["results"];
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0]["paragraph"]["rich_text"][0]["plain_text"], "what happened");
  EXPECT_EQ(shown[1]["type"], "heading_2");
}

} // namespace
} // namespace hub::tests
