#pragma once

#include "domain/result.hpp"
#include "domain/source.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::http {

/// What a running hub knows of its workspaces. Kept in memory and seconds old at most, so that a
/// delivery costs no question. Thread-safe.
class workspaces {
public:
  virtual ~workspaces() = default;

  /// Which account is whose. `unavailable` when that was last read too long ago.
  [[nodiscard]] virtual domain::result<std::shared_ptr<const domain::source_table>>
  sources() const = 0;
  /// Asks the database which of the workspaces already has this message, if one has.
  virtual void holder_of(std::vector<domain::uuid> among,
                         domain::channel platform,
                         std::string message_id,
                         std::function<void(domain::result<std::optional<domain::uuid>>)> done) = 0;
};

} // namespace hub::http
