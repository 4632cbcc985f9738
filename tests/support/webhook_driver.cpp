#include "tests/support/webhook_driver.hpp"

#include "http/server/webhooks/signature.hpp"
#include "tests/support/hub_process.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace hub::testing {

using nlohmann::json;

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause_before_retry{20};

hub_client::observer& watcher() {
  static hub_client::observer watch;
  return watch;
}

void show(const std::string& method, const std::string& path, const answer& got) {
  if (watcher())
    watcher()(method, path, got);
}

bool names_host(const headers& all) {
  return std::ranges::any_of(all, [](const auto& header) { return header.first == "Host"; });
}

/// Whether a call says itself who makes it, or goes where nobody asks.
bool needs_key(const std::string& path, const headers& all) {
  const bool says = std::ranges::any_of(all, [](const auto& header) {
    return header.first == "Authorization" || header.first == "Cookie";
  });
  return !says && (path.starts_with("/api/") || path.starts_with("/metrics"));
}

std::string unless_empty(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

} // namespace

std::string webhook_path(domain::channel channel) {
  return "/webhooks/" + std::string{to_string(channel)};
}

headers signature_headers(const delivery& what, std::chrono::system_clock::time_point at) {
  if (what.channel == domain::channel::intercom)
    return {{"X-Hub-Signature", "sha1=" + http::hmac_sha1_hex(intercom_secret, what.body)}};
  if (what.channel == domain::channel::whatsapp)
    return {{"X-Hub-Signature-256", "sha256=" + http::hmac_sha256_hex(whatsapp_secret, what.body)}};
  const auto seconds = std::to_string(std::chrono::system_clock::to_time_t(at));
  return {{"X-Slack-Request-Timestamp", seconds},
          {"X-Slack-Signature", http::slack_signature(slack_secret, seconds, what.body)}};
}

std::int64_t unix_now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

delivery slack(const slack_words& said) {
  json event{{"type", said.type},
             {"channel", said.channel},
             {"channel_type", "channel"},
             {"user", said.user},
             {"text", said.text},
             {"ts", said.ts},
             {"event_ts", said.ts}};
  if (!said.thread_ts.empty())
    event["thread_ts"] = said.thread_ts;
  if (!said.name.empty())
    event["user_profile"] = {{"display_name", said.name}};
  // The time of the event is part of it: a retry repeats it.
  const json body{{"type", "event_callback"},
                  {"team_id", "T1"},
                  {"api_app_id", "A1"},
                  {"event", event},
                  {"event_id", said.event_id},
                  {"event_time", std::stoll(said.ts)}};
  return {domain::channel::slack, body.dump()};
}

delivery intercom(const intercom_words& said) {
  const auto now = unix_now();
  json author{{"type", "user"}, {"id", said.user}, {"name", said.name}};
  if (!said.email.empty())
    author["email"] = said.email;
  json item{{"type", "conversation"}, {"id", said.conversation}, {"created_at", now}};
  if (said.part.empty())
    item["source"] = {
      {"type", "conversation"}, {"body", "<p>" + said.text + "</p>"}, {"author", author}};
  else
    item["conversation_parts"]["conversation_parts"] =
      json::array({{{"type", "conversation_part"},
                    {"id", said.part},
                    {"body", "<p>" + said.text + "</p>"},
                    {"created_at", now},
                    {"author", author}}});
  const json body{
    {"type", "notification_event"},
    {"id", "notif_" + said.conversation + "_" + unless_empty(said.part, "opening")},
    {"topic", said.part.empty() ? "conversation.user.created" : "conversation.user.replied"},
    {"app_id", "app1"},
    {"created_at", now},
    {"data", {{"item", item}}}};
  return {domain::channel::intercom, body.dump()};
}

delivery whatsapp(const std::vector<whatsapp_words>& said) {
  auto messages = json::array();
  auto contacts = json::array();
  for (const auto& one : said) {
    json message{{"from", one.from},
                 {"id", one.id},
                 {"timestamp", std::to_string(one.at != 0 ? one.at : unix_now())},
                 {"type", "text"},
                 {"text", {{"body", one.text}}}};
    if (!one.quotes.empty())
      message["context"] = {{"from", "15550100000"}, {"id", one.quotes}};
    messages.push_back(message);
    contacts.push_back({{"profile", {{"name", one.name}}}, {"wa_id", one.from}});
  }
  const json value{
    {"messaging_product", "whatsapp"},
    {"metadata", {{"display_phone_number", "15550100000"}, {"phone_number_id", "1065403"}}},
    {"contacts", contacts},
    {"messages", messages}};
  const json body{
    {"object", "whatsapp_business_account"},
    {"entry",
     json::array({{{"id", "1022901"},
                   {"changes", json::array({{{"field", "messages"}, {"value", value}}})}}})}};
  return {domain::channel::whatsapp, body.dump()};
}

std::string answer::header(const std::string& name) const {
  for (const auto& [key, value] : head)
    if (key == name)
      return value;
  return {};
}

std::string answer::at(const char* member) const {
  const auto found = body.is_object() ? body.find(member) : body.end();
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool answer::is(const char* member) const {
  return body.is_object() && body.value(member, json{}) == true;
}

void hub_client::show_answers_to(observer watch) {
  watcher() = std::move(watch);
}

std::optional<answer> hub_client::try_call(const std::string& method,
                                           const std::string& path,
                                           const std::string& body,
                                           const headers& more) {
  std::string request = method + ' ' + path + " HTTP/1.1\r\n";
  if (!names_host(more))
    request += "Host: localhost\r\n";
  if (needs_key(path, more))
    request.append("Authorization: Bearer ").append(admin_token).append("\r\n");
  for (const auto& [name, value] : more)
    request.append(name).append(": ").append(value).append("\r\n");
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  try {
    if (!connection_)
      connection_.emplace(port_);
    if (connection_->send(request))
      if (auto got = connection_->read(patience_, method == "HEAD"); got && got->complete) {
        if (got->header("connection") == "close")
          connection_.reset();
        return answer{got->status, got->headers, got->body, json::parse(got->body, nullptr, false)};
      }
  } catch (const std::system_error&) {
    connection_.reset(); // nobody listens
    return std::nullopt;
  }
  connection_.reset();
  return std::nullopt;
}

std::optional<answer> hub_client::try_send(const delivery& what) {
  auto signed_with = signature_headers(what);
  signed_with.emplace_back("Content-Type", what.content_type);
  return try_call("POST", webhook_path(what.channel), what.body, signed_with);
}

answer hub_client::call(const std::string& method,
                        const std::string& path,
                        const std::string& body,
                        headers more) {
  auto got = try_call(method, path, body, more);
  if (!got && !connection_) // an idle connection may have been closed under us
    got = try_call(method, path, body, more);
  if (!got)
    throw std::runtime_error("no answer to " + method + ' ' + path);
  show(method, path, *got);
  return *std::move(got);
}

answer hub_client::get(const std::string& path, const headers& more) {
  return call("GET", path, {}, more);
}

answer hub_client::post(const std::string& path, const json& body, const headers& more) {
  auto all = more;
  all.emplace_back("Content-Type", "application/json");
  return call("POST", path, body.dump(), std::move(all));
}

answer hub_client::patch(const std::string& path, const json& body, const headers& more) {
  auto all = more;
  all.emplace_back("Content-Type", "application/json");
  return call("PATCH", path, body.dump(), std::move(all));
}

answer hub_client::send(const delivery& what) {
  auto got = try_send(what);
  if (!got)
    throw std::runtime_error("no answer to a delivery: " + what.body.substr(0, 200));
  show("POST", webhook_path(what.channel), *got);
  return *std::move(got);
}

answer hub_client::send_until_taken(const delivery& what, milliseconds patience) {
  const auto deadline = clock::now() + patience;
  for (;;) {
    auto got = try_send(what);
    if (got && got->status != 503 && got->status != 504)
      return *std::move(got);
    if (clock::now() > deadline)
      throw std::runtime_error("not taken in time; the last answer was "
                               + (got ? std::to_string(got->status) + ' ' + got->text : "none"));
    std::this_thread::sleep_for(pause_before_retry);
  }
}

void in_parallel(int threads, const std::function<void(int thread)>& work) {
  std::exception_ptr first;
  std::mutex guard;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock{guard};
        if (!first)
          first = std::current_exception();
      }
    });
  for (auto& thread : running)
    thread.join();
  if (first)
    std::rethrow_exception(first);
}

ledger_line ledger_total(std::uint16_t port) {
  hub_client client{port};
  const auto got = client.get("/api/ledger");
  if (got.status != 200)
    throw std::runtime_error("the ledger answered " + std::to_string(got.status) + ' ' + got.text);
  const auto& total = got.body.at("total");
  const auto figure = [&](const char* name) { return total.at(name).get<std::int64_t>(); };
  return {figure("received"),
          figure("created"),
          figure("attached"),
          figure("duplicate"),
          figure("not_feedback"),
          figure("quarantined")};
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = ::secure_getenv("HUB_TEST_SEED"); // NOLINT(concurrency-mt-unsafe)
    const auto chosen =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{std::random_device{}()};
    std::printf("HUB_TEST_SEED=%llu\n", static_cast<unsigned long long>(chosen));
    return chosen;
  }();
  return seed;
}

} // namespace hub::testing
