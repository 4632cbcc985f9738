#pragma once

#include "http/client/engine.hpp"
#include "tests/http/client/loopback_server.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>

namespace hub::http::client {

using domain::errc;
using tests::loopback_server;
using tests::server_connection;

/// An engine, and calls that wait for their answer.
class engine_fixture : public testing::Test {
protected:
  using answer = domain::result<reply>;

  engine_fixture() {
    // What surrounds the test must not come between it and its server.
    for (const auto* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
      ::unsetenv(name);
  }

  engine& sender() {
    if (!engine_)
      engine_ = std::make_unique<engine>(how);
    return *engine_;
  }

  static call to(std::string url) {
    call what;
    what.provider = "test";
    what.operation = "try";
    what.url = std::move(url);
    what.body = "{}";
    what.connect_within = std::chrono::seconds{5};
    what.within = std::chrono::seconds{20};
    return what;
  }

  template <class What>
  std::future<answer> start(What what, call_id* id = nullptr) {
    auto promised = std::make_shared<std::promise<answer>>();
    const auto sent = sender().send(
      std::move(what), [promised](answer got) { promised->set_value(std::move(got)); });
    if (id != nullptr)
      *id = sent;
    return promised->get_future();
  }

  template <class What>
  answer ask(What what) {
    return start(std::move(what)).get();
  }

  static errc code_of(const answer& got) { return got ? errc{} : got.why().code; }

  void stop() { engine_.reset(); }

  engine_options how;

private:
  std::unique_ptr<engine> engine_;
};

/// Answers every request on a connection with its own body.
inline void echo(server_connection& client) {
  for (auto request = client.read_request(); !request.empty(); request = client.read_request())
    client.answer(request.substr(request.find("\r\n\r\n") + 4));
}

} // namespace hub::http::client
