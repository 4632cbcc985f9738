#pragma once

#include "domain/json_reading.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the sandbox's model says: made from the question's own words, the same every time.
namespace hub::http::sandbox {

/// Everything that was said, by role.
struct conversation_text {
  std::string instructions; // system and developer
  std::string question;     // the rest
};

/// JSON that satisfies `schema`, with values that fit the conversation.
domain::json answer_in_schema(const domain::json& schema, const conversation_text& said);

/// JSON with the keys that the conversation shows in its examples.
domain::json answer_in_json(const conversation_text& said);

/// Text; under the headings that the conversation asks for, if it does.
std::string answer_in_words(const conversation_text& said);

/// What OpenAI would refuse in a strict schema; nullopt when there is nothing.
std::optional<std::string> strict_schema_fault(const domain::json& schema);

/// A unit vector; texts that share words have near ones.
std::vector<float> embedding_of(std::string_view text, std::size_t dimensions);

/// About as many as a tokenizer would make.
std::size_t count_tokens(std::string_view text);

} // namespace hub::http::sandbox
