#include "config/development_secrets.hpp"
#include "config/job_rules.hpp"
#include "config/load.hpp"
#include "config/values.hpp"
#include "domain/provider.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hub::config {
namespace {

using domain::errc;

class configuring : public ::testing::Test {
protected:
  configuring() { from_.directory = directory_.path(); }

  void write(const std::string& name, const std::string& content) {
    std::ofstream{directory_.path() / name} << content;
  }

  configuration must_load() {
    auto loaded = load(from_);
    if (!loaded) {
      ADD_FAILURE() << loaded.why().message;
      return {};
    }
    return std::move(*loaded);
  }

  std::string fault() {
    auto loaded = load(from_);
    if (loaded) {
      ADD_FAILURE() << "no fault was found";
      return {};
    }
    EXPECT_EQ(loaded.why().code, errc::invalid_input);
    return loaded.why().message;
  }

  static const effective_setting& line_of(const configuration& in, std::string_view key) {
    return *std::ranges::find(in.effective, key, [](const auto& line) { return line.of->key; });
  }

  testing::temporary_directory directory_;
  sources from_;
};

#define EXPECT_MENTIONS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_OMITS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST_F(configuring, needs_nothing_at_all) {
  const auto loaded = must_load();
  const auto& values = loaded.values;
  EXPECT_EQ(values.data_dir, "./var");
  EXPECT_EQ(values.http.bind.host, "127.0.0.1");
  EXPECT_EQ(values.http.bind.port, 3000);
  EXPECT_TRUE(values.http.cors_origins.empty());
  EXPECT_EQ(values.http.limits.max_body, 4U << 20U);
  EXPECT_EQ(values.http.limits.head_timeout, std::chrono::seconds{10});
  EXPECT_FALSE(values.simulation);
  EXPECT_EQ(values.log.format, log_format::json);
  EXPECT_EQ(values.log.level, log_level::info);
  EXPECT_TRUE(values.database.url.empty());
  EXPECT_EQ(values.database.readers, 4);
  EXPECT_EQ(values.postgres.shared_buffers, std::size_t{128} << 20U);
  EXPECT_TRUE(values.intake.reopen_resolved);
  EXPECT_EQ(values.intake.whatsapp_window, std::chrono::hours{24});
  EXPECT_EQ(values.intake.ticket_idle, std::chrono::seconds{300});
  EXPECT_EQ(values.intake.writers, 2);
  EXPECT_EQ(values.intake.journal_queue, 10'000U);
  EXPECT_EQ(values.intake.journal_batch, 256U);
  EXPECT_EQ(values.slack.api_url, "https://slack.com/api");
  EXPECT_EQ(values.whatsapp.api_url, "https://graph.facebook.com/v23.0");
}

TEST_F(configuring, has_defaults_that_are_themselves_allowed) {
  std::set<std::string_view> keys;
  std::set<std::string_view> names;
  for (const auto& each : schema()) {
    EXPECT_TRUE(keys.insert(each.key).second) << each.key;
    EXPECT_TRUE(names.insert(each.env).second) << each.env;
    EXPECT_FALSE(each.description.empty()) << each.key;
    ASSERT_NE(each.store, nullptr) << each.key;
    if (each.fallback.empty())
      continue;
    auto parsed = parse_value(each, std::string{each.fallback});
    EXPECT_TRUE(parsed) << each.key << ": " << parsed.why().message;
  }
}

TEST_F(configuring, knows_every_name_of_the_contract) {
  for (const auto* name : {"DATABASE_URL",
                           "HUB_BIND",
                           "HUB_DATA_DIR",
                           "CORS_ORIGINS",
                           "LOG_FORMAT",
                           "LOG_LEVEL",
                           "SLACK_SIGNING_SECRET",
                           "INTERCOM_WEBHOOK_SECRET",
                           "WHATSAPP_WEBHOOK_SECRET",
                           "WHATSAPP_VERIFY_TOKEN",
                           "SLACK_BOT_TOKEN",
                           "INTERCOM_API_TOKEN",
                           "WHATSAPP_API_TOKEN",
                           "WHATSAPP_PHONE_NUMBER_ID",
                           "NOTION_API_KEY",
                           "NOTION_DATABASE_ID",
                           "OPENAI_API_KEY",
                           "SMTP_URL",
                           "SLACK_API_URL",
                           "INTERCOM_API_URL",
                           "WHATSAPP_API_URL",
                           "NOTION_API_URL",
                           "OPENAI_BASE_URL",
                           "HUB_SIMULATION",
                           "S3_BUCKET",
                           "S3_ENDPOINT",
                           "AWS_ACCESS_KEY_ID",
                           "AWS_SECRET_ACCESS_KEY"})
    EXPECT_NE(find_by_env(name), nullptr) << name;
}

TEST_F(configuring, lets_each_source_overrule_the_one_before) {
  const auto expect = [this](const std::string& level, const std::string& source) {
    const auto loaded = must_load();
    EXPECT_EQ(line_of(loaded, "log.level").shown, level);
    EXPECT_EQ(line_of(loaded, "log.level").source, source);
  };
  expect("info", "default");
  write("feedback-hub.toml", "[log]\nlevel = \"trace\"\n");
  expect("trace", "feedback-hub.toml:2");
  write(".env", "# local\nLOG_LEVEL=debug\n");
  expect("debug", ".env:2");
  from_.environment = {"LOG_LEVEL=warn"};
  expect("warn", "environment");
  from_.overrides = {{"log.level", "error"}};
  expect("error", "command line");
}

TEST_F(configuring, reads_every_kind_of_value_from_the_file) {
  write("feedback-hub.toml", R"(
data_dir = "/srv/hub"
simulation = true
http.bind = "[::1]:0"
http.threads = 3
http.cors_origins = ["https://a.example", "http://b.example:8080/"]
http.allowed_hosts = ["hub.example", "[fd00::1]"]
http.max_body = 2097152
[intake]
whatsapp_window = "2d"
reopen_resolved = false
[whatsapp]
phone_number_id = 106540352242922
)");
  const auto values = must_load().values;
  EXPECT_EQ(values.data_dir, "/srv/hub");
  EXPECT_TRUE(values.simulation);
  EXPECT_EQ(values.http.bind.host, "::1");
  EXPECT_EQ(values.http.bind.port, 0);
  EXPECT_EQ(values.http.threads, 3);
  EXPECT_EQ(values.http.cors_origins,
            (std::vector<std::string>{"https://a.example", "http://b.example:8080"}));
  EXPECT_EQ(values.http.allowed_hosts, (std::vector<std::string>{"hub.example", "[fd00::1]"}));
  EXPECT_EQ(values.http.limits.max_body, 2U << 20U);
  EXPECT_EQ(values.intake.whatsapp_window, std::chrono::hours{48});
  EXPECT_FALSE(values.intake.reopen_resolved);
  EXPECT_EQ(values.whatsapp.phone_number_id, "106540352242922");
}

TEST_F(configuring, wants_hosts_as_bare_names) {
  for (const std::string wrong :
       {"https://hub.example", "hub.example:443", "hub.example/x", "*.example", "a b"}) {
    from_.environment = {"HUB_ALLOWED_HOSTS=" + wrong};
    const auto loaded = load(from_);
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_MENTIONS(loaded.why().message, "HUB_ALLOWED_HOSTS");
  }
}

TEST_F(configuring, reads_lists_with_commas_from_variables) {
  from_.environment = {"CORS_ORIGINS= https://a.example , https://b.example,"};
  EXPECT_EQ(must_load().values.http.cors_origins,
            (std::vector<std::string>{"https://a.example", "https://b.example"}));
}

TEST_F(configuring, takes_the_file_it_is_told) {
  write("other.toml", "log.level = \"warn\"\n");
  write("feedback-hub.toml", "log.level = \"trace\"\n");
  from_.environment = {"HUB_CONFIG=other.toml"};
  EXPECT_EQ(must_load().values.log.level, log_level::warn);
  from_.environment = {"HUB_CONFIG=missing.toml"};
  EXPECT_MENTIONS(fault(), "missing.toml");
  from_.settings_file = directory_.path() / "other.toml";
  EXPECT_EQ(must_load().values.log.level, log_level::warn);
}

TEST_F(configuring, reads_dotenv_as_people_write_it) {
  write(".env",
        "\xEF\xBB\xBF# secrets\r\n"
        "export SLACK_SIGNING_SECRET='it is $not #special'\r\n"
        "INTERCOM_WEBHOOK_SECRET=\"a\\\"b\\\\c\" # quoted\n"
        "  WHATSAPP_VERIFY_TOKEN = bare#word   # a comment\n"
        "SLACK_BOT_TOKEN=\n"
        "NODE_ENV=development\n"
        "\n");
  const auto values = must_load().values;
  EXPECT_EQ(values.slack.signing_secret, "it is $not #special");
  EXPECT_EQ(values.intercom.webhook_secret, "a\"b\\c");
  EXPECT_EQ(values.whatsapp.verify_token, "bare#word");
  EXPECT_EQ(values.slack.bot_token, "");
}

TEST_F(configuring, refuses_slips_in_the_names_of_dotenv) {
  write(".env",
        "SLACK_SIGNIN_SECRET=hush\nWHATSAP_VERIFY_TOKEN_FILE=x\nexport LOG_LEVLE=info\n"
        "AWS_REGION=eu-west-1\nNODE_ENV=production\nS3=1\n");
  const auto message = fault();
  EXPECT_MENTIONS(message, "SLACK_SIGNIN_SECRET (.env:1); did you mean 'SLACK_SIGNING_SECRET'?");
  EXPECT_MENTIONS(message, "(.env:2); did you mean 'WHATSAPP_VERIFY_TOKEN'?");
  EXPECT_MENTIONS(message, "LOG_LEVLE (.env:3); did you mean 'LOG_LEVEL'?");
  for (const auto* other : {"AWS_REGION", "NODE_ENV", "S3 ", "hush"})
    EXPECT_OMITS(message, other);

  write(".env", "AWS_REGION=eu-west-1\n");
  from_.environment = {"SLACK_SIGNIN_SECRET=somebody else's"};
  must_load();
}

TEST_F(configuring, says_where_dotenv_is_wrong) {
  write(".env", "LOG_LEVEL=warn\nnot a line\nSLACK_BOT_TOKEN='open\n1X=2\n");
  const auto message = fault();
  EXPECT_MENTIONS(message, ".env:2:");
  EXPECT_MENTIONS(message, ".env:3: SLACK_BOT_TOKEN");
  EXPECT_MENTIONS(message, ".env:4:");
  EXPECT_OMITS(message, "open");
}

/// What lets people and programs in through others, whole.
const std::vector<std::string> sign_in_by_provider{"HUB_OIDC_ISSUER=https://id.example",
                                                   "HUB_OIDC_CLIENT_ID=hub"};
const std::vector<std::string> own_jwts{"HUB_JWT_ISSUER=https://id.example",
                                        "HUB_JWT_AUDIENCE=https://hub.example",
                                        "HUB_JWT_JWKS_URL=https://id.example/keys"};
const std::vector<std::string> other_tokens{"HUB_INTROSPECTION_URL=https://id.example/introspect",
                                            "HUB_INTROSPECTION_CLIENT_ID=hub",
                                            "HUB_INTROSPECTION_CLIENT_SECRET=s",
                                            "HUB_INTROSPECTION_AUDIENCE=*"};

std::vector<std::string> operator+(std::vector<std::string> all,
                                   const std::vector<std::string>& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST_F(configuring, takes_each_way_in_through_others_that_is_whole) {
  const std::vector<std::vector<std::string>> whole{
    sign_in_by_provider,
    sign_in_by_provider
      + std::vector<std::string>{"HUB_OIDC_CLIENT_SECRET=s",
                                 "HUB_OIDC_PROVISION_DOMAINS=example.com",
                                 "HUB_OIDC_PROVISION_ROLE=agent"},
    {"HUB_OIDC_ISSUER=http://127.0.0.1:4000", "HUB_OIDC_CLIENT_ID=hub"},
    sign_in_by_provider + std::vector<std::string>{"HUB_JWT_AUDIENCE=https://hub.example"},
    own_jwts,
    {"HUB_JWT_ISSUER=ours",
     "HUB_JWT_AUDIENCE=hub",
     "HUB_JWT_SECRET=a secret that has 32 bytes, or more"},
    other_tokens,
    other_tokens + std::vector<std::string>{"HUB_TOKENS_CLIENTS=on"},
    sign_in_by_provider + own_jwts + other_tokens};
  for (const auto& environment : whole) {
    from_.environment = environment;
    const auto loaded = load(from_);
    EXPECT_TRUE(loaded) << environment.front() << (loaded ? "" : loaded.why().message);
  }
}

TEST_F(configuring, refuses_ways_in_through_others_that_are_half_set) {
  const auto oidc = [](const char* more) {
    return sign_in_by_provider + std::vector<std::string>{more};
  };
  const auto jwts = [](const char* more) { return own_jwts + std::vector<std::string>{more}; };
  const std::vector<std::pair<std::vector<std::string>, const char*>> half{
    {{"HUB_OIDC_ISSUER=https://id.example"}, "oidc.issuer is set, but oidc.client_id is missing"},
    {{"HUB_OIDC_CLIENT_ID=hub"}, "oidc.client_id is set, but oidc.issuer is missing"},
    {{"HUB_OIDC_CLIENT_SECRET=s"}, "oidc.client_secret is set, but oidc.issuer is missing"},
    {{"HUB_OIDC_PROVISION_DOMAINS=example.com"},
     "oidc.provision_domains is set, but oidc.issuer is missing"},
    {{"HUB_OIDC_ISSUER=http://id.example", "HUB_OIDC_CLIENT_ID=hub"},
     "oidc.issuer must be an address that starts with https://"},
    {{"HUB_OIDC_ISSUER=https://ana:word@id.example", "HUB_OIDC_CLIENT_ID=hub"},
     "oidc.issuer must be an address"},
    {{"HUB_OIDC_ISSUER=https://id.example?x", "HUB_OIDC_CLIENT_ID=hub"},
     "oidc.issuer must not have a query"},
    {oidc("HUB_OIDC_SCOPES=email"), "oidc.scopes must have openid among them"},
    {oidc("HUB_OIDC_PROVISION_ROLE=owner"), "HUB_OIDC_PROVISION_ROLE"},
    {oidc("HUB_JWT_AUDIENCE=hub"), "jwt.audience must not be oidc.client_id"},
    {{"HUB_JWT_AUDIENCE=hub"}, "jwt.issuer is missing"},
    {{"HUB_JWT_ISSUER=https://id.example"}, "jwt.audience is missing"},
    {{"HUB_JWT_JWKS_URL=https://id.example/keys"}, "jwt.audience is missing"},
    {{"HUB_JWT_SECRET=a secret that has 32 bytes, or more"}, "jwt.audience is missing"},
    {{"HUB_JWT_AUDIENCE=hub", "HUB_JWT_ISSUER=https://id.example"},
     "jwt.secret or jwt.jwks_url is missing"},
    {oidc("HUB_JWT_ISSUER=https://other.example")
       + std::vector<std::string>{"HUB_JWT_AUDIENCE=https://hub.example"},
     "jwt.secret or jwt.jwks_url is missing"},
    {jwts("HUB_JWT_SECRET=a secret that has 32 bytes, or more"),
     "both jwt.secret and jwt.jwks_url are set"},
    {jwts("HUB_JWT_JWKS_URL=http://id.example/keys"), "jwt.jwks_url must be an address"},
    {{"HUB_JWT_ISSUER=ours", "HUB_JWT_AUDIENCE=hub", "HUB_JWT_SECRET=short"},
     "jwt.secret must have at least 32 bytes"},
    {{"HUB_INTROSPECTION_URL=https://id.example/introspect", "HUB_INTROSPECTION_CLIENT_ID=hub"},
     "introspection.url is set, but introspection.client_secret is missing"},
    {{"HUB_INTROSPECTION_URL=https://id.example/introspect", "HUB_INTROSPECTION_CLIENT_SECRET=s"},
     "introspection.url is set, but introspection.client_id is missing"},
    {{"HUB_INTROSPECTION_URL=https://id.example/introspect",
      "HUB_INTROSPECTION_CLIENT_ID=hub",
      "HUB_INTROSPECTION_CLIENT_SECRET=s"},
     "introspection.audience is missing"},
    {{"HUB_INTROSPECTION_CLIENT_SECRET=s"},
     "introspection.client_secret is set, but introspection.url is missing"},
    {{"HUB_INTROSPECTION_AUDIENCE=hub"},
     "introspection.audience is set, but introspection.url is missing"},
    {{"HUB_TOKENS_CLIENTS=on"}, "tokens.clients is on, but no tokens are taken"}};
  for (const auto& [environment, sentence] : half) {
    from_.environment = environment;
    const auto message = fault();
    EXPECT_MENTIONS(message, sentence);
    EXPECT_OMITS(message, "a secret that has");
  }
}

TEST_F(configuring, reports_all_faults_at_once) {
  write("feedback-hub.toml", "[http]\nbnd = \"127.0.0.1:1\"\nthreads = 9000\n[log]\nlevel = 1.5\n");
  write(".env", "HUB_SIMULATOIN=on\n");
  from_.environment = {"LOG_FORMAT=xml", "HUB_BIND=my-host:3000", "HUB_INTAKE_TICKET_IDLE=300"};
  from_.overrides = {{"intake.writer", "3"}};
  const auto message = fault();
  EXPECT_MENTIONS(message, "8 faults");
  EXPECT_MENTIONS(message,
                  "feedback-hub.toml:2: there is no setting 'http.bnd'; did you mean 'http.bind'?");
  EXPECT_MENTIONS(message,
                  "http.threads (feedback-hub.toml:3): must be between 0 and 256, not 9000");
  EXPECT_MENTIONS(message, "feedback-hub.toml:5: log.level must be text");
  EXPECT_MENTIONS(message, "HUB_SIMULATOIN (.env:1); did you mean 'HUB_SIMULATION'?");
  EXPECT_MENTIONS(message, "LOG_FORMAT (environment): expected json or text, not 'xml'");
  EXPECT_MENTIONS(message, "HUB_BIND (environment): must name an address of this machine");
  EXPECT_MENTIONS(message, "HUB_INTAKE_TICKET_IDLE (environment): expected a time with its unit");
  EXPECT_MENTIONS(message, "'intake.writer' (command line); did you mean 'intake.writers'?");
}

TEST_F(configuring, names_an_unknown_section_once) {
  write("feedback-hub.toml", "[slak]\nbot_token = \"x\"\nsigning_secret = \"y\"\n");
  const auto message = fault();
  EXPECT_MENTIONS(message, "there is no setting 'slak'");
  EXPECT_EQ(std::ranges::count(message, '\n'), 1) << message;
}

TEST_F(configuring, finds_the_section_a_key_was_meant_for) {
  write("feedback-hub.toml", "shared_buffers = \"64MiB\"\n");
  EXPECT_MENTIONS(fault(), "did you mean 'postgres.shared_buffers'?");
}

TEST_F(configuring, suggests_nothing_for_nonsense) {
  from_.environment = {"HUB_XYZZYPLUGHQUUX=1"};
  const auto message = fault();
  EXPECT_MENTIONS(message, "HUB_XYZZYPLUGHQUUX");
  EXPECT_OMITS(message, "did you mean");
}

TEST_F(configuring, says_where_the_file_is_not_toml) {
  write("feedback-hub.toml", "[log]\nlevel = \"info\nformat = \"json\"\n");
  const auto message = fault();
  EXPECT_MENTIONS(message, "feedback-hub.toml:2: not TOML");
  EXPECT_EQ(std::ranges::count(message, '\n'), 1) << message;
}

TEST_F(configuring, serves_on_an_address_of_this_machine) {
  for (const auto* good : {"127.0.0.1:3000",
                           "127.9.9.9:0",
                           "[::1]:3000",
                           "localhost:3000",
                           "0.0.0.0:3000",
                           "192.168.1.2:3000",
                           "[::]:3000"}) {
    from_.environment = {std::string{"HUB_BIND="} + good};
    EXPECT_TRUE(load(from_)) << good;
  }
  from_.environment = {"HUB_BIND=hub.example.com:3000"};
  EXPECT_MENTIONS(fault(), "an address of this machine");
  for (const auto* bad :
       {"3000", ":3000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:80"}) {
    from_.environment = {std::string{"HUB_BIND="} + bad};
    EXPECT_MENTIONS(fault(), "address:port");
  }
}

TEST_F(configuring, checks_times_sizes_and_addresses) {
  const std::vector<std::pair<std::string, std::string>> bad{
    {"HUB_INTAKE_WHATSAPP_WINDOW", "24"},
    {"HUB_INTAKE_WHATSAPP_WINDOW", "1s"},
    {"HUB_INTAKE_WHATSAPP_WINDOW", "99999999999999999d"},
    {"HUB_HTTP_MAX_BODY", "1 parsec"},
    {"HUB_HTTP_MAX_BODY", "-1"},
    {"HUB_HTTP_MAX_BODY", "9999999999GiB"},
    {"HUB_INTAKE_WRITERS", "two"},
    {"HUB_INTAKE_WRITERS", "0"},
    {"HUB_INTAKE_WRITERS", "99999999999999999999"},
    {"HUB_SIMULATION", "perhaps"},
    {"SLACK_API_URL", "slack.com"},
    {"SLACK_API_URL", "ftp://slack.com"},
    {"SLACK_API_URL", "https://"},
    {"SLACK_API_URL", "https://slack com"},
    {"SMTP_URL", "https://mail.example.com"},
    {"DATABASE_URL", "mysql://localhost/hub"},
    {"CORS_ORIGINS", "https://a.example/path"},
    {"CORS_ORIGINS", "*"},
  };
  for (const auto& [name, value] : bad) {
    from_.environment = {std::string{name}.append("=").append(value)};
    EXPECT_MENTIONS(fault(), name);
  }
  from_.environment = {"HUB_INTAKE_WHATSAPP_WINDOW=90 min",
                       "HUB_HTTP_MAX_BODY=512kB",
                       "SLACK_API_URL=http://127.0.0.1:9999/api/",
                       "SMTP_URL=smtps://user:p%40ss@mail.example.com:465",
                       "DATABASE_URL=host=/run/postgresql dbname=hub"};
  const auto values = must_load().values;
  EXPECT_EQ(values.intake.whatsapp_window, std::chrono::minutes{90});
  EXPECT_EQ(values.http.limits.max_body, 512U * 1024U);
  EXPECT_EQ(values.slack.api_url, "http://127.0.0.1:9999/api");
}

TEST_F(configuring, checks_settings_against_each_other) {
  from_.environment = {"HUB_INTAKE_JOURNAL_QUEUE=10", "HUB_INTAKE_JOURNAL_BATCH=20"};
  EXPECT_MENTIONS(fault(), "intake.journal_batch");
  from_.environment = {"HUB_JOBS_ATTACHMENT_FETCH_WITHIN=10s"};
  EXPECT_MENTIONS(fault(), "attachments.within");
  from_.environment = {"S3_BUCKET=files"};
  EXPECT_MENTIONS(fault(), "s3.access_key_id");
  from_.environment = {"S3_BUCKET=../x", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"};
  EXPECT_MENTIONS(fault(), "s3.bucket");
  from_.environment = {"AWS_ACCESS_KEY_ID=a"}; // which many a machine has for other reasons
  must_load();
}

TEST_F(configuring, reads_secrets_from_files) {
  write("secret", "from a file\n");
  from_.environment = {"SLACK_SIGNING_SECRET_FILE=secret"};
  const auto loaded = must_load();
  EXPECT_EQ(loaded.values.slack.signing_secret, "from a file");
  EXPECT_EQ(line_of(loaded, "slack.signing_secret").source, "environment, file secret");

  from_.environment = {"SLACK_SIGNING_SECRET_FILE=missing"};
  EXPECT_MENTIONS(fault(), "the file missing cannot be read");
  from_.environment = {"SLACK_SIGNING_SECRET_FILE=secret", "SLACK_SIGNING_SECRET=direct"};
  EXPECT_MENTIONS(fault(), "both");
  from_.environment = {"HUB_BIND_FILE=secret"};
  EXPECT_MENTIONS(fault(), "there is no setting HUB_BIND_FILE");
}

TEST_F(configuring, never_shows_a_secret) {
  write("feedback-hub.toml", "slack.signing_secret = \"hush-1\"\n");
  from_.environment = {"DATABASE_URL=postgresql://hub:hush-2@db/hub", "OPENAI_API_KEY=hush-3"};
  const auto loaded = must_load();
  for (const auto& line : loaded.effective)
    EXPECT_OMITS(line.shown, "hush");
  EXPECT_EQ(line_of(loaded, "database.url").shown, "********");
  EXPECT_EQ(line_of(loaded, "notion.api_key").shown, "");

  from_.environment = {"DATABASE_URL=hush-2", "SMTP_URL=hush-3"};
  EXPECT_OMITS(fault(), "hush");
}

TEST_F(configuring, lists_every_setting_as_it_would_be_written) {
  const auto loaded = must_load();
  ASSERT_EQ(loaded.effective.size(), schema().size());
  EXPECT_EQ(line_of(loaded, "http.bind").shown, "127.0.0.1:3000");
  EXPECT_EQ(line_of(loaded, "postgres.shared_buffers").shown, "128MiB");
  EXPECT_EQ(line_of(loaded, "intake.ticket_idle").shown, "5m");
  EXPECT_EQ(line_of(loaded, "intake.reopen_resolved").shown, "on");
  EXPECT_EQ(line_of(loaded, "http.threads").shown, "0");
  for (const auto& line : loaded.effective) {
    if (line.of->secret || line.shown.empty())
      continue;
    auto again = parse_value(*line.of, line.shown);
    ASSERT_TRUE(again) << line.of->key << " = " << line.shown;
    EXPECT_EQ(show_value(*line.of, *again), line.shown);
  }
}

TEST_F(configuring, lets_the_dashboards_development_server_in_while_simulating) {
  from_.environment = {"HUB_SIMULATION=on"};
  EXPECT_EQ(must_load().values.http.cors_origins,
            std::vector<std::string>{"http://localhost:3001"});
  from_.environment.emplace_back("CORS_ORIGINS=https://desk.example");
  EXPECT_EQ(must_load().values.http.cors_origins, std::vector<std::string>{"https://desk.example"});
}

TEST_F(configuring, ignores_what_is_not_its_own_in_the_environment) {
  from_.environment = {"HOME=/root", "SLACK_CHANNEL=general", "=odd", "nonsense"};
  EXPECT_TRUE(load(from_));
}

class development_secrets : public configuring {
protected:
  void SetUp() override {
    from_.environment = {"HUB_DATA_DIR=" + (directory_.path() / "var").string()};
  }
};

TEST_F(development_secrets, are_made_once_and_kept) {
  auto first = must_load();
  ASSERT_TRUE(ensure_development_secrets(first));
  EXPECT_EQ(first.values.slack.signing_secret.size(), 64U);
  EXPECT_NE(first.values.slack.signing_secret, first.values.intercom.webhook_secret);
  EXPECT_FALSE(first.values.whatsapp.webhook_secret.empty());
  EXPECT_FALSE(first.values.whatsapp.verify_token.empty());
  EXPECT_TRUE(first.values.slack.bot_token.empty()) << "a credential cannot be made up";
  EXPECT_EQ(line_of(first, "slack.signing_secret").source, "generated");
  EXPECT_EQ(line_of(first, "slack.signing_secret").shown, "********");

  struct stat status {};
  ASSERT_EQ(::stat((directory_.path() / "var" / "secrets.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);

  auto second = must_load();
  ASSERT_TRUE(ensure_development_secrets(second));
  EXPECT_EQ(second.values.slack.signing_secret, first.values.slack.signing_secret);
}

TEST_F(development_secrets, leave_configured_ones_alone) {
  from_.environment.emplace_back("SLACK_SIGNING_SECRET=mine");
  auto loaded = must_load();
  ASSERT_TRUE(ensure_development_secrets(loaded));
  EXPECT_EQ(loaded.values.slack.signing_secret, "mine");
  EXPECT_EQ(line_of(loaded, "slack.signing_secret").source, "environment");
  EXPECT_EQ(line_of(loaded, "whatsapp.verify_token").source, "generated");
}

TEST_F(development_secrets, are_completed_when_the_file_lacks_some) {
  std::filesystem::create_directories(directory_.path() / "var");
  write("var/secrets.json", R"({"slack.signing_secret": "old"})");
  auto loaded = must_load();
  ASSERT_TRUE(ensure_development_secrets(loaded));
  EXPECT_EQ(loaded.values.slack.signing_secret, "old");
  EXPECT_EQ(loaded.values.intercom.webhook_secret.size(), 64U);
}

TEST_F(development_secrets, are_not_replaced_when_the_file_cannot_be_read) {
  std::filesystem::create_directories(directory_.path() / "var");
  write("var/secrets.json", "{");
  auto loaded = must_load();
  auto made = ensure_development_secrets(loaded);
  ASSERT_FALSE(made);
  EXPECT_MENTIONS(made.why().message, "secrets.json");
}

TEST_F(development_secrets, need_no_file_when_all_are_configured) {
  for (const auto* name : {"SLACK_SIGNING_SECRET",
                           "INTERCOM_WEBHOOK_SECRET",
                           "WHATSAPP_WEBHOOK_SECRET",
                           "WHATSAPP_VERIFY_TOKEN"})
    from_.environment.push_back(std::string{name} + "=x");
  auto loaded = must_load();
  ASSERT_TRUE(ensure_development_secrets(loaded));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "var"));
}

/// Told twice, as settings and as rules: they must not drift apart.
TEST_F(configuring, defaults_to_the_limits_the_providers_document) {
  const auto loaded = must_load();
  const auto& values = loaded.values;
  const auto expect = [](domain::provider whom, const limit_settings& limit) {
    const auto rules = domain::default_limits(whom);
    EXPECT_EQ(limit.every, rules.overall.every) << to_string(whom);
    EXPECT_EQ(limit.burst, rules.overall.burst) << to_string(whom);
    EXPECT_EQ(limit.recipient_every, rules.per_recipient.every) << to_string(whom);
  };
  expect(domain::provider::slack, values.slack.limit);
  expect(domain::provider::intercom, values.intercom.limit);
  expect(domain::provider::whatsapp, values.whatsapp.limit);
  expect(domain::provider::notion, values.notion.limit);
  expect(domain::provider::openai, values.openai.limit);
  expect(domain::provider::smtp, values.smtp.limit);
  const domain::breaker_rules breaker;
  EXPECT_EQ(values.breaker.failures_to_open, breaker.failures_to_open);
  EXPECT_EQ(values.breaker.open_for, breaker.open_for);
  EXPECT_EQ(values.breaker.longest_open, breaker.longest_open);
}

TEST_F(configuring, defaults_to_the_rules_that_kinds_of_jobs_have) {
  const auto loaded = must_load();
  const auto rules = job_rules(loaded.values.jobs);
  const auto& defaults = domain::all_job_rules();
  for (std::size_t at = 0; at < rules.size(); ++at) {
    const auto& [made, expected] = std::pair{rules[at], defaults[at]};
    EXPECT_EQ(made.kind, expected.kind);
    EXPECT_EQ(made.concurrency, expected.concurrency) << expected.job_class;
    EXPECT_EQ(made.within, expected.within) << expected.job_class;
    EXPECT_EQ(made.retry.most_attempts, expected.retry.most_attempts) << expected.job_class;
    EXPECT_EQ(made.retry.repeatable, expected.retry.repeatable) << expected.job_class;
    EXPECT_EQ(made.retry.patience, expected.retry.patience) << expected.job_class;
    for (int attempt = 1; attempt <= 12; ++attempt)
      EXPECT_EQ(delay_after(made.retry.schedule, attempt, 1ULL << 63U),
                delay_after(expected.retry.schedule, attempt, 1ULL << 63U))
        << expected.job_class << ", attempt " << attempt;
  }
  EXPECT_EQ(loaded.values.jobs.lease, domain::claim_lease);
  const domain::limiter_rules limiter;
  EXPECT_EQ(loaded.values.limiter.queue, limiter.longest_queue);
  EXPECT_EQ(loaded.values.limiter.recipient_queue, limiter.longest_recipient_queue);
  EXPECT_EQ(loaded.values.limiter.longest_wait, limiter.longest_wait);
}

TEST_F(configuring, runs_each_kind_of_job_as_it_is_told) {
  write("feedback-hub.toml", "[jobs.notification]\nconcurrency = 7\nwithin = \"45s\"\n");
  from_.environment = {"HUB_JOBS_NOTIFICATION_ATTEMPTS=9",
                       "HUB_JOBS_NOTIFICATION_FIRST_DELAY=2s",
                       "HUB_JOBS_NOTIFICATION_LONGEST_DELAY=50s",
                       "HUB_JOBS_PATIENCE=2h"};
  const auto rules = job_rules(must_load().values.jobs);
  const auto& set = rules[static_cast<std::size_t>(domain::job_kind::notification_dispatch)];
  EXPECT_EQ(set.concurrency, 7);
  EXPECT_EQ(set.within, std::chrono::seconds{45});
  EXPECT_EQ(set.retry.most_attempts, 9);
  EXPECT_EQ(set.retry.patience, std::chrono::hours{2});
  const auto delay = [&](int attempt) { return delay_after(set.retry.schedule, attempt, 0); };
  EXPECT_EQ(delay(1), std::chrono::seconds{2});
  EXPECT_EQ(delay(2), std::chrono::seconds{10}) << "as many times the first as ever";
  EXPECT_EQ(delay(3), std::chrono::seconds{50});
  const auto& other = rules[static_cast<std::size_t>(domain::job_kind::provider_check)];
  EXPECT_EQ(other.retry.most_attempts, 5);
}

TEST_F(configuring, finds_fault_with_how_jobs_and_calls_are_to_be_run) {
  from_.environment = {"HUB_JOBS_CANARY_ATTEMPTS=0",
                       "HUB_JOBS_TRIAGE_FIRST_DELAY=1h",
                       "HUB_CALLS_WITHIN=forever",
                       "HUB_LIMITER_LONGEST_WAIT=31s"};
  const auto message = fault();
  EXPECT_MENTIONS(message, "HUB_JOBS_CANARY_ATTEMPTS");
  EXPECT_MENTIONS(message, "must be between 1 and 100, not 0");
  EXPECT_MENTIONS(message,
                  "jobs.triage.first_delay must not be more than jobs.triage.longest_delay");
  EXPECT_MENTIONS(message, "HUB_CALLS_WITHIN");
  EXPECT_MENTIONS(message, "must be between 100ms and 30s, not 31s");
}

TEST_F(configuring, refuses_durations_that_it_would_have_to_round) {
  from_.environment = {"HUB_JOBS_LEASE=3999ms",
                       "HUB_JOBS_PATIENCE=90m",
                       "HUB_JOBS_CANARY_WITHIN=1500ms",
                       "HUB_JOBS_POLL_EVERY=1001ms"};
  const auto message = fault();
  EXPECT_MENTIONS(message, "HUB_JOBS_LEASE (environment): must be a multiple of 1s, not 3999ms");
  EXPECT_MENTIONS(message, "HUB_JOBS_PATIENCE (environment): must be a multiple of 1h, not 90m");
  EXPECT_MENTIONS(message, "HUB_JOBS_CANARY_WITHIN");
  EXPECT_OMITS(message, "HUB_JOBS_POLL_EVERY");
}

TEST_F(configuring, refuses_leases_that_leave_no_time_to_renew_them) {
  from_.environment = {"HUB_JOBS_LEASE=2s"};
  EXPECT_MENTIONS(fault(), "must be between 3s and 10m, not 2s");
}

TEST_F(configuring, gives_attempts_that_send_the_time_of_a_call) {
  from_.environment = {"HUB_JOBS_PROVIDER_CHECK_WITHIN=19s",
                       "HUB_JOBS_NOTIFICATION_WITHIN=20s",
                       "HUB_JOBS_CANARY_WITHIN=1s"};
  const auto message = fault();
  EXPECT_MENTIONS(message, "jobs.provider_check.within must not be less than calls.within");
  EXPECT_OMITS(message, "jobs.notification.within");
  EXPECT_OMITS(message, "jobs.canary.within");
}

} // namespace
} // namespace hub::config
