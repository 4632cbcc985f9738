#pragma once

#include "domain/json_reading.hpp"
#include "domain/report.hpp"

#include <string>
#include <string_view>
#include <vector>

// What Slack's event half and its form half (commands, interactivity) share.
namespace hub::domain {

std::vector<attachment> slack_files(const json& files);

/// The words of a message: its text, else its blocks, else what is quoted inside it.
std::string slack_message_text(const json& message);

/// Where a message lies and what it says: conversation, thread, message id, text and files, link.
report slack_message(const std::string& team, const std::string& channel, const json& message);

/// A slash command, as Slack posts it.
result<intake> normalise_slack_command(std::string_view form, time_point received_at);

/// The `payload` of an interactivity request: buttons, modals, shortcuts.
result<intake> normalise_slack_interaction(const json& payload, time_point received_at);

} // namespace hub::domain
