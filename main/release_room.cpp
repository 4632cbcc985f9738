#include "main/release_room.hpp"

#include "domain/local_model.hpp"
#include "http/server/ask.hpp"
#include "main/workspace_room.hpp"

#include <utility>

namespace hub::app {

namespace {

using domain::errc;
using domain::fail;

// A person waits, and their call ends after `http::answer_within`.
constexpr std::chrono::seconds written_within{22};

http::written_text text_of(const actors::model_answer& answer) {
  return {answer.text,
          {.model = answer.model,
           .prompt_tokens = answer.prompt_tokens,
           .completion_tokens = answer.completion_tokens,
           .latency = answer.latency}};
}

} // namespace

release_room::release_room(caf::actor_system& system,
                           const workspace_room& workspaces,
                           actors::model_asker_actor asker)
  : system_{system}, workspaces_{workspaces}, asker_{std::move(asker)} {}

domain::release_rules release_room::rules_of(const domain::uuid& workspace) const {
  return workspaces_.release_rules_of(workspace);
}

domain::own_addresses release_room::own_of(const domain::uuid& workspace) const {
  return workspaces_.own_addresses_of(workspace);
}

domain::result<std::string> release_room::changelog_model(const domain::uuid& workspace,
                                                          const std::string& wanted) const {
  const auto choice = workspaces_.ai_of(workspace);
  const std::string local{domain::local_model_name};
  if (wanted == local)
    return local;
  if (!choice.local)
    return wanted.empty() ? choice.changelog_model : wanted;
  if (wanted.empty())
    return local;
  return fail(
    errc::invalid_input,
    "no model can be asked in this workspace: set openai.api_key, and ai.provider to auto "
    "or openai; or ask for the model \"local\"");
}

void release_room::ask(const domain::uuid& workspace,
                       std::string model,
                       domain::prompt what,
                       std::optional<domain::time_point> cooling_until,
                       written_callback done) {
  actors::ask_model question;
  question.what.workspace = workspace;
  question.what.model = std::move(model);
  question.what.what = std::move(what);
  question.cooling_until = cooling_until;
  question.within = written_within;
  http::ask<actors::model_answer>(
    system_,
    asker_,
    std::move(question),
    [done = std::move(done)](const domain::result<actors::model_answer>& answer) {
      done(answer ? domain::result<http::written_text>{text_of(*answer)}
                  : domain::result<http::written_text>{answer.why()});
    });
}

} // namespace hub::app
