#include "http/server/edge/server.hpp"

#include "http/server/edge/dispatcher.hpp"
#include "http/server/edge/drain_gate.hpp"
#include "http/server/edge/edge_state.hpp"
#include "http/server/edge/listener.hpp"
#include "http/server/edge/transport.hpp"

#include <pistache/reactor.h>
#include <pistache/router.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace hub::http::edge {

class server::implementation {
public:
  explicit implementation(server_options options)
    : shared(std::make_shared<edge_state>(std::move(options))),
      router(std::make_shared<Pistache::Rest::Router>()) {}

  std::vector<std::shared_ptr<transport>> transports() const {
    std::vector<std::shared_ptr<transport>> all;
    for (const auto& each : reactor->handlers(key))
      all.push_back(std::static_pointer_cast<transport>(each));
    return all;
  }

  const std::shared_ptr<edge_state> shared;
  const std::shared_ptr<Pistache::Rest::Router> router;
  std::shared_ptr<drain_gate> gate;
  std::unique_ptr<Pistache::Aio::Reactor> reactor;
  Pistache::Aio::Reactor::Key key;
};

server::server(server_options options)
  : implementation_(std::make_unique<implementation>(std::move(options))) {}

server::~server() {
  stop();
}

void server::route(std::string_view method, std::string_view pattern, handler handle) {
  if (implementation_->reactor)
    throw std::logic_error("routes are added before the server starts");
  add_route(*implementation_->shared, *implementation_->router, method, pattern, std::move(handle));
}

std::uint16_t server::start() {
  auto& self = *implementation_;
  if (self.reactor)
    throw std::logic_error("the server has already started");
  const auto& options = self.shared->options;
  const int threads = std::max(options.threads, 1);
  const auto parts = std::make_shared<reactor_parts>();
  parts->shared = self.shared;
  parts->router = self.router;
  parts->listener = std::make_shared<listener>(options.address, options.port, threads);
  parts->gate = self.gate = std::make_shared<drain_gate>(static_cast<std::size_t>(threads));
  add_all_methods(*self.router);
  auto reactor = std::make_unique<Pistache::Aio::Reactor>();
  reactor->init(Pistache::Aio::AsyncContext(static_cast<std::size_t>(threads), "http"));
  self.key =
    reactor->addHandler(std::make_shared<transport>(std::make_shared<idle_handler>(), parts));
  reactor->run();
  self.reactor = std::move(reactor);
  return parts->listener->port();
}

bool server::drain(std::chrono::milliseconds patience) {
  auto& self = *implementation_;
  if (!self.reactor)
    return true;
  self.shared->draining = true;
  for (const auto& each : self.transports())
    each->begin_drain();
  return self.gate->wait(patience);
}

void server::stop() {
  auto& self = *implementation_;
  if (!self.reactor)
    return;
  for (const auto& each : self.transports())
    each->close_box();
  self.reactor->shutdown();
  self.reactor.reset(); // joins the threads
}

std::vector<std::pair<std::string, std::string>> server::routes() const {
  return implementation_->shared->routes.all();
}

server_stats server::stats() const {
  const auto& shared = *implementation_->shared;
  server_stats now;
  now.accepted = shared.accepted;
  now.open_connections = shared.addresses.open();
  now.requests = shared.requests;
  now.active_requests = shared.active_requests;
  now.rejected = shared.rejected;
  now.handler_timeouts = shared.handler_timeouts;
  now.cut_off = shared.cut_off;
  now.stale_replies = shared.stale_replies;
  now.accept_pauses = shared.accept_pauses;
  now.exceptions = shared.exceptions;
  return now;
}

} // namespace hub::http::edge
