#pragma once

#include "tests/http/client/engine_fixture.hpp"
#include "tests/support/temporary_directory.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace hub::http::client {

/// An authority of the test's own, and a server certificate of its making.
class tls_fixture : public engine_fixture {
protected:
  [[nodiscard]] std::string file(const std::string& name) const {
    return (directory_.path() / name).string();
  }

  void run(const std::string& command) const {
    if (std::system(
          ("cd " + directory_.path().string() + " && " + command + " 2>openssl.log").c_str())
        != 0)
      throw std::runtime_error("failed: " + command);
  }

  void make_certificate(const std::string& name, const std::string& alternative) const {
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name
        + ".key -out " + name + ".csr -subj /CN=" + name);
    run("printf 'subjectAltName=" + alternative + "' >" + name + ".ext");
    run("openssl x509 -req -in " + name
        + ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out " + name + ".pem -extfile "
        + name + ".ext");
  }

  tls_fixture() {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
        "ca.pem -days 2 -subj /CN=test-authority");
    make_certificate("good", "IP:127.0.0.1");
    make_certificate("other", "DNS:other.example");
  }

private:
  hub::testing::temporary_directory directory_;
};

} // namespace hub::http::client
