#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sandbox_process.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr auto nobodys_id = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A WhatsApp message with a picture.
delivery with_picture(const std::string& message, const std::string& medium) {
  auto what = whatsapp({{.id = message, .from = "34600" + message.substr(message.size() - 6)}});
  auto body = json::parse(what.body);
  auto& said = body["entry"][0]["changes"][0]["value"]["messages"][0];
  said.erase("text");
  said["type"] = "image";
  said["image"] = {{"id", medium}, {"mime_type", "image/png"}, {"sha256", "x"}};
  what.body = body.dump();
  return what;
}

delivery with_file(const slack_words& words, const std::string& name, const std::string& url) {
  auto what = slack(words);
  auto body = json::parse(what.body);
  body["event"]["subtype"] = "file_share";
  body["event"]["files"] = json::array(
    {{{"id", "F1"}, {"name", name}, {"mimetype", "image/png"}, {"url_private_download", url}}});
  what.body = body.dump();
  return what;
}

/// Somebody who may see personal data, as their browser calls.
headers pii_reader_of(const hub_process& hub) {
  const auto made = hub.run({"users", "invite", "reader@example.com", "--role", "owner"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  static const std::regex token{R"(#([\w-]+))"};
  std::smatch found;
  EXPECT_TRUE(std::regex_search(made.out, found, token)) << made.out;
  hub_client api{hub.port()};
  const auto entered =
    api.post("/api/session/link", {{"token", found[1].str()}}, {{"Authorization", ""}});
  EXPECT_EQ(entered.status, 201) << entered.text;
  const auto cookie = entered.header("set-cookie");
  headers who{{"Cookie", cookie.substr(0, cookie.find(';'))},
              {"X-CSRF-Token", entered.at("csrf_token")}};
  EXPECT_EQ(api.patch("/api/users/" + entered.at("id"), {{"reads_pii", true}}, who).status, 200);
  return who;
}

/// The one attachment of a ticket, once `ready` says so of it; null if it does not in time.
template <class Ready>
json attachment_of(hub_client& api, const std::string& ticket, Ready ready) {
  json found;
  tests::eventually(
    [&] {
      const auto detail = api.get("/api/tickets/" + ticket);
      const auto& all = detail.body.at("attachments");
      if (all.size() == 1 && ready(all[0]))
        found = all[0];
      return !found.is_null();
    },
    30s);
  return found;
}

json settled(hub_client& api, const std::string& ticket) {
  return attachment_of(api, ticket, [](const json& one) { return one["status"] != "pending"; });
}

json stored(hub_client& api, const std::string& ticket) {
  return attachment_of(api, ticket, [](const json& one) { return one["status"] == "stored"; });
}

/// A hub whose files are kept in its data directory, and whose providers are played.
class attachments : public hub_suite<attachments> {
public:
  static hub_options options() {
    sandbox_ = std::make_unique<sandbox_process>();
    auto environment = sandbox_->hub_environment();
    environment["HUB_ATTACHMENTS_LARGEST"] = "64KiB";
    environment["HUB_KEY_CALLS_PER_SECOND"] = "0";
    environment["HUB_ADDRESS_CALLS_PER_SECOND"] = "0";
    environment["HUB_JOBS_ATTACHMENT_FETCH_FIRST_DELAY"] = "200ms";
    environment["HUB_BREAKER_OPEN_FOR"] = "300ms";
    // Its tests ask often.
    environment["HUB_KEY_CALLS_PER_SECOND"] = "0";
    environment["HUB_ADDRESS_CALLS_PER_SECOND"] = "0";
    environment["HUB_WORKSPACE_CALLS_PER_SECOND"] = "0";
    return {.environment = std::move(environment), .arguments = {}};
  }
  static void SetUpTestSuite() {
    hub_suite<attachments>::SetUpTestSuite();
    reader_ = pii_reader_of(hub());
  }
  static void TearDownTestSuite() {
    hub_suite<attachments>::TearDownTestSuite();
    sandbox_.reset();
  }

protected:
  void TearDown() override {
    sandbox().behave();
    hub_suite<attachments>::TearDown();
  }
  static sandbox_process& sandbox() { return *sandbox_; }

  /// The ticket that a message with this picture opens.
  std::string send_picture(const std::string& medium) {
    const auto taken = api_.send(with_picture(unique("wamid.picture"), medium));
    EXPECT_EQ(taken.status, 200) << taken.text;
    return taken.at("ticket_id");
  }
  std::string send_file(const std::string& name, const std::string& url) {
    const auto taken =
      api_.send(with_file({.event_id = unique("Ev"), .ts = fresh_ts()}, name, url));
    EXPECT_EQ(taken.status, 200) << taken.text;
    return taken.at("ticket_id");
  }
  answer content_of(const json& attachment, headers more = {}) {
    more.insert(more.end(), reader_.begin(), reader_.end());
    return api_.get("/api/attachments/" + attachment.at("id").get<std::string>() + "/content",
                    more);
  }
  static int times_asked(const std::string& operation, const std::string& path) {
    int times = 0;
    for (const auto& call : sandbox().calls())
      times += call["operation"] == operation
               && call["path"].get<std::string>().find(path) != std::string::npos;
    return times;
  }
  std::size_t files_kept() {
    std::size_t kept = 0;
    const auto folder = hub().data_dir() / "attachments";
    for (const auto& entry : std::filesystem::recursive_directory_iterator{folder})
      kept += entry.is_regular_file() ? 1 : 0;
    return kept;
  }

  hub_client api_{hub().port()};
  static inline headers reader_;

private:
  static inline std::unique_ptr<sandbox_process> sandbox_;
};

TEST_F(attachments, from_whatsapp_are_fetched_once_and_served_with_care) {
  const auto medium = unique("7");
  const auto message = with_picture(unique("wamid.picture"), medium);
  const auto ticket = api_.send(message).at("ticket_id");
  const auto file = stored(api_, ticket);
  ASSERT_FALSE(file.is_null());
  EXPECT_EQ(file["file_type"], "image/png");
  EXPECT_EQ(file["url"], "/api/attachments/" + file["id"].get<std::string>() + "/content");
  EXPECT_TRUE(file["failure"].is_null());
  EXPECT_TRUE(api_.send(message).is("duplicate"));

  const auto got = content_of(file);
  ASSERT_EQ(got.status, 200) << got.text;
  EXPECT_EQ(got.text.size(), file["file_size"].get<std::size_t>());
  EXPECT_THAT(got.text, AllOf(StartsWith("\x89PNG"), HasSubstr(medium)));
  EXPECT_EQ(got.header("content-type"), "image/png");
  EXPECT_EQ(got.header("content-disposition"), "attachment; filename=\"attachment.png\"");
  EXPECT_EQ(got.header("x-content-type-options"), "nosniff");
  EXPECT_THAT(got.header("content-security-policy"),
              AllOf(HasSubstr("default-src 'none'"), StartsWith("sandbox;")));
  EXPECT_EQ(got.header("cache-control"), "private, no-store");
  EXPECT_EQ(got.header("cross-origin-resource-policy"), "same-origin");
  const auto tag = got.header("etag");
  EXPECT_THAT(tag, SizeIs(66)) << "a SHA-256 in quotes";

  EXPECT_EQ(content_of(file, {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(content_of(file, {{"If-None-Match", "\"other\""}}).status, 200);
  const auto head = api_.call(
    "HEAD", "/api/attachments/" + file["id"].get<std::string>() + "/content", "", reader_);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("etag"), tag);
  EXPECT_THAT(head.text, IsEmpty());

  EXPECT_EQ(times_asked("media", medium), 1);
  EXPECT_EQ(times_asked("media_download", medium), 1);
  const auto record = api_.get("/api/audit_log?action=attachment_opened");
  EXPECT_THAT(record.text, HasSubstr(file["id"].get<std::string>()));
  EXPECT_THAT(record.text, HasSubstr("reader@example.com"));
}

TEST_F(attachments, from_slack_are_fetched_with_the_token_and_keep_their_names) {
  const auto folder = unique("T1-F");
  const auto ticket = send_file("Fehler „Größe\".png",
                                sandbox().url() + "/slack/files-pri/" + folder + "/screen.png");
  const auto file = stored(api_, ticket);
  ASSERT_FALSE(file.is_null());
  const auto got = content_of(file);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.header("content-disposition"),
            "attachment; filename=\"Fehler _Gr__e_.png\"; "
            "filename*=UTF-8''Fehler%20%E2%80%9EGr%C3%B6%C3%9Fe_.png");
  EXPECT_EQ(times_asked("file", folder), 1);
}

TEST_F(attachments, from_intercom_are_fetched_without_a_token) {
  const auto name = unique("screen") + ".png";
  auto what = intercom({.conversation = unique("99")});
  auto body = json::parse(what.body);
  body["data"]["item"]["source"]["attachments"] =
    json::array({{{"type", "upload"},
                  {"name", name},
                  {"url", sandbox().url() + "/intercom/attachments/" + name},
                  {"content_type", "image/png"},
                  {"filesize", 100}}});
  what.body = body.dump();
  const auto file = stored(api_, api_.send(what).at("ticket_id"));
  ASSERT_FALSE(file.is_null()) << "the sandbox refuses who shows a token here";
  EXPECT_THAT(content_of(file).header("content-disposition"), HasSubstr(name));
}

TEST_F(attachments, that_are_too_large_are_given_up_while_they_come) {
  const auto kept = files_kept();
  const auto file = settled(api_, send_picture("large" + unique("")));
  ASSERT_FALSE(file.is_null());
  EXPECT_EQ(file["status"], "failed");
  EXPECT_EQ(file["failure"], "it is larger than 65536 bytes");
  EXPECT_TRUE(file["url"].is_null());
  EXPECT_EQ(files_kept(), kept);
  const auto none = content_of(file);
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.at("code"), "file_not_kept");
  EXPECT_THAT(none.at("error"), HasSubstr("larger than"));
}

TEST_F(attachments, that_are_pages_in_disguise_are_not_kept) {
  const auto file = settled(api_, send_picture("page" + unique("")));
  ASSERT_FALSE(file.is_null());
  EXPECT_EQ(file["status"], "failed");
  EXPECT_THAT(file["failure"].get<std::string>(), HasSubstr("application/octet-stream"));
  EXPECT_EQ(content_of(file).status, 404);
}

TEST_F(attachments, that_are_gone_or_elsewhere_say_so) {
  const auto gone = settled(api_, send_picture("gone" + unique("")));
  EXPECT_EQ(gone["failure"], "WhatsApp does not have it any more");
  // Nobody's servers are called for a stranger's word, and this machine's own least of all.
  const auto calls = sandbox().calls().size();
  for (const auto& url : {std::string{"https://evil.example/files-pri/x"},
                          sandbox().url() + "/sandbox/state",
                          sandbox().url() + "/slack/../sandbox/state"}) {
    const auto elsewhere = settled(api_, send_file("x.png", url));
    EXPECT_EQ(elsewhere["failure"], "the file is not kept with Slack") << url;
  }
  EXPECT_EQ(sandbox().calls().size(), calls);
  auto inside = intercom({.conversation = unique("99")});
  auto body = json::parse(inside.body);
  body["data"]["item"]["source"]["attachments"] =
    json::array({{{"name", "x.png"}, {"url", sandbox().url() + "/sandbox/state"}}});
  inside.body = body.dump();
  const auto refused = settled(api_, api_.send(inside).at("ticket_id"));
  EXPECT_THAT(refused["failure"].get<std::string>(), HasSubstr("not on the public internet"));
}

TEST_F(attachments, come_when_their_provider_is_back) {
  sandbox().misbehave({{"provider", "whatsapp"}, {"kind", "outage"}, {"times", 2}});
  const auto file = stored(api_, send_picture(unique("7")));
  ASSERT_FALSE(file.is_null());
  EXPECT_EQ(content_of(file).status, 200);
}

TEST_F(attachments, on_their_way_are_said_to_be) {
  sandbox().misbehave(
    {{"provider", "whatsapp"}, {"operation", "media"}, {"kind", "delay"}, {"ms", 4000}});
  const auto ticket = send_picture(unique("7"));
  const auto detail = api_.get("/api/tickets/" + ticket);
  const auto& file = detail.body.at("attachments").at(0);
  EXPECT_EQ(file["status"], "pending");
  EXPECT_TRUE(file["url"].is_null());
  const auto early = content_of(file);
  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(early.at("code"), "file_pending");
  EXPECT_FALSE(stored(api_, ticket).is_null());
}

TEST_F(attachments, that_the_account_may_not_fetch_wait_among_the_dead_letters) {
  sandbox().misbehave(
    {{"provider", "whatsapp"}, {"operation", "media"}, {"kind", "error"}, {"code", "190"}});
  const auto ticket = send_picture(unique("7"));
  const auto file = settled(api_, ticket);
  ASSERT_FALSE(file.is_null());
  EXPECT_EQ(file["status"], "failed");
  EXPECT_THAT(file["failure"].get<std::string>(), HasSubstr("dead letter"));
  sandbox().behave();
  const auto letters = api_.get("/api/dead_letter_jobs?job_class=AttachmentFetchJob");
  const auto letter = std::ranges::find_if(
    letters.body, [](const json& one) { return one["status"] == "unresolved"; });
  ASSERT_NE(letter, letters.body.end()) << letters.text;
  EXPECT_EQ((*letter)["error_class"], "unauthorized");
  const auto retried = api_.post(
    "/api/dead_letter_jobs/" + (*letter)["id"].get<std::string>() + "/retry", json::object());
  EXPECT_EQ(retried.status, 202) << retried.text;
  EXPECT_FALSE(stored(api_, ticket).is_null());
}

TEST_F(attachments, are_for_those_who_may_see_personal_data) {
  const auto file = stored(api_, send_picture(unique("7")));
  ASSERT_FALSE(file.is_null());
  const auto path = file["url"].get<std::string>();
  const auto by_key = api_.get(path);
  EXPECT_EQ(by_key.status, 403);
  EXPECT_THAT(by_key.at("error"), HasSubstr("pii:read"));
  EXPECT_EQ(api_.get(path, {{"Authorization", ""}}).status, 401);
  EXPECT_EQ(api_.get(std::string{"/api/attachments/"} + nobodys_id + "/content", reader_).status,
            404);
  EXPECT_EQ(api_.get("/api/attachments/x/content", reader_).status, 404);
}

TEST_F(attachments, of_many_messages_at_once_all_come) {
  std::vector<std::string> tickets(24);
  in_parallel(4, [&](int thread) {
    hub_client mine{hub().port()};
    for (std::size_t i = static_cast<std::size_t>(thread); i < tickets.size(); i += 4)
      tickets[i] = mine.send(with_picture(unique("wamid.picture"), unique("7"))).at("ticket_id");
  });
  for (const auto& ticket : tickets)
    EXPECT_FALSE(stored(api_, ticket).is_null());
}

/// A hub that keeps files in S3 and dies between storing one and saying so.
TEST(attachments_in_s3, of_a_hub_that_died_with_them_half_done_are_one_file) {
  sandbox_process sandbox;
  auto environment = sandbox.hub_environment();
  environment["S3_BUCKET"] = "files";
  environment["S3_ENDPOINT"] = sandbox.url() + "/s3";
  environment["AWS_ACCESS_KEY_ID"] = "sandbox";
  environment["AWS_SECRET_ACCESS_KEY"] = "sandbox-secret";
  environment["HUB_JOBS_LEASE"] = "3s";
  environment["HUB_KEY_CALLS_PER_SECOND"] = "0";
  environment["HUB_ADDRESS_CALLS_PER_SECOND"] = "0";
  environment["HUB_JOBS_ATTACHMENT_FETCH_FIRST_DELAY"] = "200ms";
  hub_process hub{{.environment = environment, .arguments = {}}};
  hub.start();
  sandbox.misbehave({{"provider", "s3"}, {"operation", "PUT"}, {"kind", "delay"}, {"ms", 30'000}});
  std::string ticket;
  {
    hub_client api{hub.port()};
    ticket = api.send(with_picture("wamid.picture100001", "7001")).at("ticket_id");
    ASSERT_TRUE(tests::eventually([&] { return sandbox.objects().size() == 1; }, 30s));
    EXPECT_EQ(api.get("/api/tickets/" + ticket).body.at("attachments").at(0).at("status"),
              "pending");
  }
  hub.kill9();
  sandbox.behave();
  hub.start();
  hub_client api{hub.port()};
  const auto file = stored(api, ticket);
  ASSERT_FALSE(file.is_null());
  const auto objects = sandbox.objects();
  ASSERT_EQ(objects.size(), 1U) << objects;
  EXPECT_EQ(objects.begin()->at("puts"), 2);
  EXPECT_THAT(objects.begin().key(), HasSubstr(file["id"].get<std::string>()));
  EXPECT_FALSE(std::filesystem::exists(hub.data_dir() / "attachments" / "incoming"));

  const auto reader = pii_reader_of(hub);
  const auto got = api.get(file["url"].get<std::string>(), reader);
  EXPECT_EQ(got.status, 200) << got.text;
  EXPECT_THAT(got.text, AllOf(StartsWith("\x89PNG"), HasSubstr("7001")));
  EXPECT_EQ(got.text.size(), file["file_size"].get<std::size_t>());

  // A bucket that has lost it cuts nobody off without a word.
  sandbox.misbehave({{"provider", "s3"}, {"operation", "GET"}, {"kind", "status_500"}});
  const auto away = api.get(file["url"].get<std::string>(), reader);
  EXPECT_EQ(away.status, 503) << away.text;

  sandbox.misbehave({{"provider", "s3"}, {"operation", "PUT"}, {"kind", "outage"}, {"times", 1}});
  const auto next = api.send(with_picture("wamid.picture100002", "7002")).at("ticket_id");
  EXPECT_FALSE(stored(api, next).is_null()) << "once the bucket is back";
  EXPECT_EQ(hub.terminate(), 0) << hub.log();
}

} // namespace
} // namespace hub::testing
