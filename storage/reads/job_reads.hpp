#pragma once

#include "domain/result.hpp"
#include "storage/reads/read_store.hpp"

#include <pqxx/pqxx>

namespace hub::storage {

class key_ring;

// The queries about jobs behind `read_store`; they throw what libpqxx throws.

dead_letter_page read_dead_letters(pqxx::transaction_base& tx, const dead_letter_query& query);
domain::result<stored_dead_letter> read_dead_letter(pqxx::transaction_base& tx,
                                                    const domain::uuid& workspace,
                                                    const domain::uuid& id,
                                                    const key_ring& keys);
std::vector<job_control_row> read_job_controls(pqxx::transaction_base& tx);

} // namespace hub::storage
