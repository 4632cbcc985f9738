#include "tests/http/edge/edge_fixture.hpp"

#include <cstdlib>
#include <stdexcept>

namespace hub::tests {
namespace {

long number(const edge::request& from, std::string_view name, long otherwise) {
  const auto text = from.query_parameter(name);
  return text ? std::strtol(std::string(*text).c_str(), nullptr, 10) : otherwise;
}

edge::reply text(std::string body) {
  return {.status = 200, .content_type = "text/plain", .body = std::move(body), .headers = {}};
}

/// Everything the handler was given, one item a line.
std::string describe(const edge::request& from) {
  std::string all = from.method + " " + from.path + " " + from.route + "\n";
  for (const auto& [name, value] : from.path_parameters)
    all += "p " + name + "=" + value + "\n";
  for (const auto& [name, value] : from.query)
    all += "q " + name + "=" + value + "\n";
  for (const auto& [name, value] : from.headers)
    all += "h " + name + "=" + value + "\n";
  return all + "peer " + from.peer + "\nid " + from.id + "\nbody " + from.body;
}

std::string rows(long first, long count) {
  std::string block;
  for (long i = first; i < first + count; ++i)
    block += std::to_string(i) + ",some,csv,row,with,text,abcdefghijklmnopqrstuvwxyz\n";
  return block;
}

void write_rows(edge::stream to, long count, std::chrono::milliseconds patience) {
  constexpr long block = 600;
  for (long done = 0; done < count; done += block)
    if (!to.write(rows(done, std::min(block, count - done)), patience))
      return;
  to.end();
}

} // namespace

timed_pool::timed_pool(int threads) {
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this] { run(); });
}

timed_pool::~timed_pool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& each : threads_)
    each.join();
}

void timed_pool::post(std::chrono::microseconds delay, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    due_.emplace(std::chrono::steady_clock::now() + delay, std::move(work));
  }
  changed_.notify_one();
}

void timed_pool::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(lock);
    } else if (const auto at = due_.begin()->first; at > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, at);
    } else {
      auto work = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }
}

edge_server::edge_server() {
  options_.observe = [this](const edge::exchange& each) {
    const std::lock_guard lock(seen_mutex_);
    if (seen_.size() < 10'000)
      seen_.push_back({std::string(each.method),
                       std::string(each.route),
                       std::string(each.request_id),
                       std::string(each.peer),
                       each.status,
                       each.request_bytes,
                       each.response_bytes,
                       std::string(each.fault)});
  };
}

edge_server::~edge_server() {
  stop();
}

void edge_server::start() {
  server_ = std::make_unique<edge::server>(options_);
  add_plain_routes();
  add_broken_routes();
  add_streams();
  port_ = server_->start();
}

void edge_server::stop() {
  if (server_)
    server_->stop();
  std::vector<std::thread> writers;
  {
    const std::lock_guard lock(streams_mutex_);
    writers.swap(exports_);
    streams_.clear();
  }
  for (auto& each : writers)
    each.join();
}

void edge_server::add_plain_routes() {
  const auto echo = [](const edge::request& from, edge::responder to) {
    to.send(text(describe(from)));
  };
  for (const auto* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    server_->route(method, "/echo", echo);
    server_->route(method, "/items/:id", echo);
  }
  server_->route("GET", "/", echo);
  server_->route("GET", "/items/:id/parts/:part", echo);
  server_->route("HEAD", "/probe", [](const edge::request& from, edge::responder to) {
    to.send({.status = 200, .content_type = "", .body = {}, .headers = {{"X-Asked", from.method}}});
  });
  server_->route("POST", "/probe", echo);
  server_->route(
    "GET", "/sync", [](const edge::request&, edge::responder to) { to.send(text("hello")); });
  const auto later = [this](const edge::request& from, edge::responder to) {
    const auto token = from.query_parameter("tok").value_or("hello");
    const auto held = std::make_shared<edge::responder>(std::move(to));
    pool_.post(std::chrono::microseconds(number(from, "us", 0)),
               [held, body = std::string(token)] { held->send(text(body)); });
  };
  server_->route("GET", "/async", later);
  server_->route("POST", "/async", later);
  server_->route("GET", "/big", [](const edge::request& from, edge::responder to) {
    to.send(text(std::string(static_cast<std::size_t>(number(from, "n", 1'000'000)), 'x')));
  });
  server_->route("GET", "/busy", [](const edge::request& from, edge::responder to) {
    std::this_thread::sleep_for(std::chrono::microseconds(number(from, "us", 1000)));
    to.send(text("busy"));
  });
}

void edge_server::add_broken_routes() {
  server_->route("GET", "/drop", [](const edge::request&, edge::responder) {});
  server_->route("GET", "/drop_later", [this](const edge::request&, edge::responder to) {
    const auto held = std::make_shared<edge::responder>(std::move(to));
    pool_.post(10ms, [held] {});
  });
  server_->route("GET", "/hang_up", [this](const edge::request& from, edge::responder to) {
    const auto how =
      from.query_parameter("how") == "reset" ? edge::farewell::reset : edge::farewell::close;
    const auto held = std::make_shared<edge::responder>(std::move(to));
    if (from.query_parameter("when") == "later")
      pool_.post(10ms, [held, how] { held->hang_up(how); });
    else
      held->hang_up(how);
  });
  server_->route("GET", "/throw", [](const edge::request&, edge::responder) {
    throw std::runtime_error("secret");
  });
  server_->route("GET", "/throw_int", [](const edge::request&, edge::responder) { throw 42; });
  server_->route("GET", "/evil", [](const edge::request& from, edge::responder to) {
    edge::reply answer = text("evil");
    answer.headers.emplace_back(from.query_parameter("name").value_or("X-A"),
                                from.query_parameter("value").value_or("b"));
    answer.content_type = from.query_parameter("type").value_or("text/plain");
    answer.status = static_cast<int>(number(from, "status", 200));
    if (from.query_parameter("stream")) {
      auto opened = to.open_stream(answer);
      opened.end();
    } else {
      to.send(answer);
    }
  });
}

void edge_server::add_streams() {
  const edge::reply head{.status = 200,
                         .content_type = "text/event-stream",
                         .body = {},
                         .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
  server_->route("GET", "/sse", [this, head](const edge::request&, edge::responder to) {
    auto opened = to.open_stream(head);
    if (opened.try_write(": hi\n\n")) {
      const std::lock_guard lock(streams_mutex_);
      streams_.push_back(opened);
    }
  });
  server_->route("GET", "/export", [this](const edge::request& from, edge::responder to) {
    const auto count = number(from, "rows", 1000);
    auto opened =
      to.open_stream({.status = 200, .content_type = "text/csv", .body = {}, .headers = {}});
    const std::lock_guard lock(streams_mutex_);
    exports_.emplace_back([opened, count] { write_rows(opened, count, 20s); });
  });
}

http_client edge_server::connect(int receive_buffer) const {
  return {port_, {.receive_buffer = receive_buffer}};
}

http_response edge_server::get(std::string_view path, std::string_view extra_headers) const {
  return say(get_request(path, extra_headers));
}

http_response edge_server::say(std::string_view bytes) const {
  auto client = connect();
  client.send(bytes);
  return client.read().value_or(http_response{});
}

bool edge_server::serves() const {
  return get("/sync").body == "hello";
}

std::vector<seen_exchange> edge_server::seen() const {
  const std::lock_guard lock(seen_mutex_);
  return seen_;
}

bool edge_server::all_closed() const {
  return eventually([this] { return stats().open_connections == 0; });
}

std::string get_request(std::string_view path, std::string_view extra_headers) {
  std::string bytes("GET ");
  return bytes.append(path).append(" HTTP/1.1\r\nHost: x\r\n").append(extra_headers).append("\r\n");
}

} // namespace hub::tests
