#include "http/providers/openai.hpp"

#include "domain/json_reading.hpp"
#include "http/providers/reading.hpp"
#include "http/providers/writing.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace hub::http::providers::openai {

namespace {

using domain::errc;
using domain::fail;
using domain::json;

constexpr std::size_t most_inputs = 2'048;

client::call openai_call(const credentials& as,
                         std::string_view operation,
                         std::string_view path,
                         const json& body) {
  auto what = bearer_call("openai", operation, "POST", as.base_url, path, as.key, body);
  if (as.key.empty())
    std::erase_if(what.headers, [](const auto& header) { return header.first == "Authorization"; });
  what.repeatable = true;
  what.within = std::chrono::seconds{120}; // a model thinks longer than others answer
  what.max_response = std::size_t{64} << 20U;
  return what;
}

domain::result<json> body_of(const client::reply& answer, domain::time_point now) {
  const verdict found{"openai", answer, effect::none, now};
  auto body = object_in(answer);
  const auto& error = domain::member(body, "error");
  if (answer.status == 200 && error.is_null()) {
    if (body.is_null())
      return found.unexplained("no_answer_of_openai");
    return body;
  }
  const auto type = domain::text_at(error, "type");
  auto code = domain::text_at(error, "code");
  if (code.empty())
    code = type;
  if (code == "insufficient_quota" || type == "insufficient_quota"
      || code == "billing_hard_limit_reached")
    return found.because(errc::forbidden, code);
  if (code == "context_length_exceeded" || code == "string_above_max_length")
    return found.because(errc::too_large, code);
  if (code == "model_not_found")
    return found.because(errc::not_found, code);
  return found.by_status(code);
}

/// What a choice says, unless it says why it does not.
domain::result<std::string> text_in(const json& choice, const verdict& found) {
  const auto finish = domain::text_at(choice, "finish_reason");
  if (!domain::text_at(choice, "message", "refusal").empty())
    return found.because(errc::forbidden, "refusal");
  if (finish == "content_filter")
    return found.because(errc::forbidden, finish);
  if (finish == "length")
    return found.because(errc::too_large, "finish_reason_length");
  auto text = domain::text_at(choice, "message", "content");
  if (text.empty())
    return found.unexplained("no_content");
  return text;
}

} // namespace

bool is_reasoning(const std::string& model) {
  const std::string_view name{model};
  const bool o_series = name.size() > 1 && name[0] == 'o' && name[1] >= '1' && name[1] <= '9';
  return o_series || name.starts_with("gpt-5");
}

domain::result<client::call> chat(const credentials& as, const chat_request& what) {
  if (what.model.empty() || what.messages.empty())
    return fail(errc::invalid_input, "openai: a chat needs a model and a message");
  json body{{"model", what.model}, {"messages", json::array()}};
  for (const auto& message : what.messages)
    body["messages"].push_back({{"role", message.role}, {"content", message.content}});
  const bool reasoning = is_reasoning(what.model);
  // Compatible servers know the older name; OpenAI's reasoning models only the newer one.
  if (what.max_tokens)
    body[reasoning ? "max_completion_tokens" : "max_tokens"] = *what.max_tokens;
  if (what.temperature && !reasoning)
    body["temperature"] = *what.temperature;
  if (!what.schema.empty()) {
    auto schema = domain::read_json(what.schema);
    if (!schema || !schema->is_object())
      return fail(errc::invalid_input, "openai: the answer's schema is no JSON object");
    body["response_format"] = {
      {"type", "json_schema"},
      {"json_schema",
       {{"name", what.schema_name}, {"strict", true}, {"schema", *std::move(schema)}}}};
  }
  return openai_call(as, "chat.completions", "/chat/completions", body);
}

domain::result<completion> read_chat(const client::reply& answer, domain::time_point now) {
  const auto body = body_of(answer, now);
  if (!body)
    return body.why();
  const verdict found{"openai", answer, effect::none, now};
  const auto& choices = domain::list_at(*body, "choices");
  if (choices.empty())
    return found.unexplained("no_choices");
  auto text = text_in(choices.front(), found);
  if (!text)
    return text.why();
  completion said;
  said.text = *std::move(text);
  said.model = domain::text_at(*body, "model");
  const auto tokens = [&](const char* kind) {
    return domain::number_of(domain::value_at(*body, "usage", kind)).value_or(0);
  };
  said.prompt_tokens = tokens("prompt_tokens");
  said.completion_tokens = tokens("completion_tokens");
  return said;
}

domain::result<client::call> embeddings(const credentials& as,
                                        const std::string& model,
                                        const std::vector<std::string>& inputs,
                                        std::optional<int> dimensions) {
  if (model.empty() || inputs.empty() || inputs.size() > most_inputs
      || std::ranges::any_of(inputs, &std::string::empty))
    return fail(errc::invalid_input,
                "openai: embeddings need a model and between 1 and 2,048 texts, none empty");
  json body{{"model", model}, {"input", inputs}, {"encoding_format", "float"}};
  if (dimensions)
    body["dimensions"] = *dimensions;
  return openai_call(as, "embeddings", "/embeddings", body);
}

domain::result<embedding_list>
read_embeddings(const client::reply& answer, std::size_t inputs, domain::time_point now) {
  const auto body = body_of(answer, now);
  if (!body)
    return body.why();
  const verdict found{"openai", answer, effect::none, now};
  embedding_list list;
  list.vectors.resize(inputs);
  for (const auto& entry : domain::list_at(*body, "data")) {
    const auto index = domain::number_of(domain::member(entry, "index"));
    if (!index || *index < 0 || static_cast<std::size_t>(*index) >= inputs)
      return found.unexplained("wrong_index");
    auto& vector = list.vectors[static_cast<std::size_t>(*index)];
    vector.clear();
    for (const auto& value : domain::list_at(entry, "embedding")) {
      if (!value.is_number())
        return found.unexplained("wrong_vector");
      vector.push_back(value.get<float>());
    }
  }
  for (const auto& vector : list.vectors)
    if (vector.empty() || vector.size() != list.vectors.front().size())
      return found.unexplained("wrong_vector");
  list.model = domain::text_at(*body, "model");
  list.tokens = domain::number_of(domain::value_at(*body, "usage", "prompt_tokens")).value_or(0);
  return list;
}

} // namespace hub::http::providers::openai
