#include "http/sandbox/slack.hpp"

#include "http/sandbox/files.hpp"
#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <variant>
#include <vector>

namespace hub::http::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kept_messages = 10'000;
constexpr std::size_t longest_text = 40'000; // characters
constexpr std::size_t longest_section = 3'000;
constexpr std::size_t most_blocks = 50;
constexpr std::size_t largest_metadata = 16UL * 1024;

// "One message per second per channel, short bursts allowed"; how short is not said.
constexpr allowance posts_a_channel{10, 1s};
// Tier 3: fifty a minute.
constexpr allowance reads_a_method{50, 1200ms};

constexpr std::array post_fields{
  field{"channel", shape::text, true, 255},
  field{"text", shape::text},
  field{"markdown_text", shape::text, false, 12'000},
  field{"blocks", shape::array},
  field{"attachments", shape::array, false, 100},
  field{"thread_ts", shape::text},
  field{"reply_broadcast", shape::boolean},
  field{"metadata", shape::object},
  field{"mrkdwn", shape::boolean},
  field{"unfurl_links", shape::boolean},
  field{"unfurl_media", shape::boolean},
  field{"link_names", shape::boolean},
  field{"parse", shape::text, false, 4, "full|none"},
  field{"as_user", shape::boolean},
  field{"username", shape::text},
  field{"icon_emoji", shape::text},
  field{"icon_url", shape::text},
  field{"token", shape::text},
};
constexpr std::array update_fields{
  field{"channel", shape::text, true, 255},
  field{"ts", shape::text, true},
  field{"text", shape::text},
  field{"markdown_text", shape::text, false, 12'000},
  field{"blocks", shape::array},
  field{"attachments", shape::array, false, 100},
  field{"metadata", shape::object},
  field{"reply_broadcast", shape::boolean},
  field{"link_names", shape::boolean},
  field{"parse", shape::text, false, 4, "full|none"},
  field{"as_user", shape::boolean},
  field{"file_ids", shape::array},
  field{"token", shape::text},
};
constexpr std::array replies_fields{
  field{"channel", shape::text, true},
  field{"ts", shape::text, true},
  field{"cursor", shape::text},
  field{"limit", shape::integer},
  field{"oldest", shape::text},
  field{"latest", shape::text},
  field{"inclusive", shape::boolean},
  field{"include_all_metadata", shape::boolean},
  field{"token", shape::text},
};
constexpr std::array history_fields{
  field{"channel", shape::text, true},
  field{"cursor", shape::text},
  field{"limit", shape::integer},
  field{"oldest", shape::text},
  field{"latest", shape::text},
  field{"inclusive", shape::boolean},
  field{"include_all_metadata", shape::boolean},
  field{"token", shape::text},
};
constexpr std::array metadata_fields{
  field{"event_type", shape::text, true, 255},
  field{"event_payload", shape::object, true},
  field{"entities", shape::array},
};

struct method {
  std::string_view name;
  std::span<const field> fields;
  bool takes_json;
};

constexpr std::array methods{
  method{"chat.postMessage", post_fields, true},
  method{"chat.update", update_fields, true},
  method{"conversations.replies", replies_fields, false},
  method{"conversations.history", history_fields, false},
  method{"auth.test", {}, true},
};

const method* find_method(std::string_view name) {
  const auto found = std::ranges::find(methods, name, &method::name);
  return found == methods.end() ? nullptr : &*found;
}

edge::reply refusal(std::string_view error, const std::vector<std::string>& messages = {}) {
  json body{{"ok", false}, {"error", error}};
  if (!messages.empty())
    body["response_metadata"] = {{"messages", messages}};
  return json_reply(200, body);
}

edge::reply too_fast(std::chrono::seconds wait) {
  auto answer = json_reply(429, {{"ok", false}, {"error", "ratelimited"}});
  answer.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return answer;
}

edge::reply refusal_for(const problem& found) {
  using enum problem::kind;
  switch (found.is) {
  case missing:
    return refusal("invalid_arguments", {"[ERROR] missing required field: " + found.name});
  case unknown:
    return refusal("invalid_arguments",
                   {"[ERROR] the sandbox knows no argument of this name: " + found.name});
  case wrong_type:
    return refusal(
      "invalid_arguments",
      {"[ERROR] must be a " + std::string{name_of(found.rule.is)} + ": " + found.name});
  case too_long:
    return refusal(
      "invalid_arguments",
      {"[ERROR] must be no more than " + std::to_string(found.rule.most) + ": " + found.name});
  case not_one_of:
    return refusal(
      "invalid_arguments",
      {"[ERROR] must be one of " + std::string{found.rule.one_of} + ": " + found.name});
  }
  return refusal("invalid_arguments");
}

bool is_ts(std::string_view text) {
  return text.size() == 17 && text[10] == '.'
         && std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }) == 16;
}

std::string_view channel_fault(std::string_view channel) {
  if (channel.starts_with('#') && channel.size() > 1)
    return "";
  const bool known_form =
    channel.size() >= 3 && channel.size() <= 24
    && std::string_view{"CGDUW"}.find(channel.front()) != std::string_view::npos
    && std::ranges::all_of(channel,
                           [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
  if (!known_form || channel.ends_with("MISSING"))
    return "channel_not_found";
  if (channel.ends_with("NOTIN"))
    return "not_in_channel";
  if (channel.ends_with("ARCHIVED"))
    return "is_archived";
  return channel.ends_with("RESTRICTED") ? "restricted_action" : "";
}

/// A message to a person goes to the conversation with them.
std::string conversation_of(const std::string& channel) {
  return channel.starts_with('U') || channel.starts_with('W') ? "D" + channel.substr(1) : channel;
}

std::string_view blocks_fault(const json& blocks) {
  if (blocks.size() > most_blocks)
    return "invalid_blocks";
  for (const auto& block : blocks) {
    const auto type = domain::text_at(block, "type");
    if (type.empty())
      return "invalid_blocks";
    if (type == "section") {
      const auto text = domain::text_at(block, "text", "text");
      const bool has_fields = domain::member(block, "fields").is_array();
      if ((text.empty() && !has_fields) || count_characters(text) > longest_section)
        return "invalid_blocks";
    }
  }
  return "";
}

std::string_view metadata_fault(const json& metadata) {
  if (find_problem(metadata, metadata_fields))
    return "invalid_metadata_format";
  return metadata.dump().size() > largest_metadata ? "metadata_too_large" : "";
}

/// What a message says, as somebody who cannot see blocks reads it.
std::string words_of(const json& arguments) {
  if (auto text = domain::text_at(arguments, "text"); !text.empty())
    return text;
  if (auto text = domain::text_at(arguments, "markdown_text"); !text.empty())
    return text;
  std::string words;
  for (const auto& block : domain::list_at(arguments, "blocks"))
    if (const auto text = domain::text_at(block, "text", "text"); !text.empty())
      words.append(words.empty() ? "" : "\n").append(text);
  for (const auto& attachment : domain::list_at(arguments, "attachments"))
    if (const auto text = domain::text_at(attachment, "text"); !text.empty())
      words.append(words.empty() ? "" : "\n").append(text);
  return words;
}

std::optional<std::string> content_fault(const json& arguments) {
  const auto filled = [&](const char* name) {
    const auto& value = domain::member(arguments, name);
    return value.is_string() ? !domain::text_of(value).empty() : !value.empty();
  };
  if (!filled("text") && !filled("markdown_text") && !filled("blocks") && !filled("attachments"))
    return "no_text";
  if (count_characters(domain::text_at(arguments, "text")) > longest_text)
    return "msg_too_long";
  if (const auto fault = blocks_fault(domain::list_at(arguments, "blocks")); !fault.empty())
    return std::string{fault};
  if (const auto& metadata = domain::member(arguments, "metadata"); metadata.is_object())
    if (const auto fault = metadata_fault(metadata); !fault.empty())
      return std::string{fault};
  return std::nullopt;
}

/// Form fields are text; what should be something else is read as that.
json typed(const std::map<std::string, std::string>& fields, std::span<const field> rules) {
  json arguments = json::object();
  for (const auto& [name, text] : fields) {
    const auto rule = std::ranges::find(rules, std::string_view{name}, &field::name);
    if (rule == rules.end() || rule->is == shape::text) {
      arguments[name] = text;
    } else if (rule->is == shape::boolean) {
      arguments[name] = text == "true" || text == "1";
    } else {
      auto value = json::parse(text, nullptr, false);
      arguments[name] = value.is_discarded() ? json(text) : std::move(value);
    }
  }
  return arguments;
}

/// The arguments, or why there are none.
std::variant<json, edge::reply> arguments_of(const call& what, const method& called) {
  std::map<std::string, std::string> given;
  for (const auto& [name, value] : what.request.query)
    given.emplace(name, value);
  if (what.request.method == "POST" && !what.request.body.empty()) {
    const auto type = media_type(what.request);
    if (type == "application/json") {
      // Methods that only read take no JSON: Slack does not even look at it.
      if (called.takes_json) {
        auto body = json::parse(what.request.body, nullptr, false);
        if (!body.is_discarded() && !body.is_object())
          return refusal("json_not_object");
        auto object = json_object(what.request.body);
        if (!object)
          return refusal("invalid_json");
        return *std::move(object);
      }
    } else if (type == "application/x-www-form-urlencoded") {
      for (auto& [name, value] : form_fields(what.request.body))
        given.emplace(name, value);
    } else {
      return refusal(type.empty() ? "missing_post_type" : "invalid_post_type");
    }
  }
  return typed(given, called.fields);
}

std::string cursor_after(const std::string& ts) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string cursor;
  for (const char c : "next_ts:" + ts) {
    cursor += digits[static_cast<unsigned char>(c) >> 4U];
    cursor += digits[static_cast<unsigned char>(c) & 0xfU];
  }
  return cursor;
}

json identity() {
  return {{"ok", true},
          {"url", "https://sandbox.slack.com/"},
          {"team", "Sandbox"},
          {"user", "feedbackhub"},
          {"team_id", "T0SANDBOX"},
          {"user_id", "U0SANDBOX"},
          {"bot_id", "B0SANDBOX"},
          {"is_enterprise_install", false}};
}

/// /files-pri/T1-F1/name
bool is_file(const call& what) {
  return what.path.size() == 3 && what.path[0] == "files-pri" && what.request.method == "GET";
}

/// Who shows no good token is sent to sign in, as a browser would be.
edge::reply file_for(const call& what) {
  if (token_of(what.request) != token_state::good)
    return {.status = 302,
            .content_type = "",
            .body = "",
            .headers = {{"Location", "https://sandbox.slack.com/?redir=files"}}};
  return file_named(what.path[2])
    .value_or(edge::reply{.status = 404, .content_type = "", .body = "", .headers = {}});
}

} // namespace

std::string slack::operation(const call& of) const {
  if (is_file(of))
    return "file";
  if (of.path.size() != 2 || of.path[0] != "api")
    return "";
  const auto* known = find_method(of.path[1]);
  return known == nullptr ? "" : std::string{known->name};
}

outcome slack::handle(const call& what) {
  if (is_file(what))
    return {file_for(what)};
  if (what.path.size() != 2 || what.path[0] != "api") {
    edge::reply nothing{.status = 404, .content_type = "text/html", .body = "", .headers = {}};
    return {nothing};
  }
  const auto* called = find_method(what.path[1]);
  if (called == nullptr)
    return {
      json_reply(200, {{"ok", false}, {"error", "unknown_method"}, {"req_method", what.path[1]}})};
  if (what.request.method != "POST" && what.request.method != "GET")
    return {refusal("invalid_arguments", {"[ERROR] methods are called with POST or GET"})};
  switch (token_of(what.request)) {
  case token_state::missing:
    return {refusal("not_authed")};
  case token_state::revoked:
    return {refusal("token_revoked")};
  case token_state::invalid:
    return {refusal("invalid_auth")};
  case token_state::good:
    break;
  }
  if (called->name == "auth.test")
    return {json_reply(200, identity())};
  const auto read = arguments_of(what, *called);
  if (const auto* refused = std::get_if<edge::reply>(&read))
    return {*refused};
  const auto& arguments = std::get<json>(read);
  if (const auto found = find_problem(arguments, called->fields))
    return {refusal_for(*found)};
  if (const auto fault = channel_fault(domain::text_at(arguments, "channel")); !fault.empty())
    return {refusal(fault)};
  if (called->name == "chat.postMessage")
    return post_message(arguments, what.now);
  if (called->name == "chat.update")
    return update(arguments, what.now);
  return called->name == "conversations.history" ? history(arguments, what.now)
                                                 : replies(arguments, what.now);
}

std::string slack::next_ts(time_point now) {
  last_ts_ = std::max(last_ts_ + 1, std::int64_t{now.time_since_epoch().count()} * 1000);
  std::array<char, 32> text{};
  std::snprintf(text.data(),
                text.size(),
                "%010lld.%06lld",
                static_cast<long long>(last_ts_ / 1'000'000),
                static_cast<long long>(last_ts_ % 1'000'000));
  return text.data();
}

outcome slack::post_message(const json& arguments, time_point now) {
  const auto channel = conversation_of(domain::text_at(arguments, "channel"));
  const auto thread = domain::text_at(arguments, "thread_ts");
  if (!thread.empty() && !is_ts(thread))
    return {refusal("invalid_arguments", {"[ERROR] not a message's ts: thread_ts"})};
  if (const auto fault = content_fault(arguments))
    return {refusal(*fault)};
  if (const auto wait = posts_.take(channel, posts_a_channel, now))
    return {too_fast(whole_seconds(*wait))};
  message kept{channel,
               next_ts(now),
               thread,
               words_of(arguments),
               domain::member(arguments, "metadata"),
               domain::member(arguments, "blocks")};
  json posted{{"type", "message"},
              {"user", "U0SANDBOX"},
              {"bot_id", "B0SANDBOX"},
              {"app_id", "A0SANDBOX"},
              {"team", "T0SANDBOX"},
              {"ts", kept.ts},
              {"text", kept.text}};
  if (!thread.empty())
    posted["thread_ts"] = thread;
  if (kept.metadata.is_object())
    posted["metadata"] = kept.metadata;
  if (kept.blocks.is_array())
    posted["blocks"] = kept.blocks;
  delivery delivered{kept.ts, channel, kept.text};
  delivered.details = {{"thread_ts", thread}, {"metadata", kept.metadata}};
  messages_.push_back(std::move(kept));
  if (messages_.size() > kept_messages)
    messages_.pop_front();
  return {json_reply(
            200, {{"ok", true}, {"channel", channel}, {"ts", delivered.id}, {"message", posted}}),
          std::move(delivered)};
}

outcome slack::update(const json& arguments, time_point now) {
  const auto channel = domain::text_at(arguments, "channel");
  const auto ts = domain::text_at(arguments, "ts");
  if (const auto fault = content_fault(arguments))
    return {refusal(*fault)};
  if (const auto wait = reads_.take("chat.update", reads_a_method, now))
    return {too_fast(whole_seconds(*wait))};
  const auto found = std::ranges::find_if(
    messages_, [&](const message& each) { return each.channel == channel && each.ts == ts; });
  if (found == messages_.end())
    return {refusal("message_not_found")};
  found->text = words_of(arguments);
  found->blocks = domain::member(arguments, "blocks");
  if (const auto& metadata = domain::member(arguments, "metadata"); metadata.is_object())
    found->metadata = metadata;
  found->edited = true;
  delivery delivered{ts, channel, found->text};
  delivered.details = {{"edited", true}};
  return {json_reply(200,
                     {{"ok", true},
                      {"channel", channel},
                      {"ts", ts},
                      {"text", found->text},
                      {"message", {{"type", "message"}, {"text", found->text}}}}),
          std::move(delivered)};
}

std::vector<const slack::message*>
slack::messages_in(const std::string& channel, const std::string& ts, const json& arguments) const {
  const auto oldest = domain::text_at(arguments, "oldest");
  const auto latest = domain::text_at(arguments, "latest");
  const bool inclusive = domain::member(arguments, "inclusive") == true;
  const auto wanted = [&](const message& each) {
    if (each.channel != channel || each.thread_ts != ts)
      return false;
    // All ts are of one length, so their order is that of their texts.
    return (oldest.empty() || each.ts > oldest || (inclusive && each.ts == oldest))
           && (latest.empty() || each.ts < latest || (inclusive && each.ts == latest));
  };
  std::vector<const message*> found;
  for (const auto& each : messages_)
    if (wanted(each))
      found.push_back(&each);
  return found;
}

json slack::show(const message& each, const std::string& thread, bool with_metadata) {
  json shown{{"type", "message"},
             {"user", "U0SANDBOX"},
             {"bot_id", "B0SANDBOX"},
             {"app_id", "A0SANDBOX"},
             {"text", each.text},
             {"ts", each.ts}};
  if (!thread.empty())
    shown["thread_ts"] = thread;
  if (each.blocks.is_array())
    shown["blocks"] = each.blocks;
  if (each.edited)
    shown["edited"] = {{"user", "U0SANDBOX"}, {"ts", each.ts}};
  if (with_metadata && each.metadata.is_object())
    shown["metadata"] = each.metadata;
  return shown;
}

outcome slack::replies(const json& arguments, time_point now) {
  constexpr std::int64_t most_a_page = 1000;
  const auto channel = domain::text_at(arguments, "channel");
  const auto ts = domain::text_at(arguments, "ts");
  if (!is_ts(ts))
    return {refusal("thread_not_found")};
  const auto limit = domain::number_of(domain::member(arguments, "limit")).value_or(most_a_page);
  if (limit < 1 || limit > most_a_page)
    return {refusal("invalid_limit")};
  if (const auto wait = reads_.take("conversations.replies", reads_a_method, now))
    return {too_fast(whole_seconds(*wait))};

  const auto found = messages_in(channel, ts, arguments);
  auto begin = found.begin();
  if (const auto cursor = domain::text_at(arguments, "cursor"); !cursor.empty()) {
    begin = std::ranges::find_if(
      found, [&](const message* each) { return cursor_after(each->ts) == cursor; });
    if (begin == found.end())
      return {refusal("invalid_cursor")};
  }
  const bool with_metadata = domain::member(arguments, "include_all_metadata") == true;
  const auto parent = std::ranges::find_if(
    messages_, [&](const message& each) { return each.channel == channel && each.ts == ts; });
  // Slack repeats the parent on every page.
  json first{{"type", "message"},
             {"user", "U0CUSTOMER"},
             {"text", "(a message the sandbox has not seen)"},
             {"ts", ts},
             {"thread_ts", ts}};
  if (parent != messages_.end())
    first = show(*parent, ts, with_metadata);
  first["reply_count"] = found.size();
  json page = json::array({std::move(first)});
  const auto left = static_cast<std::int64_t>(found.end() - begin);
  const auto end = begin + std::min(limit, left);
  for (auto each = begin; each != end; ++each)
    page.push_back(show(**each, ts, with_metadata));
  const bool more = end != found.end();
  return {
    json_reply(200,
               {{"ok", true},
                {"messages", std::move(page)},
                {"has_more", more},
                {"response_metadata", {{"next_cursor", more ? cursor_after((*end)->ts) : ""}}}})};
}

outcome slack::history(const json& arguments, time_point now) {
  constexpr std::int64_t usual_page = 100;
  constexpr std::int64_t most_a_page = 999;
  const auto channel = domain::text_at(arguments, "channel");
  // Posts go to people and names as well; only conversations have a history.
  if (std::string_view{"CGD"}.find(channel.front()) == std::string_view::npos)
    return {refusal("channel_not_found")};
  for (const auto* bound : {"oldest", "latest"})
    if (const auto ts = domain::text_at(arguments, bound); !ts.empty() && !is_ts(ts))
      return {refusal("invalid_ts_" + std::string{bound})};
  const auto limit = domain::number_of(domain::member(arguments, "limit")).value_or(usual_page);
  if (limit < 1 || limit > most_a_page)
    return {refusal("invalid_limit")};
  if (const auto wait = reads_.take("conversations.history", reads_a_method, now))
    return {too_fast(whole_seconds(*wait))};

  auto found = messages_in(channel, "", arguments);
  std::ranges::reverse(found); // newest first
  auto begin = found.begin();
  if (const auto cursor = domain::text_at(arguments, "cursor"); !cursor.empty()) {
    begin = std::ranges::find_if(
      found, [&](const message* each) { return cursor_after(each->ts) == cursor; });
    if (begin == found.end())
      return {refusal("invalid_cursor")};
  }
  const auto end = begin + std::min<std::int64_t>(limit, found.end() - begin);
  const bool with_metadata = domain::member(arguments, "include_all_metadata") == true;
  auto page = json::array();
  for (auto each = begin; each != end; ++each)
    page.push_back(show(**each, "", with_metadata));
  const bool more = end != found.end();
  json answer{{"ok", true}, {"messages", std::move(page)}, {"has_more", more}, {"pin_count", 0}};
  if (more)
    answer["response_metadata"] = {{"next_cursor", cursor_after((*end)->ts)}};
  return {json_reply(200, answer)};
}

std::optional<edge::reply> slack::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return json_reply(500, {{"ok", false}, {"error", "fatal_error"}});
  case trouble::kind::away:
    return json_reply(503, {{"ok", false}, {"error", "service_unavailable"}});
  case trouble::kind::rate_limited:
    return too_fast(what.retry_after);
  case trouble::kind::error:
    break;
  }
  const bool plausible = !what.code.empty() && std::ranges::all_of(what.code, [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
  return plausible ? std::optional{refusal(what.code)} : std::nullopt;
}

void slack::clear() {
  messages_.clear();
  posts_.clear();
  reads_.clear();
}

} // namespace hub::http::sandbox
