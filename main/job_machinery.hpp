#pragma once

#include "actors/jobs/job_room.hpp"
#include "actors/node.hpp"
#include "actors/outward/file_source.hpp"
#include "actors/outward/model_desk.hpp"
#include "actors/outward/provider_check.hpp"
#include "actors/outward/provider_desk.hpp"
#include "actors/outward/triage.hpp"
#include "config/settings.hpp"
#include "http/client/engine.hpp"
#include "http/server/context.hpp"
#include "storage/files/file_store.hpp"
#include "storage/reads/read_store.hpp"
#include "storage/sealing.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace hub::app {

class workspace_room;

/// Everything that does jobs and calls providers, wired together.
class job_machinery {
public:
  /// `workspaces`, `node`, `reads` and `keys` must outlive it.
  job_machinery(const config::settings& settings,
                const workspace_room& workspaces,
                const std::string& connection_string,
                const storage::key_ring& keys,
                storage::read_store& reads,
                actors::node& node);
  ~job_machinery();
  job_machinery(const job_machinery&) = delete;
  job_machinery& operator=(const job_machinery&) = delete;

  /// Begins nothing new, waits up to `grace` for what runs, gives back the rest.
  void stop(std::chrono::milliseconds grace);
  /// Lets the routes see and steer it.
  void show_to(http::context& hub) const;
  /// Asks models, by permit.
  [[nodiscard]] const actors::model_asker_actor& asker() const { return room_->asker(); }
  [[nodiscard]] http::client::stats calls() const { return engine_->figures(); }

private:
  [[nodiscard]] actors::sending_rules sending_rules_of(domain::job_kind kind) const;
  [[nodiscard]] actors::triage_options triage_options_of(const workspace_room& workspaces) const;

  const config::settings& settings_;
  const domain::job_rules_table rules_;
  // The engine calls back into the desks, and the desks into the actors, until it is gone.
  std::unique_ptr<actors::provider_desk> desk_;
  std::unique_ptr<actors::model_desk> models_;
  std::unique_ptr<actors::file_source> files_;
  std::unique_ptr<storage::file_store> stores_;
  std::unique_ptr<http::client::engine> engine_;
  std::unique_ptr<actors::job_room> room_;
};

} // namespace hub::app
