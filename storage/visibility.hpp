#pragma once

#include "domain/uuid.hpp"

#include <pqxx/pqxx>

#include <vector>

namespace hub::storage {

// Row-level security shows a transaction the rows of the workspaces it says it works for, and lets
// it write no others'; see docs/decisions/0010. Whoever says nothing sees nothing. What is said
// holds until the transaction ends or says something else.

/// For work that belongs to this workspace.
void see_only(pqxx::transaction_base& tx, const domain::uuid& workspace);
/// For work of several, such as a batch of the journal's.
void see_only(pqxx::transaction_base& tx, const std::vector<domain::uuid>& workspaces);

/// As `see_only`, for whoever is about to write. The transaction has its number before any event
/// gets one, which is what those who follow events go by; see actors/feed/settling.hpp.
void see_and_write(pqxx::transaction_base& tx, const std::vector<domain::uuid>& workspaces);

/// For the machinery, which works for all of them: claims jobs, finds out whose a token is, forgets
/// what is over. Holds on the tables whose policies say so, never on tickets, messages or people
/// who report. script/check_layers names the files that may call it.
void see_all(pqxx::transaction_base& tx);

} // namespace hub::storage
