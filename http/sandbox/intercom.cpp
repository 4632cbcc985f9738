#include "http/sandbox/intercom.hpp"

#include "http/sandbox/files.hpp"
#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr std::size_t kept_conversations = 2'000;
constexpr std::size_t kept_parts = 500; // a conversation shows no more
constexpr std::int64_t window_seconds = 10;
constexpr int calls_a_window = 1'666; // 10,000 a minute, shared out over windows

constexpr std::array admin_reply{
  field{"message_type", shape::text, true, 20, "comment|note|quick_reply"},
  field{"type", shape::text, true},
  field{"admin_id", shape::text, true},
  field{"body", shape::text},
  field{"created_at", shape::integer},
  field{"reply_options", shape::array},
  field{"attachment_urls", shape::array, false, 10},
  field{"attachment_files", shape::array, false, 10},
  field{"skip_notifications", shape::boolean},
};
constexpr std::array user_reply{
  field{"message_type", shape::text, true, 20, "comment"},
  field{"type", shape::text, true},
  field{"body", shape::text, true},
  field{"intercom_user_id", shape::text},
  field{"user_id", shape::text},
  field{"email", shape::text},
  field{"created_at", shape::integer},
  field{"reply_options", shape::array},
  field{"attachment_urls", shape::array, false, 10},
  field{"attachment_files", shape::array, false, 10},
};

edge::reply refusal(int status, std::string_view code, std::string_view message) {
  return json_reply(status,
                    {{"type", "error.list"},
                     {"request_id", "sandbox-request"},
                     {"errors", json::array({{{"code", code}, {"message", message}}})}});
}

edge::reply refusal_for(const problem& found) {
  using enum problem::kind;
  switch (found.is) {
  case missing:
    return refusal(400, "parameter_not_found", found.name + " is required");
  case unknown:
    return refusal(400, "parameter_invalid", found.name + " is not a parameter of this call");
  case wrong_type:
    return refusal(
      400, "parameter_invalid", found.name + " must be a " + std::string{name_of(found.rule.is)});
  case too_long:
    return refusal(400,
                   "parameter_invalid",
                   found.name + " may have no more than " + std::to_string(found.rule.most));
  case not_one_of:
    return refusal(
      400, "parameter_invalid", found.name + " must be one of " + std::string{found.rule.one_of});
  }
  return refusal(400, "bad_request", "bad request");
}

bool is_known_version(std::string_view version) {
  if (version == "Unstable")
    return true;
  constexpr std::string_view known = "1.0|1.1|1.2|1.3|1.4|2.0|2.1|2.2|2.3|2.4|2.5|2.6|2.7|2.8|2.9|"
                                     "2.10|2.11|2.12|2.13|2.14|2.15|2.16";
  return is_one_of(version, known);
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Bodies are HTML; plain text becomes a paragraph.
std::string as_html(const std::string& body) {
  return body.starts_with('<') ? body : "<p>" + body + "</p>";
}

std::string without_tags(const std::string& html) {
  std::string text;
  bool inside = false;
  for (const char c : html) {
    if (c == '<' || c == '>')
      inside = c == '<';
    else if (!inside)
      text += c;
  }
  return text;
}

json me() {
  return {{"type", "admin"},
          {"id", "814860"},
          {"email", "sandbox@example.com"},
          {"name", "Sandbox"},
          {"email_verified", true},
          {"has_inbox_seat", true},
          {"avatar", {{"type", "avatar"}, {"image_url", nullptr}}},
          {"app",
           {{"type", "app"},
            {"id_code", "sandbox"},
            {"name", "Sandbox"},
            {"created_at", 1'700'000'000},
            {"secure", false},
            {"identity_verification", false},
            {"timezone", "UTC"},
            {"region", "US"}}}};
}

/// The address alone says who may; a store of files refuses two proofs at once.
edge::reply attachment(const call& what) {
  if (what.request.header("authorization"))
    return {.status = 400, .content_type = "application/xml", .body = "<Error/>", .headers = {}};
  return file_named(what.path[1])
    .value_or(edge::reply{
      .status = 403, .content_type = "application/xml", .body = "<Error/>", .headers = {}});
}

} // namespace

std::string intercom::operation(const call& of) const {
  const auto& path = of.path;
  const auto& method = of.request.method;
  if (path.size() == 1 && path[0] == "me" && method == "GET")
    return "me";
  if (path.size() == 2 && path[0] == "conversations" && method == "GET")
    return "conversation";
  if (path.size() == 3 && path[0] == "conversations" && path[2] == "reply" && method == "POST")
    return "reply";
  if (path.size() == 2 && path[0] == "attachments" && method == "GET")
    return "attachment";
  return "";
}

outcome intercom::handle(const call& what) {
  if (operation(what) == "attachment")
    return {attachment(what)};
  const auto window = unix_seconds(what.now) / window_seconds;
  if (std::exchange(window_, window) != window)
    used_ = 0;
  outcome done;
  if (used_ >= calls_a_window) {
    done.reply =
      refusal(429, "rate_limit_exceeded", "The rate limit of 1666 in 10_seconds is exceeded");
  } else {
    ++used_;
    done = work(what);
  }
  count(done.reply);
  return done;
}

void intercom::count(edge::reply& answer) const {
  answer.headers.emplace_back("X-RateLimit-Limit", std::to_string(calls_a_window));
  answer.headers.emplace_back("X-RateLimit-Remaining",
                              std::to_string(answer.status == 429 ? 0 : calls_a_window - used_));
  answer.headers.emplace_back("X-RateLimit-Reset", std::to_string((window_ + 1) * window_seconds));
}

outcome intercom::work(const call& what) {
  switch (token_of(what.request)) {
  case token_state::missing:
  case token_state::invalid:
    return {refusal(401, "unauthorized", "Access Token Invalid")};
  case token_state::revoked:
    return {refusal(401, "token_revoked", "Access Token Revoked")};
  case token_state::good:
    break;
  }
  if (!is_known_version(what.request.header("intercom-version").value_or("")))
    return {refusal(400, "intercom_version_invalid", "The requested version could not be found")};
  const auto accepts = what.request.header("accept").value_or("*/*");
  if (accepts.find("json") == std::string_view::npos
      && accepts.find("*/*") == std::string_view::npos)
    return {refusal(406,
                    "media_type_not_acceptable",
                    "The Accept header should send a media type of application/json")};
  const auto asked = operation(what);
  if (asked == "me")
    return {json_reply(200, me())};
  if (asked.empty())
    return {refusal(404, "not_found", "The requested resource was not found")};
  const auto& id = what.path[1];
  if (id.starts_with("missing") || id.size() > 255)
    return {refusal(404, "not_found", "Resource Not Found")};
  return asked == "reply" ? reply_to(id, what) : show(id, what);
}

std::string intercom::next_id() {
  return std::to_string(100'000 + ++made_);
}

outcome intercom::reply_to(const std::string& id, const call& what) {
  if (media_type(what.request) != "application/json")
    return {refusal(415, "unsupported_media_type", "Content-Type should be application/json")};
  const auto body = json_object(what.request.body);
  if (!body)
    return {refusal(400, "bad_request", "The body is not a JSON object")};
  const auto author = domain::text_at(*body, "type");
  if (author != "admin" && author != "user")
    return {author.empty() ? refusal(400, "parameter_not_found", "type is required")
                           : refusal(400, "parameter_invalid", "type must be admin or user")};
  const bool admin = author == "admin";
  if (const auto found = find_problem(
        *body, admin ? std::span<const field>{admin_reply} : std::span<const field>{user_reply}))
    return {refusal_for(*found)};
  const auto kind = domain::text_at(*body, "message_type");
  auto text = domain::text_at(*body, "body");
  if (kind != "quick_reply" && text.empty())
    return {refusal(400, "parameter_not_found", "body is required")};
  const auto admin_id = domain::text_at(*body, "admin_id");
  if (admin && !is_number(admin_id))
    return {refusal(404, "admin_not_found", "Admin not found")};
  const bool user_named =
    body->contains("intercom_user_id") || body->contains("user_id") || body->contains("email");
  if (!admin && !user_named)
    return {refusal(400, "parameter_not_found", "intercom_user_id, user_id or email is required")};

  const auto at = unix_seconds(what.now);
  if (!conversations_.contains(id)) {
    order_.push_back(id);
    if (order_.size() > kept_conversations) {
      conversations_.erase(order_.front());
      order_.pop_front();
    }
  }
  auto& talk = conversations_[id];
  if (talk.created_at == 0)
    talk.created_at = at;
  talk.updated_at = at;
  text = as_html(text);
  const auto part_id = next_id();
  const auto author_id = admin ? admin_id : domain::text_at(*body, "intercom_user_id");
  talk.parts.push_back({{"type", "conversation_part"},
                        {"id", part_id},
                        {"part_type", kind},
                        {"body", text},
                        {"created_at", at},
                        {"updated_at", at},
                        {"notified_at", at},
                        {"assigned_to", nullptr},
                        {"author",
                         {{"type", author},
                          {"id", author_id},
                          {"name", admin ? "Sandbox" : "Customer"},
                          {"email", "sandbox@example.com"}}},
                        {"attachments", json::array()},
                        {"external_id", nullptr},
                        {"redacted", false}});
  if (talk.parts.size() > kept_parts)
    talk.parts.pop_front();
  auto shown = show(id, what);
  delivery delivered{part_id, id, text};
  delivered.details = {{"message_type", kind}, {"type", author}, {"author_id", author_id}};
  shown.delivered = std::move(delivered);
  return shown;
}

outcome intercom::show(const std::string& id, const call& what) const {
  const auto known = conversations_.find(id);
  const auto talk = known == conversations_.end() ? conversation{} : known->second;
  const auto created = talk.created_at == 0 ? unix_seconds(what.now) : talk.created_at;
  const bool plain = what.request.query_parameter("display_as") == "plaintext";
  json parts = json::array();
  for (auto part : talk.parts) {
    if (plain)
      part["body"] = without_tags(domain::text_at(part, "body"));
    parts.push_back(std::move(part));
  }
  const auto count = parts.size();
  return {json_reply(200,
                     {{"type", "conversation"},
                      {"id", id},
                      {"created_at", created},
                      {"updated_at", std::max(created, talk.updated_at)},
                      {"title", nullptr},
                      {"source",
                       {{"type", "conversation"},
                        {"id", "1"},
                        {"delivered_as", "customer_initiated"},
                        {"subject", ""},
                        {"body", "<p>(a message the sandbox has not seen)</p>"},
                        {"author", {{"type", "user"}, {"id", "sandbox-customer"}}},
                        {"attachments", json::array()}}},
                      {"contacts", {{"type", "contact.list"}, {"contacts", json::array()}}},
                      {"teammates", {{"type", "admin.list"}, {"admins", json::array()}}},
                      {"tags", {{"type", "tag.list"}, {"tags", json::array()}}},
                      {"admin_assignee_id", nullptr},
                      {"team_assignee_id", nullptr},
                      {"open", true},
                      {"state", "open"},
                      {"read", false},
                      {"waiting_since", nullptr},
                      {"snoozed_until", nullptr},
                      {"priority", "not_priority"},
                      {"custom_attributes", json::object()},
                      {"conversation_parts",
                       {{"type", "conversation_part.list"},
                        {"conversation_parts", std::move(parts)},
                        {"total_count", count}}}})};
}

std::optional<edge::reply> intercom::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return refusal(500, "server_error", "Something went wrong");
  case trouble::kind::away:
    return refusal(503, "service_unavailable", "Sorry, the API service is temporarily unavailable");
  case trouble::kind::rate_limited: {
    auto answer = refusal(429, "rate_limit_exceeded", "Exceeded the rate limit");
    count(answer);
    answer.headers.back().second =
      std::to_string(unix_seconds(what.now) + what.retry_after.count());
    return answer;
  }
  case trouble::kind::error:
    break;
  }
  struct known_error {
    std::string_view code;
    int status;
  };
  constexpr std::array known{known_error{"unauthorized", 401},
                             known_error{"token_revoked", 401},
                             known_error{"token_unauthorized", 403},
                             known_error{"forbidden", 403},
                             known_error{"api_plan_restricted", 403},
                             known_error{"not_found", 404},
                             known_error{"admin_not_found", 404},
                             known_error{"parameter_invalid", 400},
                             known_error{"parameter_not_found", 400},
                             known_error{"bad_request", 400},
                             known_error{"conflict", 409},
                             known_error{"client_error", 422},
                             known_error{"gateway_timeout", 504}};
  const auto found = std::ranges::find(known, what.code, &known_error::code);
  if (found == known.end())
    return std::nullopt;
  return refusal(found->status, found->code, "The sandbox was told to answer so");
}

json intercom::keeps() const {
  json all = json::object();
  for (const auto& [id, talk] : conversations_)
    all[id] = talk.parts.size();
  return {{"conversations", std::move(all)}};
}

void intercom::clear() {
  conversations_.clear();
  order_.clear();
  used_ = 0;
}

} // namespace hub::http::sandbox
