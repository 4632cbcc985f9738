#pragma once

#include "http/server/edge/connection.hpp"
#include "http/server/edge/edge_state.hpp"
#include "http/server/edge/head_parser.hpp"
#include "http/server/edge/mailbox.hpp"

#include <pistache/http.h>
#include <pistache/router.h>

#include <memory>
#include <string>
#include <string_view>

namespace hub::http::edge {

/// A request on its way through Pistache's router to its handler. Each reactor thread has one,
/// which its peers carry.
struct pending_call {
  std::shared_ptr<edge_state> shared;
  std::shared_ptr<mailbox> box;
  request incoming;
  connection* from = nullptr;
  bool taken = false; // a handler was called
};

/// Registers a route with Pistache's router and with our own table.
void add_route(edge_state& shared,
               Pistache::Rest::Router& router,
               std::string_view method,
               std::string_view pattern,
               handler handle);

/// Pistache's router inserts a method it has never seen while it routes, and other threads read at
/// the same time: make it see them all before the threads start.
void add_all_methods(Pistache::Rest::Router& router);

/// Turns a complete request into a call of its handler, or answers what needs none: 404, 405,
/// OPTIONS, bad escapes. One per reactor thread.
class dispatcher {
public:
  dispatcher(std::shared_ptr<edge_state> shared,
             std::shared_ptr<Pistache::Rest::Router> router,
             std::shared_ptr<mailbox> box);

  void dispatch(connection& from,
                request_head&& head,
                std::string&& body,
                const Pistache::Http::ResponseWriter& unused_writer);

  /// The name and the value by which a peer leads a routed call back to us.
  static std::string slot_name() { return "edge"; }
  [[nodiscard]] const std::shared_ptr<pending_call>& slot() const { return slot_; }

private:
  [[nodiscard]] std::string choose_method(const request_head& head) const;
  void answer_without_route(connection& from, const request_head& head) const;
  /// Empty, or why there may be no answer.
  std::string call(const std::string& method,
                   const request_head& head,
                   const Pistache::Http::ResponseWriter& writer);

  std::shared_ptr<edge_state> shared_;
  std::shared_ptr<Pistache::Rest::Router> router_;
  std::shared_ptr<mailbox> box_;
  std::shared_ptr<pending_call> slot_ = std::make_shared<pending_call>();
  Pistache::Http::RequestParser parser_;
};

} // namespace hub::http::edge
