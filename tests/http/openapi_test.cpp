#include "http/server/auth/gate.hpp"
#include "http/server/auth/password_hasher.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/embedded_files.hpp"
#include "http/server/routes/routes.hpp"
#include "http/server/webhooks/webhooks.hpp"
#include "storage/identity/identity_store.hpp"
#include "storage/sealing.hpp"
#include "tests/support/openapi_check.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

namespace hub::http {
namespace {

using nlohmann::json;
using testing::openapi_fault;

const std::set<std::string> methods{"get", "head", "post", "put", "patch", "delete"};

const json& described() {
  static const auto file = json::parse(embedded_openapi());
  return file;
}

template <class Visit>
void each_operation(Visit visit) {
  for (const auto& [path, item] : described().at("paths").items())
    for (const auto& [method, operation] : item.items())
      visit(path, method, operation);
}

template <class Visit>
void each_value(const json& value, Visit visit) {
  visit(value);
  if (value.is_structured())
    for (const auto& part : value)
      each_value(part, visit);
}

/// "GET /api/tickets/{id}", as both the routes and the file are compared.
std::string named(std::string method, const std::string& pattern) {
  std::ranges::transform(
    method, method.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != ':') {
      path += pattern[i];
      continue;
    }
    const auto end = std::min(pattern.find('/', i), pattern.size());
    path += '{' + pattern.substr(i + 1, end - i - 1) + '}';
    i = end - 1;
  }
  return method + ' ' + path;
}

std::set<std::string> mounted_routes() {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  caf::actor_system system{config};
  const actors::directory where;
  const actors::journal_metrics journal_figures;
  const auto keys = storage::key_ring::generate();
  const auto reads =
    storage::make_read_store({.connection_string = "", .connections = 0, .queue_limit = 0}, *keys);
  metrics figures;
  const auto identities =
    storage::make_identity_store({.connection_string = "", .connections = 0, .queue_limit = 0});
  password_hasher hasher{0, 0};
  gate door{*identities, hasher, nullptr, nullptr, {}};
  context hub{.system = system,
              .where = where,
              .journal = {},
              .journal_figures = journal_figures,
              .reads = *reads,
              .figures = figures,
              .secrets = {},
              .workspace = {},
              .door = door,
              .now = nullptr,
              .seed = nullptr,
              .version = ""};
  edge::server server{{}};
  mount_webhooks(server, hub);
  mount_tickets(server, hub);
  mount_triage(server, hub);
  mount_reveal(server, hub);
  mount_changelog(server, hub);
  mount_notifications(server, hub);
  mount_attachments(server, hub, nullptr);
  mount_live(server, hub, nullptr);
  mount_deliveries(server, hub);
  mount_jobs(server, hub);
  mount_operations(server, hub);
  mount_account(server, hub, door);
  mount_oidc(server, hub, door, {});
  mount_people(server, hub, door);
  mount_settings(server, hub, door);
  std::set<std::string> routes;
  for (const auto& [method, pattern] : server.routes())
    routes.insert(named(method, pattern));
  return routes;
}

TEST(openapi, describes_exactly_the_routes_that_are_mounted) {
  std::set<std::string> operations;
  each_operation([&](const auto& path, const auto& method, const auto&) {
    EXPECT_TRUE(methods.contains(method)) << method << ' ' << path;
    operations.insert(named(method, path));
  });
  const auto routes = mounted_routes();
  ASSERT_FALSE(routes.empty());
  EXPECT_THAT(operations, ::testing::ContainerEq(routes));
}

TEST(openapi, is_the_file_that_the_server_embeds) {
  std::ifstream file{HUB_OPENAPI_FILE};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(text, embedded_openapi());
  EXPECT_EQ(described().at("openapi"), "3.1.0");
}

TEST(openapi, refers_only_to_what_is_there_and_has_nothing_unused) {
  std::set<std::string> used{"#/components/responses/wrong_method"}; // by every path, unsaid
  each_value(described(), [&](const json& value) {
    if (!value.is_object() || !value.contains("$ref"))
      return;
    const auto target = value.at("$ref").get<std::string>();
    ASSERT_TRUE(target.starts_with("#/")) << target;
    EXPECT_TRUE(described().contains(json::json_pointer{target.substr(1)})) << target;
    EXPECT_EQ(value.size(), 1U) << target << " has siblings, which tools ignore";
    used.insert(target);
  });
  for (const auto& [kind, members] : described().at("components").items()) {
    if (kind == "securitySchemes") // used by name
      continue;
    for (const auto& [name, member] : members.items())
      EXPECT_TRUE(used.contains("#/components/" + kind + "/" + name)) << kind << '/' << name;
  }
}

TEST(openapi, names_and_sums_up_every_operation) {
  std::set<std::string> ids;
  each_operation([&](const auto& path, const auto& method, const auto& operation) {
    SCOPED_TRACE(method + ' ' + path);
    ASSERT_TRUE(operation.contains("operationId"));
    EXPECT_TRUE(ids.insert(operation.at("operationId")).second) << "two have this id";
    EXPECT_FALSE(operation.value("summary", "").empty());
    EXPECT_EQ(operation.at("tags").size(), 1U);
  });
}

TEST(openapi, tells_what_every_operation_answers_when_it_fails_and_when_it_succeeds) {
  each_operation([&](const auto& path, const auto& method, const auto& operation) {
    SCOPED_TRACE(method + ' ' + path);
    bool success = false;
    bool failure = false;
    for (const auto& [status, response] : operation.at("responses").items()) {
      success |= status.starts_with('2') || status.starts_with('3');
      failure |= status == "default" || status.starts_with('4') || status.starts_with('5');
    }
    EXPECT_TRUE(success);
    EXPECT_TRUE(failure);
  });
}

TEST(openapi, declares_the_parameters_of_every_path) {
  each_operation([&](const auto& path, const auto& method, const auto& operation) {
    SCOPED_TRACE(method + ' ' + path);
    std::set<std::string> declared;
    for (const auto& reference : operation.value("parameters", json::array())) {
      const json::json_pointer target{reference.at("$ref").template get<std::string>().substr(1)};
      const auto& parameter = described().at(target);
      if (parameter.at("in") == "path")
        declared.insert(parameter.at("name"));
    }
    std::set<std::string> wanted;
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1))
      wanted.insert(path.substr(at + 1, path.find('}', at) - at - 1));
    EXPECT_EQ(declared, wanted);
  });
}

TEST(openapi, asks_for_a_signature_where_providers_call) {
  each_operation([&](const auto& path, const auto& method, const auto& operation) {
    if (!path.starts_with("/webhooks/") || method != "post")
      return;
    SCOPED_TRACE(path);
    ASSERT_EQ(operation.at("security").size(), 1U);
    for (const auto& [scheme, scopes] : operation.at("security").front().items())
      EXPECT_TRUE(described().at("components").at("securitySchemes").contains(scheme));
    EXPECT_TRUE(operation.at("responses").contains("401"));
  });
}

// ---- the check that holds responses to the file

constexpr auto as_json = "application/json";
constexpr auto an_error = R"({"error": "There is nothing at this path.", "code": "not_found"})";

TEST(openapi_check, accepts_what_conforms) {
  EXPECT_EQ(openapi_fault("GET", "/up", 200, as_json, R"({"status":"ok","version":"1"})"),
            std::nullopt);
  EXPECT_EQ(
    openapi_fault(
      "GET", "/up", 200, "Application/JSON ; charset=utf-8", R"({"status":"ok","version":"1"})"),
    std::nullopt);
  EXPECT_EQ(openapi_fault("POST",
                          "/webhooks/slack",
                          200,
                          as_json,
                          R"({"status":"ok","ticket_id":null,"duplicate":false,"more":1})"),
            std::nullopt);
  EXPECT_EQ(openapi_fault("POST", "/webhooks/slack", 200, "text/plain", "challenge"), std::nullopt);
  EXPECT_EQ(openapi_fault("GET", "/api/tickets/whatever?x=/y", 404, as_json, an_error),
            std::nullopt);
  EXPECT_EQ(openapi_fault("GET", "/", 200, "text/html; charset=utf-8", "<html>"), std::nullopt);
}

TEST(openapi_check, refuses_a_body_of_another_shape) {
  const auto fault = openapi_fault("GET", "/up", 200, as_json, R"({"status":"ok"})");
  ASSERT_TRUE(fault);
  EXPECT_THAT(*fault, ::testing::HasSubstr("required"));
  const auto deep = openapi_fault(
    "GET", "/api/ledger", 200, as_json, R"({"channels":{"slack":{"received":"one"}},"total":{}})");
  ASSERT_TRUE(deep);
  EXPECT_THAT(*deep, ::testing::HasSubstr("/channels/slack"));
  EXPECT_TRUE(openapi_fault("GET", "/up", 200, as_json, "ok"));
  EXPECT_TRUE(openapi_fault("GET", "/up", 200, as_json, ""));
}

TEST(openapi_check, refuses_ids_and_times_in_another_form) {
  const auto delivery = [](const std::string& id, const std::string& at) {
    return openapi_fault("GET",
                         "/api/webhook_deliveries",
                         200,
                         as_json,
                         R"([{"id":")" + id
                           + R"(","platform":"slack","external_id":"x","status":"created",
                              "error":null,"ticket_id":null,"payload_bytes":3,"received_at":")"
                           + at + R"("}])");
  };
  const std::string id = "01890a5d-ac96-774b-bcce-b302099a8057";
  EXPECT_EQ(delivery(id, "2026-01-31T09:05:00.123Z"), std::nullopt);
  EXPECT_TRUE(delivery("x", "2026-01-31T09:05:00.123Z"));
  EXPECT_TRUE(delivery(id + "0", "2026-01-31T09:05:00.123Z"));
  EXPECT_TRUE(delivery(id, "2026-01-31T09:05:00Z"));
  EXPECT_TRUE(delivery(id, "2026-01-31T09:05:00.123+01:00"));
}

TEST(openapi_check, refuses_statuses_and_content_types_that_are_not_described) {
  EXPECT_TRUE(openapi_fault("GET", "/up", 404, as_json, an_error));
  EXPECT_TRUE(openapi_fault("GET", "/up", 200, "text/plain", "ok"));
  EXPECT_EQ(openapi_fault("GET", "/up", 500, as_json, an_error), std::nullopt);
  EXPECT_TRUE(openapi_fault("GET", "/up", 500, "text/html", "<html>"));
}

TEST(openapi_check, lets_paths_and_methods_nobody_serves_be_answered_with_errors_only) {
  EXPECT_EQ(openapi_fault("GET", "/nothing", 404, as_json, an_error), std::nullopt);
  EXPECT_TRUE(openapi_fault("GET", "/nothing", 200, as_json, "{}"));
  EXPECT_TRUE(openapi_fault("GET", "/nothing", 404, as_json, "{}"));
  EXPECT_EQ(openapi_fault("DELETE", "/up", 405, as_json, an_error), std::nullopt);
  EXPECT_TRUE(openapi_fault("DELETE", "/up", 200, as_json, "{}"));
  EXPECT_EQ(openapi_fault("OPTIONS", "/up", 204, "", ""), std::nullopt);
}

TEST(openapi_check, wants_no_body_of_an_answer_to_head) {
  EXPECT_EQ(openapi_fault("HEAD", "/up", 200, as_json, ""), std::nullopt);
  EXPECT_EQ(openapi_fault("HEAD", "/webhooks/slack", 200, as_json, ""), std::nullopt);
  EXPECT_TRUE(openapi_fault("HEAD", "/up", 200, as_json, "{}"));
}

} // namespace
} // namespace hub::http
