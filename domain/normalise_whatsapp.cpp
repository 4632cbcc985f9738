#include "domain/json_reading.hpp"
#include "domain/normaliser_rules.hpp"
#include "domain/report.hpp"
#include "domain/whatsapp_text.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hub::domain {

namespace {

/// A sender as the change's `contacts` describe them, read once however many messages they wrote.
struct contact {
  std::string wa_id;
  std::string user_id;
  std::string name;
};

/// One change of an entry, with what its messages share.
struct change_reading {
  const json& value;
  std::string entry_id;
  std::string number_id; // the business number that was written to
  std::string own_digits;
  std::vector<contact> contacts;
  std::unordered_map<std::string, std::size_t> places; // in `contacts`, by every id they carry
  time_point received_at;
};

std::string digits_of(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) {
    return c >= '0' && c <= '9';
  });
  return digits;
}

/// Fails on over-long ids here already: each message would repeat them.
result<change_reading> read_change(const json& entry, const json& change, time_point received_at) {
  change_reading reading{member(change, "value"), id_at(entry, "id"), "", "", {}, {}, received_at};
  const auto& metadata = member(reading.value, "metadata");
  const auto shown_number = text_at(metadata, "display_phone_number");
  reading.own_digits = digits_of(shortened(shown_number, 64));
  reading.number_id =
    first_of({id_at(metadata, "phone_number_id"), reading.own_digits, reading.entry_id, "-"});
  bool usable = reading.number_id.size() <= max_identifier_bytes
                && reading.entry_id.size() <= max_identifier_bytes;
  for (const auto& listed : list_at(reading.value, "contacts")) {
    contact known{id_at(listed, "wa_id"),
                  id_at(listed, "user_id"),
                  label_of(text_at(listed, "profile", "name"))};
    usable = usable && known.wa_id.size() <= max_identifier_bytes
             && known.user_id.size() <= max_identifier_bytes;
    for (const auto& id : {known.wa_id, known.user_id})
      if (!id.empty())
        reading.places.emplace(id, reading.contacts.size());
    reading.contacts.push_back(std::move(known));
  }
  if (!usable)
    return fail(errc::invalid_input, "an id that messages share is longer than 255 bytes");
  return reading;
}

/// The contact a message comes from, null when there is none. Where the message names nobody, only
/// a single contact can be meant.
const contact* contact_of(const change_reading& reading, const json& message) {
  for (const auto* key : {"from", "from_user_id"})
    if (const auto found = reading.places.find(id_at(message, key)); found != reading.places.end())
      return &reading.contacts[found->second];
  const bool only_one = reading.contacts.size() == 1 && id_at(message, "from").empty();
  return only_one ? &reading.contacts.front() : nullptr;
}

author read_author(const json& message, const contact& sender) {
  author from;
  from.platform_user_id = first_of(
    {id_at(message, "from"), sender.wa_id, id_at(message, "from_user_id"), sender.user_id});
  from.display_name = sender.name;
  return from;
}

void note_origin(report& written, const json& message, const contact& sender) {
  note(written, "type", text_at(message, "type"));
  note(written, "user_id", first_of({id_at(message, "from_user_id"), sender.user_id}));
  note(written, "group_id", id_at(message, "group_id"));
  note(written, "ad_url", text_at(message, "referral", "source_url"));
  for (const auto* kind : {"button_reply", "list_reply"})
    note(written, "button_id", id_at(message, "interactive", kind, "id"));
  note(written, "button_id", id_at(message, "button", "payload"));
}

/// Why a message is no feedback; empty when it is.
std::string reason_against(const change_reading& reading, const json& message) {
  auto type = text_at(message, "type");
  if (!reading.own_digits.empty() && id_at(message, "from") == reading.own_digits)
    return "message_echo";
  if (type == "system" || type == "request_welcome")
    return type;
  // Errors beside readable content are warnings; in its place they are all there is.
  if (type.empty() || type == "unsupported" || type == "unknown"
      || (member(message, type).is_null() && !list_at(message, "errors").empty()))
    return "unsupported";
  if (type == "reaction" && text_at(message, "reaction", "emoji").empty())
    return "reaction_removed";
  return {};
}

item_content read_message(const change_reading& reading, const json& message) {
  if (auto reason = reason_against(reading, message); !reason.empty())
    return not_feedback{std::move(reason)};
  const auto* known = contact_of(reading, message);
  const auto sender = known == nullptr ? contact{} : *known;
  report written;
  written.from = read_author(message, sender);
  written.conversation = joined_id({reading.number_id, written.from.platform_user_id});
  written.message_id = id_at(message, "id");
  written.thread_id = written.message_id;
  written.joins_open_ticket = true;
  const auto quoted =
    first_of({id_at(message, "reaction", "message_id"), id_at(message, "context", "id")});
  if (!quoted.empty())
    written.quoted_message_id = quoted;
  written.attachments = whatsapp_files(message);
  written.text = whatsapp_text(message);
  note_origin(written, message, sender);
  return written;
}

/// The POST as it would be, had it held this alone. Only what the normaliser reads is kept, so that
/// a thousand messages do not repeat what they share a thousand times.
std::string
alone(const change_reading& reading, const char* list, const json& one, const contact* sender) {
  auto value = json::object({{"messaging_product", "whatsapp"}});
  value["metadata"] = json::object({{"phone_number_id", reading.number_id}});
  if (!reading.own_digits.empty())
    value["metadata"]["display_phone_number"] = reading.own_digits;
  if (sender != nullptr) {
    auto known = json::object({{"profile", {{"name", sender->name}}}});
    if (!sender->wa_id.empty())
      known["wa_id"] = sender->wa_id;
    if (!sender->user_id.empty())
      known["user_id"] = sender->user_id;
    value["contacts"] = json::array({std::move(known)});
  }
  value[list] = json::array({one});
  auto change = json::object({{"field", "messages"}, {"value", std::move(value)}});
  auto entry = json::object({{"changes", json::array({std::move(change)})}});
  entry["id"] = reading.entry_id;
  return write_json({{"object", "whatsapp_business_account"}, {"entry", json::array({entry})}});
}

/// What an account update says, told apart by its content: it carries no id.
delivery_item without_feedback(const json& entry,
                               const json& change,
                               std::string reason,
                               time_point received_at) {
  delivery_item item;
  item.delivery_id = joined_id({reason,
                                first_of({id_at(entry, "id"), "-"}),
                                first_of({id_at(entry, "time"), "-"}),
                                digest_of(write_json(change))});
  item.occurred_at = moment_at(entry, "time").value_or(received_at);
  // Numbers stay as they are: a time with a fraction is a moment, though no identifier.
  const auto& time = member(entry, "time");
  const auto alone = json::object({{"id", id_at(entry, "id")},
                                   {"time", time.is_number() ? time : json(id_of(time))},
                                   {"changes", json::array({change})}});
  item.own_payload =
    write_json({{"object", "whatsapp_business_account"}, {"entry", json::array({alone})}});
  item.content = not_feedback{std::move(reason)};
  return item;
}

/// What a status says of a message of ours; nothing where it names none.
std::optional<send_report> read_send_report(const json& status) {
  const auto job = parse_uuid(text_at(status, "biz_opaque_callback_data"));
  send_report told;
  told.job = job ? *job : uuid{};
  told.message_id = id_at(status, "id");
  told.said = text_at(status, "status");
  if (told.job.is_nil() && told.message_id.empty())
    return std::nullopt;
  told.taken =
    told.said == "sent" || told.said == "delivered" || told.said == "read" || told.said == "played";
  if (told.taken)
    return told;
  if (told.said != "failed")
    return std::nullopt;
  const auto& errors = list_at(status, "errors");
  if (!errors.empty())
    told.error_code = number_of(member(errors.front(), "code")).value_or(0);
  return told;
}

void read_messages(const change_reading& reading, intake& understood) {
  for (const auto& message : list_at(reading.value, "messages")) {
    delivery_item item;
    item.delivery_id = id_at(message, "id");
    item.occurred_at = moment_at(message, "timestamp").value_or(reading.received_at);
    item.content = read_message(reading, message);
    admit_or_set_aside(std::move(item), understood);
    understood.items.back().own_payload =
      alone(reading, "messages", message, contact_of(reading, message));
  }
  for (const auto& status : list_at(reading.value, "statuses")) {
    delivery_item item;
    item.delivery_id = joined_id({id_at(status, "id"), id_at(status, "status")});
    item.occurred_at = moment_at(status, "timestamp").value_or(reading.received_at);
    item.content = not_feedback{"status", read_send_report(status)};
    admit_or_set_aside(std::move(item), understood);
    understood.items.back().own_payload = alone(reading, "statuses", status, nullptr);
  }
}

outcome
read_any_change(const json& entry, const json& change, time_point received_at, intake& understood) {
  const auto field = text_at(change, "field");
  if (field != "messages")
    return admit(without_feedback(entry, change, reason_from(field), received_at), understood);
  const auto before = understood.items.size();
  const auto reading = read_change(entry, change, received_at);
  if (!reading)
    return reading.why();
  read_messages(*reading, understood);
  // Errors of the account arrive in the messages' place.
  if (understood.items.size() == before && !list_at(reading->value, "errors").empty())
    return admit(without_feedback(entry, change, "errors", received_at), understood);
  return done{};
}

} // namespace

result<intake> normalise_whatsapp(const raw_delivery& delivery) {
  const auto read = read_json(delivery.body);
  if (!read)
    return read.why();
  intake understood;
  for (const auto& entry : list_at(*read, "entry"))
    for (const auto& change : list_at(entry, "changes"))
      if (auto admitted = read_any_change(entry, change, delivery.received_at, understood);
          !admitted)
        return admitted.why();
  if (understood.items.empty())
    return fail(errc::invalid_input, "the delivery holds nothing to count");
  return concluded(std::move(understood));
}

} // namespace hub::domain
