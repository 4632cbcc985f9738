#pragma once

#include "domain/change.hpp"
#include "http/server/call.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/responder.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace hub::http {

using reply_handle = std::shared_ptr<edge::responder>;
using send_reply = std::function<void(edge::reply)>;

/// A change of that workspace, made now.
[[nodiscard]] domain::change change_of(const context& hub, const domain::uuid& workspace);

/// What somebody does, for the record of who did what.
[[nodiscard]] domain::audit_record action_of(const context& hub,
                                             const caller& by,
                                             std::string what,
                                             std::string target,
                                             const nlohmann::json& after = nullptr);

/// Keeps the answer a mutation gave, unless one is kept already, and calls `then` whether or not
/// that worked.
void keep_answer(context& hub,
                 const domain::uuid& workspace,
                 std::string key,
                 std::string body,
                 std::function<void()> then = {});

/// Calls `go_on` with what is kept for a used Idempotency-Key: an empty body where the answer was
/// lost or is still to come. Answers itself where the key was used for another request (422), or
/// cannot be read.
void with_stored_answer(context& hub,
                        const domain::uuid& workspace,
                        const reply_handle& reply_to,
                        const std::string& key,
                        bool same_request,
                        std::function<void(storage::stored_answer stored)> go_on);

/// Answers a call whose Idempotency-Key was used before as it was answered then. For calls that
/// look at things before they commit: what has become of those since must not matter. Where the key
/// is new, or its answer is not kept, `go_on` is called, whose commit looks at the key again.
void unless_answered(context& hub,
                     const domain::uuid& workspace,
                     const std::optional<domain::idempotency_record>& key,
                     const reply_handle& reply_to,
                     std::function<void()> go_on);

/// Says in the headers that this is the stored answer to an Idempotency-Key.
[[nodiscard]] edge::reply repeated(edge::reply reply);

/// Commits a call's change, once for each Idempotency-Key, and sends what `answer` makes; a used
/// key gets what was sent then. `answer` also runs for a used key whose answer is not kept (its
/// process died, its call failed): it must do nothing that a change does not guard. Of answers only
/// successes are kept; one that is known before is kept for certain, as the change's own `answer`.
void commit_once(context& hub,
                 domain::change what,
                 const reply_handle& reply_to,
                 std::function<void(const send_reply& send)> answer);

/// As `commit_once`, for a call that is not one change: its key is taken before `run`.
void run_once(context& hub,
              const domain::uuid& workspace,
              std::optional<domain::idempotency_record> key,
              const reply_handle& reply_to,
              std::function<void(const send_reply& send)> run);

} // namespace hub::http
