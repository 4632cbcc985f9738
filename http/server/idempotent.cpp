#include "http/server/idempotent.hpp"

#include "actors/journal/protocol.hpp"
#include "http/server/ask.hpp"
#include "http/server/json/ticket_json.hpp"
#include "http/server/respond.hpp"

#include <utility>

namespace hub::http {

namespace {

using domain::errc;
using domain::fail;

edge::reply stored_reply(storage::stored_answer stored) {
  auto reply = json_reply(stored.status, std::move(stored.body));
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

/// Keeps a success under the key and sends what is kept there, which is another's answer where two
/// calls with one key ran at the same time.
void keep_and_send(context& hub,
                   const domain::uuid& workspace,
                   const reply_handle& reply_to,
                   const std::string& key,
                   edge::reply reply) {
  if (reply.status >= 300)
    return reply_to->send(std::move(reply));
  auto body = reply.body;
  keep_answer(hub,
              workspace,
              key,
              std::move(body),
              [&hub, workspace, reply_to, key, reply = std::move(reply)] {
                hub.reads.answer_to(
                  workspace, key, [reply_to, reply](domain::result<storage::stored_answer> kept) {
                    reply_to->send(kept && !kept->body.empty() ? stored_reply(*std::move(kept))
                                                               : reply);
                  });
              });
}

send_reply sender(context& hub,
                  const domain::uuid& workspace,
                  const reply_handle& reply_to,
                  const std::optional<std::string>& key) {
  if (!key)
    return [reply_to](edge::reply reply) { reply_to->send(std::move(reply)); };
  return [&hub, workspace, reply_to, key = *key](edge::reply reply) {
    keep_and_send(hub, workspace, reply_to, key, std::move(reply));
  };
}

} // namespace

domain::change change_of(const context& hub, const domain::uuid& workspace) {
  domain::change what;
  what.workspace = workspace;
  what.at = hub.now();
  return what;
}

domain::audit_record action_of(const context& hub,
                               const caller& by,
                               std::string what,
                               std::string target,
                               const nlohmann::json& after) {
  domain::uuid_generator ids{hub.seed()};
  return {ids.next(hub.now()),
          by.who,
          std::move(what),
          std::move(target),
          {},
          after.is_null() ? std::string{} : text_of(after)};
}

void keep_answer(context& hub,
                 const domain::uuid& workspace,
                 std::string key,
                 std::string body,
                 std::function<void()> then) {
  auto keep = std::make_shared<domain::change>(change_of(hub, workspace));
  keep->answer = domain::answer_record{std::move(key), std::move(body)};
  ask<domain::verdict>(hub.system,
                       hub.journal,
                       actors::commit_change{std::move(keep)},
                       [then = std::move(then)](const domain::result<domain::verdict>&) {
                         if (then)
                           then();
                       });
}

void with_stored_answer(context& hub,
                        const domain::uuid& workspace,
                        const reply_handle& reply_to,
                        const std::string& key,
                        bool same_request,
                        std::function<void(storage::stored_answer stored)> go_on) {
  if (!same_request)
    return reply_to->send(error_reply(
      422, "idempotency_key_reused", "this Idempotency-Key was used for another request"));
  hub.reads.answer_to(
    workspace,
    key,
    [reply_to, go_on = std::move(go_on)](domain::result<storage::stored_answer> stored) {
      stored ? go_on(*std::move(stored)) : reply_to->send(error_reply(stored.why()));
    });
}

void unless_answered(context& hub,
                     const domain::uuid& workspace,
                     const std::optional<domain::idempotency_record>& key,
                     const reply_handle& reply_to,
                     std::function<void()> go_on) {
  if (!key)
    return go_on();
  std::string hash(key->request_hash.begin(), key->request_hash.end());
  hub.reads.answer_to(
    workspace,
    key->key,
    [reply_to, hash = std::move(hash), go_on = std::move(go_on)](
      domain::result<storage::stored_answer> stored) {
      if (!stored && stored.why().code != errc::not_found)
        return reply_to->send(error_reply(stored.why()));
      if (!stored || (stored->body.empty() && stored->request_hash == hash))
        return go_on();
      if (stored->request_hash != hash)
        return reply_to->send(error_reply(
          422, "idempotency_key_reused", "this Idempotency-Key was used for another request"));
      reply_to->send(repeated(stored_reply(*std::move(stored))));
    });
}

edge::reply repeated(edge::reply reply) {
  reply.headers.emplace_back("Idempotent-Replay", "true");
  return reply;
}

void commit_once(context& hub,
                 domain::change what,
                 const reply_handle& reply_to,
                 std::function<void(const send_reply& send)> answer) {
  const auto key =
    what.idempotency ? std::optional{what.idempotency->key} : std::optional<std::string>{};
  // An answer that the change itself brings is kept with it, and need not be kept again.
  const auto send = sender(hub, what.workspace, reply_to, what.answer ? std::nullopt : key);
  const auto workspace = what.workspace;
  ask<domain::verdict>(
    hub.system,
    hub.journal,
    actors::commit_change{std::make_shared<const domain::change>(std::move(what))},
    [&hub, workspace, reply_to, key, send, answer = std::move(answer)](
      const domain::result<domain::verdict>& verdict) {
      if (!verdict)
        return reply_to->send(error_reply(verdict.why()));
      if (verdict->what == domain::verdict::kind::committed)
        return answer(send);
      if (verdict->what != domain::verdict::kind::duplicate || !key)
        return reply_to->send(error_reply(
          verdict->why.value_or(fail(errc::internal, "the journal refused the change"))));
      with_stored_answer(hub,
                         workspace,
                         reply_to,
                         *key,
                         verdict->same_request,
                         [reply_to, send, answer](storage::stored_answer stored) {
                           stored.body.empty()
                             ? answer(send)
                             : reply_to->send(repeated(stored_reply(std::move(stored))));
                         });
    });
}

void run_once(context& hub,
              const domain::uuid& workspace,
              std::optional<domain::idempotency_record> key,
              const reply_handle& reply_to,
              std::function<void(const send_reply& send)> run) {
  if (!key)
    return run(sender(hub, workspace, reply_to, std::nullopt));
  auto what = change_of(hub, workspace);
  what.idempotency = std::move(key);
  commit_once(hub, std::move(what), reply_to, std::move(run));
}

} // namespace hub::http
