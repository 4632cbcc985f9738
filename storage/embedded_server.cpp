#include "storage/embedded_server.hpp"

#include <locale.h>
#include <pqxx/pqxx>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

namespace hub::storage {

using domain::done;
using domain::errc;
using domain::fail;
using domain::failure;
using domain::outcome;
using domain::result;
using namespace std::chrono_literals;

namespace {

constexpr int oldest_version = 15;
constexpr auto socket_name = ".s.PGSQL.5432";
constexpr auto half_made_prefix = "postgres.initdb-";
constexpr auto owner_role = "hub"; // the cluster's superuser
constexpr auto serving_role = "hub_serving";
constexpr auto longest_pause = 10'000ms;

constexpr auto database_exists = "select 1 from pg_database where datname = $1";
constexpr auto lz4_is_known = "select 1 from pg_settings where name = 'wal_compression' "
                              "and 'lz4' = any(enumvals)";
constexpr auto use_lz4 = "alter system set wal_compression = lz4";
constexpr auto reload_settings = "select pg_reload_conf()";

// Whatever it may have been made into.
constexpr auto serving_role_is_fine =
  "select from pg_roles r where rolname = $1 and rolcanlogin and not (rolsuper or rolbypassrls "
  "or rolcreaterole or rolcreatedb or rolreplication) "
  "and not exists (select from pg_auth_members m where m.member = r.oid)";
constexpr auto make_serving_role = "create role hub_serving";
constexpr auto limit_serving_role = "alter role hub_serving login nosuperuser nobypassrls "
                                    "nocreaterole nocreatedb noreplication";

// Mapped by the kernel's word on who connects, not by a password: root and the server's own account
// are the hub, nobody else on the machine gets in.
constexpr auto host_rules = "# Written by the hub at every start.\n"
                            "local all all peer map=hub\n"
                            "local replication all peer map=hub\n";

// Read before anything else in postgresql.conf, so that an operator's own lines there win.
constexpr auto own_settings_note =
  "# Settings of your own go below; the hub never changes this file. What it needs for itself\n"
  "# (socket, addresses, authentication) it passes on the command line.\n"
  "include 'hub.conf'\n";

std::string quoted(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos)
      out += '\\';
    out += c;
  }
  return out;
}

bool fits_socket(const std::filesystem::path& directory) {
  constexpr auto longest = sizeof(sockaddr_un::sun_path) - 1;
  const auto& text = directory.native();
  return (directory / socket_name).native().size() <= longest
         // libpq and PostgreSQL read a comma as the start of another host or directory.
         && text.find_first_of(",\"\n\r") == std::string::npos;
}

bool is_private_directory_of(const std::filesystem::path& directory, const account& owner) {
  struct stat status {};
  return ::lstat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode)
         && status.st_uid == owner.uid && (status.st_mode & 0077) == 0;
}

outcome make_private_directory(const std::filesystem::path& directory, const account& owner) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(errc::forbidden,
                "cannot create " + directory.string() + ": " + describe_errno(errno));
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return fail(errc::conflict, directory.string() + " is in the way: it is not a directory");
  if (status.st_uid != owner.uid && ::lchown(directory.c_str(), owner.uid, owner.gid) != 0)
    return fail(errc::forbidden,
                directory.string() + " does not belong to '" + owner.name
                  + "': change its owner, or start the hub as root");
  if ((status.st_mode & 0777) != 0700 && ::chmod(directory.c_str(), 0700) != 0)
    return fail(errc::forbidden,
                "cannot make " + directory.string() + " private: " + describe_errno(errno));
  return done{};
}

std::string last_line_that_tells(const std::string& log) {
  std::istringstream lines{log};
  std::string line;
  std::string last;
  std::string fatal;
  while (std::getline(lines, line)) {
    if (line.empty())
      continue;
    last = line;
    for (const auto* level : {"FATAL:", "PANIC:", "initdb: error:"}) {
      if (const auto at = line.find(level); at != std::string::npos)
        fatal = line.substr(at);
    }
  }
  return fatal.empty() ? last : fatal;
}

std::string connection_by(const std::filesystem::path& socket_dir,
                          const std::string& database,
                          const char* role) {
  return "host='" + quoted(socket_dir.native(), "'\\") + "' port=5432 user=" + role + " dbname='"
         + quoted(database, "'\\") + "'";
}

server_connections connections_by(const std::filesystem::path& socket_dir,
                                  const std::string& database) {
  return {connection_by(socket_dir, database, serving_role),
          connection_by(socket_dir, database, owner_role)};
}

// An older hub's cluster has none, and memberships would lend it more than it may have.
void prepare_serving_role(pqxx::nontransaction& work) {
  if (!work.exec_params(serving_role_is_fine, serving_role).empty())
    return;
  if (work.exec_params("select from pg_roles where rolname = $1", serving_role).empty())
    work.exec(make_serving_role);
  work.exec(limit_serving_role);
  for (const auto& row : work.exec_params(
         "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid "
         "where m.member = $1::text::regrole",
         serving_role))
    work.exec("revoke " + work.quote_name(row[0].as<std::string>()) + " from hub_serving");
}

struct postmaster_file {
  pid_t pid = 0;
  std::filesystem::path socket_dir;
  std::string status; // "starting", "ready", "stopping" …
};

// The lines are fixed by PostgreSQL's pidfile.h: 1 the process, 5 the socket's directory, 8 status.
std::optional<postmaster_file> read_postmaster_file(const std::filesystem::path& cluster) {
  auto content = read_file(cluster / "postmaster.pid");
  if (!content)
    return std::nullopt;
  postmaster_file file;
  std::istringstream lines{*content};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (number == 1)
      std::from_chars(line.data(), line.data() + line.size(), file.pid);
    else if (number == 5)
      file.socket_dir = line;
    else if (number == 8)
      file.status = line.substr(0, line.find(' '));
  }
  file.pid = std::abs(file.pid); // a single-user server writes its own negated
  return file;
}

int version_in(const std::string& text) {
  const auto digit = text.find_first_of("0123456789");
  int version = 0;
  if (digit != std::string::npos)
    std::from_chars(text.data() + digit, text.data() + text.size(), version);
  return version;
}

struct installation {
  int version = 0; // 0: not known without running it
  std::filesystem::path bin_dir;
};

void add_versioned(const std::filesystem::path& parent,
                   const std::string& prefix,
                   std::vector<installation>& found) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry{parent, error}, end; !error && entry != end;
       entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (name.starts_with(prefix))
      found.push_back({version_in(name), entry->path() / "bin"});
  }
}

std::vector<installation> likely_installations(const std::filesystem::path& wanted) {
  std::vector<installation> found;
  if (wanted.empty()) {
    add_versioned("/usr/lib/postgresql", "", found);
    add_versioned("/usr", "pgsql-", found);
  } else {
    found.push_back({0, wanted});
  }
  std::sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
    return left.version > right.version;
  });
  if (const char* path = ::secure_getenv("PATH"); path != nullptr && wanted.empty()) {
    std::istringstream directories{path};
    for (std::string directory; std::getline(directories, directory, ':');) {
      if (directory.starts_with('/'))
        found.push_back({0, directory});
    }
  }
  std::erase_if(found, [](const installation& candidate) {
    return ::access((candidate.bin_dir / "postgres").c_str(), X_OK) != 0
           || ::access((candidate.bin_dir / "initdb").c_str(), X_OK) != 0;
  });
  return found;
}

} // namespace

result<std::unique_ptr<embedded_server>> embedded_server::start(embedded_options options) {
  std::unique_ptr<embedded_server> server{new embedded_server{std::move(options)}};
  try {
    server->owner_ = ::getpid();
    if (auto prepared = server->prepare(); !prepared)
      return prepared.why();
    auto adopted = server->adopt_orphan();
    if (!adopted)
      return adopted.why();
    server->adopted_ = *adopted;
    if (!*adopted) {
      if (auto launched = server->launch(); !launched)
        return launched.why();
    }
    server->last_start_ = std::chrono::steady_clock::now();
  } catch (const std::exception& error) {
    return fail(errc::internal, std::string{"cannot start PostgreSQL: "} + error.what());
  }
  return server;
}

embedded_server::~embedded_server() {
  if (owner_ == ::getpid()) [[maybe_unused]]
    auto stopped = stop();
}

outcome embedded_server::prepare() {
  std::error_code error;
  data_dir_ = std::filesystem::absolute(options_.data_dir, error);
  if (auto made = make_data_directory(data_dir_); !made)
    return made;
  data_dir_ = std::filesystem::canonical(data_dir_, error);
  auto lock = directory_lock::take(data_dir_ / "hub.lock");
  if (!lock)
    return lock.why();
  lock_ = std::move(*lock);
  cluster_ = data_dir_ / "postgres";
  if (auto chosen = choose_account(); !chosen)
    return chosen;
  if (auto open = check_ancestors(); !open)
    return open;
  if (auto chosen = choose_programs(); !chosen)
    return chosen;
  // A mount point may be there already, empty.
  const bool missing = !std::filesystem::exists(cluster_, error);
  if (missing || std::filesystem::is_empty(cluster_, error)) {
    if (auto created = create_cluster(); !created)
      return created;
  }
  if (auto checked = check_cluster(); !checked)
    return checked;
  if (auto chosen = choose_socket_dir(); !chosen)
    return chosen;
  connections_ = connections_by(socket_dir_, options_.database);
  return write_configuration();
}

outcome embedded_server::choose_account() {
  const auto me = ::geteuid();
  if (me != 0) {
    auto own = find_account(me);
    if (!own)
      return fail(errc::invalid_input,
                  own.why().message + ", and PostgreSQL needs a named one: add it to /etc/passwd");
    account_ = std::move(*own);
    return done{};
  }
  switches_account_ = true;
  struct stat status {};
  const bool exists = ::stat(cluster_.c_str(), &status) == 0;
  // A cluster made by an ordinary user stays that user's.
  auto found = !options_.os_user.empty()      ? find_account(options_.os_user)
               : exists && status.st_uid != 0 ? find_account(status.st_uid)
                                              : find_account("postgres");
  if (!found && options_.os_user.empty())
    found = find_account("nobody");
  if (!found || found->uid == 0) {
    return fail(errc::invalid_input,
                (found ? "PostgreSQL refuses to run as root" : found.why().message)
                  + ": name an ordinary account with HUB_POSTGRES_USER, or start the hub as one");
  }
  account_ = std::move(*found);
  return done{};
}

outcome embedded_server::check_ancestors() const {
  if (!switches_account_)
    return done{};
  std::vector<std::filesystem::path> ancestors;
  for (auto directory = data_dir_; directory.has_relative_path();
       directory = directory.parent_path())
    ancestors.push_back(directory);
  std::reverse(ancestors.begin(), ancestors.end());
  auto closed = first_closed_directory(ancestors, account_);
  if (!closed)
    return closed.why();
  if (closed->empty())
    return done{};
  return fail(errc::forbidden,
              "PostgreSQL runs as '" + account_.name + "', which may not enter " + closed->string()
                + ": run 'chmod o+x " + closed->string()
                + "', move the data with HUB_DATA_DIR, or start the hub as an ordinary user");
}

outcome embedded_server::choose_programs() {
  auto version_file = read_file(cluster_ / "PG_VERSION");
  const int needed = version_file ? version_in(*version_file) : 0;
  const auto candidates = likely_installations(options_.bin_dir);
  std::string seen;
  for (auto candidate : candidates) {
    if (candidate.version == 0) {
      const auto output = data_dir_ / "postgres-version.txt";
      auto code =
        run({{(candidate.bin_dir / "postgres").string(), "--version"}, std::nullopt, output, true});
      if (auto text = read_file(output); code && *code == 0 && text)
        candidate.version = version_in(*text);
      ::unlink(output.c_str());
    }
    if (candidate.version == needed || (needed == 0 && candidate.version >= oldest_version)) {
      bin_dir_ = candidate.bin_dir;
      return done{};
    }
    seen += (seen.empty() ? "" : ", ") + std::to_string(candidate.version);
  }
  const auto wanted =
    needed != 0 ? std::to_string(needed) : std::to_string(oldest_version) + " or later";
  return fail(
    errc::not_found,
    (needed != 0 ? "the data in " + cluster_.string() + " needs PostgreSQL " + wanted
                 : "the hub needs PostgreSQL " + wanted)
      + (seen.empty() ? ", and none is installed" : ", and only " + seen + " is installed")
      + ": install it, name its bin directory with HUB_POSTGRES_BIN, or set "
        "DATABASE_URL to a server of your own");
}

outcome embedded_server::choose_socket_dir() {
  if (!options_.socket_dir.empty()) {
    socket_dir_ = options_.socket_dir;
    if (!fits_socket(socket_dir_))
      return fail(errc::invalid_input,
                  "the socket directory " + socket_dir_.string()
                    + " cannot hold a Unix socket: its path is too long or contains a comma");
    return make_private_directory(socket_dir_, account_);
  }
  socket_dir_ = data_dir_ / "run";
  if (fits_socket(socket_dir_))
    return make_private_directory(socket_dir_, account_);

  socket_dir_is_temporary_ = true;
  const auto record = data_dir_ / "socket_dir";
  if (auto recorded = read_file(record); recorded) {
    socket_dir_ = *recorded;
    // Anyone may write to /tmp: what was not made by us, or was opened up, is not used again.
    if (fits_socket(socket_dir_) && is_private_directory_of(socket_dir_, account_))
      return done{};
  }
  std::filesystem::path base = "/tmp";
  const char* runtime = switches_account_ ? nullptr : ::secure_getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && fits_socket(std::filesystem::path{runtime} / "hub-XXXXXX")
      && ::access(runtime, W_OK | X_OK) == 0)
    base = runtime;
  auto pattern = (base / "hub-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr
      || (switches_account_ && ::lchown(pattern.c_str(), account_.uid, account_.gid) != 0)) {
    return fail(errc::forbidden,
                "cannot make a directory for the database's socket in " + base.string() + ": "
                  + describe_errno(errno));
  }
  socket_dir_ = pattern;
  return write_private_file(record, pattern, existing_file::replace);
}

std::optional<server_connections> embedded_server::running_in(const std::filesystem::path& data_dir,
                                                              const std::string& database) {
  std::error_code ignored;
  const auto cluster = std::filesystem::weakly_canonical(data_dir / "postgres", ignored);
  const auto file = read_postmaster_file(cluster);
  if (!file || file->status != "ready" || !is_postgres_in(file->pid, cluster))
    return std::nullopt;
  return connections_by(file->socket_dir, database);
}

void embedded_server::remove_half_made() const {
  std::error_code ignored;
  std::vector<std::filesystem::path> half_made;
  for (const auto& entry : std::filesystem::directory_iterator{data_dir_, ignored})
    if (entry.path().filename().string().starts_with(half_made_prefix))
      half_made.push_back(entry.path());
  for (const auto& remains : half_made)
    std::filesystem::remove_all(remains, ignored);
}

outcome embedded_server::create_cluster() {
  std::error_code error;
  remove_half_made();
  auto fresh = (data_dir_ / (std::string{half_made_prefix} + "XXXXXX")).string();
  if (::mkdtemp(fresh.data()) == nullptr
      || (switches_account_ && ::lchown(fresh.c_str(), account_.uid, account_.gid) != 0)) {
    return fail(errc::forbidden,
                "cannot write to the data directory " + data_dir_.string() + ": "
                  + describe_errno(errno) + "; choose another with HUB_DATA_DIR");
  }
  // Sorts by code point wherever it exists, so that a change of libc never spoils an index.
  const auto probe = ::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  const auto* locale = probe != nullptr ? "--locale=C.UTF-8" : "--locale=C";
  if (probe != nullptr)
    ::freelocale(probe);
  const auto log = data_dir_ / "postgres-initdb.log";
  child_command initdb{{(bin_dir_ / "initdb").string(),
                        "--pgdata=" + fresh,
                        std::string{"--username="} + owner_role,
                        "--encoding=UTF8",
                        locale,
                        "--auth-local=peer",
                        "--auth-host=reject",
                        "--data-checksums",
                        "--no-instructions"},
                       std::nullopt,
                       log,
                       true};
  if (switches_account_)
    initdb.as = account_;
  auto code = run(initdb);
  auto written = !code || *code != 0
                   ? outcome{done{}}
                   : write_private_file(std::filesystem::path{fresh} / "postgresql.conf",
                                        own_settings_note,
                                        existing_file::replace,
                                        account_);
  if (!code || *code != 0 || !written) {
    std::filesystem::remove_all(fresh, error);
    if (!code)
      return code.why();
    if (!written)
      return written;
    auto said = read_file(log);
    return fail(errc::internal,
                "PostgreSQL's initdb failed: " + (said ? last_line_that_tells(*said) : "")
                  + "; all it said is in " + log.string());
  }
  // Only now is it the cluster: a start that was killed before leaves nothing but a name to remove.
  std::filesystem::rename(fresh, cluster_, error);
  if (error)
    return fail(errc::internal,
                "cannot move the new database to " + cluster_.string() + ": " + error.message());
  sync_directory(data_dir_);
  ::unlink(log.c_str());
  // A killed start's initdb may have had a child that wrote on for a moment after the first look.
  remove_half_made();
  return done{};
}

outcome embedded_server::check_cluster() {
  std::error_code error;
  cluster_ = std::filesystem::canonical(cluster_, error);
  struct stat status {};
  const bool foreign = ::stat(cluster_.c_str(), &status) != 0 || status.st_uid != account_.uid;
  if (foreign && !switches_account_) {
    return fail(errc::forbidden,
                "the database in " + cluster_.string() + " belongs to another account than '"
                  + account_.name + "': start the hub as that account, or as root");
  }
  if (::access((cluster_ / "PG_VERSION").c_str(), R_OK) != 0
      || ::access((cluster_ / "global/pg_control").c_str(), R_OK) != 0) {
    return fail(errc::conflict,
                cluster_.string() + " exists but holds no PostgreSQL database: move it away");
  }
  return foreign ? hand_over_cluster() : outcome{done{}};
}

outcome embedded_server::hand_over_cluster() {
  // An orphan of the old account would lose its files while it runs.
  if (const auto file = read_postmaster_file(cluster_); file && take_hold_of(file->pid)) {
    if (auto ended = end_orphan(); !ended)
      return ended;
  }
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{cluster_})
    all.push_back(entry.path());
  all.push_back(cluster_); // last: until then a killed hub starts over with this
  for (const auto& each : all) {
    if (::lchown(each.c_str(), account_.uid, account_.gid) != 0)
      return fail(errc::forbidden,
                  "cannot give " + each.string() + " to '" + account_.name
                    + "': " + describe_errno(errno));
  }
  return done{};
}

outcome embedded_server::write_configuration() const {
  const auto root = find_account(uid_t{0});
  auto user_map = std::string{"# Written by the hub at every start.\n"};
  for (const auto& name : {root ? root->name : std::string{"root"}, account_.name})
    for (const auto* role : {owner_role, serving_role})
      user_map += "hub \"" + name + "\" " + role + "\n";

  std::ostringstream settings;
  settings << "# Written by the hub at every start; put your own settings into postgresql.conf.\n"
           << "cluster_name = 'feedback-hub'\n"
           << "shared_buffers = '" << options_.shared_buffers / 1024 << "kB'\n"
           << "max_connections = " << options_.max_connections << "\n"
           << "huge_pages = off\n"
           << "work_mem = '16MB'\n"
           << "maintenance_work_mem = '64MB'\n"
           << "random_page_cost = 1.1\n"
           << "jit = off\n"
           // A committed report survives a power failure; nothing here may weaken that.
           << "fsync = on\n"
           << "synchronous_commit = on\n"
           << "full_page_writes = on\n"
           << "wal_compression = on\n"
           << "wal_buffers = '16MB'\n"
           << "min_wal_size = '256MB'\n"
           // Bounds what has to be replayed after a crash, and with it the time to be back.
           << "max_wal_size = '512MB'\n"
           << "checkpoint_timeout = '5min'\n"
           // After a crash one call instead of one for each of a thousand files: on a busy disk the
           // difference is seconds.
           << "recovery_init_sync_method = syncfs\n"
           << "timezone = 'UTC'\n"
           << "log_timezone = 'UTC'\n"
           << "lc_messages = 'C'\n"
           // One file a weekday, each overwritten a week later.
           << "logging_collector = on\n"
           << "log_directory = 'log'\n"
           << "log_filename = 'postgresql-%a.log'\n"
           << "log_rotation_age = '1d'\n"
           << "log_rotation_size = 0\n"
           << "log_truncate_on_rotation = on\n"
           << "log_line_prefix = '%m [%p] '\n"
           // Statements and details would carry customers' text into the log.
           << "log_error_verbosity = terse\n"
           << "log_min_error_statement = panic\n"
           << "log_checkpoints = off\n";
  const auto owner = switches_account_ ? std::optional{account_} : std::nullopt;
  if (auto written = update_private_file(cluster_ / "pg_hba.conf", host_rules, owner); !written)
    return written;
  if (auto written = update_private_file(cluster_ / "pg_ident.conf", user_map, owner); !written)
    return written;
  return update_private_file(cluster_ / "hub.conf", settings.str(), owner);
}

result<bool> embedded_server::adopt_orphan() {
  const auto file = read_postmaster_file(cluster_);
  if (!file || !take_hold_of(file->pid))
    return false;
  if (file->status == "stopping") {
    if (!wait_until_true([this] { return !process_lives(); }, options_.stop_within))
      end(0ms, 2s);
    return false;
  }
  if (file->socket_dir == socket_dir_) {
    signal_postmaster(SIGHUP); // the settings it runs under may be an older hub's
    auto ready =
      await_ready(file->status == "ready" ? options_.answer_within : options_.start_within);
    if (ready)
      return true;
  }
  if (auto ended = end_orphan(); !ended)
    return ended.why();
  return false;
}

bool embedded_server::take_hold_of(pid_t postmaster) {
  if (postmaster <= 0 || !is_postgres_in(postmaster, cluster_))
    return false;
  const std::lock_guard hold{process_mutex_};
  process_ = running_process(postmaster);
  is_child_ = false;
  return process_.has_value();
}

outcome embedded_server::end_orphan() {
  const auto orphan = pid();
  if (end(options_.answer_within, 2s))
    return done{};
  return fail(errc::unavailable,
              "the PostgreSQL that the last hub left (process " + std::to_string(orphan)
                + ") neither answers nor ends: end it by hand");
}

// PostgreSQL itself trusts any living process of a stale file's number, and would not start while a
// foreign one has it; we hold the lock on the directory and have looked closer.
outcome embedded_server::clear_remains() {
  const auto file = read_postmaster_file(cluster_);
  if (!file)
    return done{}; // it went in order
  const auto none_left = [this] { return postgres_processes_in(cluster_).empty(); };
  if (!wait_until_true(none_left, 2s)) {
    for (const auto pid : postgres_processes_in(cluster_))
      ::kill(pid, SIGKILL);
    if (!wait_until_true(none_left, 5s))
      return fail(errc::unavailable,
                  "processes of a killed PostgreSQL still use " + cluster_.string()
                    + " and do not end: restart the machine or end them by hand");
  }
  ::unlink((cluster_ / "postmaster.pid").c_str());
  ::unlink((socket_dir_ / socket_name).c_str());
  ::unlink((socket_dir_ / (std::string{socket_name} + ".lock")).c_str());
  return done{};
}

outcome embedded_server::launch() {
  if (auto cleared = clear_remains(); !cleared)
    return cleared;
  child_command command{
    {(bin_dir_ / "postgres").string(), "-D", cluster_.string()},
    std::nullopt,
    data_dir_ / "postgres-start.log",
    false,
  };
  for (const auto& setting : {std::string{"listen_addresses="},
                              "unix_socket_directories=\"" + socket_dir_.string() + "\"",
                              std::string{"unix_socket_permissions=0700"},
                              std::string{"port=5432"}}) {
    command.arguments.emplace_back("-c");
    command.arguments.push_back(setting);
  }
  if (switches_account_)
    command.as = account_;
  auto pid = spawn(command);
  if (!pid)
    return pid.why();
  {
    const std::lock_guard hold{process_mutex_};
    process_ = running_process(*pid);
    if (!process_)
      process_ = process_identity{*pid, 0}; // died already; noticed below
    is_child_ = true;
  }
  auto ready = await_ready(options_.start_within);
  if (!ready)
    end(5s, 2s);
  return ready;
}

outcome embedded_server::await_ready(std::chrono::milliseconds within) {
  outcome last = fail(errc::unavailable, "PostgreSQL did not answer");
  const bool answered = wait_until_true(
    [&] {
      if (stopping_.load() || (options_.give_up && options_.give_up())) {
        last = fail(errc::unavailable, "the hub is stopping");
        return true;
      }
      if (!process_lives()) {
        last = died_early();
        return true;
      }
      // Its own word first: every connection it has to refuse costs a recovery time and a line.
      const auto file = read_postmaster_file(cluster_);
      if (!file || file->pid != pid() || file->status != "ready")
        return false;
      last = prepare_database();
      return last.has_value() || last.why().code != errc::unavailable;
    },
    within);
  if (answered || last)
    return last;
  return fail(errc::timed_out,
              "PostgreSQL did not answer within "
                + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(within).count())
                + " s: " + last.why().message);
}

outcome embedded_server::prepare_database() {
  try {
    // Not the hub's database, which the first start has yet to make.
    pqxx::connection connection{connection_by(socket_dir_, "postgres", owner_role)
                                + " connect_timeout=2"};
    pqxx::nontransaction work{connection};
    prepare_serving_role(work);
    if (auto let_in = try_serving_role(); !let_in)
      return let_in;
    if (!work.exec_params(database_exists, options_.database).empty())
      return done{};
    work.exec("create database " + work.quote_name(options_.database));
    // Far cheaper than the built-in compression, but not every build has it.
    if (!work.exec(lz4_is_known).empty()) {
      work.exec(use_lz4);
      work.exec(reload_settings);
    }
    return done{};
  } catch (const pqxx::broken_connection& error) {
    const std::string said = error.what();
    // Waiting mends neither of these; "starting up" and "no such socket" it does.
    const bool refused = said.find("authentication failed") != std::string::npos
                         || said.find("pg_hba.conf") != std::string::npos
                         || said.find("does not exist") != std::string::npos;
    return fail(refused ? errc::forbidden : errc::unavailable,
                "PostgreSQL refuses the connection: " + said.substr(0, said.find('\n')));
  } catch (const std::exception& error) {
    return fail(errc::internal, std::string{"cannot set up the database: "} + error.what());
  }
}

// A server that outlived an older hub reads who may come in anew, but not at once.
outcome embedded_server::try_serving_role() const {
  try {
    const pqxx::connection as_serving{connection_by(socket_dir_, "postgres", serving_role)
                                      + " connect_timeout=2"};
    return done{};
  } catch (const pqxx::broken_connection&) {
    return fail(errc::unavailable, "PostgreSQL does not let the serving role in");
  }
}

failure embedded_server::died_early() const {
  auto log = data_dir_ / "postgres-start.log";
  auto said = read_file(log);
  auto line = said ? last_line_that_tells(*said) : std::string{};
  // Once it logs to its own file, the first one only says so; the name of the other is recorded.
  const auto current = read_file(cluster_ / "current_logfiles");
  if (line.find("FATAL") == std::string::npos && current && current->starts_with("stderr ")) {
    log = cluster_ / current->substr(7, current->find('\n') - 7);
    said = read_file(log);
    line = said ? last_line_that_tells(*said) : line;
  }
  return fail(errc::internal, "PostgreSQL ended while starting: " + line + "; see " + log.string());
}

pid_t embedded_server::pid() const {
  if (!process_lives())
    return 0;
  const std::lock_guard hold{process_mutex_};
  return process_ ? process_->pid : 0;
}

bool embedded_server::alive() const {
  return process_lives();
}

bool embedded_server::process_lives() const {
  const std::lock_guard hold{process_mutex_};
  if (!process_)
    return false;
  if (is_child_ && owner_ == ::getpid()) {
    // Reaps it as well; without a child of that number, the look below decides.
    int status = 0;
    if (::waitpid(process_->pid, &status, WNOHANG) == process_->pid)
      process_.reset();
  }
  if (process_ && running_process(process_->pid) != process_)
    process_.reset();
  return process_.has_value();
}

void embedded_server::signal_postmaster(int number) const {
  const std::lock_guard hold{process_mutex_};
  if (process_ && running_process(process_->pid) == process_)
    ::kill(process_->pid, number);
}

bool embedded_server::end(std::chrono::milliseconds fast, std::chrono::milliseconds immediate) {
  const auto gone = [this] { return !process_lives(); };
  if (gone())
    return true;
  if (fast > 0ms) {
    signal_postmaster(SIGINT);
    if (wait_until_true(gone, fast))
      return true;
  }
  signal_postmaster(SIGQUIT);
  if (wait_until_true(gone, immediate))
    return true;
  signal_postmaster(SIGKILL);
  return wait_until_true(gone, 5s);
}

result<bool> embedded_server::restart_if_dead() {
  const std::lock_guard one_at_a_time{restarting_};
  if (stopping_.load() || alive())
    return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_attempt_)
    return false;
  // A server that had lasted a minute gets another chance at once.
  pause_ = now - last_start_ > 60s ? 100ms : std::clamp(pause_ * 2, 100ms, longest_pause);
  try {
    auto launched = launch();
    last_start_ = std::chrono::steady_clock::now();
    next_attempt_ = last_start_ + pause_;
    if (!launched)
      return launched.why();
    return true;
  } catch (const std::exception& error) {
    next_attempt_ = std::chrono::steady_clock::now() + pause_;
    return fail(errc::internal, std::string{"cannot restart PostgreSQL: "} + error.what());
  }
}

outcome embedded_server::stop() {
  stopping_.store(true); // before the lock: a restart that waits for an answer gives up
  const std::lock_guard one_at_a_time{restarting_};
  if (!end(options_.stop_within, 5s))
    return fail(errc::unavailable, "PostgreSQL does not end");
  if (socket_dir_is_temporary_ && ::rmdir(socket_dir_.c_str()) == 0)
    ::unlink((data_dir_ / "socket_dir").c_str());
  return done{};
}

} // namespace hub::storage
