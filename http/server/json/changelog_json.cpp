#include "http/server/json/changelog_json.hpp"

#include "domain/time.hpp"

namespace hub::http {

namespace {

using nlohmann::json;

json time_or_null(const std::optional<domain::time_point>& at) {
  return at ? json(domain::to_rfc3339(*at)) : json(nullptr);
}

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

} // namespace

json to_json(const storage::changelog_row& entry) {
  return {{"id", to_string(entry.id)},
          {"ticket_id", to_string(entry.ticket)},
          {"content", entry.content},
          {"status", entry.status},
          {"version", entry.version},
          {"ai_model", or_null(entry.ai_model)},
          {"ai_prompt_tokens", or_null(entry.ai_prompt_tokens)},
          {"ai_completion_tokens", or_null(entry.ai_completion_tokens)},
          {"ai_latency_ms", or_null(entry.ai_latency_ms)},
          {"approved_by", or_null(entry.approved_by)},
          {"approved_at", time_or_null(entry.approved_at)},
          {"taken_back_at", time_or_null(entry.taken_back_at)},
          {"created_at", domain::to_rfc3339(entry.created_at)},
          {"updated_at", domain::to_rfc3339(entry.updated_at)}};
}

} // namespace hub::http
