#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <type_traits>
#include <utility>

namespace hub::config {

namespace {

template <class Target>
void assign(Target& target, const value& from) {
  if constexpr (std::is_same_v<Target, log_format>)
    target = std::get<std::string>(from) == "json" ? log_format::json : log_format::text;
  else if constexpr (
    std::is_same_v<
      Target,
      bool> || std::is_same_v<Target, endpoint> || std::is_same_v<Target, std::vector<std::string>>)
    target = std::get<Target>(from);
  else if constexpr (std::is_integral_v<Target>)
    target = static_cast<Target>(std::get<std::int64_t>(from)); // the bounds fit the member
  else if constexpr (std::is_constructible_v<Target, std::string>)
    target = std::get<std::string>(from);
  else
    target = std::chrono::duration_cast<Target>(std::get<std::chrono::milliseconds>(from));
}

template <>
void assign(log_level& target, const value& from) {
  constexpr std::array<std::string_view, 5> names{"trace", "debug", "info", "warn", "error"};
  const auto found = std::ranges::find(names, std::get<std::string>(from));
  target = static_cast<log_level>(found - names.begin());
}

template <auto... Members>
void store_into(settings& target, const value& from) {
  assign((target.*....*Members), from);
}

/// Of a duration: in milliseconds. One for everything else.
template <class Target>
constexpr std::int64_t unit_of() {
  if constexpr (requires { typename Target::period; })
    return std::chrono::milliseconds{Target{1}}.count();
  else
    return 1;
}

/// Where a value is kept.
struct place {
  void (*store)(settings&, const value&);
  std::int64_t unit;
};

// Names the member by its path: `into<&settings::http, &http_settings::bind>`.
template <auto... Members>
constexpr place into{
  store_into<Members...>,
  unit_of<std::remove_cvref_t<decltype((std::declval<settings&>().*....*Members))>>()};

constexpr std::int64_t second = 1'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t kib = 1 << 10;
constexpr std::int64_t mib = 1 << 20;
constexpr std::int64_t gib = 1 << 30;

constexpr setting
text(std::string_view key, std::string_view env, std::string_view description, place where) {
  setting made{key, env, description, {}, {}, where.store};
  made.unit = where.unit;
  return made;
}

constexpr setting plain(kind type,
                        std::string_view key,
                        std::string_view env,
                        std::string_view fallback,
                        std::string_view description,
                        place where,
                        std::string_view choices = {}) {
  auto made = text(key, env, description, where);
  made.type = type;
  made.fallback = fallback;
  made.choices = choices;
  return made;
}

constexpr setting secret(std::string_view key,
                         std::string_view env,
                         std::string_view description,
                         place where,
                         kind type = kind::text,
                         std::string_view schemes = {}) {
  auto made = plain(type, key, env, {}, description, where, schemes);
  made.secret = true;
  return made;
}

/// A workspace may set it for itself.
constexpr setting each_workspace(setting made) {
  made.scope = setting_scope::workspace;
  return made;
}

/// As whom the hub calls a provider, or is called: no workspace does so as another.
constexpr setting account(setting made) {
  made.scope = setting_scope::account;
  return made;
}

constexpr setting web_address(std::string_view key,
                              std::string_view env,
                              std::string_view fallback,
                              std::string_view description,
                              place where) {
  return plain(kind::url, key, env, fallback, description, where, "http|https");
}

constexpr setting limit(std::string_view key,
                        std::string_view env,
                        kind type,
                        std::string_view fallback,
                        std::int64_t least,
                        std::int64_t most,
                        std::string_view description,
                        place where) {
  auto made = plain(type, key, env, fallback, description, where);
  made.least = least;
  made.most = most;
  return made;
}

constexpr setting general[] = {
  plain(kind::text,
        "data_dir",
        "HUB_DATA_DIR",
        "./var",
        "where the hub keeps its database, keys and logs",
        into<&settings::data_dir>),
  plain(kind::boolean,
        "simulation",
        "HUB_SIMULATION",
        "off",
        "offers the calls that make up reports and incidents, for trying the hub out",
        into<&settings::simulation>),
  plain(kind::choice,
        "log.format",
        "LOG_FORMAT",
        "json",
        "how log lines look",
        into<&settings::log, &log_settings::format>,
        "json|text"),
  plain(kind::choice,
        "log.level",
        "LOG_LEVEL",
        "info",
        "the least that is logged",
        into<&settings::log, &log_settings::level>,
        "trace|debug|info|warn|error"),
};

constexpr setting http[] = {
  plain(kind::bind,
        "http.bind",
        "HUB_BIND",
        "127.0.0.1:3000",
        "address and port to listen on; port 0 takes a free one",
        into<&settings::http, &http_settings::bind>),
  limit("http.threads",
        "HUB_HTTP_THREADS",
        kind::integer,
        "0",
        0,
        256,
        "threads that serve connections; 0 takes one a core",
        into<&settings::http, &http_settings::threads>),
  plain(kind::hosts,
        "http.allowed_hosts",
        "HUB_ALLOWED_HOSTS",
        "",
        "names, beside localhost, under which the hub answers other calls than webhooks",
        into<&settings::http, &http_settings::allowed_hosts>),
  plain(kind::origins,
        "http.cors_origins",
        "CORS_ORIGINS",
        "",
        "origins of other web pages that may call the API",
        into<&settings::http, &http_settings::cors_origins>),
  plain(kind::list,
        "http.trusted_proxies",
        "HUB_TRUSTED_PROXIES",
        "",
        "addresses of proxies whose X-Forwarded-For says who called",
        into<&settings::http, &http_settings::trusted_proxies>),
  limit("http.max_target",
        "HUB_HTTP_MAX_TARGET",
        kind::size,
        "4KiB",
        256,
        mib,
        "longest path and query of a request",
        into<&settings::http, &http_settings::limits, &http_limits::max_target>),
  limit("http.max_head",
        "HUB_HTTP_MAX_HEAD",
        kind::size,
        "16KiB",
        kib,
        mib,
        "longest head of a request, all headers together",
        into<&settings::http, &http_settings::limits, &http_limits::max_head>),
  limit("http.max_headers",
        "HUB_HTTP_MAX_HEADERS",
        kind::integer,
        "100",
        8,
        10'000,
        "most headers of a request",
        into<&settings::http, &http_settings::limits, &http_limits::max_headers>),
  limit("http.max_body",
        "HUB_HTTP_MAX_BODY",
        kind::size,
        "4MiB",
        kib,
        gib,
        "longest body of a request; Meta sends up to 3 MB",
        into<&settings::http, &http_settings::limits, &http_limits::max_body>),
  limit("http.max_pipelined",
        "HUB_HTTP_MAX_PIPELINED",
        kind::size,
        "64KiB",
        kib,
        64 * mib,
        "what a client may send ahead of the answers",
        into<&settings::http, &http_settings::limits, &http_limits::max_pipelined>),
  limit("http.max_stream_buffer",
        "HUB_HTTP_MAX_STREAM_BUFFER",
        kind::size,
        "1MiB",
        kib,
        gib,
        "what may wait for a slow reader of the live stream",
        into<&settings::http, &http_settings::limits, &http_limits::max_stream_buffer>),
  limit("http.max_connections",
        "HUB_HTTP_MAX_CONNECTIONS",
        kind::integer,
        "4096",
        1,
        1'000'000,
        "most connections at once",
        into<&settings::http, &http_settings::limits, &http_limits::max_connections>),
  limit("http.max_connections_per_address",
        "HUB_HTTP_MAX_CONNECTIONS_PER_ADDRESS",
        kind::integer,
        "1024",
        1,
        1'000'000,
        "most connections of one address at once",
        into<&settings::http, &http_settings::limits, &http_limits::max_connections_per_address>),
  limit("http.head_timeout",
        "HUB_HTTP_HEAD_TIMEOUT",
        kind::duration,
        "10s",
        100,
        hour,
        "time to send a request's head",
        into<&settings::http, &http_settings::limits, &http_limits::head_timeout>),
  limit("http.body_timeout",
        "HUB_HTTP_BODY_TIMEOUT",
        kind::duration,
        "30s",
        100,
        hour,
        "time to send a request's body",
        into<&settings::http, &http_settings::limits, &http_limits::body_timeout>),
  limit("http.idle_timeout",
        "HUB_HTTP_IDLE_TIMEOUT",
        kind::duration,
        "60s",
        100,
        day,
        "time between two requests of a connection",
        into<&settings::http, &http_settings::limits, &http_limits::idle_timeout>),
  limit("http.handler_timeout",
        "HUB_HTTP_HANDLER_TIMEOUT",
        kind::duration,
        "30s",
        100,
        hour,
        "time to find an answer",
        into<&settings::http, &http_settings::limits, &http_limits::handler_timeout>),
  limit("http.write_timeout",
        "HUB_HTTP_WRITE_TIMEOUT",
        kind::duration,
        "30s",
        100,
        hour,
        "time a client may take without reading any of the answer",
        into<&settings::http, &http_settings::limits, &http_limits::write_timeout>),
};

#define HUB_TRAFFIC(KEY, ENV, WHOSE, MEMBER, CALLS, BYTES, STREAMS)                                \
  limit("http." KEY ".calls_per_second",                                                           \
        "HUB_" ENV "_CALLS_PER_SECOND",                                                            \
        kind::integer,                                                                             \
        CALLS,                                                                                     \
        0,                                                                                         \
        1'000'000,                                                                                 \
        "calls of one " WHOSE "; ten seconds' worth at once; 0: no limit",                         \
        into<&settings::http, MEMBER, &traffic_settings::calls_per_second>),                       \
    limit("http." KEY ".body_bytes_per_second",                                                    \
          "HUB_" ENV "_BODY_BYTES_PER_SECOND",                                                     \
          kind::size,                                                                              \
          BYTES,                                                                                   \
          0,                                                                                       \
          gib,                                                                                     \
          "bodies of one " WHOSE "'s calls; ten seconds' worth at once; 0: no limit",              \
          into<&settings::http, MEMBER, &traffic_settings::body_bytes_per_second>),                \
    limit("http." KEY ".streams",                                                                  \
          "HUB_" ENV "_STREAMS",                                                                   \
          kind::integer,                                                                           \
          STREAMS,                                                                                 \
          0,                                                                                       \
          1'000'000,                                                                               \
          "streams and exports open at once by one " WHOSE "; 0: no limit",                        \
          into<&settings::http, MEMBER, &traffic_settings::streams>)

// clang-format off
constexpr setting traffic[] = {
  HUB_TRAFFIC("per_address", "ADDRESS", "address", &http_settings::per_address, "200", "8MiB", "64"),
  HUB_TRAFFIC("per_session", "SESSION", "session", &http_settings::per_session, "50", "4MiB", "8"),
  HUB_TRAFFIC("per_key", "KEY", "key", &http_settings::per_key, "100", "4MiB", "16"),
  HUB_TRAFFIC("per_workspace", "WORKSPACE", "workspace", &http_settings::per_workspace, "500", "32MiB", "256"),
};
// clang-format on
#undef HUB_TRAFFIC

// Everything people send each other, and nothing that could be a page or a program.
constexpr std::string_view default_types =
  "image/,audio/,video/,text/,application/pdf,application/json,application/rtf,application/zip,"
  "application/gzip,application/x-7z-compressed,application/vnd.rar,application/msword,"
  "application/vnd.ms-excel,application/vnd.ms-powerpoint,application/vnd.ms-outlook,"
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document,"
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet,"
  "application/vnd.openxmlformats-officedocument.presentationml.presentation,"
  "application/vnd.oasis.opendocument.text,application/vnd.oasis.opendocument.spreadsheet,"
  "application/vnd.oasis.opendocument.presentation";

constexpr setting storage[] = {
  secret("database.url",
         "DATABASE_URL",
         "a PostgreSQL of one's own; without it the hub runs one itself",
         into<&settings::database, &database_settings::url>,
         kind::database),
  secret("database.owner_url",
         "DATABASE_OWNER_URL",
         "the same database as the role that owns its tables, for migrations; without it "
         "DATABASE_URL's role owns them",
         into<&settings::database, &database_settings::owner_url>,
         kind::database),
  limit("database.readers",
        "HUB_DATABASE_READERS",
        kind::integer,
        "4",
        1,
        100,
        "connections that answer queries",
        into<&settings::database, &database_settings::readers>),
  text("postgres.user",
       "HUB_POSTGRES_USER",
       "account that runs the hub's own PostgreSQL when the hub is root",
       into<&settings::postgres, &postgres_settings::user>),
  text("postgres.bin",
       "HUB_POSTGRES_BIN",
       "directory of the programs postgres and initdb, where they are not found by themselves",
       into<&settings::postgres, &postgres_settings::bin_dir>),
  limit("postgres.shared_buffers",
        "HUB_POSTGRES_SHARED_BUFFERS",
        kind::size,
        "128MiB",
        mib,
        64 * gib,
        "memory of the hub's own PostgreSQL for its pages",
        into<&settings::postgres, &postgres_settings::shared_buffers>),
  limit("postgres.max_connections",
        "HUB_POSTGRES_MAX_CONNECTIONS",
        kind::integer,
        "50",
        10,
        1'000,
        "connections the hub's own PostgreSQL accepts",
        into<&settings::postgres, &postgres_settings::max_connections>),
  secret("sealing.keys",
         "HUB_SEALING_KEYS",
         "the keys that seal personal data, for nodes that share a database; otherwise keys.json "
         "in the data directory",
         into<&settings::sealing, &sealing_settings::keys>),
  each_workspace(plain(kind::boolean,
                       "intake.reopen_resolved",
                       "HUB_INTAKE_REOPEN_RESOLVED",
                       "on",
                       "a reply to a resolved ticket opens it again",
                       into<&settings::intake, &intake_settings::reopen_resolved>)),
  each_workspace(limit("intake.whatsapp_window",
                       "HUB_INTAKE_WHATSAPP_WINDOW",
                       kind::duration,
                       "24h",
                       minute,
                       365 * day,
                       "WhatsApp messages of one person within it are one conversation",
                       into<&settings::intake, &intake_settings::whatsapp_window>)),
  limit("intake.ticket_idle",
        "HUB_INTAKE_TICKET_IDLE",
        kind::duration,
        "300s",
        second,
        7 * day,
        "after which an untouched ticket leaves the memory",
        into<&settings::intake, &intake_settings::ticket_idle>),
  limit("intake.writers",
        "HUB_INTAKE_WRITERS",
        kind::integer,
        "2",
        1,
        32,
        "connections that write changes",
        into<&settings::intake, &intake_settings::writers>),
  limit("intake.journal_queue",
        "HUB_INTAKE_JOURNAL_QUEUE",
        kind::integer,
        "10000",
        1,
        10'000'000,
        "changes that may wait to be written; beyond, callers are told to come back",
        into<&settings::intake, &intake_settings::journal_queue>),
  limit("intake.journal_batch",
        "HUB_INTAKE_JOURNAL_BATCH",
        kind::integer,
        "256",
        1,
        10'000,
        "most changes in one transaction",
        into<&settings::intake, &intake_settings::journal_batch>),
};

constexpr setting channels[] = {
  account(secret("slack.signing_secret",
                 "SLACK_SIGNING_SECRET",
                 "what Slack signs its deliveries with",
                 into<&settings::slack, &slack_settings::signing_secret>)),
  account(secret("slack.bot_token",
                 "SLACK_BOT_TOKEN",
                 "the token that answers are posted with",
                 into<&settings::slack, &slack_settings::bot_token>)),
  web_address("slack.api_url",
              "SLACK_API_URL",
              "https://slack.com/api",
              "where Slack's API is",
              into<&settings::slack, &slack_settings::api_url>),
  each_workspace(limit("slack.every",
                       "HUB_SLACK_EVERY",
                       kind::duration,
                       "200ms",
                       0,
                       hour,
                       "time between two calls; 0s: no limit",
                       into<&settings::slack, &slack_settings::limit, &limit_settings::every>)),
  each_workspace(limit("slack.burst",
                       "HUB_SLACK_BURST",
                       kind::integer,
                       "10",
                       1,
                       10'000,
                       "calls that may go at once before the limit holds",
                       into<&settings::slack, &slack_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("slack.recipient_every",
          "HUB_SLACK_RECIPIENT_EVERY",
          kind::duration,
          "1s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::slack, &slack_settings::limit, &limit_settings::recipient_every>)),
  account(secret("intercom.webhook_secret",
                 "INTERCOM_WEBHOOK_SECRET",
                 "the client secret Intercom signs its deliveries with",
                 into<&settings::intercom, &intercom_settings::webhook_secret>)),
  account(secret("intercom.api_token",
                 "INTERCOM_API_TOKEN",
                 "the token that replies are sent with",
                 into<&settings::intercom, &intercom_settings::api_token>)),
  web_address("intercom.api_url",
              "INTERCOM_API_URL",
              "https://api.intercom.io",
              "where Intercom's API is",
              into<&settings::intercom, &intercom_settings::api_url>),
  account(text("intercom.admin_id",
               "INTERCOM_ADMIN_ID",
               "the admin who replies to conversations",
               into<&settings::intercom, &intercom_settings::admin_id>)),
  each_workspace(
    limit("intercom.every",
          "HUB_INTERCOM_EVERY",
          kind::duration,
          "334ms",
          0,
          hour,
          "time between two calls; 0s: no limit",
          into<&settings::intercom, &intercom_settings::limit, &limit_settings::every>)),
  each_workspace(
    limit("intercom.burst",
          "HUB_INTERCOM_BURST",
          kind::integer,
          "3",
          1,
          10'000,
          "calls that may go at once before the limit holds",
          into<&settings::intercom, &intercom_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("intercom.recipient_every",
          "HUB_INTERCOM_RECIPIENT_EVERY",
          kind::duration,
          "0s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::intercom, &intercom_settings::limit, &limit_settings::recipient_every>)),
  account(secret("whatsapp.webhook_secret",
                 "WHATSAPP_WEBHOOK_SECRET",
                 "the app secret Meta signs its deliveries with",
                 into<&settings::whatsapp, &whatsapp_settings::webhook_secret>)),
  account(secret("whatsapp.verify_token",
                 "WHATSAPP_VERIFY_TOKEN",
                 "what Meta has to present when it verifies the webhook",
                 into<&settings::whatsapp, &whatsapp_settings::verify_token>)),
  account(secret("whatsapp.api_token",
                 "WHATSAPP_API_TOKEN",
                 "the token that messages are sent with",
                 into<&settings::whatsapp, &whatsapp_settings::api_token>)),
  account(text("whatsapp.phone_number_id",
               "WHATSAPP_PHONE_NUMBER_ID",
               "the number messages are sent from, as Meta numbers it",
               into<&settings::whatsapp, &whatsapp_settings::phone_number_id>)),
  web_address("whatsapp.api_url",
              "WHATSAPP_API_URL",
              "https://graph.facebook.com/v23.0",
              "where the Cloud API is, with its version",
              into<&settings::whatsapp, &whatsapp_settings::api_url>),
  each_workspace(plain(kind::text,
                       "whatsapp.template",
                       "WHATSAPP_TEMPLATE",
                       "issue_resolved",
                       "the template for whoever has not written for a day, with one parameter",
                       into<&settings::whatsapp, &whatsapp_settings::message_template>)),
  each_workspace(plain(kind::list,
                       "whatsapp.template_languages",
                       "WHATSAPP_TEMPLATE_LANGUAGES",
                       "en_US",
                       "the languages that template exists in; the first is for everybody else",
                       into<&settings::whatsapp, &whatsapp_settings::template_languages>)),
  each_workspace(
    limit("whatsapp.every",
          "HUB_WHATSAPP_EVERY",
          kind::duration,
          "13ms",
          0,
          hour,
          "time between two calls; 0s: no limit",
          into<&settings::whatsapp, &whatsapp_settings::limit, &limit_settings::every>)),
  each_workspace(
    limit("whatsapp.burst",
          "HUB_WHATSAPP_BURST",
          kind::integer,
          "3",
          1,
          10'000,
          "calls that may go at once before the limit holds",
          into<&settings::whatsapp, &whatsapp_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("whatsapp.recipient_every",
          "HUB_WHATSAPP_RECIPIENT_EVERY",
          kind::duration,
          "6s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::whatsapp, &whatsapp_settings::limit, &limit_settings::recipient_every>)),
  account(secret("notion.api_key",
                 "NOTION_API_KEY",
                 "the integration's token",
                 into<&settings::notion, &notion_settings::api_key>)),
  account(text("notion.database_id",
               "NOTION_DATABASE_ID",
               "the database tickets are mirrored to",
               into<&settings::notion, &notion_settings::database_id>)),
  web_address("notion.api_url",
              "NOTION_API_URL",
              "https://api.notion.com/v1",
              "where Notion's API is",
              into<&settings::notion, &notion_settings::api_url>),
  each_workspace(limit("notion.every",
                       "HUB_NOTION_EVERY",
                       kind::duration,
                       "334ms",
                       0,
                       hour,
                       "time between two calls; 0s: no limit",
                       into<&settings::notion, &notion_settings::limit, &limit_settings::every>)),
  each_workspace(limit("notion.burst",
                       "HUB_NOTION_BURST",
                       kind::integer,
                       "3",
                       1,
                       10'000,
                       "calls that may go at once before the limit holds",
                       into<&settings::notion, &notion_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("notion.recipient_every",
          "HUB_NOTION_RECIPIENT_EVERY",
          kind::duration,
          "0s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::notion, &notion_settings::limit, &limit_settings::recipient_every>)),
  account(secret("openai.api_key",
                 "OPENAI_API_KEY",
                 "the key for triage and drafts",
                 into<&settings::openai, &openai_settings::api_key>)),
  web_address("openai.base_url",
              "OPENAI_BASE_URL",
              "https://api.openai.com/v1",
              "where OpenAI's API, or a compatible one, is",
              into<&settings::openai, &openai_settings::base_url>),
  each_workspace(limit("openai.every",
                       "HUB_OPENAI_EVERY",
                       kind::duration,
                       "0s",
                       0,
                       hour,
                       "time between two calls; 0s: no limit",
                       into<&settings::openai, &openai_settings::limit, &limit_settings::every>)),
  each_workspace(limit("openai.burst",
                       "HUB_OPENAI_BURST",
                       kind::integer,
                       "1",
                       1,
                       10'000,
                       "calls that may go at once before the limit holds",
                       into<&settings::openai, &openai_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("openai.recipient_every",
          "HUB_OPENAI_RECIPIENT_EVERY",
          kind::duration,
          "0s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::openai, &openai_settings::limit, &limit_settings::recipient_every>)),
  account(secret("smtp.url",
                 "SMTP_URL",
                 "the mail server, with its credentials",
                 into<&settings::smtp, &smtp_settings::url>,
                 kind::url,
                 "smtp|smtps")),
  account(text("smtp.from",
               "SMTP_FROM",
               "the address that mails come from",
               into<&settings::smtp, &smtp_settings::from>)),
  each_workspace(limit("smtp.every",
                       "HUB_SMTP_EVERY",
                       kind::duration,
                       "100ms",
                       0,
                       hour,
                       "time between two calls; 0s: no limit",
                       into<&settings::smtp, &smtp_settings::limit, &limit_settings::every>)),
  each_workspace(limit("smtp.burst",
                       "HUB_SMTP_BURST",
                       kind::integer,
                       "10",
                       1,
                       10'000,
                       "calls that may go at once before the limit holds",
                       into<&settings::smtp, &smtp_settings::limit, &limit_settings::burst>)),
  each_workspace(
    limit("smtp.recipient_every",
          "HUB_SMTP_RECIPIENT_EVERY",
          kind::duration,
          "1s",
          0,
          hour,
          "time between two messages to one recipient; 0s: no limit",
          into<&settings::smtp, &smtp_settings::limit, &limit_settings::recipient_every>)),
  limit("breaker.failures_to_open",
        "HUB_BREAKER_FAILURES",
        kind::integer,
        "5",
        1,
        10'000,
        "failed calls in a row after which a provider counts as down",
        into<&settings::breaker, &breaker_settings::failures_to_open>),
  limit("breaker.open_for",
        "HUB_BREAKER_OPEN_FOR",
        kind::duration,
        "30s",
        100,
        hour,
        "time until a provider that is down is tried again",
        into<&settings::breaker, &breaker_settings::open_for>),
  limit("breaker.longest_open",
        "HUB_BREAKER_LONGEST_OPEN",
        kind::duration,
        "300s",
        100,
        day,
        "the most that time grows to while trials fail",
        into<&settings::breaker, &breaker_settings::longest_open>),
  secret("access.admin_token",
         "HUB_ADMIN_TOKEN",
         "an API key of one's own, at least 32 characters, that may do everything",
         into<&settings::admin_token>),
  web_address("sandbox.url",
              "HUB_SANDBOX_URL",
              "",
              "where the sandbox is that plays providers; they are then shown as played",
              into<&settings::sandbox_url>),
  limit("attachments.largest",
        "HUB_ATTACHMENTS_LARGEST",
        kind::size,
        "25MiB",
        kib,
        256 * mib,
        "largest file that is fetched; as many as jobs.attachment_fetch.concurrency are in memory",
        into<&settings::attachments, &attachment_settings::largest>),
  plain(kind::list,
        "attachments.types",
        "HUB_ATTACHMENTS_TYPES",
        default_types,
        "what files may be, as their bytes say: types, or beginnings of types that end in /",
        into<&settings::attachments, &attachment_settings::types>),
  limit("attachments.within",
        "HUB_ATTACHMENTS_WITHIN",
        kind::duration,
        "60s",
        second,
        2 * minute,
        "time to fetch one file",
        into<&settings::attachments, &attachment_settings::within>),
  text("s3.bucket",
       "S3_BUCKET",
       "where attachments are kept; without it, in the data directory",
       into<&settings::s3, &s3_settings::bucket>),
  web_address("s3.endpoint",
              "S3_ENDPOINT",
              "",
              "an S3-compatible server other than Amazon's",
              into<&settings::s3, &s3_settings::endpoint>),
  plain(kind::text,
        "s3.region",
        "AWS_REGION",
        "us-east-1",
        "the bucket's region",
        into<&settings::s3, &s3_settings::region>),
  secret("s3.access_key_id",
         "AWS_ACCESS_KEY_ID",
         "the account attachments are stored with",
         into<&settings::s3, &s3_settings::access_key_id>),
  secret("s3.secret_access_key",
         "AWS_SECRET_ACCESS_KEY",
         "that account's secret",
         into<&settings::s3, &s3_settings::secret_access_key>),
};

constexpr setting release[] = {
  each_workspace(limit("release.undo_within",
                       "HUB_RELEASE_UNDO_WITHIN",
                       kind::duration,
                       "10s",
                       0,
                       10 * minute,
                       "how long an approval can be taken back before anything is sent",
                       into<&settings::release, &release_settings::undo_within>)),
  each_workspace(limit("release.batch_above",
                       "HUB_RELEASE_BATCH_ABOVE",
                       kind::integer,
                       "5",
                       0,
                       1'000'000,
                       "more resolutions of one cause than this wait for a person before they are "
                       "announced",
                       into<&settings::release, &release_settings::batch_above>)),
  each_workspace(limit("release.batch_within",
                       "HUB_RELEASE_BATCH_WITHIN",
                       kind::duration,
                       "5m",
                       second,
                       day,
                       "the time in which they are counted",
                       into<&settings::release, &release_settings::batch_within>)),
};

constexpr setting models[] = {
  each_workspace(plain(kind::choice,
                       "ai.triage",
                       "HUB_AI_TRIAGE",
                       "automatic",
                       "whether each new ticket gets a suggestion of type and priority",
                       into<&settings::ai, &ai_settings::triage>,
                       "automatic|manual|off")),
  each_workspace(
    plain(kind::choice,
          "ai.provider",
          "HUB_AI_PROVIDER",
          "auto",
          "who is asked: auto is openai where there is a key or a server of one's own, "
          "else local, which asks nobody",
          into<&settings::ai, &ai_settings::provider>,
          "auto|openai|local")),
  each_workspace(plain(kind::text,
                       "ai.triage_model",
                       "HUB_AI_TRIAGE_MODEL",
                       "gpt-4o-mini",
                       "the model that triages, by its server's name for it",
                       into<&settings::ai, &ai_settings::triage_model>)),
  each_workspace(plain(kind::text,
                       "ai.changelog_model",
                       "HUB_AI_CHANGELOG_MODEL",
                       "gpt-5.1",
                       "the model that drafts changelog entries",
                       into<&settings::ai, &ai_settings::changelog_model>)),
  each_workspace(plain(kind::text,
                       "ai.embedding_model",
                       "HUB_AI_EMBEDDING_MODEL",
                       "text-embedding-3-small",
                       "the model that tells how alike tickets are",
                       into<&settings::ai, &ai_settings::embedding_model>)),
  each_workspace(plain(kind::addresses,
                       "privacy.own_addresses",
                       "HUB_PRIVACY_OWN_ADDRESSES",
                       "",
                       "the company's own domains and mail addresses, which are nobody's personal "
                       "data",
                       into<&settings::privacy, &privacy_settings::own_addresses>)),
};

constexpr setting calls[] = {
  limit("limiter.queue",
        "HUB_LIMITER_QUEUE",
        kind::integer,
        "1000",
        1,
        1'000'000,
        "calls that may wait for one provider; beyond, their jobs come back later",
        into<&settings::limiter, &limiter_settings::queue>),
  limit("limiter.recipient_queue",
        "HUB_LIMITER_RECIPIENT_QUEUE",
        kind::integer,
        "100",
        1,
        1'000'000,
        "of these, calls that may wait for one recipient",
        into<&settings::limiter, &limiter_settings::recipient_queue>),
  limit("limiter.longest_wait",
        "HUB_LIMITER_LONGEST_WAIT",
        kind::duration,
        "30s",
        100,
        30 * second,
        "what would have to wait longer comes back later",
        into<&settings::limiter, &limiter_settings::longest_wait>),
  limit("calls.most",
        "HUB_CALLS_MOST",
        kind::integer,
        "256",
        1,
        10'000,
        "calls to providers under way at once",
        into<&settings::calls, &call_settings::most>),
  limit("calls.most_per_host",
        "HUB_CALLS_MOST_PER_HOST",
        kind::integer,
        "64",
        1,
        10'000,
        "of these, calls to one server",
        into<&settings::calls, &call_settings::most_per_host>),
  limit("calls.queue",
        "HUB_CALLS_QUEUE",
        kind::integer,
        "10000",
        1,
        1'000'000,
        "calls that may wait until others are done",
        into<&settings::calls, &call_settings::queue>),
  limit("calls.connect_within",
        "HUB_CALLS_CONNECT_WITHIN",
        kind::duration,
        "5s",
        10,
        2 * minute,
        "time to find and reach a provider's server, TLS included",
        into<&settings::calls, &call_settings::connect_within>),
  limit("calls.within",
        "HUB_CALLS_WITHIN",
        kind::duration,
        "20s",
        10,
        2 * minute,
        "time for a whole call, waiting included; a model that thinks gets two minutes",
        into<&settings::calls, &call_settings::within>),
  limit("calls.mail_within",
        "HUB_CALLS_MAIL_WITHIN",
        kind::duration,
        "30s",
        10,
        10 * minute,
        "time to hand a mail to its server, waiting included",
        into<&settings::calls, &call_settings::mail_within>),
  limit("calls.largest_answer",
        "HUB_CALLS_LARGEST_ANSWER",
        kind::size,
        "4MiB",
        kib,
        gib,
        "longest answer that is read; a model's may be 64 MiB",
        into<&settings::calls, &call_settings::largest_answer>),
};

// What is set for each kind of job. The defaults are those of `domain::all_job_rules`.
#define HUB_JOB_KIND(KEY, ENV, MEMBER, ATTEMPTS, CONCURRENCY, WITHIN, FIRST, LONGEST)              \
  limit("jobs." KEY ".attempts",                                                                   \
        "HUB_JOBS_" ENV "_ATTEMPTS",                                                               \
        kind::integer,                                                                             \
        ATTEMPTS,                                                                                  \
        1,                                                                                         \
        100,                                                                                       \
        "attempts until a job becomes a dead letter",                                              \
        into<&settings::jobs, MEMBER, &job_kind_settings::attempts>),                              \
    limit("jobs." KEY ".concurrency",                                                              \
          "HUB_JOBS_" ENV "_CONCURRENCY",                                                          \
          kind::integer,                                                                           \
          CONCURRENCY,                                                                             \
          1,                                                                                       \
          10'000,                                                                                  \
          "attempts at once",                                                                      \
          into<&settings::jobs, MEMBER, &job_kind_settings::concurrency>),                         \
    limit("jobs." KEY ".within",                                                                   \
          "HUB_JOBS_" ENV "_WITHIN",                                                               \
          kind::duration,                                                                          \
          WITHIN,                                                                                  \
          second,                                                                                  \
          hour,                                                                                    \
          "time an attempt may take",                                                              \
          into<&settings::jobs, MEMBER, &job_kind_settings::within>),                              \
    limit("jobs." KEY ".first_delay",                                                              \
          "HUB_JOBS_" ENV "_FIRST_DELAY",                                                          \
          kind::duration,                                                                          \
          FIRST,                                                                                   \
          100,                                                                                     \
          day,                                                                                     \
          "wait after the first failed attempt; later ones grow with it",                          \
          into<&settings::jobs, MEMBER, &job_kind_settings::first_delay>),                         \
    limit("jobs." KEY ".longest_delay",                                                            \
          "HUB_JOBS_" ENV "_LONGEST_DELAY",                                                        \
          kind::duration,                                                                          \
          LONGEST,                                                                                 \
          100,                                                                                     \
          7 * day,                                                                                 \
          "the most that wait grows to",                                                           \
          into<&settings::jobs, MEMBER, &job_kind_settings::longest_delay>)

// clang-format off
constexpr setting jobs[] = {
  limit("jobs.poll_every", "HUB_JOBS_POLL_EVERY", kind::duration, "1s", 50, minute,
        "how often to look for due jobs that nobody announced",
        into<&settings::jobs, &job_settings::poll_every>),
  limit("jobs.lease", "HUB_JOBS_LEASE", kind::duration, "15s", 3 * second, 10 * minute,
        "after which the jobs of a node that died are taken up by another",
        into<&settings::jobs, &job_settings::lease>),
  limit("jobs.patience", "HUB_JOBS_PATIENCE", kind::duration, "72h", hour, 30 * day,
        "how long a job is held back by limits before it becomes a dead letter",
        into<&settings::jobs, &job_settings::patience>),
  HUB_JOB_KIND("triage", "TRIAGE", &job_settings::triage, "3", "4", "90s", "10s", "10m"),
  HUB_JOB_KIND("changelog", "CHANGELOG", &job_settings::changelog, "3", "4", "90s", "10s", "10m"),
  HUB_JOB_KIND("notification", "NOTIFICATION", &job_settings::notification, "5", "64", "60s", "1m", "30m"),
  HUB_JOB_KIND("notion_sync", "NOTION_SYNC", &job_settings::notion_sync, "3", "8", "60s", "2s", "1h"),
  HUB_JOB_KIND("notion_poll", "NOTION_POLL", &job_settings::notion_poll, "3", "1", "120s", "5s", "5m"),
  HUB_JOB_KIND("provider_check", "PROVIDER_CHECK", &job_settings::provider_check, "5", "16", "60s", "1m", "30m"),
  HUB_JOB_KIND("attachment_fetch", "ATTACHMENT_FETCH", &job_settings::attachment_fetch, "10", "4", "300s", "30s", "30m"),
  HUB_JOB_KIND("canary", "CANARY", &job_settings::canary, "3", "256", "10s", "1s", "1m"),
};
// clang-format on
#undef HUB_JOB_KIND

constexpr setting access[] = {
  text("oidc.issuer",
       "HUB_OIDC_ISSUER",
       "the identity provider that people sign in through, exactly as it calls itself",
       into<&settings::oidc, &oidc_settings::issuer>),
  text("oidc.client_id",
       "HUB_OIDC_CLIENT_ID",
       "what the provider calls the hub",
       into<&settings::oidc, &oidc_settings::client_id>),
  secret("oidc.client_secret",
         "HUB_OIDC_CLIENT_SECRET",
         "what the hub proves itself to the provider with; without it, it is a public client",
         into<&settings::oidc, &oidc_settings::client_secret>),
  plain(kind::list,
        "oidc.scopes",
        "HUB_OIDC_SCOPES",
        "openid,email,profile",
        "what the provider is asked for",
        into<&settings::oidc, &oidc_settings::scopes>),
  plain(kind::hosts,
        "oidc.provision_domains",
        "HUB_OIDC_PROVISION_DOMAINS",
        "",
        "email domains whose people may enter without an invitation",
        into<&settings::oidc, &oidc_settings::provision_domains>),
  plain(kind::choice,
        "oidc.provision_role",
        "HUB_OIDC_PROVISION_ROLE",
        "viewer",
        "what they become",
        into<&settings::oidc, &oidc_settings::provision_role>,
        "viewer|agent|admin"),
  secret("jwt.secret",
         "HUB_JWT_SECRET",
         "the secret, at least 32 bytes, that signs the JWTs calls may come with (HS256)",
         into<&settings::jwt, &jwt_settings::secret>),
  text("jwt.jwks_url",
       "HUB_JWT_JWKS_URL",
       "where the keys are that sign them; without this and a secret, the identity provider's",
       into<&settings::jwt, &jwt_settings::jwks_url>),
  text("jwt.issuer",
       "HUB_JWT_ISSUER",
       "whose they are; without it, the identity provider's",
       into<&settings::jwt, &jwt_settings::issuer>),
  text("jwt.audience",
       "HUB_JWT_AUDIENCE",
       "whom they must be for; without it no JWTs are taken",
       into<&settings::jwt, &jwt_settings::audience>),
  text("introspection.url",
       "HUB_INTROSPECTION_URL",
       "where the provider is asked about other tokens (RFC 7662)",
       into<&settings::introspection, &introspection_settings::url>),
  text("introspection.client_id",
       "HUB_INTROSPECTION_CLIENT_ID",
       "as whom the hub asks",
       into<&settings::introspection, &introspection_settings::client_id>),
  secret("introspection.client_secret",
         "HUB_INTROSPECTION_CLIENT_SECRET",
         "what it proves itself with there",
         into<&settings::introspection, &introspection_settings::client_secret>),
  text("introspection.audience",
       "HUB_INTROSPECTION_AUDIENCE",
       "whom those tokens must be for; *: anybody, for providers that name nobody",
       into<&settings::introspection, &introspection_settings::audience>),
  limit("introspection.cache",
        "HUB_INTROSPECTION_CACHE",
        kind::duration,
        "30s",
        0,
        10 * minute,
        "how long an answer holds: a token revoked there is good here for that long",
        into<&settings::introspection, &introspection_settings::cache>),
  plain(kind::boolean,
        "tokens.clients",
        "HUB_TOKENS_CLIENTS",
        "off",
        "programs may enter with tokens of their own, as far as their scopes go",
        into<&settings::token_clients>),
};

template <std::size_t... Sizes>
constexpr auto join(const setting (&... groups)[Sizes]) {
  std::array<setting, (Sizes + ...)> all{};
  auto* at = all.data();
  ((at = std::copy(std::begin(groups), std::end(groups), at)), ...);
  return all;
}

constexpr auto all =
  join(general, http, traffic, storage, channels, release, models, calls, access, jobs);

} // namespace

std::span<const setting> schema() {
  return all;
}

const setting* find_by_key(std::string_view key) {
  const auto found = std::ranges::find(all, key, &setting::key);
  return found == all.end() ? nullptr : &*found;
}

const setting* find_by_env(std::string_view env) {
  const auto found = std::ranges::find(all, env, &setting::env);
  return found == all.end() ? nullptr : &*found;
}

} // namespace hub::config
