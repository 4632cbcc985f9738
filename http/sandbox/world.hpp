#pragma once

#include "http/sandbox/faults.hpp"
#include "http/sandbox/intercom.hpp"
#include "http/sandbox/ledger.hpp"
#include "http/sandbox/mail.hpp"
#include "http/sandbox/notion.hpp"
#include "http/sandbox/openai.hpp"
#include "http/sandbox/s3.hpp"
#include "http/sandbox/slack.hpp"
#include "http/sandbox/smtp_dialogue.hpp"
#include "http/sandbox/stand_in.hpp"
#include "http/sandbox/whatsapp.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace hub::http::sandbox {

/// What is to happen to one call now that it was decided.
struct deed {
  edge::reply reply;
  std::optional<edge::farewell> hang_up = {}; // in place of the reply
  std::chrono::milliseconds delay{0};
};

/// What is to be said to one SMTP command.
struct smtp_deed {
  std::string say;
  std::optional<edge::farewell> hang_up = {}; // in place of saying it
  bool close = false;                         // after saying it
  std::chrono::milliseconds delay{0};
};

/// A webhook to be posted to the business.
struct posting {
  std::string body;
  std::string message_id;
  std::string status;
  std::chrono::milliseconds after{0};
};

/// Everything the sandbox knows: providers, what they did, and how they are to misbehave. Callers
/// bring the time. Safe to use from several threads.
class world {
public:
  deed call(provider of, const edge::request& request, time_point now);

  /// What SMTP says where nothing goes wrong becomes what it says here. `CONNECT` is the greeting.
  smtp_deed smtp(const smtp_step& step, time_point now);

  /// The statuses that WhatsApp wants posted since the last call, faults applied.
  std::vector<posting> take_postings(time_point now);
  void posted(const posting& what, int status, const std::string& error, time_point now);

  // The control interface; each answers in JSON.
  edge::reply set_fault(const edge::request& request);
  edge::reply list_faults();
  edge::reply clear_faults();
  edge::reply clear_fault(std::string_view number);
  edge::reply state(const edge::request& request, time_point now);
  edge::reply forget();
  edge::reply last_wrote(const edge::request& request, time_point now);
  edge::reply notion_schema_set(const edge::request& request);
  /// The page for people.
  edge::reply page(time_point now);

private:
  stand_in* stand_in_of(provider of);
  deed work(stand_in& who, const sandbox::call& what, const std::optional<fault>& struck);
  void remember(provider of,
                const std::string& operation,
                const sandbox::call& what,
                const deed& done,
                const std::optional<fault>& struck);
  void keep(const mail& received, time_point now, std::uint64_t call);

  std::mutex mutex_;
  slack slack_;
  intercom intercom_;
  whatsapp whatsapp_;
  notion notion_;
  openai openai_;
  s3 s3_;
  fault_book faults_;
  ledger ledger_;
  std::vector<delivery> delivered_; // by the call being worked on
};

} // namespace hub::http::sandbox
