#pragma once

#include "domain/channel.hpp"
#include "tests/support/http_client.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hub::testing {

using headers = std::vector<std::pair<std::string, std::string>>;

/// One webhook call as a provider would make it, before it is signed.
struct delivery {
  domain::channel channel{};
  std::string body;
  std::string content_type = "application/json";
};

/// The path of a channel's webhooks.
std::string webhook_path(domain::channel channel);
/// The headers a provider would prove itself with, signed at `at`.
headers
signature_headers(const delivery& what,
                  std::chrono::system_clock::time_point at = std::chrono::system_clock::now());

std::int64_t unix_now();

// ---- what people say, as each provider tells it; unset fields get sound values

struct slack_words {
  std::string event_id;
  std::string ts; // "seconds.micros"
  std::string text = "The export button does nothing.";
  std::string thread_ts = {}; // of the message it replies to
  std::string user = "U1";
  std::string name = {};
  std::string type = "message";
  std::string channel = "C1";
};
delivery slack(const slack_words& said);

struct intercom_words {
  std::string conversation;
  std::string part = {}; // empty: what opened the conversation
  std::string text = "Checkout crashes when I apply a coupon.";
  std::string user = "contact-1";
  std::string name = "Ana";
  std::string email = {};
};
delivery intercom(const intercom_words& said);

struct whatsapp_words {
  std::string id;
  std::string from = "34600000101";
  std::string text = "The app closes when I upload a photo.";
  std::string quotes = {};
  std::int64_t at = 0; // unix seconds; 0: now
  std::string name = "Ana";
};
delivery whatsapp(const std::vector<whatsapp_words>& said);

// ---- calling the hub

struct answer {
  int status = 0;
  headers head; // names in lower case
  std::string text;
  nlohmann::json body; // discarded where the text is not JSON

  [[nodiscard]] std::string header(const std::string& name) const;
  /// The member as text; empty when there is none.
  [[nodiscard]] std::string at(const char* member) const;
  [[nodiscard]] bool is(const char* member) const; // the member is there and true
};

/// One keep-alive connection to a hub, opened on first use and again after a loss. Calls come with
/// the tests' admin key, unless they bring an Authorization or Cookie header of their own.
class hub_client {
public:
  using milliseconds = std::chrono::milliseconds;

  using observer =
    std::function<void(const std::string& method, const std::string& path, const answer& got)>;

  /// Shows every later answer of `call`, `send` and what they serve to `watch`, from any thread;
  /// load made with the `try_` calls stays unwatched. For before the first client is made.
  static void show_answers_to(observer watch);

  explicit hub_client(std::uint16_t port, milliseconds patience = std::chrono::seconds{20})
    : port_{port}, patience_{patience} {}

  /// nullopt: refused, lost or silent; whether the hub acted on it is unknown.
  std::optional<answer> try_call(const std::string& method,
                                 const std::string& path,
                                 const std::string& body = {},
                                 const headers& more = {});
  std::optional<answer> try_send(const delivery& what);

  // The same for tests in which the hub must answer; throw std::runtime_error otherwise.
  answer get(const std::string& path, const headers& more = {});
  answer
  call(const std::string& method, const std::string& path, const std::string& body, headers more);
  answer post(const std::string& path, const nlohmann::json& body, const headers& more = {});
  answer patch(const std::string& path, const nlohmann::json& body, const headers& more = {});
  answer send(const delivery& what);

  /// Does what a provider does: sends again after 503 or a lost connection, until the hub takes it.
  /// Throws when it has not within `patience`.
  answer send_until_taken(const delivery& what, milliseconds patience = std::chrono::seconds{60});

private:
  std::uint16_t port_;
  milliseconds patience_;
  std::optional<tests::http_client> connection_;
};

/// Runs `work` in that many threads at once and waits for all; the first exception comes out.
void in_parallel(int threads, const std::function<void(int thread)>& work);

/// `GET /api/ledger`, one line of it. Throws when the hub does not answer.
struct ledger_line {
  std::int64_t received = 0;
  std::int64_t created = 0;
  std::int64_t attached = 0;
  std::int64_t duplicate = 0;
  std::int64_t not_feedback = 0;
  std::int64_t quarantined = 0;
  [[nodiscard]] bool balanced() const {
    return received == created + attached + duplicate + not_feedback + quarantined;
  }
};
ledger_line ledger_total(std::uint16_t port);

/// The seed of this run: HUB_TEST_SEED in the environment, else a random one; printed once.
std::uint64_t test_seed();

} // namespace hub::testing
