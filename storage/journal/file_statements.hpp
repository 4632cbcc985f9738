#pragma once

#include "storage/journal/statements.hpp"

namespace hub::storage::statements {

/// A file that is stored stays so, whatever a late attempt says.
inline constexpr statement settle_files{"settle_files", R"sql(
  UPDATE attachments a SET
    status = CASE WHEN i.why_not IS NULL THEN 'stored' ELSE 'failed' END, failure = i.why_not,
    storage_url = i.place, sha256 = i.sha256, file_type = coalesce(i.type, a.file_type),
    file_size = coalesce(i.size, a.file_size)
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[],
              $7::bytea[]) AS i (ws, id, why_not, place, type, size, sha256)
  WHERE (a.workspace_id, a.id) = (i.ws, i.id) AND (a.status <> 'stored' OR i.why_not IS NULL)
)sql"};

} // namespace hub::storage::statements
