#pragma once

#include "http/sandbox/server.hpp"
#include "tests/http/sandbox/requests.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace hub::tests {

/// The whole sandbox on free ports of this process.
class sandbox_server : public testing::Test {
protected:
  void start(sandbox::status_sender::target callback = {}) {
    sandbox::server_options options;
    options.whatsapp_callback = std::move(callback);
    server_ = std::make_unique<sandbox::server>(std::move(options));
    ports_ = server_->start();
  }

  static std::string
  request(std::string_view method, std::string_view path, const std::string& body = {}) {
    return std::string{method} + " " + std::string{path}
           + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer t\r\nContent-Type: "
             "application/json\r\nNotion-Version: 2025-09-03\r\nIntercom-Version: "
             "2.16\r\nContent-Length: "
           + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  [[nodiscard]] http_response
  call(std::string_view method, std::string_view path, const json& body = nullptr) const {
    http_client client{ports_.http};
    client.send(request(method, path, body.is_null() ? "" : body.dump()));
    return client.read().value();
  }
  [[nodiscard]] json state() const { return json::parse(call("GET", "/sandbox/state").body); }
  void set(const json& fault) const {
    const auto answer = call("POST", "/sandbox/faults", fault);
    ASSERT_EQ(answer.status, 201) << answer.body;
  }

  std::unique_ptr<sandbox::server> server_;
  sandbox::server::ports ports_;
};

} // namespace hub::tests
