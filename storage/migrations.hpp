#pragma once

#include "domain/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hub::storage {

/// One file of `migrations/`: `NNNN_verb_thing.sql`.
struct migration {
  int version = 0;
  std::string_view name; // verb_thing
  std::string_view sql;
};

/// The migrations this binary was built with, in order from 1.
std::span<const migration> built_in_migrations();

/// `migrations/NNNN_verb_thing.sql`, as every message about it names it.
std::string file_name(const migration& of);

/// SHA-256 of the file's bytes in hexadecimal, as `schema_migrations` keeps it.
std::string checksum(const migration& of);

struct migration_report {
  std::vector<std::string> applied; // by this call: the files' names, in order
  int version = 0;                  // of the database now
};

/// Where a database stands, for `doctor`; looking changes nothing.
struct migration_status {
  struct entry {
    int version = 0;
    std::string file;
    bool applied = false;
    std::string applied_at; // RFC 3339, empty while pending
  };
  std::vector<entry> entries; // every migration either side knows, in order
  int database_version = 0;   // 0: empty database
  int binary_version = 0;
  std::vector<std::string> problems; // what `migrate` would refuse, one sentence each
};

/// Brings the database to what `known` says: each migration is one transaction, and any number of
/// nodes may do this at once. Refuses (`conflict`) a database that a newer hub has migrated, a
/// migration that was edited after it had been applied, and gaps.
domain::result<migration_report> migrate(const std::string& connection_string,
                                         std::span<const migration> known);

domain::result<migration_status> inspect_migrations(const std::string& connection_string,
                                                    std::span<const migration> known);

} // namespace hub::storage
