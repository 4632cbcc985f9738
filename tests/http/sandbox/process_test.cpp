#include "tests/support/process.hpp"

#include "tests/support/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

namespace hub::tests {
namespace {

using testing::HasSubstr;

/// `feedback-hub sandbox …` and what it prints.
class sandbox_command {
public:
  explicit sandbox_command(const std::string& arguments)
    : pipe_{
      ::popen((std::string{HUB_BUILT_BINARY} + " sandbox " + arguments + " 2>&1").c_str(), "re")} {}
  ~sandbox_command() { end(); }
  sandbox_command(const sandbox_command&) = delete;
  sandbox_command& operator=(const sandbox_command&) = delete;

  std::string line() {
    std::array<char, 4096> bytes{};
    return std::fgets(bytes.data(), bytes.size(), pipe_) == nullptr ? "" : bytes.data();
  }
  std::string rest() {
    std::string all;
    for (auto next = line(); !next.empty(); next = line())
      all += next;
    return all;
  }
  /// Waits for its end; the exit code.
  int end() {
    if (pipe_ == nullptr)
      return -1;
    const int status = ::pclose(std::exchange(pipe_, nullptr));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

private:
  std::FILE* pipe_;
};

constexpr auto free_ports = "--bind 127.0.0.1:0 --smtp 127.0.0.1:0";

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
}

TEST(sandbox_process, says_where_it_is_and_ends_when_told_to) {
  sandbox_command command{free_ports};
  const auto where = nlohmann::json::parse(command.line());
  http_client client{port_of(where["http"])};
  client.send("GET /up HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  EXPECT_EQ(client.read().value().status, 200);
  http_client mail{port_of(where["smtp"])};
  EXPECT_THAT(mail.read_some(std::chrono::seconds{5}), HasSubstr("220"));
  ::kill(where["pid"].get<pid_t>(), SIGTERM);
  EXPECT_EQ(command.end(), 0);
}

TEST(sandbox_process, ends_with_whom_it_follows) {
  const auto parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    ::pause();
    ::_exit(0);
  }
  sandbox_command command{std::string{free_ports} + " --follow " + std::to_string(parent)};
  EXPECT_THAT(command.line(), HasSubstr("\"http\""));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(command.end(), 0);
}

TEST(sandbox_process, listens_on_loopback_alone) {
  for (const auto* arguments : {"--bind 0.0.0.0:0", "--smtp 192.0.2.1:0", "--bind nonsense"}) {
    sandbox_command command{arguments};
    EXPECT_THAT(command.rest(), HasSubstr("loopback"));
    EXPECT_EQ(command.end(), 2);
  }
}

TEST(sandbox_process, says_when_its_port_is_taken) {
  sandbox_command first{free_ports};
  const auto where = nlohmann::json::parse(first.line());
  sandbox_command second{"--smtp 127.0.0.1:0 --bind 127.0.0.1:"
                         + std::to_string(port_of(where["http"]))};
  EXPECT_THAT(second.rest(), HasSubstr("another sandbox"));
  EXPECT_EQ(second.end(), 1);
  ::kill(where["pid"].get<pid_t>(), SIGTERM);
  EXPECT_EQ(first.end(), 0);
}

TEST(sandbox_process, teaches) {
  sandbox_command command{"--help"};
  const auto help = command.rest();
  for (const auto* word : {"SLACK_API_URL", "/sandbox/faults", "drop_after_work", "--follow"})
    EXPECT_THAT(help, HasSubstr(word));
  EXPECT_EQ(command.end(), 0);
}

} // namespace
} // namespace hub::tests
