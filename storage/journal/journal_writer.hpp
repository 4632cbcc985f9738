#pragma once

#include "storage/journal/journal_store.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace hub::storage {

class key_ring;

struct journal_writer_options {
  std::string connection_string;
  std::int16_t slot = 0; // distinct per writer of the cluster: counters add up per slot
};

/// Makes the journal's PostgreSQL writer. `keys` must outlive it.
std::unique_ptr<journal_store> make_journal_writer(journal_writer_options options,
                                                   const key_ring& keys);

} // namespace hub::storage
