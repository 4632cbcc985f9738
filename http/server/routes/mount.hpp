#pragma once

#include "http/server/call.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"
#include "http/server/respond.hpp"

#include <optional>
#include <utility>

namespace hub::http {

/// A route that is open to everybody. Its function takes the context first.
template <class Handle>
edge::handler open_to_all(context& hub, Handle handle) {
  return [&hub, handle](const edge::request& request, edge::responder responder) {
    handle(hub, request, std::move(responder));
  };
}

/// A route for those who have the permission; without one, for everybody who is known. Its function
/// takes the `call`.
template <class Handle>
edge::handler only_with(context& hub, std::optional<domain::permission> needs, Handle handle) {
  return [&hub, needs, handle](const edge::request& request, edge::responder responder) {
    hub.door.admit(request,
                   needs,
                   std::move(responder),
                   [&hub, handle](const call& from, edge::responder reply) {
                     handle(hub, from, std::move(reply));
                   });
  };
}

/// As `only_with`, for what concerns all workspaces: members of the first one alone, who run the
/// hub.
template <class Handle>
edge::handler hub_wide(context& hub, domain::permission needs, Handle handle) {
  return only_with(
    hub, needs, [handle](context& with, const call& from, edge::responder responder) {
      if (from.who.workspace != with.workspace)
        return responder.send(error_reply(domain::fail(
          domain::errc::forbidden,
          "this concerns all workspaces of the hub; only members of its first one may use it")));
      handle(with, from, std::move(responder));
    });
}

} // namespace hub::http
