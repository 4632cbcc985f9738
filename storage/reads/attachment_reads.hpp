#pragma once

#include "storage/reads/read_store.hpp"

#include <pqxx/pqxx>

#include <string>
#include <vector>

namespace hub::storage {

// Queries about files that came with reports; each runs in a read-only transaction of the caller's.

/// A ticket's, oldest first.
std::vector<attachment_row> read_attachments(pqxx::transaction_base& tx,
                                             const std::string& workspace,
                                             const std::string& ticket);
domain::result<attachment_facts> read_attachment(pqxx::transaction_base& tx,
                                                 const domain::uuid& workspace,
                                                 const domain::uuid& attachment);

} // namespace hub::storage
