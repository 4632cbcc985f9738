#include "domain/form_reading.hpp"
#include "domain/normaliser_rules.hpp"
#include "domain/slack_reading.hpp"
#include "domain/slack_text.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace hub::domain {

namespace {

/// One answered field of a form.
struct answer {
  std::string label;
  std::string words;
  bool typed = false; // rather than chosen from what was offered
};

std::string option_text(const json& option) {
  return first_of({text_at(option, "text", "text"), text_at(option, "value")});
}

std::string joined_options(const json& options) {
  std::string joined;
  for (const auto& option : list_of(options))
    joined.append(joined.empty() ? "" : ", ").append(option_text(option));
  return joined;
}

/// Reads an input's state or an action, which share their shape.
answer read_input(const json& input) {
  answer given;
  const auto type = text_at(input, "type");
  if (type.ends_with("_input")) {
    given.typed = true;
    given.words = first_of({text_at(input, "value"),
                            plain_from_blocks(json::array({member(input, "rich_text_value")}))});
  } else {
    given.words = first_of({text_at(input, "selected_option", "text", "text"),
                            joined_options(member(input, "selected_options")),
                            text_at(input, "selected_date"),
                            text_at(input, "selected_time"),
                            id_at(input, "selected_user"),
                            id_at(input, "selected_channel"),
                            id_at(input, "selected_conversation")});
  }
  given.words = std::string{trimmed(given.words)};
  return given;
}

void add_answers(const json& inputs, const std::string& label, std::vector<answer>& answers) {
  if (!inputs.is_object())
    return;
  for (const auto& [action, input] : inputs.items()) {
    auto given = read_input(input);
    given.label = label.empty() ? label_of(text_of(json(action))) : label;
    if (!given.words.empty())
      answers.push_back(std::move(given));
  }
}

/// What a modal was filled in with, in the order the person saw it.
std::vector<answer> answers_of(const json& view) {
  std::vector<answer> answers;
  std::set<std::string> seen;
  const auto& values = value_at(view, "state", "values");
  for (const auto& block : list_at(view, "blocks"))
    if (auto id = id_at(block, "block_id"); seen.insert(id).second)
      add_answers(member(values, id), label_of(text_at(block, "label", "text")), answers);
  if (values.is_object())
    for (const auto& [id, inputs] : values.items())
      if (!seen.contains(id))
        add_answers(inputs, "", answers);
  return answers;
}

/// The first typed answer stands alone, so that it becomes the title; the others keep their labels.
std::string text_from(const std::vector<answer>& answers) {
  const auto first =
    std::find_if(answers.begin(), answers.end(), [](const answer& given) { return given.typed; });
  std::string text = first == answers.end() ? std::string{} : first->words;
  for (auto given = answers.begin(); given != answers.end(); ++given)
    if (given != first)
      text.append(text.empty() ? "" : "\n").append(given->label).append(": ").append(given->words);
  return text;
}

std::vector<attachment> files_in(const json& view) {
  std::vector<attachment> files;
  const auto& values = value_at(view, "state", "values");
  if (!values.is_object())
    return files;
  for (const auto& inputs : values)
    if (inputs.is_object())
      for (const auto& input : inputs)
        for (auto& file : slack_files(member(input, "files")))
          files.push_back(std::move(file));
  return files;
}

std::string team_of(const json& payload) {
  return first_of({id_at(payload, "team", "id"),
                   id_at(payload, "user", "team_id"),
                   id_at(payload, "enterprise", "id"),
                   "-"});
}

author user_of(const json& payload) {
  author from;
  from.platform_user_id = joined_id({team_of(payload), id_at(payload, "user", "id")});
  from.display_name =
    label_of(first_of({text_at(payload, "user", "name"), text_at(payload, "user", "username")}));
  return from;
}

/// A report that opens a thread of its own. Slack takes a user's id for a channel, so an answer to
/// it can reach the person directly.
report private_report(const json& payload, std::string_view kind, std::string_view key) {
  report written;
  written.from = user_of(payload);
  const auto name = key.empty() ? std::string{} : std::string{kind}.append("-").append(key);
  written.message_id = joined_id({team_of(payload), id_at(payload, "user", "id"), name});
  written.thread_id = written.message_id;
  written.conversation = written.message_id;
  return written;
}

std::string view_key(const json& payload) {
  return joined_id({id_at(payload, "view", "id"), id_at(payload, "view", "hash")});
}

std::string interaction_key(const json& payload, std::string_view type) {
  auto view = view_key(payload);
  if (type == "view_submission" && !view.empty())
    return view;
  if (type == "view_closed")
    return joined_id({view, "closed"});
  return first_of({id_at(payload, "trigger_id"),
                   joined_id({id_at(payload, "callback_id"), id_at(payload, "action_ts")}),
                   view});
}

/// A view's hash starts with the second in which it was last drawn.
time_point interaction_moment(const json& payload, time_point received_at) {
  if (const auto pressed = moment_at(payload, "action_ts"))
    return *pressed;
  for (const auto& action : list_at(payload, "actions"))
    if (const auto pressed = moment_at(action, "action_ts"))
      return *pressed;
  const auto hash = id_at(payload, "view", "hash");
  if (const auto drawn = parse_unix_seconds(hash.substr(0, hash.find('.')));
      drawn && *drawn > time_point{})
    return *drawn;
  return received_at;
}

item_content read_view(const json& payload, const std::string& key) {
  const auto& view = member(payload, "view");
  auto written = private_report(payload, "view", key);
  written.text = text_from(answers_of(view));
  written.attachments = files_in(view);
  note(written, "callback_id", text_at(view, "callback_id"));
  note(written, "form", text_at(view, "title", "text"));
  return written;
}

/// A pressed button or a choice: typed words if there are any, else what was pressed.
std::string action_text(const json& payload) {
  std::vector<answer> answers;
  std::string pressed;
  for (const auto& action : list_at(payload, "actions")) {
    auto given = read_input(action);
    if (given.words.empty())
      given.words = first_of({text_at(action, "text", "text"), text_at(action, "value")});
    if (given.words.empty())
      continue;
    if (given.typed)
      answers.push_back(std::move(given));
    else
      pressed.append(pressed.empty() ? "" : "\n").append("[button] ").append(given.words);
  }
  return answers.empty() ? pressed : text_from(answers);
}

item_content read_actions(const json& payload, const std::string& key) {
  auto written = private_report(payload, "action", key);
  const auto channel =
    first_of({id_at(payload, "channel", "id"), id_at(payload, "container", "channel_id")});
  const auto thread = first_of({id_at(payload, "message", "thread_ts"),
                                id_at(payload, "container", "thread_ts"),
                                id_at(payload, "message", "ts"),
                                id_at(payload, "container", "message_ts"),
                                id_at(payload, "message_ts")});
  if (!channel.empty() && !thread.empty()) {
    written.thread_id = joined_id({team_of(payload), channel, thread});
    written.conversation = written.thread_id;
  }
  written.text = action_text(payload);
  note(written, "channel", channel);
  for (const auto& action : list_at(payload, "actions")) {
    note(written, "action_id", first_of({text_at(action, "action_id"), text_at(action, "name")}));
    note(written, "value", text_at(action, "value"));
    if (written.metadata.size() > 16)
      break;
  }
  return written;
}

/// A message somebody chose to report: the very message an event would have brought.
item_content read_message_action(const json& payload) {
  const auto& message = member(payload, "message");
  const auto team = team_of(payload);
  const auto channel = id_at(payload, "channel", "id");
  auto written = slack_message(team, channel, message);
  const auto writer = id_at(message, "user");
  written.from = user_of(payload);
  note(written, "channel", channel);
  note(written, "callback_id", text_at(payload, "callback_id"));
  if (!writer.empty() && id_at(message, "bot_id").empty()
      && writer != id_at(payload, "user", "id")) {
    note(written, "reported_by", written.from.platform_user_id);
    written.from = {joined_id({team, writer}), "", std::nullopt, std::nullopt};
  }
  return written;
}

/// The older kind of form, a flat map of fields.
item_content read_dialog(const json& payload, const std::string& key) {
  std::vector<answer> answers;
  if (const auto& fields = member(payload, "submission"); fields.is_object())
    for (const auto& [name, value] : fields.items())
      if (const auto words = text_of(value); !trimmed(words).empty())
        answers.push_back({label_of(name), std::string{trimmed(words)}, true});
  auto written = private_report(payload, "dialog", key);
  written.text = text_from(answers);
  note(written, "callback_id", text_at(payload, "callback_id"));
  return written;
}

} // namespace

result<intake> normalise_slack_command(std::string_view form, time_point received_at) {
  const auto team = first_of({form_value(form, "team_id"), form_value(form, "enterprise_id"), "-"});
  const auto channel = first_of({form_value(form, "channel_id"), form_value(form, "user_id")});
  delivery_item item;
  item.delivery_id = form_value(form, "trigger_id");
  item.occurred_at = received_at;
  report written;
  written.message_id = joined_id({team, channel, "command-" + item.delivery_id});
  written.thread_id = written.message_id;
  written.conversation = written.message_id;
  written.from.platform_user_id = joined_id({team, form_value(form, "user_id")});
  written.from.display_name = label_of(form_value(form, "user_name"));
  written.text = plain_from_mrkdwn(form_value(form, "text"));
  note(written, "command", form_value(form, "command"));
  note(written, "channel", channel);
  note(written, "channel_name", form_value(form, "channel_name"));
  if (trimmed(written.text).empty())
    item.content = not_feedback{"empty_command"};
  else
    item.content = std::move(written);
  return only(std::move(item));
}

result<intake> normalise_slack_interaction(const json& payload, time_point received_at) {
  const auto type = text_at(payload, "type");
  delivery_item item;
  item.delivery_id = interaction_key(payload, type);
  item.occurred_at = interaction_moment(payload, received_at);
  if (type == "view_submission")
    item.content = read_view(payload, item.delivery_id);
  else if (type == "block_actions" || type == "interactive_message")
    item.content = read_actions(payload, item.delivery_id);
  else if (type == "message_action")
    item.content = read_message_action(payload);
  else if (type == "dialog_submission")
    item.content = read_dialog(payload, item.delivery_id);
  else
    item.content = not_feedback{reason_from(type)};
  return only(std::move(item));
}

} // namespace hub::domain
