#include "http/server/json/ticket_json.hpp"

#include "http/server/json/shown_payload.hpp"

namespace hub::http {

namespace {

using nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

json or_null(const std::optional<domain::uuid>& id) {
  return id ? json(to_string(*id)) : json(nullptr);
}

json or_null(const std::optional<domain::time_point>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json(nullptr);
}

json parsed(const std::string& text) {
  auto value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json::object() : value;
}

json to_json(const std::optional<storage::reporter_row>& reporter) {
  if (!reporter)
    return nullptr;
  return {
    {"id", to_string(reporter->id)}, {"name", reporter->name}, {"email", or_null(reporter->email)}};
}

json to_json(const storage::source_row& source) {
  return {{"platform", source.platform},
          {"external_id", source.external_id},
          {"external_url", or_null(source.external_url)},
          {"raw_payload", source.payload ? shown_payload(*source.payload) : json(nullptr)}};
}

json to_json(const storage::event_row& event) {
  return {{"id", to_string(event.id)},
          {"seq", event.seq},
          {"event_type", event.type},
          {"actor_type", event.actor_type},
          {"actor_id", or_null(event.actor_id)},
          {"data", parsed(event.data)},
          {"created_at", domain::to_rfc3339(event.created_at)}};
}

json to_json(const storage::message_row& message) {
  return {{"id", to_string(message.id)},
          {"direction", message.direction},
          {"author", message.author},
          {"body", message.body},
          {"pii_redacted_types", message.pii_types},
          {"created_at", domain::to_rfc3339(message.created_at)}};
}

json to_json(const storage::attachment_row& file) {
  return {{"id", to_string(file.id)},
          {"file_name", file.file_name},
          {"file_type", file.file_type},
          {"file_size", or_null(file.file_size)},
          {"status", file.status},
          {"failure", or_null(file.failure)},
          {"url",
           file.status == "stored" ? json("/api/attachments/" + to_string(file.id) + "/content")
                                   : json(nullptr)}};
}

template <class Rows>
json list_of(const Rows& rows) {
  auto list = json::array();
  for (const auto& row : rows)
    list.push_back(to_json(row));
  return list;
}

} // namespace

json event_json(const storage::event_row& event) {
  return to_json(event);
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json to_json(const storage::ticket_row& ticket) {
  return {{"id", to_string(ticket.id)},
          {"number", ticket.number},
          {"title", ticket.title},
          {"ticket_type", ticket.type},
          {"priority", ticket.urgency},
          {"status", ticket.status},
          {"original_channel", ticket.channel},
          {"reporter", to_json(ticket.reporter)},
          {"tags", ticket.tags},
          {"ticket_group_id", or_null(ticket.group)},
          {"assignee_id", or_null(ticket.assignee)},
          {"pii_redacted_types", ticket.pii_types},
          {"enrichment_status", ticket.enrichment_status},
          {"version", ticket.version},
          {"created_at", domain::to_rfc3339(ticket.created_at)},
          {"updated_at", domain::to_rfc3339(ticket.updated_at)},
          {"resolved_at", or_null(ticket.resolved_at)}};
}

json to_json(const storage::ticket_detail& detail) {
  auto body = to_json(detail.ticket);
  body["description"] = detail.description;
  body["metadata"] = parsed(detail.metadata);
  body["ai_suggested_type"] = or_null(detail.ai_suggested_type);
  body["ai_suggested_priority"] = or_null(detail.ai_suggested_priority);
  body["ai_summary"] = or_null(detail.ai_summary);
  body["ai_confidence"] = or_null(detail.ai_confidence);
  body["ai_model"] = or_null(detail.ai_model);
  body["triage_decision"] = or_null(detail.triage_decision);
  body["notion_page_id"] = or_null(detail.notion_page_id);
  body["notion_url"] = or_null(detail.notion_url);
  body["ticket_group"] = nullptr; // tickets are grouped from the groups' migration on
  body["sources"] = list_of(detail.sources);
  body["events"] = list_of(detail.events);
  body["messages"] = list_of(detail.messages);
  body["attachments"] = list_of(detail.attachments);
  body["truncated"] = detail.truncated;
  return body;
}

json to_json(const storage::delivery_row& delivery) {
  return {{"id", to_string(delivery.id)},
          {"platform", delivery.platform},
          {"external_id", delivery.external_id},
          {"status", delivery.outcome},
          {"error", or_null(delivery.error)},
          {"ticket_id", or_null(delivery.ticket)},
          {"payload_bytes", delivery.payload_bytes},
          {"received_at", domain::to_rfc3339(delivery.received_at)}};
}

} // namespace hub::http
