#include "domain/form_reading.hpp"
#include "domain/json_reading.hpp"
#include "domain/normaliser_rules.hpp"
#include "domain/report.hpp"
#include "domain/slack_reading.hpp"
#include "domain/slack_text.hpp"

#include <algorithm>
#include <utility>

namespace hub::domain {

namespace {

/// Subtypes that still are a person's own words.
bool is_written_by_a_person(std::string_view subtype) {
  return subtype.empty() || subtype == "file_share" || subtype == "thread_broadcast"
         || subtype == "me_message";
}

/// Whether the app that receives this event wrote the message: its bot user is authorised here.
bool is_own_bot(const json& delivery, std::string_view user) {
  const auto& authorizations = list_at(delivery, "authorizations");
  return !user.empty()
         && std::any_of(authorizations.begin(), authorizations.end(), [&](const json& known) {
              return member(known, "is_bot") == true && id_at(known, "user_id") == user;
            });
}

/// Takes the mention of our own bot off the front, so that it does not head every title.
std::string_view without_own_mention(const json& delivery, std::string_view text) {
  if (!text.starts_with('@'))
    return text;
  const auto end = std::min(text.find_first_of(" \t\n,:"), text.size());
  if (!is_own_bot(delivery, text.substr(1, end - 1)))
    return text;
  text.remove_prefix(end);
  text.remove_prefix(text.starts_with(':') || text.starts_with(',') ? 1 : 0);
  return text;
}

item_content read_event(const json& delivery, const json& event) {
  const auto type = text_at(event, "type");
  if (type != "message" && type != "app_mention")
    return not_feedback{reason_from(type)};
  const auto subtype = text_at(event, "subtype");
  const auto user = id_at(event, "user");
  if (!id_at(event, "bot_id").empty() || subtype == "bot_message" || user == "USLACKBOT"
      || is_own_bot(delivery, user))
    return not_feedback{"bot_message"};
  if (!is_written_by_a_person(subtype))
    return not_feedback{reason_from(subtype)};

  const auto team = first_of(
    {id_at(delivery, "team_id"), id_at(event, "team"), id_at(delivery, "api_app_id"), "-"});
  const auto channel = id_at(event, "channel");
  auto written = slack_message(team, channel, event);
  written.text = std::string{without_own_mention(delivery, written.text)};
  written.from.platform_user_id = joined_id({team, user});
  written.from.display_name = label_of(first_of({text_at(event, "user_profile", "display_name"),
                                                 text_at(event, "user_profile", "real_name"),
                                                 text_at(event, "username")}));
  note(written, "channel", channel);
  note(written, "channel_type", text_at(event, "channel_type"));
  note(written, "subtype", subtype);
  return written;
}

result<intake> normalise_event(const json& delivery, time_point received_at) {
  const auto& event = member(delivery, "event");
  if (!event.is_object())
    return fail(errc::invalid_input, "the event callback holds no event");
  delivery_item item;
  item.delivery_id = id_at(delivery, "event_id");
  item.occurred_at =
    moment_at(delivery, "event_time").value_or(moment_at(event, "ts").value_or(received_at));
  item.content = read_event(delivery, event);
  return only(std::move(item));
}

result<intake> normalise_rate_limit(const json& delivery, time_point received_at) {
  delivery_item item;
  item.delivery_id = joined_id({"app_rate_limited",
                                first_of({id_at(delivery, "team_id"), "-"}),
                                first_of({id_at(delivery, "minute_rate_limited"), "-"})});
  item.occurred_at = moment_at(delivery, "minute_rate_limited").value_or(received_at);
  item.content = not_feedback{"app_rate_limited"};
  return only(std::move(item));
}

/// Whoever a workflow names; one who stays anonymous is a person of their own in every report.
author workflow_author(const json& payload, const std::string& issue) {
  const auto& reporter = member(payload, "reporter");
  const auto& person = reporter.is_null() ? member(payload, "user") : reporter;
  author from;
  // A workflow may also name the person by a bare id.
  const auto id = first_of({id_of(person), id_at(person, "id"), id_at(person, "user_id")});
  from.display_name =
    label_of(first_of({text_at(person, "name"), text_at(person, "real_name"), text_of(person)}));
  from.email = email_from(text_at(person, "email"));
  from.platform_user_id = first_of({id, from.email.value_or(""), "workflow:" + issue});
  return from;
}

result<intake> normalise_workflow(const json& delivery, time_point received_at) {
  const auto& payload = member(delivery, "payload");
  const auto issue = id_at(payload, "issue_id");
  report written;
  written.message_id = joined_id({"workflow", issue});
  written.thread_id = written.message_id;
  written.conversation = written.message_id;
  written.from = workflow_author(payload, issue);
  if (const auto team = first_of({id_at(delivery, "team_id"), id_at(payload, "team_id")});
      !team.empty())
    written.from.platform_user_id = joined_id({team, written.from.platform_user_id});
  const auto title = plain_from_mrkdwn(text_at(payload, "title"));
  written.text =
    title + "\n\n"
    + plain_from_mrkdwn(first_of({text_at(payload, "description"), text_at(payload, "text")}));
  written.attachments = slack_files(member(payload, "files"));
  written.external_url =
    web_address(first_of({text_at(payload, "permalink"), text_at(payload, "url")}));
  note(written, "priority", id_at(payload, "priority"));
  note(
    written, "workflow", first_of({text_at(payload, "workflow_name"), text_at(delivery, "type")}));

  delivery_item item;
  item.delivery_id = issue;
  item.occurred_at = moment_at(payload, "created_at").value_or(received_at);
  item.content = std::move(written);
  return only(std::move(item));
}

result<intake> normalise_form(const raw_delivery& delivery) {
  if (const auto payload = form_value(delivery.body, "payload"); !payload.empty()) {
    const auto interaction = read_json(payload);
    if (!interaction)
      return interaction.why();
    return normalise_slack_interaction(*interaction, delivery.received_at);
  }
  // Slack's probe of a command's certificate; it carries nothing and wants a plain 200.
  if (!form_value(delivery.body, "ssl_check").empty())
    return intake{{}, direct_answer{"text/plain", ""}};
  return normalise_slack_command(delivery.body, delivery.received_at);
}

} // namespace

std::vector<attachment> slack_files(const json& files) {
  std::vector<attachment> attachments;
  for (const auto& file : list_of(files)) {
    if (!file.is_object())
      continue;
    attachment known;
    known.external_id = id_at(file, "id");
    known.file_name = label_of(first_of({text_at(file, "name"), text_at(file, "title")}));
    known.file_type = label_of(text_at(file, "mimetype"));
    known.file_size = size_from(number_of(member(file, "size")));
    known.url = web_address(first_of({text_at(file, "url_private_download"),
                                      text_at(file, "url_private"),
                                      text_at(file, "permalink")}));
    attachments.push_back(std::move(known));
  }
  return attachments;
}

std::string slack_message_text(const json& message) {
  auto text = plain_from_mrkdwn(text_at(message, "text"));
  if (trimmed(text).empty())
    text = plain_from_blocks(member(message, "blocks"));
  if (!text.empty())
    return text;
  for (const auto& quoted : list_at(message, "attachments")) {
    const auto words = first_of({text_at(quoted, "text"), text_at(quoted, "fallback")});
    text.append(text.empty() ? "" : "\n").append(plain_from_mrkdwn(words));
  }
  return text;
}

report slack_message(const std::string& team, const std::string& channel, const json& message) {
  const auto ts = id_at(message, "ts");
  const auto thread = first_of({id_at(message, "thread_ts"), ts});
  report written;
  written.message_id = joined_id({team, channel, ts});
  written.thread_id = joined_id({team, channel, thread});
  written.conversation = written.thread_id;
  written.text = slack_message_text(message);
  written.attachments = slack_files(member(message, "files"));
  const auto plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  auto moment = ts;
  std::erase(moment, '.');
  // Only what needs no escaping; a link that may be wrong helps nobody.
  const auto path = team + channel + moment;
  if (std::all_of(path.begin(), path.end(), plain))
    written.external_url = std::string{"https://app.slack.com/client/"}
                             .append(team)
                             .append("/")
                             .append(channel)
                             .append("/p")
                             .append(moment);
  return written;
}

result<intake> normalise_slack(const raw_delivery& delivery) {
  const auto start = trimmed(delivery.body);
  if (announces_form(delivery.content_type) && !start.starts_with('{'))
    return normalise_form(delivery);
  const auto read = read_json(delivery.body);
  if (!read)
    return read.why();
  const auto type = text_at(*read, "type");
  if (type == "url_verification") {
    auto challenge = text_at(*read, "challenge");
    if (challenge.empty())
      return fail(errc::invalid_input, "the URL verification holds no challenge");
    return intake{{}, direct_answer{"text/plain", std::move(challenge)}};
  }
  if (type == "event_callback")
    return normalise_event(*read, delivery.received_at);
  if (type == "app_rate_limited")
    return normalise_rate_limit(*read, delivery.received_at);
  if (!id_at(*read, "payload", "issue_id").empty())
    return normalise_workflow(*read, delivery.received_at);
  return fail(errc::invalid_input, "no Slack delivery of a kind the hub knows");
}

} // namespace hub::domain
