#include "domain/json_reading.hpp"
#include "domain/normaliser_rules.hpp"
#include "domain/report.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace hub::domain {

namespace {

/// Longer values are not repeated in every item of a delivery.
constexpr std::size_t longest_copied = 1000;

/// The customer a conversation is with, for parts that do not say enough about their author.
struct contact {
  std::string id;
  std::string name;
  std::optional<std::string> email;
};

/// The notification around a conversation; what all its parts share is read once.
struct notification {
  const json& item;
  std::string topic;
  std::string app; // may be empty
  std::string conversation_id;
  time_point moment;
  contact customer;
  std::string url; // opens the conversation, may be empty
};

/// With the app's id in front where it is known: conversations of two apps never meet.
std::string of_app(const notification& about, std::string_view id) {
  return about.app.empty() ? std::string{id} : joined_id({about.app, id});
}

/// Written by the company: people, bots and whatever automation signs with.
bool is_staff(const json& writer) {
  constexpr std::array<std::string_view, 6> staff{
    "admin", "bot", "team", "operator", "workflow", "app"};
  const auto type = text_at(writer, "type");
  return std::find(staff.begin(), staff.end(), type) != staff.end()
         || member(writer, "from_ai_agent") == true;
}

contact read_contact(const json& item) {
  const auto& listed = list_at(item, "contacts", "contacts");
  const auto& known = listed.empty() ? member(item, "user") : listed.front();
  return {
    id_at(known, "id"), label_of(text_at(known, "name")), email_from(text_at(known, "email"))};
}

author read_author(const notification& about, const json& writer) {
  const auto id = id_at(writer, "id");
  const bool same = id.empty() || id == about.customer.id;
  author from;
  from.display_name = label_of(text_at(writer, "name"));
  if (from.display_name.empty() && same)
    from.display_name = about.customer.name;
  from.email = email_from(text_at(writer, "email"));
  if (!from.email && same)
    from.email = about.customer.email;
  from.platform_user_id = of_app(about, first_of({id, about.customer.id, from.email.value_or("")}));
  return from;
}

std::vector<attachment> read_files(const json& files) {
  std::vector<attachment> attachments;
  for (const auto& file : list_of(files)) {
    if (!file.is_object())
      continue;
    attachment known;
    known.external_id = id_at(file, "id");
    known.file_name = label_of(text_at(file, "name"));
    known.file_type = label_of(text_at(file, "content_type"));
    known.file_size =
      size_from(number_of(member(file, file.contains("filesize") ? "filesize" : "size")));
    known.url = web_address(text_at(file, "url"));
    attachments.push_back(std::move(known));
  }
  return attachments;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
  });
}

std::string conversation_url(const notification& about) {
  if (auto linked = web_address(text_at(about.item, "links", "conversation_web"));
      !linked.empty() && linked.size() <= longest_copied)
    return linked;
  if (about.app.empty() || !is_plain(about.app) || !is_plain(about.conversation_id))
    return {};
  return std::string{"https://app.intercom.com/a/inbox/"}
    .append(about.app)
    .append("/inbox/conversation/")
    .append(about.conversation_id);
}

report read_words(const notification& about, const json& said) {
  report written;
  written.conversation = of_app(about, about.conversation_id);
  written.thread_id = written.conversation;
  written.from = read_author(about, member(said, "author"));
  written.text = html_to_text(text_at(said, "subject"));
  written.text.append("\n\n").append(html_to_text(text_at(said, "body")));
  written.attachments = read_files(member(said, "attachments"));
  written.external_url = about.url;
  note(written, "topic", about.topic);
  return written;
}

/// The message that opened the conversation; older API versions name it differently.
const json& opening_of(const json& item) {
  const auto& source = member(item, "source");
  return source.is_object() ? source : member(item, "conversation_message");
}

delivery_item read_opening(const notification& about) {
  const auto& opening = opening_of(about.item);
  auto written = read_words(about, opening);
  written.message_id = joined_id({written.conversation, "opening"});
  note(written, "source_type", text_at(opening, "type"));
  delivery_item read;
  read.delivery_id = about.conversation_id;
  read.occurred_at = moment_at(about.item, "created_at").value_or(about.moment);
  read.content = std::move(written);
  return read;
}

delivery_item read_part(const notification& about, const json& part) {
  const auto id = id_at(part, "id");
  auto written = read_words(about, part);
  written.message_id = joined_id({written.conversation, id});
  delivery_item read;
  // Parts and conversations are numbered apart: a bare part id may equal some conversation's.
  read.delivery_id = joined_id({"part", id});
  read.occurred_at = moment_at(part, "created_at").value_or(about.moment);
  read.content = std::move(written);
  return read;
}

/// The notification as it would be, had it held this alone: one part, or the opening for null.
std::string alone(const notification& about, const json* part) {
  auto item = json::object({{"id", about.conversation_id}});
  if (part == nullptr) {
    item["created_at"] = member(about.item, "created_at");
    item["source"] = opening_of(about.item);
  } else {
    item["conversation_parts"]["conversation_parts"] = json::array({*part});
  }
  if (!about.url.empty())
    item["links"]["conversation_web"] = about.url;
  auto customer = json::object({{"id", about.customer.id}, {"name", about.customer.name}});
  if (about.customer.email)
    customer["email"] = *about.customer.email;
  item["contacts"]["contacts"] = json::array({std::move(customer)});
  auto envelope = json::object({{"type", "notification_event"}, {"topic", about.topic}});
  if (!about.app.empty())
    envelope["app_id"] = about.app;
  envelope["created_at"] = to_rfc3339(about.moment);
  envelope["data"]["item"] = std::move(item);
  return write_json(envelope);
}

/// A notification without feedback: its own id, or what makes up for one.
delivery_item
without_feedback(const json& delivery, const notification& about, std::string reason) {
  delivery_item read;
  read.delivery_id = first_of({id_at(delivery, "id"),
                               joined_id({reason,
                                          first_of({about.app, "-"}),
                                          first_of({about.conversation_id, "-"}),
                                          first_of({id_at(delivery, "created_at"), "-"})})});
  read.occurred_at = about.moment;
  read.content = not_feedback{std::move(reason)};
  return read;
}

result<intake> read_conversation(const json& delivery, const notification& about) {
  intake understood;
  std::vector<const json*> parts; // where each item comes from, null for the opening
  bool staff = false;
  const auto& opening = opening_of(about.item);
  if (about.topic != "conversation.user.replied" && opening.is_object()) {
    staff = is_staff(member(opening, "author"));
    if (!staff) {
      admit_or_set_aside(read_opening(about), understood);
      parts.push_back(nullptr);
    }
  }
  for (const auto& part : list_at(about.item, "conversation_parts", "conversation_parts")) {
    if (is_staff(member(part, "author"))) {
      staff = true;
      continue;
    }
    admit_or_set_aside(read_part(about, part), understood);
    parts.push_back(&part);
  }
  if (parts.size() > 1)
    for (std::size_t i = 0; i < parts.size(); ++i)
      understood.items[i].own_payload = alone(about, parts[i]);
  if (!parts.empty())
    return concluded(std::move(understood));
  if (staff)
    return only(without_feedback(delivery, about, "admin_reply"));
  return fail(errc::invalid_input, "the conversation holds no message");
}

} // namespace

result<intake> normalise_intercom(const raw_delivery& delivery) {
  const auto read = read_json(delivery.body);
  if (!read)
    return read.why();
  const auto& item = value_at(*read, "data", "item");
  notification about{item,
                     text_at(*read, "topic"),
                     id_at(*read, "app_id"),
                     id_at(item, "id"),
                     moment_at(*read, "created_at").value_or(delivery.received_at),
                     read_contact(item),
                     ""};
  about.url = conversation_url(about);
  if (about.topic.empty())
    return fail(errc::invalid_input, "the notification names no topic");
  if (about.topic == "conversation.user.created" || about.topic == "conversation.created"
      || about.topic == "conversation.user.replied")
    return read_conversation(*read, about);
  return only(without_feedback(*read, about, reason_from(about.topic)));
}

} // namespace hub::domain
