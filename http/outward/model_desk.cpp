#include "http/outward/model_desk.hpp"

#include <utility>

namespace hub::http {

namespace {

namespace openai = providers::openai;
using actors::model_answer;
using actors::model_request;
using domain::errc;
using domain::fail;

using answer_callback = std::function<void(domain::result<model_answer>)>;

/// Nobody can be asked there without one; other servers may want none.
bool lacks_key(const openai::credentials& as) {
  return as.key.empty() && as.base_url == openai::credentials{}.base_url;
}

openai::chat_request worded(model_request&& what) {
  openai::chat_request chat;
  chat.model = std::move(what.model);
  if (!what.what.system.empty())
    chat.messages.push_back({"system", std::move(what.what.system)});
  chat.messages.push_back({"user", std::move(what.what.user)});
  chat.max_tokens = what.max_tokens;
  chat.schema = std::move(what.schema);
  chat.schema_name = std::move(what.schema_name);
  return chat;
}

class desk final : public actors::model_desk {
public:
  desk(client::engine& engine, accounts_source accounts, std::function<domain::time_point()> now)
    : engine_{engine}, accounts_{std::move(accounts)}, now_{std::move(now)} {}

  void ask(model_request what, answer_callback done) override {
    const auto as = accounts_(what.workspace);
    if (lacks_key(as->openai))
      return done(fail(errc::forbidden,
                       "openai.api_key (OPENAI_API_KEY) is not set for this workspace, so no model "
                       "can be asked"));
    const auto within = what.within;
    auto asked_for = what.model;
    auto call = openai::chat(as->openai, worded(std::move(what)));
    if (!call)
      return done(call.why());
    if (within.count() > 0)
      call->within = within;
    engine_.send(*std::move(call),
                 [this, asked_for = std::move(asked_for), done = std::move(done)](
                   const domain::result<client::reply>& reply) {
                   done(reply ? read(*reply, asked_for)
                              : domain::result<model_answer>{reply.why()});
                 });
  }

private:
  [[nodiscard]] domain::result<model_answer> read(const client::reply& reply,
                                                  const std::string& asked_for) const {
    auto said = openai::read_chat(reply, now_());
    if (!said)
      return std::move(said).why();
    model_answer answer;
    answer.text = std::move(said->text);
    answer.model = said->model.empty() ? asked_for : std::move(said->model);
    answer.prompt_tokens = said->prompt_tokens;
    answer.completion_tokens = said->completion_tokens;
    answer.latency = std::chrono::duration_cast<std::chrono::milliseconds>(reply.took);
    return answer;
  }

  client::engine& engine_;
  accounts_source accounts_;
  std::function<domain::time_point()> now_;
};

} // namespace

std::unique_ptr<actors::model_desk> make_model_desk(client::engine& engine,
                                                    accounts_source accounts,
                                                    std::function<domain::time_point()> now) {
  return std::make_unique<desk>(engine, std::move(accounts), std::move(now));
}

} // namespace hub::http
