#pragma once

#include "domain/json_reading.hpp"

#include <string>
#include <string_view>

namespace hub::domain {

/// Slack's mrkdwn as plain text: `<@U1>` is "@U1", `<#C1|help>` "#help", `<url|label>`
/// "label (url)", `<!here>` "@here"; `&amp;`, `&lt;` and `&gt;` are decoded. Linear.
std::string plain_from_mrkdwn(std::string_view mrkdwn);

/// All words inside Block Kit blocks, in reading order, an element a line where blocks end.
std::string plain_from_blocks(const json& blocks);

} // namespace hub::domain
