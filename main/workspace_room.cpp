#include "main/workspace_room.hpp"

#include "config/log.hpp"
#include "main/database.hpp"
#include "main/wait_for.hpp"

#include <utility>

namespace hub::app {

namespace {

using config::log;
using config::log_level;
using namespace std::chrono_literals;

// A change is in force everywhere after this long; a look costs one row.
constexpr auto look_every = 1s;
// Well below domain::source_table::hand_over: beyond, nobody can say where a delivery belongs.
constexpr auto trusted_for = 60s;

} // namespace

workspace_room::workspace_room(const std::string& connection_string, const storage::key_ring& keys)
  : store_{storage::make_workspace_store({.connection_string = connection_string}, keys)} {}

domain::outcome workspace_room::start() {
  if (auto read = read_if_changed(); !read)
    return read;
  reader_ = std::thread{[this] { keep_up(); }};
  return domain::done{};
}

void workspace_room::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  store_->stop();
  if (reader_.joinable())
    reader_.join();
}

void workspace_room::keep_up() {
  bool told = false;
  std::unique_lock lock{mutex_};
  while (!wake_.wait_for(lock, look_every, [this] { return stopping_; })) {
    lock.unlock();
    const auto read = read_if_changed();
    if (!read && !told)
      log(log_level::warn, "workspaces_not_read", {{"why", read.why().message}});
    told = !read;
    lock.lock();
  }
}

domain::outcome workspace_room::read_if_changed() {
  const auto began = std::chrono::steady_clock::now();
  const auto version =
    wait_for<std::int64_t>([this](auto done) { store_->version(std::move(done)); });
  if (!version)
    return version.why();
  const auto known = now();
  if (!known || known->version != *version) {
    auto facts =
      wait_for<storage::workspace_facts>([this](auto done) { store_->facts(std::move(done)); });
    if (!facts)
      return facts.why();
    adopt(*std::move(facts));
  }
  const std::lock_guard lock{mutex_};
  looked_at_ = began;
  return domain::done{};
}

void workspace_room::adopt(storage::workspace_facts facts) {
  auto fresh = std::make_shared<memory>();
  fresh->version = facts.version;
  fresh->sources =
    std::make_shared<const domain::source_table>(default_workspace(), std::move(facts.sources));
  const std::lock_guard lock{mutex_};
  memory_ = std::move(fresh);
}

std::shared_ptr<const workspace_room::memory> workspace_room::now() const {
  const std::lock_guard lock{mutex_};
  return memory_;
}

domain::result<std::shared_ptr<const domain::source_table>> workspace_room::sources() const {
  const std::lock_guard lock{mutex_};
  if (std::chrono::steady_clock::now() - looked_at_ > trusted_for)
    return domain::fail(domain::errc::unavailable,
                        "the hub cannot say right now whose this is; the database is away");
  return memory_->sources;
}

void workspace_room::holder_of(
  std::vector<domain::uuid> among,
  domain::channel platform,
  std::string message_id,
  std::function<void(domain::result<std::optional<domain::uuid>>)> done) {
  store_->holder_of(std::move(among), platform, std::move(message_id), std::move(done));
}

} // namespace hub::app
