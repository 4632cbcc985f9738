#pragma once

#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"

#include <utility>

namespace hub::http {

/// A route's function, which takes the context first, as the server calls it.
template <class Handle>
edge::handler with(context& hub, Handle handle) {
  return [&hub, handle](const edge::request& request, edge::responder responder) {
    handle(hub, request, std::move(responder));
  };
}

} // namespace hub::http
