#include "domain/provider.hpp"

#include <string>

namespace hub::domain {

using namespace std::chrono_literals;

std::string_view to_string(provider which) {
  switch (which) {
  case provider::slack:
    return "slack";
  case provider::intercom:
    return "intercom";
  case provider::whatsapp:
    return "whatsapp";
  case provider::notion:
    return "notion";
  case provider::openai:
    return "openai";
  case provider::smtp:
    return "smtp";
  }
  return "";
}

result<provider> parse_provider(std::string_view text) {
  for (const auto which : all_providers)
    if (to_string(which) == text)
      return which;
  return fail(errc::not_found,
              "unknown provider; use slack, intercom, whatsapp, notion, openai or smtp");
}

limiter_rules default_limits(provider which) {
  limiter_rules rules;
  switch (which) {
  case provider::slack: // one message a second and channel; several hundred a minute and workspace
    rules.overall = {200ms, 10};
    rules.per_recipient = {1s, 1};
    break;
  case provider::intercom: // 10,000 a minute an app; we take three a second of them
    rules.overall = {334ms, 3};
    break;
  case provider::whatsapp: // 80 a second a number, one in six seconds to one person
    rules.overall = {13ms, 3};
    rules.per_recipient = {6s, 1};
    break;
  case provider::notion: // three a second an integration
    rules.overall = {334ms, 3};
    break;
  case provider::openai: // depends on the account: it is told by 429 alone
    rules.default_pause = 60s;
    break;
  case provider::smtp:
    rules.overall = {100ms, 10};
    rules.per_recipient = {1s, 1};
    break;
  }
  return rules;
}

} // namespace hub::domain
