#include "domain/normaliser_rules.hpp"

#include "domain/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <variant>

namespace hub::domain {

namespace {

constexpr std::string_view white_space = " \t\r\n\f\v";

/// Why an identifier cannot be used; empty when it can. U+FFFD is what repair leaves behind, so two
/// different broken ids would look alike.
std::string_view fault_of(std::string_view id) {
  if (id.empty())
    return "is missing";
  if (id.size() > max_identifier_bytes)
    return "is longer than 255 bytes";
  const bool control = std::any_of(
    id.begin(), id.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F; });
  if (control || id.find("\xEF\xBF\xBD") != std::string_view::npos)
    return "holds characters no identifier may hold";
  return {};
}

std::string fault_in(const report& checking) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> always{{
    {"the conversation", checking.conversation},
    {"the thread id", checking.thread_id},
    {"the message id", checking.message_id},
    {"the author's id", checking.from.platform_user_id},
  }};
  for (const auto& [name, id] : always)
    if (const auto fault = fault_of(id); !fault.empty())
      return std::string{name}.append(" ").append(fault);
  if (checking.quoted_message_id)
    if (const auto fault = fault_of(*checking.quoted_message_id); !fault.empty())
      return std::string{"the quoted message id "}.append(fault);
  for (const auto& file : checking.attachments)
    if (const auto fault = fault_of(file.external_id); !file.external_id.empty() && !fault.empty())
      return std::string{"an attachment's id "}.append(fault);
  return {};
}

std::string fault_in(const delivery_item& item) {
  if (const auto fault = fault_of(item.delivery_id); !fault.empty())
    return std::string{"the delivery id "}.append(fault);
  const auto* written = std::get_if<report>(&item.content);
  return written == nullptr ? std::string{} : fault_in(*written);
}

std::string_view kind_of(const attachment& file) {
  const std::string_view type = file.file_type;
  for (const std::string_view kind : {"image", "video", "audio"})
    if (type.starts_with(kind))
      return kind;
  return "file";
}

} // namespace

std::string joined_id(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const auto part : parts) {
    if (part.empty())
      return {};
    if (!joined.empty())
      joined += ':';
    joined += part;
  }
  return joined;
}

std::string first_of(std::initializer_list<std::string> candidates) {
  const auto* found = std::find_if(
    candidates.begin(), candidates.end(), [](const auto& text) { return !text.empty(); });
  return found == candidates.end() ? std::string{} : *found;
}

std::string reason_from(std::string_view word) {
  std::string reason;
  for (const char c : word.substr(0, 64)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    reason += upper ? static_cast<char>(c - 'A' + 'a') : kept ? c : '_';
  }
  return reason.empty() ? "unknown" : reason;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::string_view shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes)
    return text;
  while (bytes > 0 && (static_cast<std::uint8_t>(text[bytes]) & 0xC0U) == 0x80U)
    --bytes;
  return text.substr(0, bytes);
}

std::string label_of(std::string_view text) {
  return std::string{trimmed(shortened(trimmed(text), 255))};
}

std::string names_of(const std::vector<attachment>& files) {
  std::string names;
  for (const auto& file : files) {
    if (!names.empty())
      names += '\n';
    names.append("[").append(kind_of(file)).append("]");
    if (!file.file_name.empty())
      names.append(" ").append(file.file_name);
  }
  return names;
}

void note(report& about, std::string_view name, std::string_view value) {
  if (!value.empty())
    about.metadata.emplace_back(name, shortened(clean_utf8(value), 1000));
}

std::optional<std::int64_t> size_from(std::optional<std::int64_t> stated) {
  return stated && *stated >= 0 ? stated : std::nullopt;
}

std::string web_address(std::string url) {
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    url.clear();
  return url;
}

std::optional<std::string> email_from(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 320 || text.find('@') == std::string_view::npos)
    return std::nullopt;
  return std::string{text};
}

std::string digest_of(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325; // FNV-1a
  for (const char byte : bytes)
    hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3;
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, hash >>= 4U)
    *digit = "0123456789abcdef"[hash & 0xFU];
  return digits;
}

outcome admit(delivery_item item, intake& to) {
  if (auto fault = fault_in(item); !fault.empty())
    return fail(errc::invalid_input, std::move(fault));
  if (auto* written = std::get_if<report>(&item.content)) {
    written->text = trimmed(clean_utf8(written->text));
    if (written->text.empty())
      written->text = names_of(written->attachments);
    if (written->text.empty())
      item.content = not_feedback{"empty"};
  }
  to.items.push_back(std::move(item));
  return done{};
}

void admit_or_set_aside(delivery_item item, intake& to) {
  delivery_item aside;
  aside.occurred_at = item.occurred_at;
  if (auto admitted = admit(std::move(item), to); !admitted) {
    aside.content = not_understood{admitted.why().message};
    to.items.push_back(std::move(aside));
  }
}

result<intake> concluded(intake understood) {
  if (understood.items.size() != 1)
    return understood;
  auto& only_one = understood.items.front();
  if (const auto* aside = std::get_if<not_understood>(&only_one.content))
    return fail(errc::invalid_input, aside->error);
  only_one.own_payload.reset(); // it is its own payload already
  return understood;
}

result<intake> only(delivery_item item) {
  intake understood;
  if (auto admitted = admit(std::move(item), understood); !admitted)
    return admitted.why();
  return understood;
}

} // namespace hub::domain
