#pragma once

#include "storage/reads/release_reads.hpp"

#include <pqxx/pqxx>

namespace hub::storage {

// Queries behind `release_reads`; each runs in a read-only transaction of the caller's.

domain::result<writing_context> read_writing_context(pqxx::transaction_base& tx,
                                                     const domain::uuid& workspace,
                                                     const domain::uuid& ticket);
changelog_page read_changelog_page(pqxx::transaction_base& tx, const changelog_query& query);
notification_page read_notification_page(pqxx::transaction_base& tx,
                                         const notification_query& query);
domain::result<notification_detail> read_notification(pqxx::transaction_base& tx,
                                                      const domain::uuid& workspace,
                                                      const domain::uuid& id);

} // namespace hub::storage
