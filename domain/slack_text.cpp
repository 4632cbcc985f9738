#include "domain/slack_text.hpp"

#include "domain/normaliser_rules.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub::domain {

namespace {

void append_unescaped(std::string_view text, std::string& plain) {
  constexpr std::array<std::pair<std::string_view, char>, 3> escapes{{
    {"&amp;", '&'},
    {"&lt;", '<'},
    {"&gt;", '>'},
  }};
  while (!text.empty()) {
    const auto ampersand = std::min(text.find('&'), text.size());
    plain += text.substr(0, ampersand);
    text.remove_prefix(ampersand);
    if (text.empty())
      return;
    const auto* escape = std::find_if(escapes.begin(), escapes.end(), [&](const auto& known) {
      return text.starts_with(known.first);
    });
    plain += escape == escapes.end() ? '&' : escape->second;
    text.remove_prefix(escape == escapes.end() ? 1 : escape->first.size());
  }
}

/// `<url|label>`, told once where the label says no more than the address.
void append_link(std::string_view url, std::string_view label, std::string& plain) {
  auto address = url;
  for (const std::string_view scheme : {"mailto:", "tel:"})
    if (address.starts_with(scheme))
      address.remove_prefix(scheme.size());
  if (label.empty() || label == address || url.ends_with(std::string{"://"}.append(label))) {
    append_unescaped(address, plain);
    return;
  }
  append_unescaped(label, plain);
  plain += " (";
  append_unescaped(address, plain);
  plain += ')';
}

/// What stands between '<' and '>'.
void append_reference(std::string_view reference, std::string& plain) {
  const auto bar = reference.find('|');
  auto target = reference.substr(0, bar);
  const auto label = bar == std::string_view::npos ? std::string_view{} : reference.substr(bar + 1);
  const char kind = target.empty() ? '\0' : target.front();
  if (kind != '@' && kind != '#' && kind != '!') {
    append_link(target, label, plain);
    return;
  }
  target.remove_prefix(1);
  const bool date = kind == '!' && target.starts_with("date^");
  auto name = label.empty() ? target.substr(0, target.find('^')) : label;
  // Labels of groups already carry their '@', and a date's label is the whole text.
  if (!date && !name.starts_with('@') && !name.starts_with('#'))
    plain += kind == '#' ? '#' : '@';
  append_unescaped(name, plain);
}

/// The words of one element and of those inside it; as deep as `read_json` lets JSON nest.
void append_element(const json& element, std::string& plain) {
  const auto type = text_at(element, "type");
  const auto& text = member(element, "text");
  if (type == "link") {
    append_link(text_at(element, "url"), text_of(text), plain);
  } else if (type == "user" || type == "channel" || type == "usergroup") {
    plain += type == "channel" ? "#" : "@";
    plain += text_at(element, type + "_id");
  } else if (type == "broadcast") {
    plain.append("@").append(text_at(element, "range"));
  } else if (type == "emoji") {
    plain.append(":").append(text_at(element, "name")).append(":");
  } else if (text.is_object()) {
    append_element(text, plain);
  } else if (type == "mrkdwn") {
    plain += plain_from_mrkdwn(text_of(text));
  } else {
    plain += text_of(text);
  }
  for (const auto* part : {"elements", "fields"})
    for (const auto& inner : list_at(element, part)) {
      append_element(inner, plain);
      const auto inner_type = text_at(inner, "type");
      if (inner_type.starts_with("rich_text_") || part[0] == 'f')
        plain += '\n';
    }
}

} // namespace

std::string plain_from_mrkdwn(std::string_view mrkdwn) {
  std::string plain;
  plain.reserve(mrkdwn.size());
  while (!mrkdwn.empty()) {
    const auto open = std::min(mrkdwn.find('<'), mrkdwn.size());
    append_unescaped(mrkdwn.substr(0, open), plain);
    mrkdwn.remove_prefix(open);
    if (mrkdwn.empty())
      break;
    const auto close = mrkdwn.find_first_of("<>", 1);
    if (close == std::string_view::npos || mrkdwn[close] == '<') {
      plain += '<';
      mrkdwn.remove_prefix(1);
    } else {
      append_reference(mrkdwn.substr(1, close - 1), plain);
      mrkdwn.remove_prefix(close + 1);
    }
  }
  return plain;
}

std::string plain_from_blocks(const json& blocks) {
  std::string plain;
  for (const auto& block : list_of(blocks)) {
    append_element(block, plain);
    if (!plain.ends_with('\n'))
      plain += '\n';
  }
  return std::string{trimmed(plain)};
}

} // namespace hub::domain
