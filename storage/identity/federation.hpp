#pragma once

#include "storage/identity/identity_store.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

/// Somebody as the identity provider describes them; what it says has been checked.
struct outside_identity {
  std::string issuer;
  std::string subject;
  std::string email; // as `parse_email` gives it, and verified by the provider; empty: none such
  std::string name;
};

/// A browser on its way to the provider.
struct new_oidc_attempt {
  domain::uuid workspace;
  domain::uuid id;
  std::string state_hash;   // 32 bytes
  std::string browser_hash; // 32 bytes
  std::string redirect_uri;
  std::string return_to;
  std::optional<std::string> named; // the workspace to enter, by its name or id
  domain::time_point created_at{};
  domain::time_point expires_at{};
};

struct oidc_attempt {
  std::string redirect_uri;
  std::string return_to;
  std::optional<std::string> named;
};

/// Who may enter the workspace that `acting` says without having been invited: people of these
/// email domains, as `rank`.
struct provisioning {
  std::vector<std::string> domains; // lower case
  domain::role rank{};
};

/// How a sign-in through the provider ended.
enum class entry : std::uint8_t {
  entered,
  not_invited,       // nobody here has this identity or this email, and nobody else may enter
  email_unverified,  // … and the provider does not vouch for any email
  disabled,          // they are known, and locked out
  linked_to_another, // this person's email came with another account of the provider before
  several,           // they are known by their email in several workspaces, and named none
};

[[nodiscard]] std::string_view to_string(entry how);

/// How somebody stands here, as a token that names them is judged.
struct person_standing {
  bool disabled = false;
  domain::principal who;
};

/// People as an identity provider knows them. Asynchronous, on a few connections of its own; every
/// call is one transaction, and its record is written in it.
class federation_store {
public:
  virtual ~federation_store() = default;

  virtual void begin_attempt(new_oidc_attempt attempt, callback<domain::done> done) = 0;
  /// Uses an attempt up. `unauthorized` for one that is unknown, used, expired or another
  /// browser's; another browser uses nothing up.
  virtual void take_attempt(std::string state_hash,
                            std::string browser_hash,
                            domain::time_point now,
                            callback<oidc_attempt> done) = 0;
  /// Finds out who this is, links them where they come for the first time, and begins their session
  /// (`session.person` is filled in). They enter the workspace they named; else one they are linked
  /// in, where they may enter and where they were last; else the only one that knows their email.
  /// Who does not enter is written down too; that is no failure of the call.
  virtual void enter(acting by,
                     outside_identity who,
                     std::optional<std::string> named,
                     provisioning others,
                     new_session session,
                     callback<entry> done) = 0;
  /// Whom a token names, with what they may do now: by identity, in the workspace they were linked
  /// in first, or else by email, where it is known in one workspace only. Nothing for anybody else.
  virtual void person_behind(outside_identity who,
                             callback<std::optional<person_standing>> done) = 0;
  /// Forgets who this person is at any provider, and ends their sessions: with their next sign-in
  /// they are linked anew.
  /// `not_found` for whoever is not here, `forbidden` for whoever may not manage them.
  virtual void unlink(acting by, domain::uuid person, callback<domain::done> done) = 0;

  [[nodiscard]] virtual pool_stats stats() const = 0;
  virtual void stop() = 0;
};

struct federation_store_options {
  std::string connection_string;
  int connections = 2;
  std::size_t queue_limit = 1000;
  std::function<std::uint64_t()> seed; // fresh randomness for ids
};

std::unique_ptr<federation_store> make_federation_store(federation_store_options options);

} // namespace hub::storage
