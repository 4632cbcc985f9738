#pragma once

#include "domain/prompt.hpp"
#include "domain/result.hpp"
#include "domain/uuid.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace hub::actors {

/// One question to a model, in the name of a workspace.
struct model_request {
  domain::uuid workspace;
  std::string model;
  domain::prompt what;
  /// The JSON schema that the answer must follow, and its name; empty: plain text.
  std::string schema;
  std::string schema_name;
  std::optional<int> max_tokens;
  std::chrono::milliseconds within{}; // the call is over after this long; zero: the client's own
};

/// What a model said, and what that cost.
struct model_answer {
  std::string text;
  std::string model; // the one that answered
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::chrono::milliseconds latency{};
};

/// Calls models. Never blocks, and calls back exactly once, from a thread of its own.
class model_desk {
public:
  virtual ~model_desk() = default;

  /// Asking changes nothing outside, so no outcome is unknown: failures are `unavailable` and
  /// `rate_limited`, which pass, or ones that will not go away by themselves.
  virtual void ask(model_request what, std::function<void(domain::result<model_answer>)> done) = 0;
};

} // namespace hub::actors
