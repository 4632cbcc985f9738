#include "http/sandbox/server.hpp"

#include "http/sandbox/page.hpp"
#include "http/sandbox/scheduler.hpp"
#include "http/sandbox/smtp_server.hpp"
#include "http/server/edge/server.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace hub::http::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr int deepest_path = 8; // of a provider; deeper ones are the edge's 404
constexpr std::array<std::string_view, 5> methods{"GET", "POST", "PUT", "PATCH", "DELETE"};

time_point wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

/// A page elsewhere can make a browser call us under its own name; it cannot change that name.
std::optional<edge::reply> turn_away(const edge::request& request) {
  auto host = request.header("host").value_or("");
  const bool v6 = host.starts_with("[::1]");
  host = host.substr(0, host.find(':'));
  if (v6 || host == "localhost" || host.starts_with("127."))
    return std::nullopt;
  return edge::reply{.status = 403,
                     .content_type = "text/plain",
                     .body = "Ask for it by a local name, such as 127.0.0.1.\n",
                     .headers = {}};
}

edge::server_options edge_options(const server_options& chosen) {
  edge::server_options options;
  options.address = chosen.address;
  options.port = chosen.port;
  options.turn_away = turn_away;
  options.limits.max_body = 4UL * 1024 * 1024;
  // A fault may delay an answer by ten minutes.
  options.limits.handler_timeout = 11min;
  return options;
}

edge::reply file(std::string_view type, std::string_view bytes) {
  edge::reply answer;
  answer.content_type = type;
  answer.body = bytes;
  answer.headers = {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-cache"}};
  return answer;
}

} // namespace

class server::implementation {
public:
  explicit implementation(server_options options)
    : options_{std::move(options)},
      edge_{edge_options(options_)},
      mail_{{.address = options_.smtp_address, .port = options_.smtp_port}, world_},
      sender_{options_.whatsapp_callback, world_} {
    if (!options_.now)
      options_.now = wall_clock;
    for (const auto of : all_providers)
      if (of != provider::smtp)
        mount(of);
    mount_control();
  }

  server::ports start() {
    const auto smtp = mail_.start();
    return {edge_.start(), smtp};
  }

  void stop(std::chrono::milliseconds patience) {
    edge_.drain(patience);
    later_.stop();
    sender_.stop();
    edge_.stop();
    mail_.stop();
  }

private:
  using plain_handler = std::function<edge::reply(const edge::request&)>;

  void mount(provider of) {
    std::string pattern = "/" + std::string{to_string(of)};
    const auto handle = [this, of](const edge::request& request, edge::responder responder) {
      answer(of, request, std::move(responder));
    };
    for (int depth = 0; depth <= deepest_path; ++depth) {
      for (const auto method : methods)
        edge_.route(method, pattern, handle);
      pattern += "/:p" + std::to_string(depth);
    }
  }

  void answer(provider of, const edge::request& request, edge::responder responder) {
    auto done = world_.call(of, request, options_.now());
    if (of == provider::whatsapp && sender_.wanted())
      for (const auto& each : world_.take_postings(options_.now()))
        sender_.send(each);
    if (done.hang_up) {
      responder.hang_up(*done.hang_up);
    } else if (done.delay <= 0ms) {
      responder.send(std::move(done.reply));
    } else {
      // A std::function must be copyable; a responder is not.
      const auto held = std::make_shared<edge::responder>(std::move(responder));
      later_.after(done.delay, [held, reply = std::move(done.reply)] { held->send(reply); });
    }
  }

  void answer_to(std::string_view method, std::string_view pattern, plain_handler handle) {
    edge_.route(
      method,
      pattern,
      [handle = std::move(handle)](const edge::request& request, edge::responder responder) {
        responder.send(handle(request));
      });
  }

  void mount_control() {
    answer_to("GET", "/", [this](const auto&) { return world_.page(options_.now()); });
    answer_to("GET", "/up", [](const auto&) {
      return edge::reply{.status = 200,
                         .content_type = "application/json",
                         .body = R"({"status":"ok"})",
                         .headers = {}};
    });
    answer_to(
      "GET", "/sandbox/page.css", [](const auto&) { return file("text/css", page_style()); });
    answer_to("GET", "/sandbox/page.js", [](const auto&) {
      return file("text/javascript", page_script());
    });
    answer_to("GET", "/sandbox/state", [this](const auto& request) {
      return world_.state(request, options_.now());
    });
    answer_to("DELETE", "/sandbox/state", [this](const auto&) { return world_.forget(); });
    answer_to("GET", "/sandbox/faults", [this](const auto&) { return world_.list_faults(); });
    answer_to(
      "POST", "/sandbox/faults", [this](const auto& request) { return world_.set_fault(request); });
    answer_to("DELETE", "/sandbox/faults", [this](const auto&) { return world_.clear_faults(); });
    answer_to("DELETE", "/sandbox/faults/:number", [this](const edge::request& request) {
      return world_.clear_fault(request.path_parameter("number"));
    });
    answer_to("POST", "/sandbox/whatsapp/last_wrote", [this](const auto& request) {
      return world_.last_wrote(request, options_.now());
    });
    answer_to("POST", "/sandbox/notion/schema", [this](const auto& request) {
      return world_.notion_schema_set(request);
    });
  }

  server_options options_;
  world world_;
  edge::server edge_;
  smtp_server mail_;
  scheduler later_;
  status_sender sender_;
};

server::server(server_options options)
  : implementation_{std::make_unique<implementation>(std::move(options))} {}

server::~server() {
  stop(std::chrono::milliseconds{0});
}

server::ports server::start() {
  return implementation_->start();
}

void server::stop(std::chrono::milliseconds patience) {
  implementation_->stop(patience);
}

} // namespace hub::http::sandbox
