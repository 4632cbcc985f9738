#include "tests/e2e/hub_suite.hpp"
#include "tests/support/process.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace hub::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

delivery opening(const std::string& id) {
  return slack({.event_id = "Ev" + id,
                .ts = std::to_string(unix_now()) + '.'
                      + std::to_string(std::hash<std::string>{}(id) % 1'000'000),
                .user = "U" + id,
                .channel = "C" + id});
}

/// A host that takes connections and never says a word.
class mute_host {
public:
  mute_host() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, plain, size) != 0 || ::listen(socket_, 8) != 0
        || ::getsockname(socket_, plain, &size) != 0)
      throw std::runtime_error("no mute host");
    port_ = ntohs(address.sin_port);
  }
  mute_host(const mute_host&) = delete;
  mute_host& operator=(const mute_host&) = delete;
  ~mute_host() { ::close(socket_); }

  [[nodiscard]] std::string connection_string() const {
    return "host=127.0.0.1 user=x dbname=x port=" + std::to_string(port_);
  }
  /// Blocks until somebody has connected, who then waits for ever.
  void await_guest() const { ::accept(socket_, nullptr, nullptr); }

private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
};

class lifecycle : public ::testing::Test {
protected:
  /// What clients learnt while the hub was being stopped.
  struct outcomes {
    std::vector<delivery> answered;
    std::vector<delivery> unanswered;
  };

  /// Sends until the hub stops answering.
  static outcomes send_until_gone(std::uint16_t port, int clients, std::atomic<int>& taken) {
    outcomes all;
    std::mutex guard;
    in_parallel(clients, [&](int client) {
      hub_client to{port};
      for (int i = 0;; ++i) {
        auto what = opening(std::to_string(client) + "x" + std::to_string(i));
        const auto got = to.try_send(what);
        const std::lock_guard lock{guard};
        if (!got) {
          all.unanswered.push_back(std::move(what));
          return;
        }
        if (got->status != 200) {
          EXPECT_EQ(got->status, 503) << got->text;
          return;
        }
        all.answered.push_back(std::move(what));
        ++taken;
      }
    });
    return all;
  }
};

TEST_F(lifecycle, a_stop_finishes_what_is_in_flight_and_loses_no_answer) {
  for (const int number : {SIGTERM, SIGINT}) {
    hub_process hub;
    hub.start();
    std::atomic<int> taken{0};
    outcomes all;
    std::thread load{[&] { all = send_until_gone(hub.port(), 16, taken); }};
    ASSERT_TRUE(tests::eventually([&] { return taken > 200; }, 30s));
    hub.signal(number);
    EXPECT_EQ(hub.wait(10s), 0) << hub.log();
    load.join();
    EXPECT_EQ(hub.postgres_pid(), 0) << "its database stops with it";

    const auto again = hub.start();
    EXPECT_LT(again, 3s) << "the second start";
    hub_client to{hub.port()};
    for (const auto& what : all.answered)
      EXPECT_TRUE(to.send(what).is("duplicate")) << "acknowledged and lost: " << what.body;
    for (const auto& what : all.unanswered)
      EXPECT_FALSE(to.send(what).is("duplicate"))
        << "taken in, but its sender was not told: " << what.body;
    EXPECT_TRUE(ledger_total(hub.port()).balanced());
  }
}

TEST_F(lifecycle, a_stop_right_after_an_edit_is_as_quick_as_any) {
  hub_process hub;
  hub.start();
  hub_client api{hub.port()};
  const auto made = api.post("/api/tickets", {{"title", "x"}});
  const auto path = "/api/tickets/" + made.at("id");
  EXPECT_EQ(api.patch(path, {{"status", "resolved"}}).status, 200);
  // An idle connection stays open meanwhile; it must not hold the hub up either.
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(hub.terminate(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST_F(lifecycle, a_free_port_is_taken_and_told) {
  hub_process hub{{.environment = {{"HUB_BIND", "127.0.0.1:0"}}, .arguments = {}}};
  hub.launch();
  const std::regex told{"open +http://127\\.0\\.0\\.1:([0-9]+)"};
  std::smatch found;
  std::string log;
  ASSERT_TRUE(tests::eventually(
    [&] {
      log = hub.log();
      return std::regex_search(log, found, told);
    },
    60s))
    << log;
  hub_client to{static_cast<std::uint16_t>(std::stoi(found[1]))};
  EXPECT_EQ(to.get("/up").status, 200);
  EXPECT_EQ(hub.terminate(), 0);
}

TEST_F(lifecycle, a_second_hub_on_the_same_data_or_port_says_so_and_leaves_the_first_alone) {
  hub_process hub;
  hub.start();
  const auto same_data =
    hub.run({"serve"}, {{"HUB_BIND", "127.0.0.1:" + std::to_string(free_port())}});
  EXPECT_EQ(same_data.exit_code, 4) << same_data.err;
  EXPECT_FALSE(same_data.err.empty());
  const auto same_port =
    hub.run({"serve"}, {{"HUB_DATA_DIR", (hub.directory() / "other").string()}});
  EXPECT_EQ(same_port.exit_code, 1) << same_port.err;
  EXPECT_THAT(same_port.err, HasSubstr("HUB_BIND"));
  EXPECT_EQ(hub.run({"migrate"}).exit_code, 4);
  EXPECT_EQ(hub.run({"doctor"}).exit_code, 0) << "it asks the hub that runs";
  EXPECT_EQ(hub.run({"doctor", "--recount"}).exit_code, 5);
  hub_client api{hub.port()};
  EXPECT_EQ(api.get("/health").status, 200);
}

TEST_F(lifecycle, every_command_explains_itself_and_wrong_ones_exit_with_2) {
  const hub_process hub;
  for (const std::string command : {"serve", "simulate", "migrate", "config", "doctor", "replay"}) {
    const auto help = hub.run({command, "--help"});
    EXPECT_EQ(help.exit_code, 0) << command << help.err;
    EXPECT_THAT(help.out, HasSubstr(command));
    EXPECT_EQ(hub.run({command, "--no-such-option"}).exit_code, 2) << command;
  }
  EXPECT_EQ(hub.run({"--help"}).exit_code, 0);
  EXPECT_THAT(hub.run({"--help"}).out, HasSubstr("Exit codes"));
  EXPECT_EQ(hub.run({"--version"}).exit_code, 0);
  EXPECT_EQ(hub.run({}).exit_code, 2);
  EXPECT_EQ(hub.run({"fly"}).exit_code, 2);
  EXPECT_EQ(hub.run({"replay"}).exit_code, 2);
  EXPECT_EQ(hub.run({"simulate", "--channel", "fax"}).exit_code, 2);
}

TEST_F(lifecycle, wrong_settings_exit_with_3_and_are_all_named) {
  const hub_process hub;
  const auto got = hub.run({"serve"}, {{"LOG_LEVEL", "loud"}, {"HUB_BIND", "nowhere"}});
  EXPECT_EQ(got.exit_code, 3);
  EXPECT_THAT(got.err, HasSubstr("LOG_LEVEL"));
  EXPECT_THAT(got.err, HasSubstr("HUB_BIND"));
  EXPECT_EQ(hub.run({"config", "--set", "http.bnd=127.0.0.1:1"}).exit_code, 3);
}

TEST_F(lifecycle, config_shows_every_setting_and_no_secret) {
  const hub_process hub;
  const std::map<std::string, std::string> more{
    {"DATABASE_URL", "postgresql://someone:database-password@127.0.0.1:1/hub"},
    {"SMTP_URL", "smtp://mail:mail-password@127.0.0.1"},
    {"OPENAI_API_KEY", "openai-key-of-the-tests"}};
  for (const auto& arguments :
       {std::vector<std::string>{"config"}, std::vector<std::string>{"config", "--json"}}) {
    const auto got = hub.run(arguments, more);
    EXPECT_EQ(got.exit_code, 0) << got.err;
    EXPECT_THAT(got.out, HasSubstr("SLACK_SIGNING_SECRET"));
    EXPECT_THAT(got.out, HasSubstr("********"));
    for (const auto* secret : {slack_secret,
                               intercom_secret,
                               whatsapp_secret,
                               whatsapp_verify_token,
                               "database-password",
                               "mail-password",
                               "openai-key-of-the-tests"})
      EXPECT_THAT(got.out + got.err, Not(HasSubstr(secret)));
  }
  const auto listed = nlohmann::json::parse(hub.run({"config", "--json"}).out);
  EXPECT_GT(listed.size(), 40U);
}

TEST_F(lifecycle, migrate_and_doctor_prepare_and_judge_a_hub_that_is_not_running) {
  const hub_process hub;
  const auto first = hub.run({"migrate"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("0001_create_workspaces"));
  const auto second = hub.run({"migrate"});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_THAT(second.out, Not(HasSubstr("applied")));
  const auto doctor = hub.run({"doctor", "--recount"});
  EXPECT_EQ(doctor.exit_code, 0) << doctor.out;
  EXPECT_THAT(doctor.out, HasSubstr("All is well"));
  EXPECT_EQ(hub.postgres_pid(), 0) << "commands leave no database behind";
  const std::map<std::string, std::string> nowhere{
    {"DATABASE_URL", "host=127.0.0.1 port=1 user=x dbname=x connect_timeout=2"}};
  EXPECT_EQ(hub.run({"migrate"}, nowhere).exit_code, 4);
  EXPECT_EQ(hub.run({"serve"}, nowhere).exit_code, 4);
  EXPECT_EQ(hub.run({"doctor"}, nowhere).exit_code, 5);
}

TEST_F(lifecycle, a_database_that_never_answers_is_told) {
  const mute_host host;
  const hub_process hub;
  const std::map<std::string, std::string> mute{{"DATABASE_URL", host.connection_string()}};
  EXPECT_EQ(hub.run({"migrate"}, mute, 20s).exit_code, 4);
  EXPECT_EQ(hub.run({"serve"}, mute, 20s).exit_code, 4);
}

TEST_F(lifecycle, a_stop_is_heard_while_the_hub_still_starts) {
  const mute_host host;
  hub_process hub{
    {.environment = {{"DATABASE_URL", host.connection_string() + " connect_timeout=60"}},
     .arguments = {}}};
  hub.launch();
  host.await_guest();
  hub.signal(SIGTERM);
  EXPECT_TRUE(hub.wait(10s)) << hub.log();
}

TEST_F(lifecycle, simulate_and_replay_work_with_a_running_hub_and_fail_without) {
  hub_process hub;
  EXPECT_EQ(hub.run({"simulate", "--count", "1"}).exit_code, 1);
  EXPECT_EQ(hub.run({"replay", "--all"}).exit_code, 1);
  hub.start();
  const auto seed = std::to_string(test_seed() % 1'000'000 + 1);
  const auto sent = hub.run({"simulate", "--count", "60", "--rate", "0", "--seed", seed});
  EXPECT_EQ(sent.exit_code, 0) << sent.out << sent.err;
  EXPECT_THAT(sent.out, HasSubstr("seed " + seed));
  EXPECT_THAT(sent.out, HasSubstr("60 answered 200"));
  const auto ledger = ledger_total(hub.port());
  EXPECT_EQ(ledger.received, 60);
  EXPECT_EQ(ledger.quarantined, 0);
  EXPECT_GT(ledger.created, 0);

  EXPECT_EQ(hub.run({"replay", "--all"}).exit_code, 0) << "nothing is in quarantine";
  hub_client to{hub.port()};
  std::vector<std::string> stored;
  for (int i = 0; i < 130; ++i) // more than a page
    stored.push_back(
      to.send({domain::channel::slack, "not JSON " + std::to_string(i)}).at("delivery_id"));
  const auto replayed = hub.run({"replay", "--all"});
  EXPECT_EQ(replayed.exit_code, 1) << "they are still not understood";
  EXPECT_THAT(replayed.out, HasSubstr("0 of 130 replayed"));
  for (const auto& id : stored)
    EXPECT_THAT(replayed.out, HasSubstr(id));
  std::vector<std::string> moments; // the first digits of an id
  std::istringstream lines{replayed.out};
  for (std::string line; std::getline(lines, line) && moments.size() < stored.size();)
    moments.push_back(line.substr(0, 13));
  EXPECT_TRUE(std::ranges::is_sorted(moments)) << "oldest first: " << replayed.out;
  EXPECT_LT(moments.front(), moments.back());
}

} // namespace
} // namespace hub::testing
