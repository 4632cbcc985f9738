#include "domain/notification.hpp"

#include "domain/code_point.hpp"
#include "domain/text.hpp"

#include <algorithm>
#include <array>

namespace hub::domain {

namespace {

using namespace std::chrono_literals;

// Less than 24 hours by what a job may wait for its turn, and clocks may differ.
constexpr auto reply_window = 24h - 5min;

constexpr std::size_t parameter_characters = 200;
constexpr std::size_t parameter_bytes = 1'000; // one character may carry any number of marks
constexpr std::size_t subject_characters = 160;
constexpr std::size_t subject_bytes = 700;

constexpr std::array all_statuses{notification_status::pending,
                                  notification_status::pending_batch_review,
                                  notification_status::sent,
                                  notification_status::delivered,
                                  notification_status::failed,
                                  notification_status::permanently_failed,
                                  notification_status::channel_restricted,
                                  notification_status::rejected,
                                  notification_status::uncertain};

char plain_letter(char c) {
  if (c == '-')
    return '_';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// "es-MX" and "es_mx" are the same; of "es_MX.UTF-8" the first part counts.
std::string plain_locale(std::string_view locale) {
  std::string plain{locale.substr(0, locale.find_first_of(".@"))};
  std::ranges::transform(plain, plain.begin(), plain_letter);
  return plain;
}

std::string_view tongue_of(std::string_view locale) {
  return locale.substr(0, locale.find('_'));
}

/// White space folded into single spaces, at most so long.
std::string one_line(std::string_view text, std::size_t characters, std::size_t bytes) {
  constexpr std::string_view ellipsis = "…";
  const auto clean = clean_utf8(text);
  std::string line;
  bool space_pending = false;
  for (std::string_view rest = clean; !rest.empty();) {
    const auto [value, size] = front_of(rest);
    if (is_white(value) || value < 0x20) {
      space_pending = !line.empty();
    } else {
      if (space_pending)
        line += ' ';
      space_pending = false;
      line.append(rest.substr(0, size));
    }
    rest.remove_prefix(size);
  }
  if (prefix_of(line, characters, bytes).size() == line.size())
    return line;
  line.resize(prefix_of(line, characters - 1, bytes - ellipsis.size()).size());
  while (line.ends_with(' '))
    line.pop_back();
  return line.append(ellipsis);
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "1714060800.123456"
bool is_slack_moment(std::string_view text) {
  const auto dot = text.find('.');
  return dot != std::string_view::npos && is_digits(text.substr(0, dot))
         && is_digits(text.substr(dot + 1));
}

/// Whether an id names one of these kinds of things in Slack.
bool is_slack_id(std::string_view text, std::string_view kinds) {
  return text.size() > 1 && kinds.find(text.front()) != std::string_view::npos
         && std::ranges::all_of(
           text, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

std::string_view last_part(std::string_view id) {
  const auto colon = id.rfind(':');
  return colon == std::string_view::npos ? id : id.substr(colon + 1);
}

std::string_view without_last_part(std::string_view id) {
  const auto colon = id.rfind(':');
  return colon == std::string_view::npos ? std::string_view{} : id.substr(0, colon);
}

failure no_way(const char* why) {
  return fail(errc::not_found, why);
}

result<destination> in_slack(std::string_view person, std::string_view thread) {
  const auto moment = last_part(thread);
  const auto channel = last_part(without_last_part(thread));
  if (is_slack_moment(moment) && is_slack_id(channel, "CDG"))
    return destination{provider::slack, std::string{channel}, std::string{moment}};
  const auto user = last_part(person);
  if (is_slack_id(user, "UW"))
    return destination{provider::slack, std::string{user}, {}};
  return no_way("the report came without a conversation and without a person on Slack");
}

} // namespace

std::string_view to_string(notification_status status) {
  switch (status) {
  case notification_status::pending:
    return "pending";
  case notification_status::pending_batch_review:
    return "pending_batch_review";
  case notification_status::sent:
    return "sent";
  case notification_status::delivered:
    return "delivered";
  case notification_status::failed:
    return "failed";
  case notification_status::permanently_failed:
    return "permanently_failed";
  case notification_status::channel_restricted:
    return "channel_restricted";
  case notification_status::rejected:
    return "rejected";
  case notification_status::uncertain:
    return "uncertain";
  }
  return "";
}

result<notification_status> parse_notification_status(std::string_view text) {
  std::string known;
  for (const auto status : all_statuses) {
    if (to_string(status) == text)
      return status;
    known.append(known.empty() ? "" : ", ").append(to_string(status));
  }
  return fail(errc::invalid_input, "unknown status; there are " + known);
}

bool within_reply_window(time_point last_message_at, time_point now) {
  return now - last_message_at < reply_window;
}

std::string template_language(const std::vector<std::string>& existing,
                              const std::optional<std::string>& locale) {
  if (existing.empty())
    return {};
  const auto wanted = plain_locale(locale.value_or(""));
  for (const auto& language : existing)
    if (plain_locale(language) == wanted)
      return language;
  for (const auto& language : existing)
    if (tongue_of(plain_locale(language)) == tongue_of(wanted))
      return language;
  return existing.front();
}

std::string template_parameter(std::string_view text) {
  return one_line(text, parameter_characters, parameter_bytes);
}

result<destination>
destination_of(channel where, const std::string& platform_user_id, const std::string& thread_id) {
  switch (where) {
  case channel::slack:
    return in_slack(platform_user_id, thread_id);
  case channel::intercom:
    if (thread_id.empty())
      return no_way("the report came without a conversation in Intercom");
    return destination{provider::intercom, std::string{last_part(thread_id)}, {}};
  case channel::whatsapp:
    if (platform_user_id.empty())
      return no_way("the report came without a number on WhatsApp");
    return destination{provider::whatsapp, platform_user_id, {}};
  case channel::email:
    if (platform_user_id.find('@') == std::string::npos)
      return no_way("the report came without a mail address");
    return destination{provider::smtp, platform_user_id, thread_id};
  case channel::in_app:
  case channel::api:
    break;
  }
  return no_way("nothing is sent on this channel");
}

std::string reply_subject(std::string_view title) {
  auto subject = one_line(title, subject_characters, subject_bytes);
  const bool answers = subject.size() >= 3 && fold(std::string_view{subject}.substr(0, 3)) == "re:";
  return answers ? subject : "Re: " + subject;
}

} // namespace hub::domain
