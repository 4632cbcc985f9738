#pragma once

#include "domain/access.hpp"
#include "domain/audit.hpp"
#include "domain/time.hpp"
#include "storage/acting.hpp"
#include "storage/pool.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

struct workspace_row {
  domain::uuid id;
  std::string name;
  domain::time_point created_at{};
};

/// A person of a workspace. What they know to sign in with is never among it.
struct person_row {
  domain::uuid id;
  std::string email;
  std::string name;
  domain::role rank{};
  bool reads_pii = false;
  bool has_password = false;
  std::optional<domain::time_point> disabled_at;
  std::optional<domain::time_point> last_seen_at; // of the newest session
  domain::time_point created_at{};
};

/// Who says this email: of whose workspace, of all or of one by its id or name.
struct claimed_person {
  std::string email;
  std::optional<std::string> workspace;
};

/// What a sign-in is checked against: one person at most, the oldest who has a password.
struct sign_in_facts {
  domain::uuid workspace;
  domain::uuid id;
  bool several = false;      // more of that email have one, in other workspaces
  std::string password_hash; // empty: none chosen, or nobody is called so
  bool locked = false;       // too many attempts: even the right password does not let in
};

struct new_session {
  domain::uuid id;
  domain::uuid person;
  std::string token_hash; // 32 bytes
  std::string address;
  std::string user_agent;
  domain::time_point expires_at{};
  /// The password that was verified must still be this one; empty: no password was.
  std::string verified_hash;
  /// The hash of the session the browser came with, which ends; empty: it had none.
  std::string replaces = {};
};

struct session_row {
  domain::uuid id;
  std::string address;
  std::string user_agent;
  domain::time_point created_at{};
  domain::time_point last_seen_at{};
  domain::time_point expires_at{};
};

/// A person who is there, and the session they came with.
struct open_session {
  domain::principal who;
  std::string name;
  bool has_password = false;
  bool came_by_link = false; // a moment ago: may choose a password without knowing the old one
  domain::time_point expires_at{};
};

struct new_link {
  domain::uuid id;
  domain::uuid person;
  std::string token_hash; // 32 bytes
  domain::time_point expires_at{};
};

struct new_person {
  domain::uuid id;
  std::string email;
  std::string name;
  domain::role rank{};
  bool reads_pii = false;
};

struct new_workspace {
  domain::uuid id;
  std::string name;
};

/// What of a person changes; what is unset stays.
struct person_patch {
  domain::uuid id;
  std::optional<std::string> name;
  std::optional<domain::role> rank;
  std::optional<bool> reads_pii;
  std::optional<bool> disabled;
};

struct key_row {
  domain::uuid id;
  std::string name;
  std::string prefix;
  domain::permission_set scopes;
  domain::time_point created_at{};
  std::optional<domain::time_point> expires_at;
  std::optional<domain::time_point> last_used_at;
  std::optional<domain::time_point> revoked_at;
};

struct new_key {
  domain::uuid id;
  std::string name;
  std::string prefix;
  std::string secret_hash;
  domain::permission_set scopes;
  std::optional<domain::uuid> created_by;
  std::optional<domain::time_point> expires_at;
};

/// What a key's secret is checked against; only keys that hold now are found.
struct key_facts {
  domain::principal who;
  std::string secret_hash;
};

struct audit_row {
  domain::audit_record record;
  domain::time_point at{};
};

struct audit_query {
  domain::uuid workspace;
  std::optional<std::string> action;
  std::optional<domain::uuid> actor;
  std::optional<domain::uuid> after; // id of the last row of the page before
  int limit = 20;
};

struct audit_page {
  std::vector<audit_row> records; // newest first
  bool more = false;
};

/// The workspace that every database begins with.
inline constexpr auto first_workspace_id = "00000000-0000-7000-8000-000000000001";

/// A session that was not used for so long has ended.
inline constexpr std::chrono::seconds session_idle{std::chrono::hours{72}};

/// When wrong passwords make one address wait before it can try one email again: after so many, for
/// so long, twice as long each time, up to a bound; after an hour without it begins anew.
struct lock_rules {
  int free_tries = 5;
  std::chrono::seconds first{30};
  std::chrono::seconds longest{900};
};

/// Whether somebody does something in their session: one that nobody uses ends.
enum class session_use { looked_at, used };

/// People, sessions, links, keys and the record of what they did: asynchronous, on a small pool of
/// connections of its own with a bounded queue. No actor owns these rows, a call is one
/// transaction, and its record is written in it; see docs/decisions/0009.
class identity_store {
public:
  virtual ~identity_store() = default;

  // ---- checking credentials; `unauthorized` for whatever does not let in

  /// The person whose session this is. Ended, expired or disabled: `unauthorized`.
  virtual void session_of(std::string token_hash,
                          domain::time_point now,
                          session_use how,
                          callback<open_session> done) = 0;
  virtual void key_of(std::string prefix, domain::time_point now, callback<key_facts> done) = 0;
  /// That a key was used, to the minute.
  virtual void note_key_used(domain::uuid workspace, domain::uuid key, domain::time_point now) = 0;

  // ---- signing in and out

  /// Counts an attempt with a password, from the address in `by`, before it is made: it is
  /// forgotten when a session begins. Counted by the email alone: guessing in one workspace after
  /// the other gives no more tries. The same work is done for an email that nobody has.
  virtual void begin_attempt(acting by, claimed_person who, callback<sign_in_facts> done) = 0;
  /// Begins a session; the person's oldest ends when they have 20. `unauthorized` when they were
  /// disabled, or got another password, meanwhile.
  virtual void begin_session(acting by, new_session session, callback<domain::done> done) = 0;
  /// Uses a link up and begins a session of its person, in their workspace, whatever `by` says;
  /// `session.person` is filled in.
  /// `unauthorized` for a link that is unknown, used, expired, or of somebody disabled.
  virtual void
  use_link(acting by, std::string token_hash, new_session session, callback<domain::done> done) = 0;
  virtual void list_sessions(domain::uuid workspace,
                             domain::uuid person,
                             callback<std::vector<session_row>> done) = 0;
  /// `not_found` for one that is not theirs.
  virtual void end_session(acting by,
                           domain::uuid person,
                           domain::uuid session,
                           callback<domain::done> done) = 0;
  /// All of a person's, but `except`.
  virtual void end_sessions(acting by,
                            domain::uuid person,
                            std::optional<domain::uuid> except,
                            callback<domain::done> done) = 0;
  /// Ends all their sessions and links, and begins a new one.
  virtual void
  set_password(acting by, std::string hash, new_session session, callback<domain::done> done) = 0;

  // ---- workspaces

  virtual void list_workspaces(callback<std::vector<workspace_row>> done) = 0;
  /// Makes the workspace that `by` acts for. `conflict` when the name is taken.
  virtual void add_workspace(acting by, new_workspace what, callback<domain::done> done) = 0;
  /// The same, with somebody in it who may enter by a link.
  virtual void add_workspace(acting by,
                             new_workspace what,
                             new_person owner,
                             new_link link,
                             callback<domain::done> done) = 0;

  // ---- people

  virtual void list_people(domain::uuid workspace, callback<std::vector<person_row>> done) = 0;
  virtual void
  person_of(domain::uuid workspace, domain::uuid person, callback<person_row> done) = 0;
  // `forbidden` where whoever acts may not make, change or let in somebody who is that.

  /// `conflict` when the email is taken.
  virtual void
  add_person(acting by, new_person who, new_link link, callback<domain::done> done) = 0;
  /// Replaces the links they have.
  virtual void add_link(acting by, new_link link, callback<domain::done> done) = 0;
  /// `conflict` when it would leave the workspace without an owner who may enter.
  virtual void change_person(acting by, person_patch patch, callback<person_row> done) = 0;

  // ---- keys

  virtual void list_keys(domain::uuid workspace, callback<std::vector<key_row>> done) = 0;
  virtual void add_key(acting by, new_key key, callback<domain::done> done) = 0;
  /// Sets what a key by this id has, making it if need be: for the key that the environment names.
  /// `conflict` when it was revoked.
  virtual void put_key(acting by, new_key key, callback<domain::done> done) = 0;
  /// Holds from now on, everywhere. `not_found` for an unknown one; again is fine.
  virtual void revoke_key(acting by, domain::uuid key, callback<key_row> done) = 0;

  // ---- the record

  virtual void list_audit(audit_query query, callback<audit_page> done) = 0;

  [[nodiscard]] virtual pool_stats stats() const = 0;
  virtual void stop() = 0;
};

struct identity_store_options {
  std::string connection_string;
  int connections = 4;
  std::size_t queue_limit = 1000;
  lock_rules locks = {};
};

std::unique_ptr<identity_store> make_identity_store(identity_store_options options);

} // namespace hub::storage
