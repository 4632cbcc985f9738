#include "tests/fuzz/normalised.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>

namespace hub::tests {

namespace {

constexpr domain::time_point received{std::chrono::seconds{1767225600}};

void require(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

void check_id(std::string_view id) {
  require(!id.empty() && id.size() <= 255, "identifiers have 1 to 255 bytes");
  check_text(id);
}

void check_report(const domain::report& written) {
  for (const auto& id :
       {written.conversation, written.thread_id, written.message_id, written.from.platform_user_id})
    check_id(id);
  if (written.quoted_message_id)
    check_id(*written.quoted_message_id);
  require(!written.text.empty(), "a report says something");
  for (const auto& text : {written.text,
                           written.external_url,
                           written.from.display_name,
                           written.from.email.value_or(""),
                           written.from.locale.value_or("")})
    check_text(text);
  for (const auto& file : written.attachments) {
    for (const auto& text : {file.external_id, file.file_name, file.file_type, file.url})
      check_text(text);
    require(file.file_size.value_or(0) >= 0, "sizes are not negative");
  }
  for (const auto& [name, value] : written.metadata) {
    check_text(name);
    check_text(value);
  }
}

bool same_content(const domain::delivery_item& left, const domain::delivery_item& right) {
  if (left.content.index() != right.content.index())
    return false;
  if (const auto* said = std::get_if<domain::report>(&left.content)) {
    const auto& again = std::get<domain::report>(right.content);
    return said->text == again.text && said->conversation == again.conversation
           && said->thread_id == again.thread_id && said->message_id == again.message_id
           && said->quoted_message_id == again.quoted_message_id
           && said->from.platform_user_id == again.from.platform_user_id
           && said->from.display_name == again.from.display_name
           && said->attachments.size() == again.attachments.size();
  }
  const auto* other = std::get_if<domain::not_feedback>(&left.content);
  return other == nullptr || other->reason == std::get<domain::not_feedback>(right.content).reason;
}

void check_item(const domain::delivery_item& item, normaliser normalise) {
  if (const auto* aside = std::get_if<domain::not_understood>(&item.content)) {
    require(item.own_payload && item.delivery_id.empty(), "what is set aside keeps its bytes");
    check_text(aside->error);
    require(!normalise({*item.own_payload, "application/json", received}).has_value(),
            "what is set aside is not understood alone either");
    return;
  }
  check_id(item.delivery_id);
  if (const auto* written = std::get_if<domain::report>(&item.content))
    check_report(*written);
  else
    check_id(std::get<domain::not_feedback>(item.content).reason);
  if (!item.own_payload)
    return;
  const auto again = normalise({*item.own_payload, "application/json", received});
  require(again.has_value() && again->items.size() == 1, "a payload of its own is one item");
  const auto& copy = again->items.front();
  require(copy.delivery_id == item.delivery_id, "it keeps its delivery id");
  require(copy.occurred_at == item.occurred_at, "it keeps its time");
  require(same_content(copy, item), "it keeps its content");
}

} // namespace

void check_text(std::string_view text) {
  require(text.find('\0') == std::string_view::npos, "text holds no NUL");
  // Strict: throws, and so ends the run, where the text is not UTF-8.
  static_cast<void>(nlohmann::json(text).dump());
}

void check_normaliser(normaliser normalise, std::string_view body, std::string_view content_type) {
  const auto understood = normalise({body, content_type, received});
  if (!understood) {
    check_text(understood.why().message);
    return;
  }
  require(!understood->items.empty() || understood->answer, "what is understood counts");
  for (const auto& item : understood->items)
    check_item(item, normalise);
  if (understood->answer)
    check_text(understood->answer->body);
}

} // namespace hub::tests
