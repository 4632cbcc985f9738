#include "http/sandbox/whatsapp.hpp"

#include "http/sandbox/files.hpp"
#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hub::http::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_text = 4'096;
constexpr std::size_t longest_callback_data = 512;

// 80 messages a second for one business number.
constexpr allowance messages_a_number{80, std::chrono::milliseconds{13}};
// One message in six seconds to one person; up to 45 at once, borrowed from the time after.
constexpr allowance messages_a_pair{45, 6s};

struct known_error {
  int code;
  int status;
  std::string_view title;
  std::string_view details;
};

constexpr std::array errors{
  known_error{0, 401, "AuthException", "We were unable to authenticate the app user."},
  known_error{4, 400, "API Too Many Calls", "The app has reached its API call rate limit."},
  known_error{10, 403, "Permission Denied", "Permission is either not granted or was removed."},
  known_error{100, 400, "Invalid parameter", "One or more parameters are not valid."},
  known_error{131000, 500, "Something went wrong", "Message failed to send: unknown error."},
  known_error{131008, 400, "Required parameter is missing", "A required parameter is missing."},
  known_error{131009, 400, "Parameter value is not valid", "A parameter's value is not valid."},
  known_error{131016, 503, "Service unavailable", "A service is temporarily unavailable."},
  known_error{131021, 400, "Recipient cannot be sender", "Sender and recipient are the same."},
  known_error{131026, 400, "Message undeliverable", "Message undeliverable."},
  known_error{131031, 403, "Account has been locked", "The business account was locked."},
  known_error{131047,
              400,
              "Re-engagement message",
              "More than 24 hours have passed since the recipient last replied."},
  known_error{131048, 400, "Spam rate limit hit", "Too many messages were blocked or flagged."},
  known_error{131049, 400, "Meta chose not to deliver", "Kept back for ecosystem engagement."},
  known_error{131050, 400, "User has opted out", "The recipient stopped marketing messages."},
  known_error{131051, 400, "Unsupported message type", "Unsupported message type."},
  known_error{131056,
              400,
              "(Business Account, Consumer Account) pair rate limit hit",
              "Too many messages from this phone number to the same phone number."},
  known_error{130429, 400, "Rate limit hit", "Cloud API message throughput has been reached."},
  known_error{132000, 400, "Template Param Count Mismatch", "The number of parameters differs."},
  known_error{132001, 404, "Template does not exist", "No such template in this language."},
  known_error{132005, 400, "Template Hydrated Text Too Long", "The translated text is too long."},
  known_error{132012, 400, "Template Parameter Format Mismatch", "A parameter has another format."},
  known_error{132015, 400, "Template is Paused", "Template is paused due to low quality."},
  known_error{133010, 400, "Phone number not registered", "The number is not registered."},
  known_error{80007, 400, "Rate limit issues", "The account has reached its rate limit."},
  known_error{368, 403, "Temporarily blocked for policies violations", "The account is blocked."},
};

const known_error* find_error(int code) {
  const auto found = std::ranges::find(errors, code, &known_error::code);
  return found == errors.end() ? nullptr : &*found;
}

edge::reply refusal(int code, const std::string& details = {}) {
  const auto* known = find_error(code);
  json error{{"message", "(#" + std::to_string(code) + ") " + std::string{known->title}},
             {"type", "OAuthException"},
             {"code", code},
             {"error_data",
              {{"messaging_product", "whatsapp"},
               {"details", details.empty() ? std::string{known->details} : details}}},
             {"fbtrace_id", "AsandboxTraceId"}};
  return json_reply(known->status, {{"error", std::move(error)}});
}

edge::reply graph_error(
  int status, int code, std::string_view type, const std::string& message, int subcode = 0) {
  json error{
    {"message", message}, {"type", type}, {"code", code}, {"fbtrace_id", "AsandboxTraceId"}};
  if (subcode != 0)
    error["error_subcode"] = subcode;
  return json_reply(status, {{"error", std::move(error)}});
}

edge::reply parameter_fault(const std::string& message) {
  return graph_error(400, 100, "OAuthException", "(#100) " + message);
}

constexpr std::array message_fields{
  field{"messaging_product", shape::text, true, 20, "whatsapp"},
  field{"to", shape::text, true},
  field{"recipient_type", shape::text, false, 20, "individual|group"},
  field{"type", shape::text},
  field{"context", shape::object},
  field{"text", shape::object},
  field{"template", shape::object},
  field{"image", shape::object},
  field{"audio", shape::object},
  field{"video", shape::object},
  field{"document", shape::object},
  field{"sticker", shape::object},
  field{"reaction", shape::object},
  field{"location", shape::object},
  field{"interactive", shape::object},
  field{"contacts", shape::array, false, 5},
  field{"biz_opaque_callback_data", shape::text, false, longest_callback_data},
};
constexpr std::string_view message_types =
  "text|template|image|audio|video|document|sticker|reaction|location|interactive|contacts";
constexpr std::array text_fields{
  field{"body", shape::text, true, longest_text},
  field{"preview_url", shape::boolean},
};
constexpr std::array context_fields{field{"message_id", shape::text, true}};
constexpr std::array template_fields{
  field{"name", shape::text, true, 512},
  field{"language", shape::object, true},
  field{"components", shape::array},
  field{"namespace", shape::text},
};
constexpr std::array language_fields{
  field{"code", shape::text, true},
  field{"policy", shape::text, false, 20, "deterministic"},
};
constexpr std::array component_fields{
  field{"type", shape::text, true, 10, "header|body|button"},
  field{"sub_type", shape::text},
  field{"parameters", shape::array},
  field{"index", shape::any},
};

edge::reply refusal_for(const problem& found, const std::string& within) {
  using enum problem::kind;
  const auto name = within.empty() ? found.name : within + "['" + found.name + "']";
  switch (found.is) {
  case missing:
    return within.empty() ? parameter_fault("The parameter " + name + " is required.")
                          : refusal(131008, "Parameter " + name + " is missing");
  case unknown:
    return parameter_fault("Unexpected key \"" + found.name + "\" on param \""
                           + (within.empty() ? "message" : within) + "\"");
  case wrong_type:
    return parameter_fault("Param " + name + " must be a " + std::string{name_of(found.rule.is)});
  case too_long:
    return parameter_fault("Param " + name + " must be at most " + std::to_string(found.rule.most)
                           + " characters long.");
  case not_one_of:
    return parameter_fault("Param " + name + " must be one of {" + std::string{found.rule.one_of}
                           + "}");
  }
  return refusal(100);
}

std::string digits_of(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c >= '0' && c <= '9')
      digits += c;
  return digits;
}

bool is_number(std::string_view text) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  return text.size() >= 5 && text.size() <= 20 && digits_of(text).size() == text.size();
}

std::optional<edge::reply> template_fault(const json& given) {
  if (const auto found = find_problem(given, template_fields))
    return refusal_for(*found, "template");
  if (const auto found = find_problem(given["language"], language_fields))
    return refusal_for(*found, "template['language']");
  for (const auto& component : domain::list_at(given, "components")) {
    if (!component.is_object())
      return parameter_fault("Param template['components'] must be an array of objects");
    if (const auto found = find_problem(component, component_fields))
      return refusal_for(*found, "template['components']");
  }
  const auto name = domain::text_at(given, "name");
  const auto language = domain::text_at(given, "language", "code");
  const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  const bool language_form =
    language.size() >= 2 && language.size() <= 6 && std::ranges::all_of(language, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    });
  if (!plain || name.starts_with("missing") || !language_form)
    return refusal(132001, "template name (" + name + ") does not exist in " + language);
  return std::nullopt;
}

std::optional<edge::reply> shape_fault(const json& body) {
  if (const auto found = find_problem(body, message_fields))
    return refusal_for(*found, "");
  const auto type = body.value("type", std::string{"text"});
  if (!is_one_of(type, message_types))
    return parameter_fault("Param type must be one of {" + std::string{message_types} + "} - got \""
                           + type + "\".");
  if (!body.contains(type))
    return refusal(131008, "Parameter '" + type + "' is mandatory for type '" + type + "'");
  for (const auto& [key, ignored] : body.items())
    if (key != type && is_one_of(key, message_types))
      return refusal_for({problem::kind::unknown, key}, type);
  if (!is_number(domain::text_at(body, "to")))
    return refusal(131009, "The recipient's number is not valid");
  if (const auto& context = domain::member(body, "context"); context.is_object())
    if (const auto found = find_problem(context, context_fields))
      return refusal_for(*found, "context");
  if (type == "template")
    return template_fault(body["template"]);
  if (type != "text")
    return std::nullopt;
  if (const auto found = find_problem(body["text"], text_fields))
    return refusal_for(*found, "text");
  if (domain::text_at(body, "text", "body").empty())
    return refusal(131008, "Parameter text['body'] is empty");
  return std::nullopt;
}

edge::reply unknown_object(const std::string& id) {
  return graph_error(400,
                     100,
                     "GraphMethodException",
                     "Unsupported request. Object with ID '" + id
                       + "' does not exist, cannot be loaded due to missing permissions, or does "
                         "not support this operation.",
                     33);
}

/// Where a medium is, and what it is; see `file_named` for what is in an id.
edge::reply medium(const call& what) {
  const auto& id = what.path[1];
  const auto file = file_named(id);
  if (!file)
    return unknown_object(id);
  const std::string host{what.request.header("host").value_or("127.0.0.1")};
  return json_reply(200,
                    {{"messaging_product", "whatsapp"},
                     {"url", "http://" + host + "/whatsapp/attachments/" + id},
                     {"mime_type", file->content_type},
                     {"file_size", file->body.size()},
                     {"id", id}});
}

std::string words_of(const json& body) {
  const auto type = body.value("type", std::string{"text"});
  if (type == "text")
    return domain::text_at(body, "text", "body");
  if (type != "template")
    return "(" + type + ")";
  std::string words = "template " + domain::text_at(body, "template", "name") + " ("
                      + domain::text_at(body, "template", "language", "code") + ")";
  for (const auto& component : domain::list_at(body, "template", "components"))
    for (const auto& parameter : domain::list_at(component, "parameters"))
      words += "\n" + domain::text_at(parameter, "text");
  return words;
}

} // namespace

std::string whatsapp::operation(const call& of) const {
  const bool versioned = !of.path.empty() && of.path[0].starts_with('v');
  if (of.request.method == "POST")
    return versioned && of.path.size() == 3 && of.path[2] == "messages" ? "messages" : "";
  if (of.request.method != "GET" || of.path.size() != 2)
    return "";
  if (of.path[0] == "attachments")
    return "media_download";
  return versioned ? "media" : "";
}

outcome whatsapp::handle(const call& what) {
  if (operation(what).empty())
    return {
      graph_error(400, 2500, "OAuthException", "Unknown path components: " + what.request.path)};
  switch (token_of(what.request)) {
  case token_state::missing:
  case token_state::invalid:
    return {graph_error(
      401, 190, "OAuthException", "Invalid OAuth access token - Cannot parse access token")};
  case token_state::revoked:
    return {graph_error(401,
                        190,
                        "OAuthException",
                        "Error validating access token: The session has been invalidated",
                        460)};
  case token_state::good:
    break;
  }
  if (operation(what) == "media")
    return {medium(what)};
  if (operation(what) == "media_download")
    return {file_named(what.path[1]).value_or(unknown_object(what.path[1]))};
  const auto& sender = what.path[1];
  if (digits_of(sender).size() != sender.size())
    return {unknown_object(sender)};
  const auto body = media_type(what.request) == "application/json" ? json_object(what.request.body)
                                                                   : std::optional{json::object()};
  if (!body)
    return {parameter_fault("The body is not a JSON object")};
  if (auto fault = shape_fault(*body))
    return {*std::move(fault)};
  const auto input = domain::text_at(*body, "to");
  const auto wa_id = digits_of(input);
  if (numbers_.take(sender, messages_a_number, what.now))
    return {refusal(130429)};
  if (auto refused = refuse(*body, wa_id, what.now))
    return {*std::move(refused)};

  delivery delivered{made_id("wamid.HBgSANDBOX", ++made_), wa_id, words_of(*body)};
  delivered.details = {
    {"type", body->value("type", std::string{"text"})},
    {"phone_number_id", sender},
    {"context", domain::text_at(*body, "context", "message_id")},
    {"biz_opaque_callback_data", domain::text_at(*body, "biz_opaque_callback_data")}};
  plan(*body, wa_id, delivered);
  json message{{"id", delivered.id}};
  if (body->contains("template"))
    message["message_status"] = "accepted";
  return {json_reply(200,
                     {{"messaging_product", "whatsapp"},
                      {"contacts", json::array({{{"input", input}, {"wa_id", wa_id}}})},
                      {"messages", json::array({std::move(message)})}}),
          std::move(delivered)};
}

bool whatsapp::window_open(const std::string& wa_id, time_point now) const {
  constexpr auto window = 24h;
  if (const auto known = last_wrote_.find(wa_id); known != last_wrote_.end())
    return now - known->second <= window;
  return !wa_id.ends_with("0000") && !wa_id.ends_with("0001");
}

std::optional<edge::reply>
whatsapp::refuse(const json& body, const std::string& wa_id, time_point now) {
  if (wa_id.ends_with("0002"))
    return refusal(131026);
  const bool noticed_late = wa_id.ends_with("0001");
  if (!body.contains("template") && !noticed_late && !window_open(wa_id, now))
    return refusal(131047);
  if (pairs_.take(wa_id, messages_a_pair, now))
    return refusal(131056);
  return std::nullopt;
}

void whatsapp::plan(const json& body, const std::string& wa_id, const delivery& of) {
  const bool is_template = body.contains("template");
  status_update update;
  update.message_id = of.id;
  update.recipient = wa_id;
  update.phone_number_id = domain::text_at(of.details, "phone_number_id");
  update.callback_data = domain::text_at(of.details, "biz_opaque_callback_data");
  update.category = is_template ? "utility" : "service";
  const auto add = [&](std::string_view status, std::chrono::milliseconds after, int error = 0) {
    update.status = status;
    update.after = after;
    update.error = error;
    statuses_.push_back(update);
  };
  const bool closed = wa_id.ends_with("0001") && !last_wrote_.contains(wa_id) && !is_template;
  if (closed) {
    add("failed", 100ms, 131047);
  } else if (wa_id.ends_with("0003")) {
    add("sent", 50ms);
    add("failed", 200ms, 131026);
  } else {
    add("sent", 50ms);
    add("delivered", 200ms);
    add("read", 1s);
  }
}

std::vector<status_update> whatsapp::take_statuses() {
  return std::exchange(statuses_, {});
}

void whatsapp::wrote(const std::string& recipient, time_point at) {
  constexpr std::size_t most = 10'000;
  if (last_wrote_.size() >= most)
    last_wrote_.clear();
  last_wrote_[digits_of(recipient)] = at;
}

std::optional<edge::reply> whatsapp::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return graph_error(500, 1, "OAuthException", "An unknown error occurred");
  case trouble::kind::away:
    return graph_error(503, 2, "OAuthException", "Service temporarily unavailable");
  case trouble::kind::rate_limited:
    return refusal(130429);
  case trouble::kind::error:
    break;
  }
  if (what.code == "190")
    return graph_error(401, 190, "OAuthException", "Error validating access token", 463);
  int code = 0;
  const auto* end = what.code.data() + what.code.size();
  if (std::from_chars(what.code.data(), end, code).ptr != end || find_error(code) == nullptr)
    return std::nullopt;
  return refusal(code);
}

json whatsapp::keeps() const {
  json last = json::object();
  for (const auto& [number, at] : last_wrote_)
    last[number] = domain::to_rfc3339(at);
  return {{"last_wrote", std::move(last)}};
}

void whatsapp::clear() {
  pairs_.clear();
  numbers_.clear();
  last_wrote_.clear();
  statuses_.clear();
}

std::string status_webhook(const status_update& update, time_point now) {
  json status{{"id", update.message_id},
              {"status", update.status},
              {"timestamp", std::to_string(unix_seconds(now))},
              {"recipient_id", update.recipient}};
  if (!update.callback_data.empty())
    status["biz_opaque_callback_data"] = update.callback_data;
  if (const auto* error = find_error(update.error); update.error != 0 && error != nullptr) {
    status["errors"] =
      json::array({{{"code", update.error},
                    {"title", error->title},
                    {"message", error->title},
                    {"error_data", {{"details", error->details}}},
                    {"href", "/documentation/business-messaging/whatsapp/support/error-codes"}}});
  } else {
    status["conversation"] = {{"id", made_id("", mix(update.recipient))},
                              {"origin", {{"type", update.category}}}};
    status["pricing"] = {
      {"billable", true}, {"pricing_model", "PMP"}, {"category", update.category}};
  }
  json value{
    {"messaging_product", "whatsapp"},
    {"metadata",
     {{"display_phone_number", "15550100000"}, {"phone_number_id", update.phone_number_id}}},
    {"statuses", json::array({std::move(status)})}};
  const json body{
    {"object", "whatsapp_business_account"},
    {"entry",
     json::array(
       {{{"id", "102290129340398"},
         {"changes", json::array({{{"field", "messages"}, {"value", std::move(value)}}})}}})}};
  std::string escaped;
  for (const char c : body.dump(-1, ' ', true, json::error_handler_t::replace)) {
    if (c == '/')
      escaped += '\\';
    escaped += c;
  }
  return escaped;
}

} // namespace hub::http::sandbox
