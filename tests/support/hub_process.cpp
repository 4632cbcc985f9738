#include "tests/support/hub_process.hpp"

#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/secret_canary.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace hub::testing {

namespace fs = std::filesystem;

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Where a child's output goes: files of the caller's choice, appended to.
struct outputs {
  std::string out;
  std::string err;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (auto& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// Everything is prepared before the fork: between it and exec only system calls are allowed.
pid_t spawn(std::vector<std::string> arguments,
            std::vector<std::string> environment,
            const fs::path& working_directory,
            const outputs& to) {
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  const int out = ::open(to.out.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int err = ::open(to.err.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(err, 2);
    if (::chdir(working_directory.c_str()) != 0)
      ::_exit(126);
    ::execve(argv.front(), argv.data(), envp.data());
    ::_exit(127);
  }
  const int trouble = errno;
  for (const int each : {in, out, err})
    ::close(each);
  if (child < 0)
    throw std::system_error(trouble, std::generic_category(), "fork");
  return child;
}

int code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// nullopt: still running when time was up.
std::optional<int> reap(pid_t child, std::chrono::milliseconds patience) {
  int status = 0;
  const bool ended =
    tests::eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }, patience);
  return ended ? std::optional{code_of(status)} : std::nullopt;
}

/// Starts what clears up even after a crash of the test: a shell that waits for the end of a pipe
/// only this process holds. Returns our end.
int start_guardian(const fs::path& directory) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  constexpr auto script = "read _; "
                          "p=$(cat \"$1/hub.pid\" 2>/dev/null) && kill -KILL \"$p\" 2>/dev/null; "
                          "p=$(head -n1 \"$1/var/postgres/postmaster.pid\" 2>/dev/null) "
                          "&& kill -QUIT \"$p\" 2>/dev/null; rm -rf \"$1\"";
  const auto name = directory.string();
  const auto child = ::fork();
  if (child == 0) {
    ::setsid();
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(ends[0], 0);
    ::dup2(nowhere, 1); // held open, ctest would wait for us
    ::dup2(nowhere, 2);
    if (::fork() == 0) // nobody's child: nobody has to wait for it
      ::execl("/bin/sh", "sh", "-c", script, "sh", name.c_str(), nullptr);
    ::_exit(0);
  }
  ::close(ends[0]);
  if (child > 0)
    ::waitpid(child, nullptr, 0);
  return ends[1];
}

bool answers_up(std::uint16_t port) {
  try {
    tests::http_client client{port};
    client.get("/up");
    const auto answer = client.read(2s);
    return answer && answer->status == 200;
  } catch (const std::system_error&) {
    return false; // not listening yet
  }
}

/// Whether a setting's value must never be shown. Files are named by others, ending in _FILE.
bool is_secret(const std::string& name) {
  return std::ranges::any_of(std::array{"_SECRET", "_TOKEN", "_KEY", "_KEYS", "_PASSWORD"},
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

bool can_listen_on(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free =
    ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
    && ::listen(descriptor, 1) == 0;
  ::close(descriptor);
  return free;
}

} // namespace

std::string contents_of(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string hub_binary() {
  const char* chosen = ::secure_getenv("HUB_BINARY"); // NOLINT(concurrency-mt-unsafe)
  return chosen != nullptr ? chosen : HUB_BUILT_BINARY;
}

std::uint16_t free_port() {
  std::random_device random;
  std::uniform_int_distribution<int> below_ephemeral{10'000, 32'000};
  for (int attempt = 0; attempt < 100; ++attempt)
    if (const auto port = static_cast<std::uint16_t>(below_ephemeral(random)); can_listen_on(port))
      return port;
  throw std::runtime_error("no free port");
}

hub_process::hub_process(hub_options options)
  : options_{std::move(options)}, port_{free_port()}, lifeline_{start_guardian(directory())} {}

hub_process::~hub_process() {
  if (pid_ > 0 && !terminate())
    kill9();
  secret_canary::look_at_output("a hub's log", log());
  stop_postgres();
  ::close(lifeline_); // the guardian finds nothing left to do
}

std::vector<std::string>
hub_process::variables(const std::map<std::string, std::string>& more) const {
  // Nothing of the caller's own settings leaks in.
  std::map<std::string, std::string> all{
    {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    {"HOME", directory().string()},
    {"HUB_DATA_DIR", data_dir().string()},
    {"HUB_BIND", "127.0.0.1:" + std::to_string(port_)},
    {"LOG_LEVEL", "warn"},
    {"HUB_AI_TRIAGE", "manual"}, // histories hold what tests did, and nothing more
    {"HUB_ADMIN_TOKEN", admin_token},
    {"SLACK_SIGNING_SECRET", slack_secret},
    {"INTERCOM_WEBHOOK_SECRET", intercom_secret},
    {"WHATSAPP_WEBHOOK_SECRET", whatsapp_secret},
    {"WHATSAPP_VERIFY_TOKEN", whatsapp_verify_token}};
  for (const auto* from : {&options_.environment, &more})
    for (const auto& [name, value] : *from)
      all[name] = value;
  std::vector<std::string> texts;
  for (const auto& [name, value] : all) {
    if (is_secret(name))
      secret_canary::plant(value);
    texts.push_back(name + '=' + value);
  }
  return texts;
}

hub_process::milliseconds hub_process::start() {
  launch();
  return await_up();
}

void hub_process::launch() {
  if (pid_ != 0)
    throw std::logic_error("the hub is running already");
  auto arguments = options_.arguments;
  arguments.insert(arguments.begin(), {hub_binary(), "serve"});
  launched_ = clock::now();
  pid_ = spawn(std::move(arguments),
               variables({}),
               directory(),
               {(directory() / "out.log").string(), (directory() / "err.log").string()});
  std::ofstream{directory() / "hub.pid"} << pid_ << '\n';
}

hub_process::milliseconds hub_process::await_up(milliseconds patience) {
  const auto deadline = clock::now() + patience;
  while (!answers_up(port_)) {
    if (!running())
      throw std::runtime_error("the hub ended instead of serving:\n" + log());
    if (clock::now() > deadline)
      throw std::runtime_error("the hub does not answer /up in time:\n" + log());
    std::this_thread::sleep_for(2ms);
  }
  secret_canary::look_at_output("the list of processes",
                                contents_of("/proc/" + std::to_string(pid_) + "/cmdline"));
  return std::chrono::duration_cast<milliseconds>(clock::now() - launched_);
}

void hub_process::signal(int number) const {
  if (pid_ > 0)
    ::kill(pid_, number);
}

void hub_process::kill9() {
  signal(SIGKILL);
  wait(60s);
}

std::optional<int> hub_process::terminate(milliseconds patience) {
  signal(SIGTERM);
  return wait(patience);
}

std::optional<int> hub_process::wait(milliseconds patience) {
  if (pid_ == 0)
    return std::nullopt;
  const auto code = reap(pid_, patience);
  if (code) {
    pid_ = 0;
    std::error_code ignored;
    fs::remove(directory() / "hub.pid", ignored);
  }
  return code;
}

bool hub_process::running() {
  return pid_ != 0 && !wait(0ms);
}

pid_t hub_process::postgres_pid() const {
  std::ifstream file{data_dir() / "postgres" / "postmaster.pid"};
  pid_t found = 0;
  return file >> found ? found : 0;
}

void hub_process::kill9_postgres() const {
  if (const auto postmaster = postgres_pid(); postmaster > 0)
    ::kill(postmaster, SIGKILL);
}

/// It survives a killed hub on purpose, so that the next start can adopt it.
void hub_process::stop_postgres() const {
  const auto postmaster = postgres_pid();
  if (postmaster <= 0 || ::kill(postmaster, SIGQUIT) != 0)
    return;
  if (!tests::eventually([&] { return ::kill(postmaster, 0) != 0; }, 10s))
    ::kill(postmaster, SIGKILL);
}

command_result hub_process::run(const std::vector<std::string>& arguments,
                                const std::map<std::string, std::string>& more_environment,
                                milliseconds patience) const {
  const temporary_directory captured;
  const outputs to{(captured.path() / "out").string(), (captured.path() / "err").string()};
  auto command = arguments;
  command.insert(command.begin(), hub_binary());
  const auto child = spawn(std::move(command), variables(more_environment), directory(), to);
  auto code = reap(child, patience);
  if (!code) {
    ::kill(child, SIGKILL);
    reap(child, 10s);
  }
  command_result done{code.value_or(-1), contents_of(to.out), contents_of(to.err)};
  const auto name = arguments.empty() ? std::string{"a command"} : "`" + arguments.front() + "`";
  secret_canary::look_at_output(name, done.out);
  secret_canary::look_at_output(name, done.err);
  return done;
}

std::string hub_process::connection_string() const {
  return "host='" + (data_dir() / "run").string()
         + "' port=5432 user=hub dbname=feedback_hub connect_timeout=5";
}

std::string hub_process::serving_connection() const {
  return "host='" + (data_dir() / "run").string()
         + "' port=5432 user=hub_serving dbname=feedback_hub connect_timeout=5";
}

std::string hub_process::log() const {
  return contents_of(directory() / "err.log");
}

} // namespace hub::testing
