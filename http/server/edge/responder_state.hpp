#pragma once

#include "http/server/edge/edge_state.hpp"
#include "http/server/edge/mailbox.hpp"
#include "http/server/edge/responder.hpp"

#include <cstdint>
#include <memory>

namespace hub::http::edge {

class connection;

/// Whom to answer: this connection object and this request of it. Never a descriptor number, which
/// the kernel gives to the next client as soon as this one is gone.
class responder::state {
public:
  std::shared_ptr<edge_state> shared;
  std::shared_ptr<mailbox> box;
  std::weak_ptr<connection> target;
  std::uint64_t sequence = 0;
};

} // namespace hub::http::edge
