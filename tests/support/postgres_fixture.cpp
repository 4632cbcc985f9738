#include "tests/support/postgres_fixture.hpp"

#include "storage/migrations.hpp"
#include "storage/serving_role.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fcntl.h>
#include <pqxx/pqxx>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

namespace hub::testing {

namespace fs = std::filesystem;

namespace {

constexpr auto template_database = "hub_template";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "postgres_fixture: %s\n", why.c_str());
  ::_exit(70); // the cleaner sees to the rest
}

// Outlives the test process and clears up after it, however that ends: it waits for the end of a
// pipe that only the test process holds open.
void start_cleaner(const fs::path& directory) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    give_up("no pipe");
  constexpr auto script = "read _; p=$(head -n1 \"$1/postgres/postmaster.pid\" 2>/dev/null) && "
                          "kill -QUIT \"$p\" 2>/dev/null; rm -rf \"$1\"";
  const auto name = directory.string();
  const auto pid = ::fork();
  if (pid == 0) {
    ::setsid();
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(ends[0], 0);
    ::dup2(nowhere, 1); // held open, ctest would wait for us
    ::dup2(nowhere, 2);
    ::execl("/bin/sh", "sh", "-c", script, "sh", name.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[0]); // the other end stays open as long as this process lives
}

storage::server_connections in_database(const storage::embedded_server& server,
                                        const std::string& name) {
  const auto there = [&](const std::string& own) {
    return own.substr(0, own.rfind(" dbname=")) + " dbname='" + name + "'";
  };
  return {there(server.connections().serving), there(server.connections().owner)};
}

void execute(const std::string& connection_string, const std::string& statement) {
  pqxx::connection connection{connection_string};
  pqxx::nontransaction work{connection};
  work.exec(statement);
}

std::string cache_prefix() {
  return "hub-test-cluster-v2-" + std::to_string(::geteuid()) + "-";
}

// Making a cluster takes most of a second and every test is a process: a finished one, with the
// migrated template in it, is kept beside the temporary files and copied.
fs::path cache_directory() {
  std::string all;
  for (const auto& each : storage::built_in_migrations())
    all += storage::checksum(each);
  std::ostringstream name;
  name << cache_prefix() << std::hex << std::hash<std::string>{}(all);
  return fs::temp_directory_path() / name.str();
}

bool is_our_own(const fs::path& directory) {
  struct stat status {};
  return ::lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode)
         && status.st_uid == ::geteuid() && (status.st_mode & 0077) == 0;
}

void copy_tree(const fs::path& from, const fs::path& to, std::error_code& error) {
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (!error)
    fs::permissions(to, fs::perms::owner_all, error);
}

class running_server {
public:
  running_server() {
    start_cleaner(directory_.path());
    const auto cached = cache_directory();
    std::error_code error;
    if (is_our_own(cached)) {
      copy_tree(cached / "postgres", data_dir() / "postgres", error);
      if (!error && start())
        return;
      server_.reset();
      fs::remove_all(data_dir() / "postgres", error);
      fs::remove_all(cached, error);
    }
    make_from_scratch(cached);
  }

  storage::embedded_server& server() { return *server_; }

private:
  fs::path data_dir() const { return directory_.path(); }

  bool start() {
    storage::embedded_options options;
    options.data_dir = data_dir();
    auto started = storage::embedded_server::start(options);
    if (!started) {
      problem_ = started.why().message;
      return false;
    }
    server_ = std::move(*started);
    return true;
  }

  void make_from_scratch(const fs::path& cached) {
    if (!start())
      give_up(problem_);
    execute(server_->connections().owner, std::string{"create database "} + template_database);
    const auto [serving, owner] = in_database(*server_, template_database);
    if (auto migrated = storage::migrate(owner, storage::built_in_migrations()); !migrated)
      give_up(migrated.why().message);
    if (auto allowed = storage::let_serve(owner, serving); !allowed)
      give_up(allowed.why().message);
    if (!server_->stop())
      give_up("the server does not stop");
    server_.reset();
    forget_old_ones();
    keep(cached);
    if (!start())
      give_up(problem_);
  }

  // Another process may be keeping the same at the same time; whoever renames first wins.
  void keep(const fs::path& cached) {
    auto fresh = cached.string() + "-XXXXXX";
    std::error_code error;
    if (::mkdtemp(fresh.data()) == nullptr)
      return;
    copy_tree(data_dir() / "postgres", fs::path{fresh} / "postgres", error);
    if (!error)
      fs::rename(fresh, cached, error);
    if (error)
      fs::remove_all(fresh, error);
  }

  // Every change of a migration leaves a cluster behind that no test asks for any more.
  static void forget_old_ones() {
    std::error_code error;
    std::vector<fs::path> old;
    const auto yesterday = fs::file_time_type::clock::now() - std::chrono::hours{24};
    for (fs::directory_iterator entry{fs::temp_directory_path(), error}, end;
         !error && entry != end;
         entry.increment(error)) {
      std::error_code gone;
      if (entry->path().filename().string().starts_with(cache_prefix()) && is_our_own(entry->path())
          && entry->last_write_time(gone) < yesterday && !gone)
        old.push_back(entry->path());
    }
    for (const auto& each : old)
      fs::remove_all(each, error);
  }

  temporary_directory directory_; // outlives the server
  std::unique_ptr<storage::embedded_server> server_;
  std::string problem_;
};

} // namespace

storage::embedded_server& test_server() {
  static running_server running;
  return running.server();
}

test_database::test_database(content with) {
  static std::atomic<unsigned> counter{0};
  auto& server = test_server();
  name_ = "test_" + std::to_string(::getpid()) + "_" + std::to_string(counter.fetch_add(1));
  execute(server.connections().owner,
          "create database " + name_
            + (with == content::migrated ? std::string{" template "} + template_database : ""));
  connections_ = in_database(server, name_);
}

test_database::~test_database() {
  try {
    execute(test_server().connections().owner,
            "drop database if exists " + name_ + " with (force)");
  } catch (const std::exception&) {
    // The test may have killed the server; the directory goes as a whole.
    return;
  }
}

} // namespace hub::testing
