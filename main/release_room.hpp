#pragma once

#include "actors/outward/protocol.hpp"
#include "http/server/releasing.hpp"

#include <caf/fwd.hpp>

namespace hub::app {

class workspace_room;

/// What routes about changelog entries work with, out of the workspaces' settings and the actor
/// that asks models.
class release_room final : public http::releasing {
public:
  /// `system` and `workspaces` must outlive it.
  release_room(caf::actor_system& system,
               const workspace_room& workspaces,
               actors::model_asker_actor asker);

  [[nodiscard]] domain::release_rules rules_of(const domain::uuid& workspace) const override;
  [[nodiscard]] domain::own_addresses own_of(const domain::uuid& workspace) const override;
  [[nodiscard]] domain::result<std::string>
  changelog_model(const domain::uuid& workspace, const std::string& wanted) const override;
  void ask(const domain::uuid& workspace,
           std::string model,
           domain::prompt what,
           std::optional<domain::time_point> cooling_until,
           written_callback done) override;

private:
  caf::actor_system& system_;
  const workspace_room& workspaces_;
  actors::model_asker_actor asker_;
};

} // namespace hub::app
