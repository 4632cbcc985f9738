#include "domain/whatsapp_text.hpp"

#include "domain/normaliser_rules.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace hub::domain {

namespace {

constexpr std::array<std::string_view, 5> media_types{
  "image", "video", "document", "audio", "sticker"};

bool is_media(std::string_view type) {
  return std::find(media_types.begin(), media_types.end(), type) != media_types.end();
}

/// "[name] words", or "[name]" alone.
std::string tagged(std::string_view name, std::string_view words) {
  std::string text{"["};
  text.append(name).append("]");
  if (!trimmed(words).empty())
    text.append(" ").append(trimmed(words));
  return text;
}

/// Puts a comma between what is there.
void list_up(std::string& list, std::string_view next) {
  if (trimmed(next).empty())
    return;
  list.append(list.empty() ? "" : ", ").append(trimmed(next));
}

/// A number as it was written, in the shortest form that reads back the same.
std::string number_text(const json& value) {
  return value.is_number() ? write_json(value) : text_of(value);
}

std::string media_text(std::string_view type, const json& media) {
  if (type == "audio")
    return member(media, "voice") == true ? "[voice message]" : "[audio]";
  return tagged(type, first_of({text_at(media, "caption"), text_at(media, "filename")}));
}

std::string location_text(const json& location) {
  std::string place;
  list_up(place, text_at(location, "name"));
  list_up(place, text_at(location, "address"));
  const auto latitude = number_text(member(location, "latitude"));
  const auto longitude = number_text(member(location, "longitude"));
  if (!latitude.empty() && !longitude.empty())
    place.append(" (").append(latitude).append(", ").append(longitude).append(")");
  return tagged("location", place);
}

std::string contacts_text(const json& contacts) {
  std::string text;
  for (const auto& contact : list_of(contacts)) {
    std::string card;
    list_up(card, text_at(contact, "name", "formatted_name"));
    list_up(card, text_at(contact, "org", "company"));
    for (const auto& phone : list_at(contact, "phones"))
      list_up(card, text_at(phone, "phone"));
    for (const auto& email : list_at(contact, "emails"))
      list_up(card, text_at(email, "email"));
    text.append(text.empty() ? "" : "\n").append(tagged("contact", card));
  }
  return text;
}

std::string order_text(const json& order) {
  std::string text = tagged("order", text_at(order, "text"));
  for (const auto& product : list_at(order, "product_items")) {
    text.append("\n- ").append(first_of({number_text(member(product, "quantity")), "?"}));
    text.append(" × ").append(first_of({id_at(product, "product_retailer_id"), "?"}));
    const auto price = number_text(member(product, "item_price"));
    if (!price.empty())
      text.append(", ").append(price).append(" ").append(text_at(product, "currency"));
  }
  return text;
}

/// A filled-in flow: its answers, a line each. They come as JSON inside a string.
std::string flow_text(const json& reply) {
  std::string text;
  if (const auto answers = read_json(text_at(reply, "response_json"));
      answers && answers->is_object())
    for (const auto& [name, value] : answers->items()) {
      if (name == "flow_token")
        continue;
      std::string words = value.is_number() ? number_text(value) : text_of(value);
      for (const auto& choice : list_of(value))
        list_up(words, text_of(choice));
      if (!trimmed(words).empty())
        text.append(text.empty() ? "" : "\n").append(name).append(": ").append(trimmed(words));
    }
  return first_of({text, text_at(reply, "body"), tagged("form", text_at(reply, "name"))});
}

std::string interactive_text(const json& interactive) {
  const auto kind = text_at(interactive, "type");
  const auto& reply = member(interactive, kind);
  if (kind == "nfm_reply")
    return flow_text(reply);
  const auto title = text_at(reply, "title");
  const auto description = text_at(reply, "description");
  if (title.empty())
    return first_of({description, tagged(kind.empty() ? "interactive" : label_of(kind), "")});
  return description.empty() ? title : title + "\n" + description;
}

} // namespace

std::string whatsapp_text(const json& message) {
  const auto type = text_at(message, "type");
  const auto& content = member(message, type);
  if (type == "text")
    return text_at(content, "body");
  if (is_media(type))
    return media_text(type, content);
  if (type == "interactive")
    return interactive_text(content);
  if (type == "button")
    return first_of({text_at(content, "text"), text_at(content, "payload")});
  if (type == "reaction")
    return tagged("reaction", text_at(content, "emoji"));
  if (type == "location")
    return location_text(content);
  if (type == "contacts")
    return contacts_text(content);
  if (type == "order")
    return order_text(content);
  // A type newer than this code: somebody wrote something, so somebody should look.
  return tagged(label_of(type), first_of({text_at(content, "body"), text_at(content, "text")}));
}

std::vector<attachment> whatsapp_files(const json& message) {
  const auto type = text_at(message, "type");
  const auto& media = member(message, type);
  if (!is_media(type) || !media.is_object())
    return {};
  attachment file;
  file.external_id = id_at(media, "id");
  file.file_name = label_of(text_at(media, "filename"));
  file.file_type = label_of(text_at(media, "mime_type"));
  file.file_size = size_from(number_of(member(media, "file_size")));
  file.url = web_address(first_of({text_at(media, "url"), text_at(media, "link")}));
  return {file};
}

} // namespace hub::domain
