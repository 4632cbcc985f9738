#pragma once

#include "http/sandbox/stand_in.hpp"
#include "http/sandbox/token_bucket.hpp"

namespace hub::http::sandbox {

/// OpenAI's chat completions and embeddings. The same question gets the same answer in every run.
/// Every model exists unless its name begins with `missing`. A question that contains one of these
/// words gets an answer as they say: `sandbox:refuse`, `sandbox:fenced`, `sandbox:nonsense`,
/// `sandbox:cut`.
class openai : public stand_in {
public:
  [[nodiscard]] std::string operation(const call& of) const override;
  outcome handle(const call& what) override;
  [[nodiscard]] std::optional<edge::reply> answer_to(const trouble& what) const override;
  void clear() override;

private:
  outcome complete(const json& body, time_point now);
  outcome embed(const json& body);

  token_bucket requests_;
  std::uint64_t made_ = 0;
};

} // namespace hub::http::sandbox
