#include "storage/embedded_server.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <pqxx/pqxx>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace hub::storage {
namespace {

using domain::errc;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

embedded_options in(const fs::path& data_dir) {
  embedded_options options;
  options.data_dir = data_dir;
  options.start_within = 60s;
  return options;
}

std::unique_ptr<embedded_server> must_start(const embedded_options& options) {
  auto started = embedded_server::start(options);
  if (!started) {
    ADD_FAILURE() << started.why().message;
    return nullptr;
  }
  return std::move(*started);
}

std::string ask(const std::string& connection_string, const std::string& question) {
  pqxx::connection connection{connection_string};
  pqxx::nontransaction work{connection};
  const auto rows = work.exec(question);
  return rows.empty() ? std::string{} : rows[0][0].as<std::string>(std::string{});
}

std::string ask(const embedded_server& server, const std::string& question) {
  return ask(server.connections().owner, question);
}

bool can_connect(const embedded_server& server) {
  try {
    return ask(server, "select 1") == "1";
  } catch (const std::exception&) {
    return false;
  }
}

// A process of its own that does `work`; the test waits for it or kills it.
class other_process {
public:
  explicit other_process(const std::function<int()>& work) : pid_{::fork()} {
    if (pid_ == 0)
      ::_exit(work());
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  ~other_process() { kill(); }

  [[nodiscard]] pid_t pid() const { return pid_; }

  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void kill() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    wait();
  }

private:
  pid_t pid_;
};

// A hub that starts, and is then killed with -9.
void start_and_kill_a_hub(const embedded_options& options, const std::string& statement = {}) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  other_process hub{[&] {
    auto server = embedded_server::start(options);
    if (!server) {
      std::fprintf(stderr, "%s\n", server.why().message.c_str());
      return 1;
    }
    if (!statement.empty())
      ask(**server, statement);
    [[maybe_unused]] auto written = ::write(ends[1], "!", 1);
    for (;;)
      ::pause();
  }};
  ::close(ends[1]);
  char ready = 0;
  ASSERT_EQ(::read(ends[0], &ready, 1), 1) << "the hub did not start";
  ::close(ends[0]);
  hub.kill();
}

pid_t recorded_postmaster(const fs::path& data_dir) {
  std::ifstream file{data_dir / "postgres" / "postmaster.pid"};
  pid_t pid = 0;
  file >> pid;
  return pid;
}

unsigned mode_of(const fs::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
}

// Until it is gone; the postmaster of a killed hub is nobody's child here.
void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(wait_until_true([&] { return !running_process(pid).has_value(); }, 10s));
}

class embedded_first_start : public ::testing::Test {
protected:
  void SetUp() override { data_dir_ = directory_.path() / "var"; }

  // A killed hub's server would otherwise run on until it notices that its files are gone.
  void TearDown() override {
    for (const auto pid : postgres_processes_in(data_dir_ / "postgres"))
      ::kill(pid, SIGKILL);
  }

  [[nodiscard]] embedded_options options() const { return in(data_dir_); }

  testing::temporary_directory directory_;
  fs::path data_dir_;
};

// Begins with a cluster that was made and stopped in order before: copying is far cheaper than
// making one.
class embedded : public embedded_first_start {
protected:
  void SetUp() override {
    embedded_first_start::SetUp();
    place_cluster();
  }

  void place_cluster() const {
    static const testing::temporary_directory prepared;
    const bool ready =
      fs::exists(prepared.path() / "postgres") || must_start(in(prepared.path())) != nullptr;
    ASSERT_TRUE(ready);
    ASSERT_TRUE(make_data_directory(data_dir_));
    const auto cluster = data_dir_ / "postgres";
    fs::copy(prepared.path() / "postgres", cluster, fs::copy_options::recursive);
    fs::permissions(cluster, fs::perms::owner_all);
  }
};

TEST_F(embedded_first_start, makes_a_durable_private_cluster_on_the_first_start) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->adopted());
  EXPECT_EQ(ask(*server, "show data_checksums"), "on");
  EXPECT_EQ(ask(*server, "show fsync"), "on");
  EXPECT_EQ(ask(*server, "show full_page_writes"), "on");
  EXPECT_EQ(ask(*server, "show synchronous_commit"), "on");
  EXPECT_EQ(ask(*server, "show jit"), "off");
  EXPECT_EQ(ask(*server, "show server_encoding"), "UTF8");
  EXPECT_EQ(ask(*server, "show listen_addresses"), "");
  EXPECT_EQ(ask(*server, "show shared_buffers"), "128MB");
  EXPECT_EQ(ask(*server, "select current_database()"), "feedback_hub");
  EXPECT_EQ(mode_of(server->socket_dir()), 0700U);
  EXPECT_EQ(mode_of(data_dir_ / "postgres"), 0700U);
  // Ctrl-C at the hub's terminal must not reach it before the hub says so.
  EXPECT_NE(::getsid(server->pid()), ::getsid(0));
}

TEST_F(embedded, keeps_its_data_over_a_stop_and_a_start) {
  std::string connection;
  {
    auto server = must_start(options());
    ASSERT_TRUE(server);
    connection = server->connections().owner;
    ask(*server, "create table kept as select 42 as answer");
    ASSERT_TRUE(server->stop());
    EXPECT_FALSE(server->alive());
    EXPECT_FALSE(can_connect(*server));
    EXPECT_TRUE(server->stop()) << "stopping twice is fine";
  }
  const auto before = std::chrono::steady_clock::now();
  auto server = must_start(options());
  ASSERT_TRUE(server);
  const auto took = std::chrono::steady_clock::now() - before;
  RecordProperty(
    "second_start_ms",
    static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  EXPECT_EQ(server->connections().owner, connection);
  EXPECT_EQ(ask(*server, "select answer from kept"), "42");
}

TEST_F(embedded, serves_by_a_role_that_may_do_little) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  const auto serving = server->connections().serving;
  EXPECT_EQ(ask(serving, "select current_user"), "hub_serving");
  EXPECT_EQ(ask(serving,
                "select (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or "
                "rolreplication)::text from pg_roles where rolname = current_user"),
            "false");
  EXPECT_EQ(ask(serving, "select session_user"), "hub_serving");
  EXPECT_THROW(ask(serving, "set session authorization hub"), pqxx::insufficient_privilege);
  EXPECT_THROW(ask(serving, "set role hub"), pqxx::insufficient_privilege);
}

TEST_F(embedded, makes_the_serving_role_of_an_older_cluster_and_mends_one_that_was_changed) {
  {
    auto server = must_start(options());
    ASSERT_TRUE(server);
    ask(*server, "drop role hub_serving");
  }
  {
    auto server = must_start(options());
    ASSERT_TRUE(server);
    EXPECT_EQ(ask(server->connections().serving, "select current_user"), "hub_serving");
    ask(*server, "alter role hub_serving bypassrls createdb");
    ask(*server, "grant hub to hub_serving");
  }
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_EQ(ask(*server,
                "select (rolbypassrls or rolcreatedb)::text from pg_roles "
                "where rolname = 'hub_serving'"),
            "false");
  EXPECT_EQ(ask(*server, "select pg_has_role('hub_serving', 'hub', 'member')::text"), "false");
}

TEST_F(embedded, lets_the_serving_role_into_a_server_that_an_older_hub_left_running) {
  const auto old = [&] {
    auto server = embedded_server::start(options());
    if (!server)
      return 1;
    ask(**server, "drop role hub_serving");
    const auto map = read_file(data_dir_ / "postgres" / "pg_ident.conf");
    std::string kept;
    std::istringstream lines{map ? *map : ""};
    for (std::string line; std::getline(lines, line);)
      if (line.find("hub_serving") == std::string::npos)
        kept += line + '\n';
    std::ofstream{data_dir_ / "postgres" / "pg_ident.conf"} << kept;
    ask(**server, "select pg_reload_conf()");
    ::kill(::getpid(), SIGKILL);
    return 0;
  };
  other_process hub{old};
  hub.wait();
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->adopted());
  EXPECT_EQ(ask(server->connections().serving, "select current_user"), "hub_serving");
}

TEST_F(embedded, brings_a_killed_postgres_back) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  ask(*server, "create table kept as select 42 as answer");
  auto nothing_to_do = server->restart_if_dead();
  ASSERT_TRUE(nothing_to_do);
  EXPECT_FALSE(*nothing_to_do);

  const auto first = server->pid();
  ::kill(first, SIGKILL);
  ASSERT_TRUE(wait_until_true([&] { return !server->alive(); }, 10s));
  EXPECT_EQ(server->pid(), 0);
  auto restarted = server->restart_if_dead();
  ASSERT_TRUE(restarted) << restarted.why().message;
  EXPECT_TRUE(*restarted);
  EXPECT_NE(server->pid(), first);
  EXPECT_EQ(ask(*server, "select answer from kept"), "42");
}

TEST_F(embedded, waits_longer_before_each_restart_of_a_postgres_that_keeps_dying) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  for (int turn = 0; turn < 2; ++turn) {
    ::kill(server->pid(), SIGKILL);
    ASSERT_TRUE(wait_until_true([&] { return !server->alive(); }, 10s));
    int refusals = 0;
    ASSERT_TRUE(wait_until_true(
      [&] {
        auto restarted = server->restart_if_dead();
        EXPECT_TRUE(restarted) << restarted.why().message;
        refusals += restarted && !*restarted ? 1 : 0;
        return !restarted || *restarted;
      },
      20s));
    EXPECT_EQ(refusals > 0, turn > 0);
    EXPECT_TRUE(can_connect(*server));
  }
}

TEST_F(embedded, stays_down_after_a_stop) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  ASSERT_TRUE(server->stop());
  auto restarted = server->restart_if_dead();
  ASSERT_TRUE(restarted);
  EXPECT_FALSE(*restarted);
  EXPECT_FALSE(server->alive());
}

TEST_F(embedded, gives_up_when_told_and_leaves_nothing_running) {
  auto hasty = options();
  hasty.give_up = [] { return true; };
  const auto given_up = embedded_server::start(hasty);
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.why().code, domain::errc::unavailable);
  EXPECT_FALSE(running_process(recorded_postmaster(data_dir_)));

  auto server = must_start(options());
  ASSERT_TRUE(server);
  ::kill(server->pid(), SIGKILL);
  ASSERT_TRUE(wait_until_true([&] { return !server->alive(); }, 10s));
  server->give_up_restarting();
  auto restarted = server->restart_if_dead();
  ASSERT_TRUE(restarted);
  EXPECT_FALSE(*restarted);
}

TEST_F(embedded, adopts_what_a_killed_hub_left_running) {
  start_and_kill_a_hub(options(), "create table kept as select 42 as answer");
  const auto orphan = recorded_postmaster(data_dir_);
  ASSERT_TRUE(running_process(orphan)) << "it survives the hub";
  {
    auto server = must_start(options());
    ASSERT_TRUE(server);
    EXPECT_TRUE(server->adopted());
    EXPECT_EQ(server->pid(), orphan);
    EXPECT_EQ(ask(*server, "select answer from kept"), "42");
  }
  EXPECT_FALSE(running_process(orphan)) << "the adopter is its owner now";
}

TEST_F(embedded, brings_an_adopted_postgres_back_too) {
  start_and_kill_a_hub(options());
  auto server = must_start(options());
  ASSERT_TRUE(server);
  ASSERT_TRUE(server->adopted());
  ::kill(server->pid(), SIGKILL);
  ASSERT_TRUE(wait_until_true([&] { return !server->alive(); }, 10s));
  auto restarted = server->restart_if_dead();
  ASSERT_TRUE(restarted) << restarted.why().message;
  EXPECT_TRUE(*restarted);
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded, recovers_when_hub_and_postgres_were_both_killed) {
  start_and_kill_a_hub(options(), "create table kept as select 42 as answer");
  kill_and_wait(recorded_postmaster(data_dir_));
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->adopted());
  EXPECT_EQ(ask(*server, "select answer from kept"), "42");
}

TEST_F(embedded, clears_away_backends_that_outlive_a_killed_postmaster) {
  start_and_kill_a_hub(options());
  const auto postmaster = recorded_postmaster(data_dir_);
  // A stopped backend keeps the shared memory, which PostgreSQL would refuse to start beside.
  pid_t backend = 0;
  {
    const auto socket = (data_dir_ / "run").string();
    pqxx::connection connection{"host='" + socket + "' user=hub dbname=feedback_hub"};
    backend = connection.backendpid();
    ::kill(backend, SIGSTOP);
    kill_and_wait(postmaster);
  }
  ASSERT_TRUE(running_process(backend));
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_FALSE(running_process(backend));
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded, replaces_an_orphan_that_does_not_answer) {
  start_and_kill_a_hub(options());
  const auto orphan = recorded_postmaster(data_dir_);
  ::kill(orphan, SIGSTOP);
  auto impatient = options();
  impatient.answer_within = 300ms;
  auto server = must_start(impatient);
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->adopted());
  EXPECT_NE(server->pid(), orphan);
  EXPECT_FALSE(running_process(orphan));
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded, ignores_stale_files_whose_number_another_process_has_now) {
  { ASSERT_TRUE(must_start(options())); }
  // Not our parent: PostgreSQL itself sees through that one.
  other_process foreign{[] {
    for (;;)
      ::pause();
    return 0;
  }};
  const auto cluster = data_dir_ / "postgres";
  std::ofstream{cluster / "postmaster.pid"} << foreign.pid() << "\n"
                                            << cluster.string() << "\n1700000000\n5432\n"
                                            << (data_dir_ / "run").string()
                                            << "\n\n  1234567         0\nready   \n";
  std::ofstream{data_dir_ / "run" / ".s.PGSQL.5432.lock"} << foreign.pid() << "\n"
                                                          << cluster.string()
                                                          << "\n1700000000\n5432\n"
                                                          << (data_dir_ / "run").string() << "\n";
  std::ofstream{data_dir_ / "run" / ".s.PGSQL.5432"} << "not even a socket";
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_FALSE(server->adopted());
  EXPECT_TRUE(can_connect(*server));
  EXPECT_TRUE(running_process(foreign.pid())) << "the other process is left alone";
}

TEST_F(embedded_first_start, starts_over_after_being_killed_in_the_middle_of_making_the_cluster) {
  {
    other_process hub{[&] { return embedded_server::start(options()) ? 0 : 1; }};
    const auto half_made = [&] {
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator{data_dir_, ignored}) {
        if (entry.path().filename().string().starts_with("postgres.initdb-")
            && fs::exists(entry.path() / "base", ignored))
          return true;
      }
      return false;
    };
    ASSERT_TRUE(wait_until_true(half_made, 30s));
    hub.kill();
  }
  ASSERT_FALSE(fs::exists(data_dir_ / "postgres"));
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_TRUE(can_connect(*server));
  for (const auto& entry : fs::directory_iterator{data_dir_})
    EXPECT_FALSE(entry.path().filename().string().starts_with("postgres.initdb-"));
}

TEST_F(embedded, refuses_a_data_directory_that_another_hub_uses) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  auto second = embedded_server::start(options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.why().code, errc::conflict);
  EXPECT_NE(second.why().message.find("process " + std::to_string(::getpid())), std::string::npos);
  EXPECT_NE(second.why().message.find("HUB_DATA_DIR"), std::string::npos);
  EXPECT_TRUE(can_connect(*server)) << "the first one is unharmed";
}

TEST_F(embedded, takes_a_short_socket_directory_when_the_path_is_long) {
  data_dir_ = directory_.path() / std::string(60, 'a') / std::string(60, 'b');
  place_cluster();
  fs::path short_dir;
  {
    auto server = must_start(options());
    ASSERT_TRUE(server);
    short_dir = server->socket_dir();
    EXPECT_LT(short_dir.string().size(), 90U);
    EXPECT_EQ(mode_of(short_dir), 0700U);
    EXPECT_TRUE(can_connect(*server));
  }
  EXPECT_FALSE(fs::exists(short_dir)) << "it goes with the server";

  start_and_kill_a_hub(options());
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_TRUE(server->adopted()) << "it is found again";
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded, manages_a_path_full_of_awkward_characters) {
  data_dir_ = directory_.path() / "it's a \\ \"strange\", place%s";
  place_cluster();
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_TRUE(can_connect(*server));
  server.reset();

  data_dir_ = directory_.path() / "it's a \\ place";
  place_cluster();
  server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_EQ(server->socket_dir(), data_dir_ / "run");
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded, says_what_postgres_said_when_it_does_not_start) {
  { ASSERT_TRUE(must_start(options())); }
  std::ofstream{data_dir_ / "postgres" / "postgresql.conf", std::ios::app} << "work_mem = 'lots'\n";
  auto server = embedded_server::start(options());
  ASSERT_FALSE(server);
  EXPECT_NE(server.why().message.find("configuration file"), std::string::npos)
    << server.why().message;
  EXPECT_NE(server.why().message.find(".log"), std::string::npos);
}

TEST_F(embedded, honours_an_operators_settings_but_not_against_its_socket) {
  { ASSERT_TRUE(must_start(options())); }
  std::ofstream{data_dir_ / "postgres" / "postgresql.conf", std::ios::app}
    << "work_mem = '7MB'\nlisten_addresses = '*'\nport = 1\n";
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_EQ(ask(*server, "show work_mem"), "7MB");
  EXPECT_EQ(ask(*server, "show listen_addresses"), "");
}

TEST_F(embedded, refuses_data_of_a_version_that_is_not_installed) {
  { ASSERT_TRUE(must_start(options())); }
  std::ofstream{data_dir_ / "postgres" / "PG_VERSION"} << "99\n";
  auto server = embedded_server::start(options());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.why().code, errc::not_found);
  EXPECT_NE(server.why().message.find("needs PostgreSQL 99"), std::string::npos);
}

TEST_F(embedded_first_start, refuses_a_directory_that_holds_something_else) {
  fs::create_directories(data_dir_ / "postgres");
  std::ofstream{data_dir_ / "postgres" / "diary.txt"} << "dear diary";
  auto server = embedded_server::start(options());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.why().code, errc::conflict);
  EXPECT_TRUE(fs::exists(data_dir_ / "postgres" / "diary.txt"));
}

TEST_F(embedded_first_start, says_when_no_postgres_is_installed) {
  auto elsewhere = options();
  elsewhere.bin_dir = directory_.path() / "nothing";
  auto server = embedded_server::start(elsewhere);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.why().code, errc::not_found);
  EXPECT_NE(server.why().message.find("DATABASE_URL"), std::string::npos);
}

TEST_F(embedded, keeps_customers_words_out_of_its_log) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  ask(*server, "create table people (email text unique)");
  ask(*server, "insert into people values ('jane@example.com')");
  EXPECT_THROW(ask(*server, "insert into people values ('jane@example.com')"), pqxx::sql_error);
  ASSERT_TRUE(server->stop());
  for (const auto& entry : fs::directory_iterator{data_dir_ / "postgres" / "log"}) {
    std::ifstream file{entry.path()};
    const std::string log{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_NE(log.find("duplicate key"), std::string::npos);
    EXPECT_EQ(log.find("jane@example.com"), std::string::npos);
  }
}

class embedded_as_root : public embedded_first_start {
protected:
  void SetUp() override {
    embedded_first_start::SetUp();
    if (::geteuid() != 0)
      GTEST_SKIP() << "needs root";
  }

  // Runs `work` as an ordinary account and returns its exit code.
  static int as_nobody(const std::function<int()>& work) {
    return other_process{[&] {
             auto nobody = find_account("nobody");
             if (!nobody || ::setgid(nobody->gid) != 0 || ::setuid(nobody->uid) != 0)
               return 90;
             return work();
           }}
      .wait();
  }

  static void give_to_nobody(const fs::path& directory) {
    auto nobody = find_account("nobody");
    ASSERT_TRUE(nobody);
    ASSERT_EQ(::chown(directory.c_str(), nobody->uid, nobody->gid), 0);
  }
};

TEST_F(embedded_as_root, runs_postgres_as_another_account) {
  auto server = must_start(options());
  ASSERT_TRUE(server);
  struct stat status {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(server->pid())).c_str(), &status), 0);
  EXPECT_NE(status.st_uid, 0U);
  EXPECT_EQ(as_nobody([&] { return can_connect(*server) ? 1 : 0; }), 0) << "nobody else gets in";
}

TEST_F(embedded_as_root, runs_postgres_as_the_account_it_is_told) {
  start_and_kill_a_hub(options()); // the cluster changes hands, although its server still runs
  auto told = options();
  told.os_user = "nobody";
  auto server = must_start(told);
  ASSERT_TRUE(server);
  struct stat status {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(server->pid())).c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, find_account("nobody")->uid);
  EXPECT_TRUE(can_connect(*server));
}

TEST_F(embedded_as_root, works_without_root_as_well) {
  give_to_nobody(directory_.path());
  const auto work = [&] {
    auto server = embedded_server::start(options());
    if (!server)
      std::fprintf(stderr, "%s\n", server.why().message.c_str());
    return server && can_connect(**server) && (*server)->stop() ? 0 : 1;
  };
  EXPECT_EQ(as_nobody(work), 0);
  EXPECT_EQ(as_nobody(work), 0) << "the second start";
  // Root goes on with that account's cluster.
  auto server = must_start(options());
  ASSERT_TRUE(server);
  EXPECT_TRUE(can_connect(*server));
  server.reset();
}

TEST_F(embedded_as_root, is_clear_about_a_cluster_of_another_account) {
  { ASSERT_TRUE(must_start(options())); }
  ASSERT_EQ(::chmod(data_dir_.c_str(), 0777), 0);
  fs::remove(data_dir_ / "hub.lock");
  EXPECT_EQ(as_nobody([&] {
              auto server = embedded_server::start(options());
              const bool clear =
                !server && server.why().message.find("account") != std::string::npos;
              if (!server && !clear)
                std::fprintf(stderr, "%s\n", server.why().message.c_str());
              return clear ? 0 : 1;
            }),
            0);
}

TEST_F(embedded_as_root, says_which_parent_is_closed_to_postgres) {
  const auto closed = directory_.path() / "closed";
  fs::create_directory(closed);
  fs::permissions(closed, fs::perms::owner_all);
  data_dir_ = closed / "var";
  auto server = embedded_server::start(options());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.why().code, errc::forbidden);
  EXPECT_NE(server.why().message.find("chmod o+x " + closed.string()), std::string::npos)
    << server.why().message;
}

TEST_F(embedded_as_root, names_the_setting_when_the_account_is_unknown) {
  auto unknown = options();
  unknown.os_user = "no_such_account";
  auto server = embedded_server::start(unknown);
  ASSERT_FALSE(server);
  EXPECT_NE(server.why().message.find("HUB_POSTGRES_USER"), std::string::npos);
}

TEST_F(embedded_as_root, says_when_the_data_directory_cannot_be_made) {
  EXPECT_EQ(as_nobody([] {
              auto server = embedded_server::start(in("/proc/nowhere"));
              return !server && server.why().message.find("HUB_DATA_DIR") != std::string::npos ? 0
                                                                                               : 1;
            }),
            0);
}

} // namespace
} // namespace hub::storage
