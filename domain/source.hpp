#pragma once

#include "domain/channel.hpp"
#include "domain/report.hpp"
#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Which workspace a delivery is for: the provider names the account it comes from, and each account
// belongs to one workspace. Pure; the table is kept in storage and loaded into memory.
namespace hub::domain {

/// Channels whose deliveries name an account of the provider.
inline constexpr std::array channels_with_accounts{
  channel::slack, channel::intercom, channel::whatsapp};

/// A provider's name for an account, as a person typed it. `invalid_input` says what it is on that
/// channel.
[[nodiscard]] result<std::string> parse_account(channel platform, std::string_view text);

/// What the channel calls its accounts: "Slack team", "Intercom app", "WhatsApp phone number".
[[nodiscard]] std::string_view account_word(channel platform);

/// The bytes of a delivery that come from one account.
struct account_part {
  /// The names the account may be connected under, the first one best; empty where it says none.
  std::vector<std::string> accounts;
  /// Set where the delivery held parts of several accounts: this one's alone.
  std::optional<std::string> own_body;
};

/// Splits an authentic delivery by the account that it names. There is at least one part. Only
/// WhatsApp's may have several: each change of a POST has a number of its own.
[[nodiscard]] std::vector<account_part> split_by_account(channel platform,
                                                         const raw_delivery& delivery);

/// An account that is, or was, connected to a workspace.
struct source {
  uuid workspace;
  channel platform{};
  std::string account;
  time_point connected_at{};
  std::optional<time_point> disconnected_at;
};

/// Where a part of a delivery goes.
struct placement {
  uuid workspace;
  /// False: the account is connected nowhere and must be, before anybody reads the delivery.
  bool known = true;
  /// What happened before this may have been taken in elsewhere already: one of `holders` may have
  /// its message, and where one has, it belongs there.
  time_point settled_since{};
  std::vector<uuid> holders;
};

/// All accounts of the hub, in memory.
class source_table {
public:
  /// For so long after an account changed hands, a hub may not have known of it.
  static constexpr std::chrono::minutes hand_over{5};

  source_table() = default;
  source_table(const uuid& home, std::vector<source> all);

  /// The workspace of the first name that is connected. Else the home workspace: with its own
  /// content as long as it has no account of its own on the channel, and to be looked at after
  /// that.
  [[nodiscard]] placement place(channel platform, std::span<const std::string> accounts) const;
  /// Whether any account of the channel is, or was, connected.
  [[nodiscard]] bool has_any(channel platform) const;
  [[nodiscard]] std::size_t size() const { return accounts_.size(); }

private:
  struct owners {
    std::optional<uuid> now;
    time_point since{};        // of the last change
    std::vector<uuid> earlier; // each once
  };

  [[nodiscard]] const owners* find(channel platform, const std::string& account) const;

  uuid home_;
  std::map<std::pair<channel, std::string>, owners, std::less<>> accounts_;
  std::vector<channel> any_;
  std::vector<channel> of_home_; // channels on which the home workspace has an account
};

/// A delivery of an account that is connected nowhere is kept under such an id: another account's
/// ids may be the same.
[[nodiscard]] std::string unplaced_id(std::span<const std::string> accounts,
                                      std::string_view delivery_id);
[[nodiscard]] bool is_unplaced(std::string_view delivery_id);
/// What an operator is told about it.
[[nodiscard]] std::string why_unplaced(channel platform, std::span<const std::string> accounts);

} // namespace hub::domain
