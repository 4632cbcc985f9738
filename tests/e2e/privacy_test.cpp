#include "domain/uuid.hpp"
#include "storage/sealing.hpp"
#include "tests/e2e/hub_suite.hpp"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include <filesystem>
#include <sstream>

namespace hub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Distinctive on purpose: found anywhere, they came from here. Fictional numbers and domains.
constexpr auto address = "zoe.quixote.4711@example.org";
constexpr auto phone = "+1 202-555-0143";
constexpr auto card = "4111 1111 1111 1111";
constexpr auto password = "Xy7-Quokka-Zebra";
constexpr auto harmless = "hippopotamus-paragraph";

std::string full_of_secrets() {
  return std::string{"The "} + harmless + " is broken. My e-mail is " + address + ", my phone "
         + phone + ". I paid with card " + card + ". My password: " + password;
}

class privacy : public hub_suite<privacy> {
protected:
  static bool file_holds(const std::filesystem::path& file, const std::string& text) {
    return contents_of(file).find(text) != std::string::npos;
  }

  /// Files below the data directory that hold the text.
  static std::vector<std::string> files_with(const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{hub().data_dir()})
      if (entry.is_regular_file() && file_holds(entry.path(), text))
        found.push_back(entry.path().string());
    return found;
  }

  static std::string as_bytes(const std::string& text) {
    const auto id = domain::parse_uuid(text);
    return id ? std::string(reinterpret_cast<const char*>(id->bytes.data()), id->bytes.size()) : "";
  }
};

TEST_F(privacy, keeps_personal_data_out_of_answers_logs_and_files_and_seals_the_original) {
  hub_client api{hub().port()};
  std::vector<std::string> tickets;
  tickets.push_back(
    api.send(slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = full_of_secrets()}))
      .at("ticket_id"));
  tickets.push_back(
    api.send(intercom({.conversation = unique("c"), .text = full_of_secrets()})).at("ticket_id"));
  tickets.push_back(
    api.send(whatsapp({{.id = unique("wamid."), .from = unique("346"), .text = full_of_secrets()}}))
      .at("ticket_id"));
  const auto by_hand = api.post(
    "/api/tickets", {{"title", std::string{"Call "} + phone}, {"description", full_of_secrets()}});
  ASSERT_EQ(by_hand.status, 201) << by_hand.text;
  tickets.push_back(by_hand.at("id"));
  // What is not understood is kept as well, and what is not authentic leaves no trace.
  EXPECT_EQ(api.send({domain::channel::slack, full_of_secrets()}).at("status"), "stored");
  EXPECT_EQ(
    api.call("POST", "/webhooks/slack", full_of_secrets(), {{"X-Slack-Signature", "v0=0"}}).status,
    401);
  EXPECT_EQ(api.post("/api/tickets", {{"title", 1}, {"description", full_of_secrets()}}).status,
            422);

  for (const auto& ticket : tickets) {
    const auto detail = api.get("/api/tickets/" + ticket);
    ASSERT_EQ(detail.status, 200);
    EXPECT_THAT(detail.text, HasSubstr(harmless));
    for (const auto* secret : {address, phone, card, password})
      EXPECT_THAT(detail.text, Not(HasSubstr(secret)));
    EXPECT_THAT(detail.body.at("pii_redacted_types"),
                ElementsAre("email", "password", "payment_card", "phone"));
    EXPECT_THAT(detail.at("description"), HasSubstr("[EMAIL]"));
  }
  const auto list = api.get("/api/tickets?per_page=100");
  const auto deliveries = api.get("/api/webhook_deliveries");
  const auto metrics = api.get("/metrics");
  for (const auto* secret : {address, phone, card, password})
    for (const auto* said : {&list, &deliveries, &metrics})
      EXPECT_THAT(said->text, Not(HasSubstr(secret)));

  {
    pqxx::connection connection{hub().connection_string()};
    pqxx::nontransaction tx{connection};
    const auto ring = storage::key_ring::open(hub().data_dir() / "keys.json");
    ASSERT_TRUE(ring.has_value());
    for (const auto& ticket : tickets) {
      const auto row = tx.exec_params1(
        "SELECT id, body, body_sealed FROM ticket_messages WHERE ticket_id = $1", ticket);
      EXPECT_THAT(row[1].c_str(), Not(HasSubstr(password)));
      const pqxx::binarystring sealed{row[2]};
      const auto opened = ring->unseal({sealed.get(), sealed.size()}, as_bytes(row[0].c_str()));
      ASSERT_TRUE(opened.has_value());
      EXPECT_EQ(*opened, full_of_secrets());
    }
    tx.exec("CHECKPOINT"); // everything is in the files
  }
  for (const auto* secret : {address, phone, card, password}) {
    EXPECT_THAT(files_with(secret), ElementsAre()) << secret;
    EXPECT_THAT(hub().log(), Not(HasSubstr(secret)));
    EXPECT_FALSE(file_holds(hub().directory() / "out.log", secret));
  }
  EXPECT_THAT(files_with(harmless), Not(ElementsAre())) << "this search finds nothing at all";
}

/// As a form writes it: everything but letters and digits escaped.
std::string form_encoded(const std::string& text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const unsigned char c : text)
    if (std::isalnum(c) != 0)
      encoded += static_cast<char>(c);
    else
      encoded.append({'%', digits[c >> 4U], digits[c & 0xFU]});
  return encoded;
}

TEST_F(privacy, shows_no_personal_data_that_a_form_or_an_escape_hid_from_the_scrubber) {
  hub_client api{hub().port()};
  const auto form = [](const std::string& body) {
    return delivery{domain::channel::slack, body, "application/x-www-form-urlencoded"};
  };
  const auto trigger = unique("398738663015.47445629121.");
  const auto command =
    form("token=x&team_id=T1&channel_id=C1&user_id=UForm&command=%2Ffeedback&text="
         + form_encoded(full_of_secrets()) + "&trigger_id=" + trigger);
  const nlohmann::json submitted{
    {"type", "block_actions"},
    {"team", {{"id", "T1"}}},
    {"user", {{"id", "UBlock"}}},
    {"trigger_id", unique("12.34.")},
    {"actions", {{{"type", "plain_text_input"}, {"value", full_of_secrets()}}}}};
  const auto interaction = form("payload=" + form_encoded(submitted.dump()));
  auto escaped = slack({.event_id = unique("Ev"), .ts = fresh_ts(), .text = "@@"});
  escaped.body.replace(escaped.body.find("@@"),
                       2,
                       std::string{harmless}
                         + "\\n4111111111111111\\nzoe.quixote.4711\\u0040"
                           "example.org");
  for (const auto& what : {command, interaction, escaped}) {
    const auto taken = api.send(what);
    ASSERT_EQ(taken.status, 200) << taken.text;
    const auto detail = api.get("/api/tickets/" + taken.at("ticket_id"));
    ASSERT_EQ(detail.status, 200) << taken.text;
    const auto shown = detail.body.at("sources").at(0).at("raw_payload");
    EXPECT_TRUE(shown.is_object()) << shown;
    EXPECT_THAT(shown.dump(), HasSubstr(harmless));
    EXPECT_THAT(shown.dump(), HasSubstr("[EMAIL]"));
    EXPECT_THAT(shown.dump(), HasSubstr("[CARD]"));
    for (const std::string secret : {address, phone, card, password})
      for (const auto& form_of_it : {secret, form_encoded(secret)})
        EXPECT_THAT(detail.text, Not(HasSubstr(form_of_it)));
    EXPECT_THAT(detail.text, Not(HasSubstr("4111111111111111")));
    EXPECT_THAT(detail.text, Not(HasSubstr("quixote")));
  }
}

TEST_F(privacy, keeps_personal_data_out_of_the_log_at_its_most_talkative) {
  hub_process talkative;
  talkative.environment()["LOG_LEVEL"] = "trace";
  talkative.start();
  hub_client api{talkative.port()};
  const auto got =
    api.send(slack({.event_id = "EvT", .ts = fresh_ts(), .text = full_of_secrets()}));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(api.send({domain::channel::intercom, full_of_secrets()}).at("status"), "stored");
  api.get("/api/tickets?search=" + std::string{address});
  api.post("/api/tickets", {{"title", full_of_secrets()}, {"no_such_field", full_of_secrets()}});
  api.call("POST",
           "/api/tickets",
           "{\"title\":\"" + full_of_secrets(),
           {{"Content-Type", "application/json"}});
  EXPECT_EQ(talkative.terminate(), 0);
  const auto log = talkative.log();
  EXPECT_THAT(log, HasSubstr("\"event\":\"request\"")) << "this log says nothing at all";
  for (const auto* secret : {address, phone, card, password})
    EXPECT_THAT(log, Not(HasSubstr(secret)));
  for (const auto* secret : {slack_secret, intercom_secret, whatsapp_secret})
    EXPECT_THAT(log, Not(HasSubstr(secret)));
}

TEST_F(privacy, shows_figures_by_conventional_names) {
  hub_client api{hub().port()};
  const auto got = api.get("/metrics");
  ASSERT_EQ(got.status, 200);
  EXPECT_TRUE(got.header("content-type").starts_with("text/plain; version=0.0.4"));
  std::size_t families = 0;
  std::istringstream lines{got.text};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE "))
      continue;
    ++families;
    std::istringstream words{line.substr(7)};
    std::string name;
    std::string type;
    words >> name >> type;
    EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
    EXPECT_TRUE(name.starts_with("hub_") || name.starts_with("process_")) << line;
    EXPECT_THAT(got.text, HasSubstr("# HELP " + name + " ")) << line;
  }
  EXPECT_GT(families, 20U);
  for (const auto* series : {"hub_http_requests_total{",
                             "hub_http_request_duration_seconds_bucket{",
                             "hub_intake_total{channel=\"slack\",outcome=\"created\"}",
                             "hub_intake_total{channel=\"whatsapp\",outcome=\"quarantined\"}",
                             "hub_actor_mailbox_messages{kind=\"journal\"}",
                             "hub_journal_writers_up 2",
                             "process_resident_memory_bytes ",
                             "process_open_fds "})
    EXPECT_THAT(got.text, HasSubstr(series));
}

} // namespace
} // namespace hub::testing
