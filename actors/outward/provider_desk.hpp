#pragma once

#include "domain/provider.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hub::actors {

/// Words that the provider knows already, with what is put into them. WhatsApp only.
struct message_template {
  std::string name; // empty: none, the text is sent
  std::string language;
  std::vector<std::string> parameters;
};

/// One message to one person, as the hub words it; each provider's translator knows its own form.
struct outgoing_message {
  domain::uuid workspace; // in whose name
  domain::uuid id;        // the provider is told it, where it can keep it
  domain::provider whom{};
  /// Slack: a channel. Intercom: a conversation. WhatsApp: a phone number or user id. SMTP: an
  /// address.
  std::string recipient;
  std::string thread;  // what it answers to, as the provider names it; empty: nothing
  std::string subject; // e-mail only
  std::string text;
  message_template form = {}; // takes the text's place
};

/// The provider has it.
struct sent_message {
  std::string provider_message_id; // empty where the provider names none
};

/// Whether a message that may have been sent has been.
enum class found_message : std::uint8_t { yes, no, cannot_tell };

/// Calls providers. Never blocks, and calls back exactly once, from a thread of its own.
class provider_desk {
public:
  virtual ~provider_desk() = default;

  /// Failures are `unavailable` (nothing was sent), `rate_limited` (`limits` says whom that
  /// concerns), `unknown_outcome`, or one that will not go away by itself: of WhatsApp `conflict`
  /// where only a template may be sent, and `unsupported_media` where the template may not.
  virtual void send(outgoing_message what,
                    std::function<void(domain::result<sent_message>)> done) = 0;
  /// Whether `find` may know more than nothing of such a message.
  [[nodiscard]] virtual bool can_find(const outgoing_message& what) const = 0;
  /// Asks the provider whether it has a message that was on its way at `since` and whose sender
  /// never heard how that ended.
  virtual void find(outgoing_message what,
                    domain::time_point since,
                    std::function<void(domain::result<found_message>)> done) = 0;
};

} // namespace hub::actors
