#pragma once

#include "storage/reads/read_store.hpp"

#include <pqxx/pqxx>

namespace hub::storage {

// Queries about tickets; each runs in a read-only transaction of the caller's.

domain::result<domain::ticket_core>
read_core(pqxx::transaction_base& tx, const domain::uuid& workspace, const domain::uuid& ticket);
ticket_page read_page(pqxx::transaction_base& tx, const ticket_query& query);
domain::result<ticket_detail> read_detail(pqxx::transaction_base& tx,
                                          const domain::uuid& workspace,
                                          const domain::uuid& ticket,
                                          const key_ring& keys);
domain::result<original_message> read_original(pqxx::transaction_base& tx,
                                               const domain::uuid& workspace,
                                               const domain::uuid& ticket,
                                               const domain::uuid& message,
                                               const key_ring& keys);

} // namespace hub::storage
