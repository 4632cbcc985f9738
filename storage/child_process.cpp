#include "storage/child_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

namespace hub::storage {

using domain::errc;
using domain::fail;
using domain::result;

namespace {

// Which step of becoming the child failed; sent over a pipe that exec closes.
enum class child_step : int { become_account = 1, wire_output, execute };

struct child_report {
  child_step step{};
  int error = 0;
};

const char* describe(child_step step) {
  switch (step) {
  case child_step::become_account:
    return "switch to the account";
  case child_step::wire_output:
    return "redirect the output";
  case child_step::execute:
    return "execute the program";
  }
  return "start";
}

class descriptor {
public:
  explicit descriptor(int number) : number_{number} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  void close() {
    if (number_ >= 0)
      ::close(number_);
    number_ = -1;
  }

private:
  int number_;
};

result<account> to_account(const passwd& entry) {
  account found{entry.pw_name, entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  found.groups.resize(static_cast<std::size_t>(count));
  while (::getgrouplist(entry.pw_name, entry.pw_gid, found.groups.data(), &count) < 0)
    found.groups.resize(static_cast<std::size_t>(count));
  found.groups.resize(static_cast<std::size_t>(count));
  return found;
}

template <class Lookup>
result<account> look_up_account(Lookup lookup, const std::string& called) {
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  while ((error = lookup(&entry, buffer.data(), buffer.size(), &found)) == ERANGE)
    buffer.resize(buffer.size() * 2);
  if (found == nullptr) {
    auto why = error == 0 ? std::string{} : " (" + describe_errno(error) + ")";
    return fail(errc::not_found, "this machine has no account " + called + why);
  }
  return to_account(*found);
}

// Everything the child touches is made before fork: afterwards only system calls are safe, because
// another thread may have held malloc's lock.
struct prepared_child {
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  const account* as = nullptr;
  int output = -1;
  int report = -1;
  pid_t parent = 0;
  bool dies_with_parent = false;
};

[[noreturn]] void give_up(const prepared_child& child, child_step step) {
  const child_report report{step, errno};
  [[maybe_unused]] auto written = ::write(child.report, &report, sizeof report);
  ::_exit(127);
}

// Raw system calls: glibc's own wrappers would try to change every thread of the parent's image.
bool become(const account& as) {
  return ::syscall(SYS_setgroups, as.groups.size(), as.groups.data()) == 0
         && ::syscall(SYS_setresgid, as.gid, as.gid, as.gid) == 0
         && ::syscall(SYS_setresuid, as.uid, as.uid, as.uid) == 0;
}

void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    ::sigaction(number, &action, nullptr); // KILL and STOP refuse, rightly
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_child(const prepared_child& child) {
  reset_signals();
  ::setsid();
  ::umask(077);
  if (child.as != nullptr && !become(*child.as))
    give_up(child, child_step::become_account);
  // After the change of account, which clears it.
  if (child.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != child.parent)
      ::_exit(127);
  }
  if (::chdir("/") != 0 || ::dup2(child.output, 1) < 0 || ::dup2(child.output, 2) < 0
      || ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0) < 0)
    give_up(child, child_step::wire_output);
  // Descriptors of ours that are not close-on-exec, such as a library's sockets, must not outlive
  // the hub in a PostgreSQL that does.
  if (child.report != 3)
    ::dup3(child.report, 3, O_CLOEXEC);
  if (::syscall(SYS_close_range, 4U, ~0U, 0U) != 0) {
    for (int number = 4; number < 1024; ++number)
      ::close(number);
  }
  ::execve(child.argv.front(), child.argv.data(), child.envp.data());
  auto on_three = child;
  on_three.report = 3;
  give_up(on_three, child_step::execute);
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str())); // execve's signature predates const
  pointers.push_back(nullptr);
  return pointers;
}

int wait_for_exit(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

std::string describe_errno(int error) {
  return std::generic_category().message(error);
}

result<account> find_account(const std::string& name) {
  return look_up_account(
    [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
      return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
    },
    "'" + name + "'");
}

result<account> find_account(uid_t uid) {
  return look_up_account(
    [&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
      return ::getpwuid_r(uid, entry, buffer, size, found);
    },
    "with the number " + std::to_string(uid));
}

result<pid_t> spawn(const child_command& command) {
  const auto& program = command.arguments.front();
  descriptor output{
    ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)};
  if (output.get() < 0) {
    return fail(errc::internal,
                "cannot write " + command.output.string() + ": " + describe_errno(errno));
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail(errc::internal, "cannot start " + program + ": " + describe_errno(errno));
  descriptor read_end{ends[0]};
  descriptor write_end{ends[1]};

  prepared_child child;
  child.environment = {"PATH=" + std::filesystem::path{program}.parent_path().string()
                         + ":/usr/local/bin:/usr/bin:/bin",
                       "LC_ALL=C",
                       "TZ=UTC"};
  child.argv = pointers_to(command.arguments);
  child.envp = pointers_to(child.environment);
  child.as = command.as ? &*command.as : nullptr;
  child.output = output.get();
  child.report = write_end.get();
  child.parent = ::getpid();
  child.dies_with_parent = command.dies_with_parent;

  const auto pid = ::fork();
  if (pid < 0)
    return fail(errc::unavailable, "cannot start " + program + ": " + describe_errno(errno));
  if (pid == 0)
    become_child(child);
  write_end.close();

  child_report report;
  ssize_t got = 0;
  while ((got = ::read(read_end.get(), &report, sizeof report)) < 0 && errno == EINTR) {
  }
  if (got == 0)
    return pid; // exec closed the pipe
  wait_for_exit(pid);
  return fail(errc::internal,
              "cannot start " + program + ": failed to " + describe(report.step) + ": "
                + describe_errno(report.error));
}

result<int> run(const child_command& command) {
  auto pid = spawn(command);
  if (!pid)
    return pid.why();
  return wait_for_exit(*pid);
}

result<std::filesystem::path>
first_closed_directory(const std::vector<std::filesystem::path>& directories, const account& as) {
  if (directories.size() > 100)
    return fail(errc::invalid_input, "the data directory is nested too deep");
  const auto pid = ::fork();
  if (pid < 0)
    return fail(errc::unavailable, "cannot start a process: " + describe_errno(errno));
  if (pid == 0) {
    // Asking the kernel as that account beats reading mode bits: access lists count as well.
    if (!become(as))
      ::_exit(255);
    int position = 0;
    for (const auto& directory : directories) {
      ++position;
      if (::access(directory.c_str(), X_OK) != 0)
        ::_exit(position);
    }
    ::_exit(0);
  }
  const auto code = wait_for_exit(pid);
  if (code == 0)
    return std::filesystem::path{};
  if (code > static_cast<int>(directories.size())) {
    return fail(errc::forbidden,
                "cannot switch to the account '" + as.name
                  + "' that PostgreSQL should run as: start the hub as an ordinary user instead");
  }
  return directories[static_cast<std::size_t>(code - 1)];
}

std::optional<process_identity> running_process(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(file, line))
    return std::nullopt;
  // The second field, the program's name, may itself hold spaces and parentheses.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  std::istringstream fields{line.substr(name_end + 1)};
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X")
    return std::nullopt;
  std::string skipped;
  for (int field = 4; field < 22; ++field)
    fields >> skipped;
  process_identity identity{pid, 0};
  fields >> identity.started;
  if (!fields)
    return std::nullopt;
  return identity;
}

bool is_postgres_in(pid_t pid, const std::filesystem::path& directory) {
  const auto process = std::filesystem::path{"/proc"} / std::to_string(pid);
  std::error_code ignored;
  if (std::filesystem::read_symlink(process / "cwd", ignored) != directory)
    return false;
  // An upgraded package leaves "postgres (deleted)" here.
  return std::filesystem::read_symlink(process / "exe", ignored)
           .filename()
           .string()
           .starts_with("postgres")
         && running_process(pid).has_value();
}

std::vector<pid_t> postgres_processes_in(const std::filesystem::path& directory) {
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc", error}, end; !error && entry != end;
       entry.increment(error)) {
    const auto name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc{} && rest == name.data() + name.size() && is_postgres_in(pid, directory))
      found.push_back(pid);
  }
  return found;
}

bool wait_until_true(const std::function<bool()>& done, std::chrono::milliseconds within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

} // namespace hub::storage
