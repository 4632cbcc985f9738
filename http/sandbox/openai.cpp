#include "http/sandbox/openai.hpp"

#include "http/sandbox/openai_answers.hpp"
#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace hub::http::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr allowance requests_a_key{500, 120ms}; // 500 a minute
constexpr std::size_t most_inputs = 2'048;
constexpr std::size_t most_tokens_an_input = 8'192;

constexpr std::array chat_fields{
  field{"messages", shape::array, true},
  field{"model", shape::text, true},
  field{"response_format", shape::object},
  field{"temperature", shape::any},
  field{"top_p", shape::any},
  field{"n", shape::any},
  field{"stop", shape::any},
  field{"seed", shape::any},
  field{"user", shape::text},
  field{"safety_identifier", shape::any},
  field{"metadata", shape::any},
  field{"store", shape::any},
  field{"stream", shape::any},
  field{"stream_options", shape::any},
  field{"max_tokens", shape::any},
  field{"max_completion_tokens", shape::any},
  field{"frequency_penalty", shape::any},
  field{"presence_penalty", shape::any},
  field{"logprobs", shape::any},
  field{"top_logprobs", shape::any},
  field{"logit_bias", shape::any},
  field{"reasoning_effort", shape::any},
  field{"verbosity", shape::any},
  field{"service_tier", shape::any},
  field{"prompt_cache_key", shape::any},
  field{"tools", shape::array},
  field{"tool_choice", shape::any},
  field{"parallel_tool_calls", shape::boolean},
};
constexpr std::array embedding_fields{
  field{"input", shape::any, true},
  field{"model", shape::text, true},
  field{"dimensions", shape::integer},
  field{"encoding_format", shape::text, false, 10, "float|base64"},
  field{"user", shape::text},
};

edge::reply refusal(int status,
                    std::string_view type,
                    const json& code,
                    const std::string& message,
                    const json& parameter = nullptr) {
  return json_reply(
    status,
    {{"error", {{"message", message}, {"type", type}, {"param", parameter}, {"code", code}}}});
}

edge::reply
bad_request(const std::string& message, const json& parameter, const json& code = nullptr) {
  return refusal(400, "invalid_request_error", code, message, parameter);
}

edge::reply too_fast(std::chrono::milliseconds wait) {
  auto answer = refusal(429,
                        "requests",
                        "rate_limit_exceeded",
                        "Rate limit reached for requests. Please try again later.");
  const auto seconds = whole_seconds(wait);
  answer.headers = {{"retry-after", std::to_string(seconds.count())},
                    {"x-ratelimit-limit-requests", "500"},
                    {"x-ratelimit-remaining-requests", "0"},
                    {"x-ratelimit-reset-requests", std::to_string(seconds.count()) + "s"}};
  return answer;
}

edge::reply refusal_for(const problem& found) {
  using enum problem::kind;
  switch (found.is) {
  case missing:
    return bad_request("Missing required parameter: '" + found.name + "'.",
                       found.name,
                       "missing_required_parameter");
  case unknown:
    return bad_request(
      "Unrecognized request argument supplied: " + found.name, found.name, "unknown_parameter");
  case wrong_type:
    return bad_request("Invalid type for '" + found.name + "': expected a "
                         + std::string{name_of(found.rule.is)} + ".",
                       found.name,
                       "invalid_type");
  case too_long:
  case not_one_of:
    break;
  }
  return bad_request("Invalid value for '" + found.name + "'.", found.name, "invalid_value");
}

/// Models that think before they answer take no sampling parameters.
bool always_reasons(std::string_view model, std::string_view effort) {
  if (model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4"))
    return true;
  if (!model.starts_with("gpt-5") || model.find("chat") != std::string_view::npos)
    return false;
  // From 5.1 on they can be told not to, which is the default.
  const bool may_skip = model.starts_with("gpt-5.");
  return !may_skip || !(effort.empty() || effort == "none");
}

std::optional<edge::reply> model_fault(const json& body) {
  const auto model = domain::text_at(body, "model");
  if (model.empty())
    return bad_request("you must provide a model parameter", nullptr);
  if (model.starts_with("missing"))
    return refusal(404,
                   "invalid_request_error",
                   "model_not_found",
                   "The model `" + model + "` does not exist or you do not have access to it.");
  return std::nullopt;
}

std::optional<edge::reply> parameter_fault(const json& body) {
  const auto model = domain::text_at(body, "model");
  const auto effort = domain::text_at(body, "reasoning_effort");
  const bool reasons = always_reasons(model, effort);
  if (const auto& value = domain::member(body, "temperature"); value.is_number()) {
    if (value < 0 || value > 2)
      return bad_request("Invalid 'temperature': expected a value between 0 and 2.",
                         "temperature",
                         "decimal_above_max_value");
    if (reasons && value != 1)
      return bad_request("Unsupported value: 'temperature' does not support " + value.dump()
                           + " with this model. Only the default (1) value is supported.",
                         "temperature",
                         "unsupported_value");
  }
  const auto& most = domain::member(body, "max_tokens");
  if (!most.is_null() && (reasons || model.starts_with("gpt-5")))
    return bad_request("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                       "'max_completion_tokens' instead.",
                       "max_tokens",
                       "unsupported_parameter");
  if (!effort.empty() && !reasons && !model.starts_with("gpt-5"))
    return bad_request("Unrecognized request argument supplied: reasoning_effort",
                       "reasoning_effort",
                       "unsupported_parameter");
  for (const auto* name : {"max_tokens", "max_completion_tokens"})
    if (const auto& value = domain::member(body, name);
        !value.is_null() && (!value.is_number_integer() || value < 1))
      return bad_request(std::string{"Invalid '"} + name + "': expected an integer of at least 1.",
                         name,
                         "integer_below_min_value");
  if (domain::member(body, "stream") == true)
    return bad_request(
      "Unsupported value: the sandbox does not stream.", "stream", "unsupported_value");
  return std::nullopt;
}

std::string content_text(const json& content) {
  if (content.is_string())
    return content.get<std::string>();
  std::string text;
  for (const auto& part : domain::list_of(content))
    text += domain::text_at(part, "text");
  return text;
}

std::optional<edge::reply> messages_fault(const json& messages) {
  if (messages.empty())
    return bad_request("Invalid 'messages': empty array. Expected an array with minimum length 1.",
                       "messages",
                       "empty_array");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto where = "messages[" + std::to_string(i) + "]";
    const auto role = domain::text_at(messages[i], "role");
    if (!is_one_of(role, "system|developer|user|assistant|tool|function"))
      return bad_request("Invalid value: '" + role
                           + "'. Supported values are: 'system', "
                             "'assistant', 'user', 'function', 'tool', and 'developer'.",
                         where + ".role",
                         "invalid_value");
    const auto& content = domain::member(messages[i], "content");
    if (!content.is_string() && !content.is_array() && role != "assistant")
      return bad_request("Invalid type for '" + where
                           + ".content': expected one of a string or array of objects.",
                         where + ".content",
                         "invalid_type");
  }
  return std::nullopt;
}

conversation_text text_of_all(const json& messages) {
  conversation_text said;
  for (const auto& message : messages) {
    const auto role = domain::text_at(message, "role");
    auto& into = role == "system" || role == "developer" ? said.instructions : said.question;
    into += content_text(domain::member(message, "content")) + "\n";
  }
  return said;
}

std::optional<edge::reply> format_fault(const json& format, const conversation_text& said) {
  const auto type = domain::text_at(format, "type");
  if (!is_one_of(type, "text|json_object|json_schema"))
    return bad_request("Invalid value: '" + type
                         + "'. Supported values are: 'json_object', "
                           "'json_schema', and 'text'.",
                       "response_format.type",
                       "invalid_value");
  if (type == "json_object") {
    auto all = said.instructions + said.question;
    std::ranges::transform(all, all.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (all.find("json") == std::string::npos)
      return bad_request("'messages' must contain the word 'json' in some form, to use "
                         "'response_format' of type 'json_object'.",
                         "messages");
  }
  if (type != "json_schema")
    return std::nullopt;
  const auto name = domain::text_at(format, "json_schema", "name");
  const bool plain = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
  });
  if (!plain)
    return bad_request("Invalid 'response_format.json_schema.name': expected a string that matches "
                       "the pattern '^[a-zA-Z0-9_-]+$'.",
                       "response_format.json_schema.name",
                       "invalid_value");
  const auto& schema = domain::value_at(format, "json_schema", "schema");
  if (!schema.is_object())
    return bad_request("Missing required parameter: 'response_format.json_schema.schema'.",
                       "response_format.json_schema.schema",
                       "missing_required_parameter");
  if (domain::value_at(format, "json_schema", "strict") == true)
    if (const auto fault = strict_schema_fault(schema))
      return bad_request("Invalid schema for response_format '" + name + "': " + *fault,
                         "response_format");
  return std::nullopt;
}

bool asks(const conversation_text& said, std::string_view word) {
  return said.question.find(word) != std::string::npos
         || said.instructions.find(word) != std::string::npos;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      text += i + j > bytes.size() ? '=' : letters[bits >> (18U - 6U * j) & 63U];
  }
  return text;
}

std::string little_endian(const std::vector<float>& vector) {
  std::string bytes;
  for (const auto value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(bits >> shift & 0xffU);
  }
  return bytes;
}

} // namespace

std::string openai::operation(const call& of) const {
  const auto& path = of.path;
  const bool post = of.request.method == "POST";
  if (path.size() == 3 && path[0] == "v1" && path[1] == "chat" && path[2] == "completions" && post)
    return "chat.completions";
  if (path.size() == 2 && path[0] == "v1" && path[1] == "embeddings" && post)
    return "embeddings";
  if (path.size() == 2 && path[0] == "v1" && path[1] == "models" && of.request.method == "GET")
    return "models";
  return "";
}

outcome openai::handle(const call& what) {
  switch (token_of(what.request)) {
  case token_state::missing:
    return {refusal(401,
                    "invalid_request_error",
                    nullptr,
                    "You didn't provide an API key. You need to provide your API key in an "
                    "Authorization header using Bearer auth.")};
  case token_state::revoked:
  case token_state::invalid:
    return {refusal(401,
                    "invalid_request_error",
                    "invalid_api_key",
                    "Incorrect API key provided. You can find your API key in your settings.")};
  case token_state::good:
    break;
  }
  const auto asked = operation(what);
  if (asked.empty())
    return {refusal(404,
                    "invalid_request_error",
                    nullptr,
                    "Invalid URL (" + what.request.method + " " + what.request.path + ")")};
  if (const auto wait = requests_.take(requests_a_key, what.now))
    return {too_fast(*wait)};
  if (asked == "models") {
    json models = json::array();
    for (const auto* name :
         {"gpt-5.1", "gpt-4.1", "gpt-4o-mini", "o3-mini", "text-embedding-3-small"})
      models.push_back(
        {{"id", name}, {"object", "model"}, {"created", 1'700'000'000}, {"owned_by", "sandbox"}});
    return {json_reply(200, {{"object", "list"}, {"data", std::move(models)}})};
  }
  if (media_type(what.request) != "application/json")
    return {bad_request("Unsupported content type. Send the body as application/json.", nullptr)};
  const auto body = json_object(what.request.body);
  if (!body)
    return {bad_request("We could not parse the JSON body of your request.", nullptr)};
  const bool chat = asked == "chat.completions";
  if (const auto found = find_problem(*body,
                                      chat ? std::span<const field>{chat_fields}
                                           : std::span<const field>{embedding_fields}))
    return {refusal_for(*found)};
  if (auto fault = model_fault(*body))
    return {*std::move(fault)};
  return chat ? complete(*body, what.now) : embed(*body);
}

outcome openai::complete(const json& body, time_point now) {
  if (auto fault = parameter_fault(body))
    return {*std::move(fault)};
  const auto& messages = body["messages"];
  if (auto fault = messages_fault(messages))
    return {*std::move(fault)};
  const auto said = text_of_all(messages);
  const auto& format = domain::member(body, "response_format");
  if (!format.is_null())
    if (auto fault = format_fault(format, said))
      return {*std::move(fault)};

  const auto type = domain::text_at(format, "type");
  std::string content;
  if (type == "json_schema")
    content =
      domain::write_json(answer_in_schema(domain::value_at(format, "json_schema", "schema"), said));
  else if (type == "json_object")
    content = domain::write_json(answer_in_json(said));
  else
    content = answer_in_words(said);
  if (asks(said, "sandbox:fenced"))
    content = "Sure, here it is:\n```json\n" + content + "\n```\nLet me know if you need more.";
  else if (asks(said, "sandbox:nonsense"))
    content = "I would rather talk about the weather.";

  std::string finish = "stop";
  auto tokens = count_tokens(content);
  const auto most = domain::number_of(domain::member(body, "max_completion_tokens"))
                      .value_or(domain::number_of(domain::member(body, "max_tokens")).value_or(0));
  if (asks(said, "sandbox:cut") || (most > 0 && tokens > static_cast<std::size_t>(most))) {
    const auto kept = most > 0 ? static_cast<std::size_t>(most) * 4 : content.size() / 2;
    content = first_characters(content, kept);
    tokens = count_tokens(content);
    finish = "length";
  }
  json message{{"role", "assistant"},
               {"content", content},
               {"refusal", nullptr},
               {"annotations", json::array()}};
  if (asks(said, "sandbox:refuse")) {
    message["content"] = nullptr;
    message["refusal"] = "I'm sorry, I can't help with that.";
    content = "(refused)";
  }
  const auto asked_tokens = count_tokens(said.instructions) + count_tokens(said.question);
  const auto model = domain::text_at(body, "model");
  delivery delivered{made_id("chatcmpl-", ++made_), model, content};
  delivered.details = {{"instructions", said.instructions}, {"question", said.question}};
  return {json_reply(200,
                     {{"id", delivered.id},
                      {"object", "chat.completion"},
                      {"created", unix_seconds(now)},
                      {"model", model},
                      {"choices",
                       json::array({{{"index", 0},
                                     {"message", std::move(message)},
                                     {"logprobs", nullptr},
                                     {"finish_reason", finish}}})},
                      {"usage",
                       {{"prompt_tokens", asked_tokens},
                        {"completion_tokens", tokens},
                        {"total_tokens", asked_tokens + tokens}}},
                      {"service_tier", "default"},
                      {"system_fingerprint", "fp_sandbox"}}),
          std::move(delivered)};
}

outcome openai::embed(const json& body) {
  const auto model = domain::text_at(body, "model");
  const std::int64_t whole = model == "text-embedding-3-large" ? 3072 : 1536;
  const auto given = domain::number_of(domain::member(body, "dimensions"));
  if (given && model == "text-embedding-ada-002")
    return {bad_request("This model does not support specifying dimensions.", nullptr)};
  const auto dimensions = given.value_or(whole);
  if (dimensions < 1 || dimensions > whole)
    return {bad_request("Invalid value for 'dimensions' = " + std::to_string(dimensions)
                          + ". Must be less than or equal to " + std::to_string(whole) + ".",
                        nullptr)};
  const auto& input = body["input"];
  const auto inputs = input.is_string() ? json::array({input}) : domain::list_of(input);
  if (inputs.empty() || inputs.size() > most_inputs)
    return {bad_request("'$.input' is invalid. Please check the API reference.", "input")};
  const bool packed = domain::text_at(body, "encoding_format") == "base64";
  json data = json::array();
  std::size_t tokens = 0;
  for (const auto& each : inputs) {
    const auto text = domain::text_of(each);
    const auto size = count_tokens(text);
    if (text.empty() || !each.is_string())
      return {bad_request("'$.input' is invalid. Please check the API reference.", "input")};
    if (size > most_tokens_an_input)
      return {bad_request("This model's maximum context length is 8192 tokens.", nullptr)};
    tokens += size;
    const auto vector = embedding_of(text, static_cast<std::size_t>(dimensions));
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", packed ? json(base64(little_endian(vector))) : json(vector)}});
  }
  delivery delivered{made_id("emb-", ++made_), model, domain::text_of(inputs.front())};
  delivered.details = {{"inputs", inputs.size()}, {"dimensions", dimensions}};
  return {json_reply(200,
                     {{"object", "list"},
                      {"data", std::move(data)},
                      {"model", model},
                      {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}}),
          std::move(delivered)};
}

std::optional<edge::reply> openai::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return refusal(500,
                   "server_error",
                   nullptr,
                   "The server had an error while processing your request. Sorry about that!");
  case trouble::kind::away:
    return refusal(
      503, "server_error", nullptr, "The engine is currently overloaded, please try again later");
  case trouble::kind::rate_limited:
    return too_fast(what.retry_after);
  case trouble::kind::error:
    break;
  }
  if (what.code == "insufficient_quota")
    return refusal(429,
                   "insufficient_quota",
                   "insufficient_quota",
                   "You exceeded your current quota, please check your plan and billing details.");
  if (what.code == "rate_limit_exceeded") // without a header: some compatible servers send none
    return refusal(429, "requests", "rate_limit_exceeded", "Rate limit reached.");
  if (what.code == "invalid_api_key")
    return refusal(401, "invalid_request_error", what.code, "Incorrect API key provided.");
  if (what.code == "context_length_exceeded" || what.code == "content_policy_violation")
    return bad_request("The sandbox was told to answer so.", "messages", what.code);
  if (what.code == "model_not_found")
    return refusal(404, "invalid_request_error", what.code, "The model does not exist.");
  return std::nullopt;
}

void openai::clear() {
  requests_ = {};
}

} // namespace hub::http::sandbox
