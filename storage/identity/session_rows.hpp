#pragma once

#include "storage/acting.hpp"
#include "storage/identity/identity_store.hpp"

#include <pqxx/pqxx>

namespace hub::storage {

/// Begins a session in the transaction that let its person in. The one it replaces ends, and the
/// oldest of too many.
void insert_session(pqxx::transaction_base& tx,
                    const acting& by,
                    const new_session& session,
                    bool by_link);

} // namespace hub::storage
