#pragma once

#include "domain/notification.hpp"
#include "domain/prompt.hpp"
#include "domain/redaction.hpp"
#include "domain/release.hpp"
#include "domain/result.hpp"

#include <functional>
#include <optional>
#include <string>

namespace hub::http {

/// What a model answered.
struct written_text {
  std::string text;
  domain::model_use use;
};

/// What routes need to have texts written and let go. Thread-safe.
class releasing {
public:
  using written_callback = std::function<void(domain::result<written_text>)>;

  virtual ~releasing() = default;

  [[nodiscard]] virtual domain::release_rules rules_of(const domain::uuid& workspace) const = 0;
  /// The company's own addresses, which stay in texts.
  [[nodiscard]] virtual domain::own_addresses own_of(const domain::uuid& workspace) const = 0;
  /// The model that drafts changelog entries: the wanted one, or where none is named the
  /// workspace's, which may be "local". `invalid_input` where it cannot be asked.
  [[nodiscard]] virtual domain::result<std::string>
  changelog_model(const domain::uuid& workspace, const std::string& wanted) const = 0;
  /// Asks a model; never the local one. `cooling_until`: when its provider may be called again, as
  /// the database knows it.
  virtual void ask(const domain::uuid& workspace,
                   std::string model,
                   domain::prompt what,
                   std::optional<domain::time_point> cooling_until,
                   written_callback done) = 0;
};

} // namespace hub::http
