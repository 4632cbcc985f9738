#pragma once

#include "domain/prompt.hpp"
#include "domain/redaction.hpp"
#include "domain/result.hpp"
#include "domain/suggestion.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace hub::domain {

/// What is sent to a model to triage a ticket. Title and description lose their personal data and
/// what is beyond 300 and 6,000 characters, and go as JSON strings.
prompt
triage_prompt(std::string_view title, std::string_view description, const privacy_rules& rules);

/// The JSON schema of the answer, as JSON text, and its name. Bounds that strict output refuses in
/// some models (lengths, ranges) are enumerated or described, and checked by `read_triage`.
std::string_view triage_schema();
inline constexpr std::string_view triage_schema_name = "ticket_triage";

/// Reads a model's answer: one JSON object that follows the schema, alone, in a code fence or with
/// words around it. `malformed` where there is no such object, `invalid_input` where one of its
/// members breaks the schema; messages never quote the answer. The summary is redacted again, for a
/// model may make up what it was not told.
result<triage_suggestion> read_triage(std::string_view answer, const privacy_rules& rules);

} // namespace hub::domain
