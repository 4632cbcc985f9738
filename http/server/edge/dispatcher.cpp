#include "http/server/edge/dispatcher.hpp"

#include "http/server/edge/refusal.hpp"
#include "http/server/edge/responder_state.hpp"
#include "http/server/edge/response_writer.hpp"
#include "http/server/edge/uri.hpp"

#include <cxxabi.h>
#include <pistache/peer.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <typeinfo>
#include <utility>

namespace hub::http::edge {
namespace {

namespace pistache = Pistache;

constexpr std::array<std::pair<std::string_view, pistache::Http::Method>, 7> methods = {{
  {"GET", pistache::Http::Method::Get},
  {"HEAD", pistache::Http::Method::Head},
  {"POST", pistache::Http::Method::Post},
  {"PUT", pistache::Http::Method::Put},
  {"PATCH", pistache::Http::Method::Patch},
  {"DELETE", pistache::Http::Method::Delete},
  {"OPTIONS", pistache::Http::Method::Options},
}};

pistache::Http::Method method_of(std::string_view name) {
  for (const auto& [known, method] : methods)
    if (known == name)
      return method;
  throw std::invalid_argument("unknown method of a route: " + std::string(name));
}

std::string current_exception_type() {
  const auto* type = abi::__cxa_current_exception_type();
  if (type == nullptr)
    return "exception of no type";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
    abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
  return readable ? readable.get() : type->name();
}

/// A target of a route as Pistache knows it; it comes back with the call it belongs to.
struct route_target {
  std::string pattern;
  std::vector<std::string> names; // of its parameters, with ':'
  handler handle;
};

void call_target(const route_target& target,
                 const pistache::Rest::Request& routed,
                 const pistache::Http::ResponseWriter& writer) {
  const auto peer = writer.getPeer();
  if (!peer)
    return;
  auto& call = *std::static_pointer_cast<pending_call>(peer->getData(dispatcher::slot_name()));
  call.taken = true;
  call.from->set_route(target.pattern);
  call.incoming.route = target.pattern;
  for (const auto& name : target.names) {
    auto value = decode_path(routed.param(name).as<std::string>());
    // The whole path decodes, and no escape or character spans a slash.
    call.incoming.path_parameters.emplace_back(name.substr(1), std::move(value).value_or(""));
  }
  if (const auto& turn_away = call.shared->options.turn_away)
    if (auto answer = turn_away(call.incoming))
      return call.from->answer(call.from->sequence(), *std::move(answer));
  auto state = std::make_unique<responder::state>();
  state->shared = call.shared;
  state->box = call.box;
  state->target = call.from->weak_from_this();
  state->sequence = call.from->sequence();
  target.handle(call.incoming, responder(std::move(state)));
}

} // namespace

void add_route(edge_state& shared,
               pistache::Rest::Router& router,
               std::string_view method,
               std::string_view pattern,
               handler handle) {
  const auto known = method_of(method);
  shared.routes.add(method, pattern);
  const auto target = std::make_shared<const route_target>(
    route_target{std::string(pattern), parameter_names(pattern), std::move(handle)});
  router.addRoute(
    known,
    std::string(pattern),
    [target](const pistache::Rest::Request& routed, const pistache::Http::ResponseWriter& writer) {
      call_target(*target, routed, writer);
      return pistache::Rest::Route::Result::Ok;
    });
}

void add_all_methods(pistache::Rest::Router& router) {
  const auto nothing = [](const pistache::Rest::Request&, const pistache::Http::ResponseWriter&) {
    return pistache::Rest::Route::Result::Ok;
  };
  // No request gets here: our own table does not know the path, and it is asked first.
  for (const auto& [name, method] : methods)
    router.addRoute(method, "/.unused", nothing);
}

dispatcher::dispatcher(std::shared_ptr<edge_state> shared,
                       std::shared_ptr<pistache::Rest::Router> router,
                       std::shared_ptr<mailbox> box)
  : shared_(std::move(shared)),
    router_(std::move(router)),
    box_(std::move(box)),
    parser_(shared_->options.limits.max_target + 64) {}

std::string dispatcher::choose_method(const request_head& head) const {
  if (shared_->routes.serves(head.method, head.path))
    return head.method;
  if (head.method == "HEAD" && shared_->routes.serves("GET", head.path))
    return "GET";
  return {};
}

void dispatcher::answer_without_route(connection& from, const request_head& head) const {
  const auto allowed = shared_->routes.allowed(head.path);
  reply what;
  if (allowed.empty()) {
    what = to_reply(refusals::not_found);
  } else if (head.method != "OPTIONS") {
    what = to_reply(refusals::method_not_allowed);
    what.headers.emplace_back("Allow", allowed);
  } else {
    what.status = 204;
    if (!from.cors_origin().empty() && !head.header("access-control-request-method").empty())
      what.headers = preflight_headers(allowed);
    what.headers.emplace_back("Allow", allowed);
  }
  from.answer(from.sequence(), std::move(what));
}

void dispatcher::dispatch(connection& from,
                          request_head&& head,
                          std::string&& body,
                          const pistache::Http::ResponseWriter& unused_writer) {
  auto path = decode_path(head.path);
  auto query = decode_query(head.query);
  if (!path || !query) {
    from.answer(from.sequence(), to_reply(refusals::bad_escape));
    return;
  }
  const auto method = choose_method(head);
  if (method.empty()) {
    answer_without_route(from, head);
    return;
  }
  const auto sequence = from.sequence();
  *slot_ = {};
  slot_->shared = shared_;
  slot_->box = box_;
  slot_->from = &from;
  slot_->incoming.method = method;
  slot_->incoming.path = std::move(*path);
  slot_->incoming.query = std::move(*query);
  slot_->incoming.headers = std::move(head.headers);
  slot_->incoming.body = std::move(body);
  slot_->incoming.peer = from.peer();
  slot_->incoming.id = from.request_id();
  if (auto fault = call(method, head, unused_writer); !fault.empty()) {
    ++shared_->exceptions;
    from.set_fault(std::move(fault));
    from.answer(sequence, to_reply(refusals::internal));
  }
  *slot_ = {};
}

std::string dispatcher::call(const std::string& method,
                             const request_head& head,
                             const pistache::Http::ResponseWriter& writer) {
  const auto line = method + head.sanitised.substr(head.method.size());
  // A handler may throw anything; Pistache would show it to the client or let it end the process.
  try {
    parser_.reset();
    if (!parser_.feed(line.data(), line.size())
        || parser_.parse() != pistache::Http::Private::State::Done)
      return "Pistache refuses a head that passed our checks";
    router_->route(parser_.request, writer.clone());
    return slot_->taken ? "" : "Pistache's router and our table disagree";
  } catch (...) {
    return current_exception_type();
  }
}

} // namespace hub::http::edge
