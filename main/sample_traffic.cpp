#include "main/sample_traffic.hpp"

#include "config/log.hpp"
#include "http/server/webhooks/signature.hpp"
#include "main/http_call.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace hub::app {

namespace {

using nlohmann::json;

struct person {
  const char* name;
  const char* email;
  const char* phone; // as WhatsApp writes it, without plus
};

// Fictional: example domains and numbers from ranges set aside for fiction.
constexpr std::array people{
  person{"Ana García", "ana.garcia@example.com", "34600000101"},
  person{"Luis Fernández", "luis@example.org", "34600000102"},
  person{"Mary Johnson", "mary.johnson@example.com", "12025550143"},
  person{"Ahmed Khan", "ahmed.khan@example.net", "447700900118"},
  person{"Sofía Ruiz", "sofia.ruiz@example.com", "525555550199"},
  person{"Tom Becker", "tom@example.org", "4915550000177"},
  person{"Chloé Martin", "chloe.martin@example.net", "33199005512"},
  person{"Priya Patel", "priya@example.com", "12025550187"},
};

constexpr std::array openings{
  "The export button does nothing since this morning.",
  "Checkout crashes with a 500 error when I apply a coupon.",
  "It would be nice to have a dark mode in the mobile app.",
  "How do I add a second administrator to our account?",
  "URGENT: production is down, nobody in our company can log in!",
  "The highlight colour in the chart legend is hard to read. Not urgent.",
  "Could you support importing contacts from CSV files?",
  "Invoices for October show the wrong VAT rate.",
  "La aplicación se cierra cuando subo una foto.",
  "No puedo iniciar sesión desde ayer, me dice que la contraseña es incorrecta.",
  "Me gustaría poder exportar los informes a Excel.",
  "¿Cómo cambio la dirección de facturación?",
  "Es urgente: la pasarela de pago está caída y perdemos ventas.",
  "Cuando ordeno la tabla por fecha el orden es incorrecto. No es urgente.",
  "Notifications arrive twice on Android since the last update.",
  "The search ignores accents, so I cannot find “Peña”.",
};

constexpr std::array replies{
  "Any news on this?",
  "It still happens, I tried on another computer.",
  "Here is what I did: settings, export, then the page stays blank.",
  "Gracias, pero sigue sin funcionar.",
  "¿Hay alguna novedad?",
  "Works now on Chrome, but not on Firefox.",
};

constexpr std::array personal_details{
  " You can call me at +1 202-555-0143.",
  " My e-mail is mary.johnson@example.com.",
  " Mi teléfono es +34 600 000 101.",
  " I paid with card 4111 1111 1111 1111.",
  " La cuenta es ES91 2100 0418 4502 0005 1332.",
  " My password: hunter2-Spring!",
};

constexpr std::size_t remembered = 64;

std::string seconds_of(domain::time_point now) {
  return std::to_string(now.time_since_epoch().count() / 1000);
}

} // namespace

sample_maker::sample_maker(http::webhook_secrets secrets, std::uint64_t seed, double personal_data)
  : secrets_{std::move(secrets)}, random_{seed}, personal_data_{personal_data} {}

bool sample_maker::chance(double share) {
  return std::uniform_real_distribution<double>{0, 1}(random_) < share;
}

std::string sample_maker::token(const char* prefix) {
  constexpr std::string_view letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  std::string text{prefix};
  for (int i = 0; i < 16; ++i)
    text += letters[random_() % letters.size()];
  return text;
}

std::string sample_maker::text() {
  std::string text{pick(openings)};
  if (chance(personal_data_))
    text += pick(personal_details);
  return text;
}

sample_delivery sample_maker::next(domain::time_point now) {
  constexpr std::array channels{
    domain::channel::slack, domain::channel::intercom, domain::channel::whatsapp};
  return next(pick(channels), now);
}

sample_delivery sample_maker::next(domain::channel channel, domain::time_point now) {
  switch (channel) {
  case domain::channel::intercom:
    return intercom(now);
  case domain::channel::whatsapp:
    return whatsapp(now);
  case domain::channel::slack:
  case domain::channel::email:
  case domain::channel::in_app:
  case domain::channel::api:
    break;
  }
  return slack(now);
}

sample_delivery sample_maker::slack(domain::time_point now) {
  const auto milliseconds = now.time_since_epoch().count();
  const auto fraction = std::to_string(100000 + random_() % 900000);
  const auto ts = seconds_of(now) + '.' + fraction;
  json event{{"type", "message"},
             {"channel", "C024BE91L"},
             {"channel_type", "channel"},
             {"ts", ts},
             {"event_ts", ts}};
  if (!slack_threads_.empty() && chance(0.25)) {
    const auto& [user, thread] = pick(slack_threads_);
    event["user"] = user;
    event["thread_ts"] = thread;
    event["text"] = pick(replies);
  } else {
    const auto user = "U0SAMPLE" + std::to_string(random_() % people.size());
    event["user"] = user;
    event["text"] = text();
    slack_threads_.emplace_back(user, ts);
    if (slack_threads_.size() > remembered)
      slack_threads_.pop_front();
  }
  const json body{{"type", "event_callback"},
                  {"team_id", "T0SAMPLE"},
                  {"api_app_id", "A0SAMPLE"},
                  {"event", event},
                  {"event_id", token("Ev")},
                  {"event_time", milliseconds / 1000}};
  sample_delivery delivery{domain::channel::slack, "/webhooks/slack", body.dump(), {}};
  const auto timestamp = seconds_of(now);
  delivery.headers = {
    {"Content-Type", "application/json"},
    {"X-Slack-Request-Timestamp", timestamp},
    {"X-Slack-Signature", http::slack_signature(secrets_.slack_signing, timestamp, delivery.body)}};
  return delivery;
}

sample_delivery sample_maker::intercom(domain::time_point now) {
  const auto seconds = now.time_since_epoch().count() / 1000;
  const auto& who = pick(people);
  const json author{{"type", "user"}, {"id", token("")}, {"name", who.name}, {"email", who.email}};
  json item{{"type", "conversation"}, {"created_at", seconds}, {"updated_at", seconds}};
  std::string topic = "conversation.user.created";
  if (!conversations_.empty() && chance(0.25)) {
    topic = "conversation.user.replied";
    item["id"] = pick(conversations_);
    item["conversation_parts"] = {
      {"type", "conversation_part.list"},
      {"total_count", 1},
      {"conversation_parts",
       json::array({{{"type", "conversation_part"},
                     {"id", token("")},
                     {"part_type", "comment"},
                     {"body", "<p>" + std::string{pick(replies)} + "</p>"},
                     {"created_at", seconds},
                     {"author", author}}})}};
  } else {
    const auto id = token("");
    item["id"] = id;
    item["source"] = {{"type", "conversation"},
                      {"id", token("")},
                      {"subject", ""},
                      {"body", "<p>" + text() + "</p>"},
                      {"author", author}};
    conversations_.push_back(id);
    if (conversations_.size() > remembered)
      conversations_.pop_front();
  }
  const json body{{"type", "notification_event"},
                  {"app_id", "sample"},
                  {"id", token("notif_")},
                  {"topic", topic},
                  {"created_at", seconds},
                  {"delivery_attempts", 1},
                  {"first_sent_at", seconds},
                  {"data", {{"type", "notification_event_data"}, {"item", item}}}};
  sample_delivery delivery{domain::channel::intercom, "/webhooks/intercom", body.dump(), {}};
  delivery.headers = {
    {"Content-Type", "application/json"},
    {"X-Hub-Signature", "sha1=" + http::hmac_sha1_hex(secrets_.intercom, delivery.body)}};
  return delivery;
}

sample_delivery sample_maker::whatsapp(domain::time_point now) {
  const auto& who = pick(people);
  const json message{{"from", who.phone},
                     {"id", token("wamid.")},
                     {"timestamp", seconds_of(now)},
                     {"type", "text"},
                     {"text", {{"body", text()}}}};
  const json value{
    {"messaging_product", "whatsapp"},
    {"metadata", {{"display_phone_number", "15550100000"}, {"phone_number_id", "106540352242922"}}},
    {"contacts", json::array({{{"profile", {{"name", who.name}}}, {"wa_id", who.phone}}})},
    {"messages", json::array({message})}};
  const json body{
    {"object", "whatsapp_business_account"},
    {"entry",
     json::array({{{"id", "102290129340398"},
                   {"changes", json::array({{{"field", "messages"}, {"value", value}}})}}})}};
  sample_delivery delivery{domain::channel::whatsapp, "/webhooks/whatsapp", body.dump(), {}};
  delivery.headers = {
    {"Content-Type", "application/json"},
    {"X-Hub-Signature-256", "sha256=" + http::hmac_sha256_hex(secrets_.whatsapp, delivery.body)}};
  return delivery;
}

sample_traffic::sample_traffic(http::webhook_secrets secrets, std::string url, double per_second)
  : thread_{[this, secrets = std::move(secrets), url = std::move(url), per_second] {
      run(secrets, url, per_second);
    }} {}

sample_traffic::~sample_traffic() {
  stopping_ = true;
  thread_.join();
}

void sample_traffic::run(http::webhook_secrets secrets, const std::string& url, double per_second) {
  using clock = std::chrono::steady_clock;
  constexpr double share_with_personal_data = 0.3;
  sample_maker maker{std::move(secrets), std::random_device{}(), share_with_personal_data};
  http_caller caller{url};
  const auto gap =
    std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(1 / per_second));
  auto due = clock::now();
  while (!stopping_) {
    if (clock::now() < due) {
      std::this_thread::sleep_for(
        std::min<clock::duration>(due - clock::now(), std::chrono::milliseconds{50}));
      continue;
    }
    due += gap;
    const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto delivery = maker.next(now);
    const auto answer = caller.post(delivery.path, delivery.body, delivery.headers);
    if (!answer || answer->status != 200)
      config::log(config::log_level::warn,
                  "sample_not_taken",
                  {{"channel", to_string(delivery.channel)},
                   {"status", static_cast<std::int64_t>(answer ? answer->status : 0)}});
  }
}

} // namespace hub::app
