#include "http/sandbox/world.hpp"

#include "http/sandbox/page.hpp"
#include "http/sandbox/reading.hpp"

#include <array>
#include <charconv>
#include <utility>
#include <variant>

namespace hub::http::sandbox {
namespace {

edge::reply refusal(int status, std::string_view code, const std::string& sentence) {
  return json_reply(status, {{"error", sentence}, {"code", code}});
}

edge::reply bad_request(const std::string& sentence) {
  return refusal(422, "invalid", sentence);
}

/// The body as an object, or the refusal; a page elsewhere cannot send this type unasked.
std::variant<json, edge::reply> control_body(const edge::request& request) {
  if (media_type(request) != "application/json")
    return refusal(415, "unsupported_media_type", "Send the body as application/json.");
  auto body = json_object(request.body);
  if (!body)
    return refusal(400, "malformed_json", "The body is not a JSON object.");
  return *std::move(body);
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  return read.ec == std::errc{} && read.ptr == end ? std::optional{number} : std::nullopt;
}

trouble trouble_of(const fault& struck, time_point now) {
  trouble made{trouble::kind::broken, struck.retry_after, struck.code, now};
  if (struck.kind == fault_kind::rate_limit)
    made.is = trouble::kind::rate_limited;
  else if (struck.kind == fault_kind::outage)
    made.is = trouble::kind::away;
  else if (struck.kind == fault_kind::error)
    made.is = trouble::kind::error;
  return made;
}

/// A code that this provider does not have, of a fault for all of them, is a plain 500.
edge::reply refusal_by(const stand_in& who, trouble what) {
  auto answer = who.answer_to(what);
  if (!answer) {
    what.is = trouble::kind::broken;
    answer = who.answer_to(what);
  }
  return answer.value_or(edge::reply{.status = 500, .content_type = "", .body = "", .headers = {}});
}

smtp_deed smtp_work(const smtp_step& step, const std::optional<fault>& struck) {
  using enum fault_kind;
  smtp_deed done{step.say, {}, step.close};
  if (!struck)
    return done;
  switch (struck->kind) {
  case delay:
    done.delay = struck->delay;
    break;
  case drop_after_work:
    done.hang_up = edge::farewell::close;
    break;
  case reset:
    done.hang_up = edge::farewell::reset;
    break;
  case status_500:
    done.say = "451 4.3.0 local error in processing";
    break;
  case rate_limit:
    done.say = "450 4.7.1 too many messages, slow down";
    break;
  case outage:
    done.say = "421 4.3.2 service not available";
    done.close = true;
    if (struck->close)
      done.hang_up = edge::farewell::close;
    break;
  case error: {
    const bool is_reply = struck->code.size() == 3 && is_one_of(struck->code.substr(0, 1), "4|5")
                          && number_in(struck->code);
    done.say = (is_reply ? struck->code : "554") + " the sandbox was told to answer so";
    break;
  }
  case duplicate:
    break;
  }
  return done;
}

/// As whom a call came, without showing a token that somebody may really have: the end of a long
/// one tells it from others, and a short one is not shown at all.
std::string end_of_token(const edge::request& request) {
  constexpr std::size_t shown = 8;
  constexpr std::size_t long_enough = 20;
  const auto given = request.header("authorization").value_or("");
  const auto token = given.substr(given.rfind(' ') + 1);
  return token.size() < long_enough ? std::string{}
                                    : std::string{token.substr(token.size() - shown)};
}

} // namespace

stand_in* world::stand_in_of(provider of) {
  switch (of) {
  case provider::slack:
    return &slack_;
  case provider::intercom:
    return &intercom_;
  case provider::whatsapp:
    return &whatsapp_;
  case provider::notion:
    return &notion_;
  case provider::openai:
    return &openai_;
  case provider::s3:
    return &s3_;
  case provider::smtp:
    break;
  }
  return nullptr;
}

deed world::work(stand_in& who, const sandbox::call& what, const std::optional<fault>& struck) {
  using enum fault_kind;
  if (struck) {
    switch (struck->kind) {
    case outage:
      if (struck->close)
        return {{}, edge::farewell::close};
      return {refusal_by(who, trouble_of(*struck, what.now))};
    case status_500:
    case rate_limit:
    case error:
      return {refusal_by(who, trouble_of(*struck, what.now))};
    case reset:
      return {{}, edge::farewell::reset};
    case delay:
    case drop_after_work:
    case duplicate:
      break;
    }
  }
  auto done = who.handle(what);
  if (done.delivered)
    delivered_.push_back(*std::move(done.delivered));
  if (struck && struck->kind == duplicate)
    if (auto again = who.handle(what); again.delivered)
      delivered_.push_back(*std::move(again.delivered));
  deed result{std::move(done.reply)};
  if (struck && struck->kind == drop_after_work)
    result.hang_up = edge::farewell::close;
  if (struck && struck->kind == delay)
    result.delay = struck->delay;
  return result;
}

deed world::call(provider of, const edge::request& request, time_point now) {
  const std::lock_guard lock{mutex_};
  const auto what = call_of(request, now);
  auto& who = *stand_in_of(of);
  const auto operation = who.operation(what);
  const auto struck = faults_.strike(of, operation);
  delivered_.clear();
  auto done = work(who, what, struck);
  remember(of, operation, what, done, struck);
  return done;
}

void world::remember(provider of,
                     const std::string& operation,
                     const sandbox::call& what,
                     const deed& done,
                     const std::optional<fault>& struck) {
  const bool answered = !done.hang_up;
  json query = json::object();
  for (const auto& [name, value] : what.request.query)
    query[name] = value;
  json shown{{"operation", operation},
             {"method", what.request.method},
             {"path", what.request.path},
             {"query", std::move(query)},
             {"token_end", end_of_token(what.request)},
             {"request", body_to_keep(what.request.body)},
             {"status", answered ? json(done.reply.status) : json(nullptr)},
             {"fault", struck ? json(to_string(struck->kind)) : json(nullptr)}};
  const auto answer = answered ? body_to_keep(done.reply.body) : json(nullptr);
  const bool refused =
    answered && (done.reply.status >= 400 || domain::member(answer, "ok") == false);
  if (refused)
    shown["answer"] = answer;
  const auto number = ledger_.add_call(of, what.now, std::move(shown));
  for (const auto& each : delivered_)
    ledger_.add_message(of, what.now, each, number);
  ledger_.count(of, operation, "calls");
  if (refused)
    ledger_.count(of, operation, "refused");
  if (struck)
    ledger_.count(of, operation, "faults");
  for (std::size_t i = 0; i < delivered_.size(); ++i)
    ledger_.count(of, operation, "delivered");
}

// ---- SMTP

void world::keep(const mail& received, time_point now, std::uint64_t call) {
  const auto read = read_mail(received.data);
  std::string recipients;
  for (const auto& each : received.recipients)
    recipients.append(recipients.empty() ? "" : ", ").append(each);
  delivery delivered{read.header("message-id"), recipients, read.text};
  json headers = json::object();
  for (const auto& [name, value] : read.headers)
    headers[name] = value;
  constexpr std::size_t longest_raw = 128UL * 1024;
  delivered.details = {{"from", received.sender},
                       {"recipients", received.recipients},
                       {"subject", read.header("subject")},
                       {"headers", std::move(headers)},
                       {"raw", first_characters(received.data, longest_raw)}};
  ledger_.add_message(provider::smtp, now, delivered, call);
  ledger_.count(provider::smtp, "DATA", "delivered");
}

smtp_deed world::smtp(const smtp_step& step, time_point now) {
  const std::lock_guard lock{mutex_};
  const auto struck =
    step.operation.empty() ? std::nullopt : faults_.strike(provider::smtp, step.operation);
  auto done = smtp_work(step, struck);
  using enum fault_kind;
  const bool works = step.complete
                     && (!struck || struck->kind == delay || struck->kind == duplicate
                         || struck->kind == drop_after_work);
  if (step.operation == "DATA" || struck) {
    json shown{{"operation", step.operation},
               {"status", done.hang_up ? json(nullptr) : json(done.say.substr(0, 3))},
               {"fault", struck ? json(to_string(struck->kind)) : json(nullptr)},
               {"answer", done.say}};
    const auto number = ledger_.add_call(provider::smtp, now, std::move(shown));
    for (int copies = works ? (struck && struck->kind == duplicate ? 2 : 1) : 0; copies > 0;
         --copies)
      keep(*step.complete, now, number);
  }
  ledger_.count(provider::smtp, step.operation, "calls");
  if (struck)
    ledger_.count(provider::smtp, step.operation, "faults");
  return done;
}

// ---- WhatsApp's webhooks

std::vector<posting> world::take_postings(time_point now) {
  const std::lock_guard lock{mutex_};
  std::vector<posting> all;
  for (const auto& update : whatsapp_.take_statuses()) {
    const auto struck = faults_.strike(provider::whatsapp, "statuses");
    posting made{
      status_webhook(update, now + update.after), update.message_id, update.status, update.after};
    if (struck && struck->kind == fault_kind::delay)
      made.after += struck->delay;
    if (struck && struck->kind == fault_kind::duplicate)
      all.push_back(made);
    // Any other misbehaviour loses it.
    if (!struck || struck->kind == fault_kind::delay || struck->kind == fault_kind::duplicate)
      all.push_back(std::move(made));
    else
      ledger_.count(provider::whatsapp, "statuses", "lost");
  }
  return all;
}

void world::posted(const posting& what, int status, const std::string& error, time_point now) {
  const std::lock_guard lock{mutex_};
  ledger_.add_call(provider::whatsapp,
                   now,
                   {{"operation", "statuses"},
                    {"message_id", what.message_id},
                    {"request", body_to_keep(what.body)},
                    {"status", status == 0 ? json(nullptr) : json(status)},
                    {"answer", error},
                    {"fault", nullptr}});
  ledger_.count(provider::whatsapp, "statuses", "calls");
}

// ---- control

edge::reply world::set_fault(const edge::request& request) {
  const auto body = control_body(request);
  if (const auto* refused = std::get_if<edge::reply>(&body))
    return *refused;
  const std::lock_guard lock{mutex_};
  const auto& described = std::get<json>(body);
  if (const auto of = parse_provider(domain::text_at(described, "provider"));
      of && described.contains("code"))
    if (const auto* who = stand_in_of(*of); who != nullptr
                                            && !who->answer_to({trouble::kind::error,
                                                                std::chrono::seconds{1},
                                                                domain::id_at(described, "code"),
                                                                time_point{}}))
      return bad_request("this provider has no error of that code that the sandbox knows");
  const auto added = faults_.add(described);
  if (const auto* why = std::get_if<std::string>(&added))
    return bad_request(*why);
  return json_reply(201, to_json(std::get<fault>(added)));
}

edge::reply world::list_faults() {
  const std::lock_guard lock{mutex_};
  return json_reply(200, {{"faults", faults_.list()}});
}

edge::reply world::clear_faults() {
  const std::lock_guard lock{mutex_};
  faults_.clear();
  return json_reply(200, {{"faults", json::array()}});
}

edge::reply world::clear_fault(std::string_view number) {
  const auto wanted = number_in(number);
  const std::lock_guard lock{mutex_};
  if (!wanted || !faults_.remove(*wanted))
    return refusal(404, "not_found", "There is no fault of this number.");
  return json_reply(200, {{"faults", faults_.list()}});
}

edge::reply world::state(const edge::request& request, time_point now) {
  record_filter wanted;
  if (const auto name = request.query_parameter("provider")) {
    wanted.of = parse_provider(*name);
    if (!wanted.of)
      return bad_request(
        "`provider` must be one of slack, intercom, whatsapp, notion, openai, s3, smtp");
  }
  if (const auto since = request.query_parameter("since")) {
    const auto number = number_in(*since);
    const auto moment = domain::parse_rfc3339(*since);
    if (!number && !moment)
      return bad_request("`since` must be a record's number or a time such as "
                         "2026-01-31T09:00:00Z");
    if (number)
      wanted.after_number = *number;
    else
      wanted.from = *moment;
  }
  const std::lock_guard lock{mutex_};
  json providers = json::object();
  for (const auto of : all_providers)
    if (const auto* who = stand_in_of(of); who != nullptr && (!wanted.of || *wanted.of == of))
      if (auto kept = who->keeps(); !kept.empty())
        providers[std::string{to_string(of)}] = std::move(kept);
  return json_reply(200,
                    {{"now", domain::to_rfc3339(now)},
                     {"counters", ledger_.counters()},
                     {"messages", ledger_.messages(wanted)},
                     {"calls", ledger_.calls(wanted)},
                     {"providers", std::move(providers)},
                     {"faults", faults_.list()}});
}

edge::reply world::forget() {
  const std::lock_guard lock{mutex_};
  for (const auto of : all_providers)
    if (auto* who = stand_in_of(of); who != nullptr)
      who->clear();
  ledger_.clear();
  return json_reply(200, {{"status", "forgotten"}});
}

edge::reply world::last_wrote(const edge::request& request, time_point now) {
  constexpr std::array fields{field{"recipient", shape::text, true, 40}, field{"at", shape::any}};
  const auto body = control_body(request);
  if (const auto* refused = std::get_if<edge::reply>(&body))
    return *refused;
  const auto& given = std::get<json>(body);
  if (find_problem(given, fields))
    return bad_request("send {\"recipient\": \"<number>\", \"at\": \"<time, default now>\"}");
  const auto at = given.contains("at") ? domain::moment_of(given["at"]) : std::optional{now};
  if (!at)
    return bad_request("`at` must be a time such as 2026-01-31T09:00:00Z");
  const std::lock_guard lock{mutex_};
  whatsapp_.wrote(domain::text_at(given, "recipient"), *at);
  return json_reply(200, {{"recipient", given["recipient"]}, {"at", domain::to_rfc3339(*at)}});
}

edge::reply world::notion_schema_set(const edge::request& request) {
  const auto body = control_body(request);
  if (const auto* refused = std::get_if<edge::reply>(&body))
    return *refused;
  const auto& given = std::get<json>(body);
  const std::lock_guard lock{mutex_};
  if (const auto fault = notion_.set_schema(domain::text_at(given, "database_id"),
                                            domain::member(given, "properties")))
    return bad_request(*fault);
  return json_reply(200, given);
}

edge::reply world::page(time_point now) {
  const std::lock_guard lock{mutex_};
  return page_reply(render_page(ledger_, faults_, now));
}

} // namespace hub::http::sandbox
