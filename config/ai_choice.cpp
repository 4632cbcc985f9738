#include "config/ai_choice.hpp"

#include <string_view>

namespace hub::config {

namespace {

/// Its regions' addresses, too.
bool is_openais(std::string_view url) {
  const auto scheme = url.find("://");
  auto host = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of(":/"));
  return host == "openai.com" || host.ends_with(".openai.com");
}

domain::triage_mode mode_of(const std::string& written) {
  if (written == "off")
    return domain::triage_mode::off;
  return written == "manual" ? domain::triage_mode::manual : domain::triage_mode::automatic;
}

} // namespace

domain::ai_choice ai_choice_of(const settings& settings) {
  const auto& ai = settings.ai;
  const bool reachable = !settings.openai.api_key.empty() || !is_openais(settings.openai.base_url);
  return {.triage = mode_of(ai.triage),
          .local = ai.provider == "local" || (ai.provider != "openai" && !reachable),
          .triage_model = ai.triage_model,
          .changelog_model = ai.changelog_model,
          .embedding_model = ai.embedding_model};
}

domain::own_addresses own_addresses_of(const settings& settings) {
  domain::own_addresses own;
  for (const auto& each : settings.privacy.own_addresses)
    (each.find('@') == std::string::npos ? own.domains : own.mailboxes).push_back(each);
  return own;
}

} // namespace hub::config
