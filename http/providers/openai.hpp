#pragma once

#include "domain/result.hpp"
#include "domain/time.hpp"
#include "http/client/call.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// OpenAI's API and those compatible with it. Calls here change nothing, so no outcome is unknown:
/// `rate_limited` and `unavailable` may be tried again; `unauthorized`, `forbidden` (the quota is
/// spent, or the model refuses), `not_found` (the model), `too_large` and `invalid_input` stay.
namespace hub::http::providers::openai {

struct credentials {
  std::string base_url = "https://api.openai.com/v1";
  std::string key; // empty for servers that want none
};

struct chat_message {
  std::string role; // "system", "user", "assistant"
  std::string content;
};

struct chat_request {
  std::string model;
  std::vector<chat_message> messages;
  std::optional<int> max_tokens;
  std::optional<double> temperature; // left out for reasoning models, which reject it
  /// A JSON schema the answer must follow, as JSON text, with its name; empty asks for free text.
  std::string schema;
  std::string schema_name;
};
domain::result<client::call> chat(const credentials& as, const chat_request& what);

struct completion {
  std::string text;
  std::string model; // the one that answered
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};
/// `too_large` when the answer was cut at the token limit, `forbidden` when the model refused or
/// its filter stopped it.
domain::result<completion> read_chat(const client::reply& answer, domain::time_point now);

/// Asks for a vector for each input; none may be empty. `dimensions` is for models that can.
domain::result<client::call> embeddings(const credentials& as,
                                        const std::string& model,
                                        const std::vector<std::string>& inputs,
                                        std::optional<int> dimensions);

struct embedding_list {
  std::vector<std::vector<float>> vectors; // in the order of the inputs, all of one length
  std::string model;
  std::int64_t tokens = 0;
};
domain::result<embedding_list>
read_embeddings(const client::reply& answer, std::size_t inputs, domain::time_point now);

/// Whether a model reasons before it answers: it takes `max_completion_tokens` and no temperature.
[[nodiscard]] bool is_reasoning(const std::string& model);

} // namespace hub::http::providers::openai
