#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hub::config {

// Every member is filled from the schema, which also holds the defaults; see `schema.cpp`.

enum class log_format : std::uint8_t { json, text };
enum class log_level : std::uint8_t { trace, debug, info, warn, error };

/// Where the server listens; port 0 lets the system choose one.
struct endpoint {
  std::string host; // a numeric address without brackets, or `localhost`
  std::uint16_t port = 0;
};

struct http_limits {
  std::size_t max_target = 0; // bytes
  std::size_t max_head = 0;   // bytes
  std::size_t max_headers = 0;
  std::size_t max_body = 0;          // bytes
  std::size_t max_pipelined = 0;     // bytes
  std::size_t max_stream_buffer = 0; // bytes
  std::size_t max_connections = 0;
  std::size_t max_connections_per_address = 0;
  std::chrono::milliseconds head_timeout{};
  std::chrono::milliseconds body_timeout{};
  std::chrono::milliseconds idle_timeout{};
  std::chrono::milliseconds handler_timeout{};
  std::chrono::milliseconds write_timeout{};
};

/// What one of something may ask of one node; zero: no limit.
struct traffic_settings {
  int calls_per_second = 0;
  std::size_t body_bytes_per_second = 0;
  int streams = 0; // open at once
};

struct http_settings {
  endpoint bind;
  int threads = 0;                        // 0: as many as the machine has cores
  std::vector<std::string> allowed_hosts; // names other than this machine's own
  std::vector<std::string> cors_origins;
  std::vector<std::string> trusted_proxies; // addresses whose X-Forwarded-For is believed
  http_limits limits;
  traffic_settings per_address;
  traffic_settings per_session;
  traffic_settings per_key;
  traffic_settings per_workspace;
};

struct log_settings {
  log_format format{};
  log_level level{};
};

struct database_settings {
  std::string url;       // empty: the embedded server
  std::string owner_url; // whoever owns the tables and migrates; empty: `url`
  int readers = 0;
};

struct postgres_settings {
  std::string user;              // empty: `postgres`, else `nobody`; only used when the hub is root
  std::filesystem::path bin_dir; // empty: found
  std::size_t shared_buffers = 0; // bytes
  int max_connections = 0;
};

struct sealing_settings {
  std::string keys; // empty: the file in the data directory
};

struct intake_settings {
  bool reopen_resolved = false;           // a reply to a resolved ticket opens it again
  std::chrono::seconds whatsapp_window{}; // messages of one person within it are one conversation
  std::chrono::seconds ticket_idle{};     // after which a ticket's actor is put to rest
  int writers = 0;
  std::size_t journal_queue = 0; // Changes waiting; beyond, callers are told to come back
  std::size_t journal_batch = 0; // Changes in one transaction at most
};

/// How fast one provider may be called.
struct limit_settings {
  std::chrono::milliseconds every{}; // one call each; zero: no limit
  int burst = 1;                     // that many at once before the limit holds
  std::chrono::milliseconds recipient_every{};
};

/// When a provider counts as down.
struct breaker_settings {
  int failures_to_open = 0; // in a row
  std::chrono::milliseconds open_for{};
  std::chrono::milliseconds longest_open{};
};

/// Waiting lines in front of every provider.
struct limiter_settings {
  std::size_t queue = 0;
  std::size_t recipient_queue = 0;
  std::chrono::milliseconds longest_wait{};
};

/// What calls to providers may take, unless a call needs more by its nature.
struct call_settings {
  std::size_t most = 0; // under way at once
  std::size_t most_per_host = 0;
  std::size_t queue = 0;
  std::chrono::milliseconds connect_within{};
  std::chrono::milliseconds within{};
  std::chrono::milliseconds mail_within{};
  std::size_t largest_answer = 0; // bytes
};

/// How jobs of one kind are run.
struct job_kind_settings {
  int attempts = 0;
  int concurrency = 0; // on one node
  std::chrono::seconds within{};
  std::chrono::milliseconds first_delay{};
  std::chrono::milliseconds longest_delay{};
};

struct job_settings {
  std::chrono::milliseconds poll_every{};
  std::chrono::seconds lease{};
  std::chrono::hours patience{};
  job_kind_settings triage;
  job_kind_settings changelog;
  job_kind_settings notification;
  job_kind_settings notion_sync;
  job_kind_settings notion_poll;
  job_kind_settings provider_check;
  job_kind_settings attachment_fetch;
  job_kind_settings canary;
};

struct slack_settings {
  std::string signing_secret;
  std::string bot_token;
  std::string api_url;
  limit_settings limit;
};

struct intercom_settings {
  std::string webhook_secret;
  std::string api_token;
  std::string admin_id; // who replies
  std::string api_url;
  limit_settings limit;
};

struct whatsapp_settings {
  std::string webhook_secret;
  std::string verify_token;
  std::string api_token;
  std::string phone_number_id;
  std::string api_url;
  std::string message_template; // for whoever has not written for a day
  std::vector<std::string> template_languages;
  limit_settings limit;
};

struct notion_settings {
  std::string api_key;
  std::string database_id;
  std::string api_url;
  limit_settings limit;
};

struct openai_settings {
  std::string api_key;
  std::string base_url;
  limit_settings limit;
};

/// Which models are asked, and for what.
struct ai_settings {
  std::string triage;   // automatic, manual or off
  std::string provider; // auto, openai or local
  std::string triage_model;
  std::string changelog_model;
  std::string embedding_model;
};

struct privacy_settings {
  std::vector<std::string> own_addresses; // domains and mail addresses, in lower case
};

struct smtp_settings {
  std::string url;
  std::string from; // the address mails come from
  limit_settings limit;
};

/// How people are told what became of what they reported.
struct release_settings {
  std::chrono::milliseconds undo_within{};
  int batch_above = 0;
  std::chrono::seconds batch_within{};
};

/// What of the files that come with reports is kept.
struct attachment_settings {
  std::size_t largest = 0; // bytes
  std::vector<std::string> types;
  std::chrono::milliseconds within{}; // for one download
};

struct s3_settings {
  std::string bucket;
  std::string endpoint;
  std::string region;
  std::string access_key_id;
  std::string secret_access_key;
};

/// Signing in through an identity provider; without an issuer there is none.
struct oidc_settings {
  std::string issuer; // to the letter
  std::string client_id;
  std::string client_secret; // empty: a public client
  std::vector<std::string> scopes;
  std::vector<std::string> provision_domains; // whose people need no invitation
  std::string provision_role;
};

/// Signed tokens that calls may come with; without an audience none are taken.
struct jwt_settings {
  std::string secret;   // either this
  std::string jwks_url; // or this; neither: the identity provider's keys
  std::string issuer;
  std::string audience;
};

/// Where other tokens are asked about; without a URL none are taken.
struct introspection_settings {
  std::string url;
  std::string client_id;
  std::string client_secret;
  std::string audience;
  std::chrono::milliseconds cache{};
};

/// All the hub can be told, checked: whoever holds one need not check again.
struct settings {
  std::filesystem::path data_dir;
  bool simulation = false;
  http_settings http;
  log_settings log;
  database_settings database;
  postgres_settings postgres;
  sealing_settings sealing;
  intake_settings intake;
  slack_settings slack;
  intercom_settings intercom;
  whatsapp_settings whatsapp;
  notion_settings notion;
  openai_settings openai;
  ai_settings ai;
  privacy_settings privacy;
  smtp_settings smtp;
  release_settings release;
  attachment_settings attachments;
  s3_settings s3;
  breaker_settings breaker;
  limiter_settings limiter;
  call_settings calls;
  job_settings jobs;
  oidc_settings oidc;
  jwt_settings jwt;
  introspection_settings introspection;
  bool token_clients = false; // programs with a token that is nobody's here may enter
  std::string admin_token;    // of a key that may do everything; empty: none
  std::string sandbox_url;    // providers whose address lies in it are played; empty: none
};

} // namespace hub::config
