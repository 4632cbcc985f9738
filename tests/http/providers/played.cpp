#include "tests/http/providers/played.hpp"

#include "http/providers/intercom.hpp"
#include "http/providers/notion.hpp"
#include "http/providers/openai.hpp"
#include "http/providers/slack.hpp"
#include "http/providers/smtp.hpp"
#include "http/providers/whatsapp.hpp"

#include <functional>
#include <map>
#include <stdexcept>
#include <utility>

namespace hub::http::providers {

namespace {

using nlohmann::json;

std::string text(const json& given, const char* name) {
  return given.value(name, std::string{});
}

/// `{"repeat": "x", "times": 5}` stands for long text.
std::string long_text(const json& given, const char* name) {
  if (!given.contains(name) || given[name].is_string())
    return text(given, name);
  std::string whole;
  for (int left = given[name]["times"]; left > 0; --left)
    whole += given[name]["repeat"].get<std::string>();
  return whole;
}

std::vector<std::string> texts(const json& given, const char* name) {
  return given.value(name, std::vector<std::string>{});
}

client::reply reply_in(const json& given) {
  const auto& told = given.at("reply");
  client::reply answer;
  answer.status = told.at("status");
  if (told.contains("headers"))
    for (const auto& [name, value] : told["headers"].items())
      answer.headers.emplace_back(name, value);
  answer.body = told.contains("body_json") ? told["body_json"].dump() : text(told, "body");
  return answer;
}

json shown(const client::call& what) {
  json out{{"method", what.method},
           {"url", what.url},
           {"repeatable", what.repeatable},
           {"operation", what.operation},
           {"headers", json::object()}};
  for (const auto& [name, value] : what.headers)
    out["headers"][name] = value;
  if (!what.body.empty())
    out["body"] = json::parse(what.body);
  return out;
}

json shown(const sent& message) {
  return {{"provider_message_id", message.provider_message_id}};
}

json shown(const std::optional<sent>& message) {
  return message ? shown(*message) : json();
}

json shown(const slack::search_page& page) {
  return {{"found", shown(page.found)}, {"next_cursor", page.next_cursor}};
}

json shown(const slack::identity& who) {
  return {{"team_id", who.team_id}, {"user_id", who.user_id}, {"bot_id", who.bot_id}};
}

json shown(const intercom::part_search& search) {
  return {{"found", shown(search.found)}, {"whole", search.whole}};
}

json shown(const intercom::identity& who) {
  return {{"admin_id", who.admin_id}, {"app_id", who.app_id}, {"region", who.region}};
}

json shown(const notion::page& page) {
  return {{"id", page.id},
          {"url", page.url},
          {"last_edited_at",
           page.last_edited_at ? json(domain::to_rfc3339(*page.last_edited_at)) : json()},
          {"in_trash", page.in_trash},
          {"properties", page.properties}};
}

json shown(const notion::page_list& list) {
  json out{
    {"next_cursor", list.next_cursor}, {"incomplete", list.incomplete}, {"pages", json::array()}};
  for (const auto& page : list.pages)
    out["pages"].push_back(shown(page));
  return out;
}

json shown(const std::vector<std::string>& list) {
  return list;
}

json shown(const std::map<std::string, notion::property_schema>& schema) {
  auto out = json::object();
  for (const auto& [name, property] : schema)
    out[name] = {{"type", property.type}, {"options", property.options}};
  return out;
}

json shown(const openai::completion& said) {
  return {{"text", said.text},
          {"model", said.model},
          {"prompt_tokens", said.prompt_tokens},
          {"completion_tokens", said.completion_tokens}};
}

json shown(const openai::embedding_list& list) {
  return {{"vectors", list.vectors}, {"model", list.model}, {"tokens", list.tokens}};
}

template <class T>
json shown(const domain::result<T>& ended) {
  if (ended)
    return shown(*ended);
  json out{{"failure", to_string(ended.why().code)}, {"message", ended.why().message}};
  if (ended.why().retry_after)
    out["retry_after"] = ended.why().retry_after->count();
  if (ended.why().limits == domain::limit_scope::recipient)
    out["limits"] = "recipient";
  return out;
}

slack::credentials slack_as() {
  return {.token = "xoxb-1"};
}
intercom::credentials intercom_as(const json& given) {
  return {.base_url = given.value("base_url", "https://api.intercom.io"),
          .token = "tok-1",
          .admin_id = given.value("admin_id", "991267694")};
}
whatsapp::credentials whatsapp_as() {
  return {.phone_number_id = "106540352242922", .token = "EAAJB"};
}
notion::credentials notion_as() {
  return {.token = "ntn_1"};
}
openai::credentials openai_as(const json& given) {
  return {.base_url = given.value("base_url", "https://api.openai.com/v1"),
          .key = given.value("key", "sk-1")};
}

std::optional<domain::time_point> moment(const json& given, const char* name) {
  if (!given.contains(name))
    return std::nullopt;
  return *domain::parse_rfc3339(text(given, name));
}

notion::property_value property_in(const json& told) {
  const auto kind = text(told, "kind");
  if (kind == "title")
    return notion::title{long_text(told, "text")};
  if (kind == "rich_text")
    return notion::rich_text{long_text(told, "text")};
  if (kind == "select")
    return notion::select{text(told, "text")};
  if (kind == "status")
    return notion::status{text(told, "text")};
  if (kind == "multi_select")
    return notion::multi_select{texts(told, "names")};
  if (kind == "number")
    return notion::number{told.at("value")};
  if (kind == "date")
    return notion::date{*moment(told, "at")};
  if (kind == "url")
    return notion::url{text(told, "text")};
  return notion::checkbox{told.at("ticked")};
}

notion::property_list properties_in(const json& given) {
  notion::property_list list;
  for (const auto& told : given.value("properties", json::array()))
    list.emplace_back(text(told, "name"), property_in(told));
  return list;
}

openai::chat_request chat_in(const json& given) {
  openai::chat_request what;
  what.model = text(given, "model");
  for (const auto& message : given.value("messages", json::array()))
    what.messages.push_back({text(message, "role"), text(message, "content")});
  if (given.contains("max_tokens"))
    what.max_tokens = given["max_tokens"];
  if (given.contains("temperature"))
    what.temperature = given["temperature"];
  if (given.contains("schema"))
    what.schema = given["schema"].is_string() ? text(given, "schema") : given["schema"].dump();
  what.schema_name = text(given, "schema_name");
  return what;
}

using translator = std::function<json(const json&)>;

std::map<std::string, translator> slack_translators() {
  return {
    {"slack.post_message",
     [](const json& given) {
       return shown(slack::post_message(slack_as(),
                                        {text(given, "channel"),
                                         text(given, "thread_ts"),
                                         long_text(given, "text"),
                                         text(given, "delivery_id")}));
     }},
    {"slack.find_delivery",
     [](const json& given) {
       return shown(slack::find_delivery(
         slack_as(), text(given, "channel"), text(given, "thread_ts"), text(given, "cursor")));
     }},
    {"slack.find_in_channel",
     [](const json& given) {
       return shown(slack::find_in_channel(slack_as(),
                                           text(given, "channel"),
                                           *moment(given, "from"),
                                           *moment(given, "to"),
                                           text(given, "cursor")));
     }},
    {"slack.auth_test", [](const json&) { return shown(slack::auth_test(slack_as())); }},
    {"slack.read_post",
     [](const json& given) { return shown(slack::read_post(reply_in(given), present)); }},
    {"slack.read_find",
     [](const json& given) {
       return shown(slack::read_find(reply_in(given), text(given, "delivery_id"), present));
     }},
    {"slack.read_auth_test",
     [](const json& given) { return shown(slack::read_auth_test(reply_in(given), present)); }},
  };
}

std::map<std::string, translator> intercom_translators() {
  return {
    {"intercom.reply_to",
     [](const json& given) {
       return shown(intercom::reply_to(
         intercom_as(given), text(given, "conversation_id"), text(given, "text")));
     }},
    {"intercom.get_conversation",
     [](const json& given) {
       return shown(intercom::get_conversation(intercom_as(given), text(given, "conversation_id")));
     }},
    {"intercom.me", [](const json& given) { return shown(intercom::me(intercom_as(given))); }},
    {"intercom.read_reply",
     [](const json& given) { return shown(intercom::read_reply(reply_in(given), present)); }},
    {"intercom.read_find",
     [](const json& given) {
       return shown(intercom::read_find(reply_in(given),
                                        text(given, "admin_id"),
                                        text(given, "text"),
                                        *moment(given, "since"),
                                        present));
     }},
    {"intercom.read_me",
     [](const json& given) { return shown(intercom::read_me(reply_in(given), present)); }},
  };
}

std::map<std::string, translator> whatsapp_translators() {
  return {
    {"whatsapp.send_text",
     [](const json& given) {
       return shown(whatsapp::send_text(whatsapp_as(),
                                        {text(given, "to"),
                                         long_text(given, "text"),
                                         text(given, "quoted_message_id"),
                                         text(given, "delivery_id")}));
     }},
    {"whatsapp.send_template",
     [](const json& given) {
       return shown(whatsapp::send_template(whatsapp_as(),
                                            {text(given, "to"),
                                             text(given, "name"),
                                             text(given, "language"),
                                             texts(given, "body_parameters"),
                                             text(given, "quoted_message_id"),
                                             text(given, "delivery_id")}));
     }},
    {"whatsapp.read_sent",
     [](const json& given) { return shown(whatsapp::read_sent(reply_in(given), present)); }},
  };
}

std::map<std::string, translator> notion_translators() {
  return {
    {"notion.query_edited",
     [](const json& given) {
       return shown(notion::query_edited(notion_as(),
                                         text(given, "data_source_id"),
                                         moment(given, "since"),
                                         text(given, "cursor")));
     }},
    {"notion.query_by_text",
     [](const json& given) {
       return shown(notion::query_by_text(notion_as(),
                                          text(given, "data_source_id"),
                                          text(given, "property"),
                                          text(given, "value")));
     }},
    {"notion.create_page",
     [](const json& given) {
       return shown(notion::create_page(notion_as(),
                                        text(given, "data_source_id"),
                                        properties_in(given),
                                        texts(given, "paragraphs")));
     }},
    {"notion.update_page",
     [](const json& given) {
       return shown(notion::update_page(notion_as(), text(given, "page_id"), properties_in(given)));
     }},
    {"notion.retrieve_page",
     [](const json& given) {
       return shown(notion::retrieve_page(notion_as(), text(given, "page_id")));
     }},
    {"notion.retrieve_database",
     [](const json& given) {
       return shown(notion::retrieve_database(notion_as(), text(given, "database_id")));
     }},
    {"notion.retrieve_data_source",
     [](const json& given) {
       return shown(notion::retrieve_data_source(notion_as(), text(given, "data_source_id")));
     }},
    {"notion.read_query",
     [](const json& given) { return shown(notion::read_query(reply_in(given), present)); }},
    {"notion.read_created",
     [](const json& given) { return shown(notion::read_created(reply_in(given), present)); }},
    {"notion.read_page",
     [](const json& given) { return shown(notion::read_page(reply_in(given), present)); }},
    {"notion.read_database",
     [](const json& given) { return shown(notion::read_database(reply_in(given), present)); }},
    {"notion.read_data_source",
     [](const json& given) { return shown(notion::read_data_source(reply_in(given), present)); }},
  };
}

std::map<std::string, translator> other_translators() {
  return {
    {"openai.chat",
     [](const json& given) { return shown(openai::chat(openai_as(given), chat_in(given))); }},
    {"openai.embeddings",
     [](const json& given) {
       return shown(openai::embeddings(
         openai_as(given),
         text(given, "model"),
         texts(given, "inputs"),
         given.contains("dimensions") ? std::optional<int>{given["dimensions"]} : std::nullopt));
     }},
    {"openai.read_chat",
     [](const json& given) { return shown(openai::read_chat(reply_in(given), present)); }},
    {"openai.read_embeddings",
     [](const json& given) {
       return shown(openai::read_embeddings(reply_in(given), given.at("inputs"), present));
     }},
    {"smtp.read_sent",
     [](const json& given) {
       return shown(smtp::read_sent(reply_in(given), text(given, "message_id")));
     }},
  };
}

} // namespace

json played(const std::string& name, const json& given) {
  static const auto known = [] {
    auto all = slack_translators();
    all.merge(intercom_translators());
    all.merge(whatsapp_translators());
    all.merge(notion_translators());
    all.merge(other_translators());
    return all;
  }();
  const auto found = known.find(name);
  if (found == known.end())
    throw std::runtime_error("no translator is called " + name);
  return found->second(given);
}

} // namespace hub::http::providers
