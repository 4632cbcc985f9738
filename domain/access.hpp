#pragma once

#include "domain/result.hpp"
#include "domain/uuid.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

/// One thing a person or a key may do. Routes name what they need; nothing else decides.
enum class permission : std::uint8_t {
  tickets_read,
  tickets_write,
  pii_read,         // sees what scrubbing took out; each time is recorded
  deliveries_read,  // raw webhook deliveries
  deliveries_write, // … and replays them
  operations_read,  // actors, jobs, providers, dead letters, metrics
  operations_write, // … and pauses, retries, resolves
  people_read,
  people_write, // invites, changes roles, signs others out
  keys_read,
  keys_write,
  audit_read,
  settings_manage, // of a workspace: its providers, tokens and limits
};

inline constexpr std::size_t permission_count = 13;

/// As scopes of keys and in the contract: "tickets:read".
[[nodiscard]] std::string_view to_string(permission what);
/// `invalid_input` names the ones there are.
[[nodiscard]] result<permission> parse_permission(std::string_view text);

/// Any of the permissions, each once.
class permission_set {
public:
  constexpr permission_set() = default;
  constexpr permission_set(std::initializer_list<permission> all) {
    for (const auto one : all)
      add(one);
  }

  constexpr void add(permission what) { bits_ |= bit(what); }
  constexpr void remove(permission what) { bits_ &= ~bit(what); }
  [[nodiscard]] constexpr bool has(permission what) const { return (bits_ & bit(what)) != 0; }
  /// What is in both.
  [[nodiscard]] constexpr permission_set operator&(permission_set other) const {
    permission_set both;
    both.bits_ = bits_ & other.bits_;
    return both;
  }
  /// Whether every one of `other` is in this one too.
  [[nodiscard]] constexpr bool covers(permission_set other) const {
    return (other.bits_ & ~bits_) == 0;
  }
  [[nodiscard]] std::vector<std::string> names() const;

  friend constexpr bool operator==(permission_set, permission_set) = default;

private:
  static constexpr std::uint32_t bit(permission what) {
    return std::uint32_t{1} << static_cast<unsigned>(what);
  }
  std::uint32_t bits_ = 0;
};

/// The permissions named; the first unknown name fails.
[[nodiscard]] result<permission_set> parse_permissions(std::span<const std::string> names);

/// What a person is in a workspace; each may do what the one before may.
enum class role : std::uint8_t { viewer, agent, admin, owner };

inline constexpr std::array all_roles{role::viewer, role::agent, role::admin, role::owner};

[[nodiscard]] std::string_view to_string(role what);
[[nodiscard]] result<role> parse_role(std::string_view text);

/// The one table of who may do what. `pii_read` is in none of them: it is given to persons.
[[nodiscard]] permission_set permissions_of(role what);

/// Who makes a call, and what they may do: the result of checking a credential.
struct principal {
  /// A client is a program with a token of the identity provider's that is nobody's here.
  enum class kind : std::uint8_t { person, key, client };

  uuid workspace;
  kind what{};
  uuid id;           // of the person or the key; of a client, always the same for one subject
  std::string label; // an email or a key's name: for the record
  permission_set may;
  role rank{};  // of a key: admin if it may change people, else viewer
  uuid session; // of a person: the one this call came with; nil: they came with a token
};

[[nodiscard]] std::string_view to_string(principal::kind what);

/// Whether `who` may make somebody this, or change somebody who is: nobody makes anybody more than
/// they are themselves, and only owners say who reads personal data.
[[nodiscard]] bool may_manage(const principal& who, role rank, bool reads_pii);

/// Whether `who` may have a link made that signs that person in. Whoever holds it is that person:
/// where they have a password already, only somebody above them, or an owner, may.
[[nodiscard]] bool
may_make_link(const principal& who, role rank, bool reads_pii, bool has_password);

/// An email address as the hub compares it: trimmed, lower case, with something on either side of
/// its one `@`. `invalid_input` otherwise.
[[nodiscard]] result<std::string> parse_email(std::string_view text);

/// A workspace's name, trimmed: 1 to 100 characters, no control characters, and not the id of one.
[[nodiscard]] result<std::string> parse_workspace_name(std::string_view text);

/// Whether a password may be chosen: 12 to 256 characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9), and
/// not soon guessed, as zxcvbn judges it (6.2.4, 6.2.11). Nothing else: rules about kinds of
/// characters make passwords worse (6.2.5).
[[nodiscard]] outcome check_password(std::string_view password, std::string_view email);

} // namespace hub::domain
