#pragma once

#include "http/server/workspaces.hpp"
#include "storage/sealing.hpp"
#include "storage/workspaces/workspace_store.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace hub::app {

/// What this hub knows of its workspaces, in memory, read again whenever the database says that it
/// has changed.
class workspace_room final : public http::workspaces {
public:
  /// `keys` must outlive it.
  workspace_room(const std::string& connection_string, const storage::key_ring& keys);
  ~workspace_room() override { stop(); }
  workspace_room(const workspace_room&) = delete;
  workspace_room& operator=(const workspace_room&) = delete;

  /// Reads everything for the first time, then goes on looking for changes.
  domain::outcome start();
  /// Whoever waits for an answer gets a failure.
  void stop();

  [[nodiscard]] domain::result<std::shared_ptr<const domain::source_table>>
  sources() const override;
  void holder_of(std::vector<domain::uuid> among,
                 domain::channel platform,
                 std::string message_id,
                 std::function<void(domain::result<std::optional<domain::uuid>>)> done) override;

private:
  /// All of one moment; replaced as a whole.
  struct memory {
    std::int64_t version = 0;
    std::shared_ptr<const domain::source_table> sources;
  };

  void keep_up();
  domain::outcome read_if_changed();
  void adopt(storage::workspace_facts facts);
  [[nodiscard]] std::shared_ptr<const memory> now() const;

  std::unique_ptr<storage::workspace_store> store_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const memory> memory_; // never null once started
  std::chrono::steady_clock::time_point looked_at_{};
  bool stopping_ = false;
  std::thread reader_;
};

} // namespace hub::app
