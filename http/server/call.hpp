#pragma once

#include "domain/access.hpp"
#include "domain/audit.hpp"
#include "http/server/edge/request.hpp"
#include "http/server/edge/responder.hpp"

#include <functional>
#include <optional>
#include <string>

namespace hub::http {

/// Where a call acts, and by whom: what outlives its request.
struct caller {
  domain::uuid workspace;
  domain::actor_stamp who;
};

/// A request of somebody who may make it.
struct call : edge::request {
  domain::principal who;
  std::string address;       // the caller's, as far as trusted proxies tell
  std::string session_token; // of a person who came with a cookie

  [[nodiscard]] caller by() const {
    return {who.workspace, {std::string{to_string(who.what)}, who.id, who.label, address, id}};
  }
};

/// Where every call but the open ones comes through. Thread-safe.
class doorkeeper {
public:
  using admitted = std::function<void(call, edge::responder)>;

  virtual ~doorkeeper() = default;
  /// Calls `inside` with whoever has the permission, now or later, from any thread; answers
  /// everybody else itself. Without a permission anybody who is known may.
  virtual void admit(const edge::request& request,
                     std::optional<domain::permission> needs,
                     edge::responder responder,
                     admitted inside) = 0;
  /// Whether somebody who was let in would be again, as the same: a session can end and a key be
  /// revoked while their answer is still under way. Counts neither as a call nor as a sign of life.
  /// Calls back now or later, from any thread; `true` where nobody can say.
  virtual void look_again(const call& from,
                          std::optional<domain::permission> needs,
                          std::function<void(bool)> done) = 0;
};

} // namespace hub::http
