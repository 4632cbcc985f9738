#include "storage/reads/attachment_reads.hpp"

#include "storage/reads/row_reading.hpp"

namespace hub::storage {

namespace {

// The columns of attachment_row, in the order `row_in` reads them. What waits for a job that is no
// more has failed, however that job ended.
constexpr auto columns = R"sql(
  a.id, a.file_name, a.file_type, a.file_size,
  CASE WHEN gone.is THEN 'failed' ELSE a.status END,
  CASE WHEN NOT gone.is THEN a.failure
       WHEN a.source_url IS NULL AND a.external_id IS NULL
         THEN 'the provider gave nothing to fetch it by'
       ELSE 'nothing is on its way to fetch it; where that was tried and given up, there is a dead '
            'letter, which can be retried' END
)sql";

constexpr auto tables = R"sql(
  FROM attachments a,
  LATERAL (SELECT a.status = 'pending' AND NOT EXISTS (
             SELECT FROM jobs j
             WHERE j.workspace_id = a.workspace_id AND j.kind = 'AttachmentFetchJob'
               AND j.dedup_key = a.id::text AND j.dedup_key IS NOT NULL) AS is) gone
  WHERE a.workspace_id = $1::uuid
)sql";

/// A query for these columns, and `more`, of the rows for which `condition` holds.
std::string query_for(const char* more, const char* condition) {
  std::string sql{"SELECT "};
  sql.append(columns).append(more).append(tables).append(condition);
  return sql;
}

attachment_row row_in(const pqxx::row& row) {
  return {id_in(row[0]),
          text_in(row[1]),
          text_in(row[2]),
          optional_in(row[3], number_in),
          text_in(row[4]),
          optional_in(row[5], text_in)};
}

} // namespace

std::vector<attachment_row> read_attachments(pqxx::transaction_base& tx,
                                             const std::string& workspace,
                                             const std::string& ticket) {
  std::vector<attachment_row> all;
  for (const auto& row : tx.exec_params(
         query_for("", "AND a.ticket_id = $2::uuid ORDER BY a.created_at, a.id LIMIT 200"),
         workspace,
         ticket))
    all.push_back(row_in(row));
  return all;
}

domain::result<attachment_facts> read_attachment(pqxx::transaction_base& tx,
                                                 const domain::uuid& workspace,
                                                 const domain::uuid& attachment) {
  const auto rows =
    tx.exec_params(query_for(", a.ticket_id, a.source_platform, coalesce(a.external_id, ''), "
                             "coalesce(a.source_url, ''), coalesce(a.storage_url, ''), "
                             "coalesce(a.sha256, '')",
                             "AND a.id = $2::uuid"),
                   to_string(workspace),
                   to_string(attachment));
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no attachment with this id");
  const auto row = rows.front();
  const auto from = domain::parse_channel(row[7].c_str());
  if (!from)
    return from.why();
  attachment_facts facts;
  facts.row = row_in(row);
  facts.ticket = id_in(row[6]);
  facts.from = *from;
  facts.external_id = text_in(row[8]);
  facts.source_url = text_in(row[9]);
  facts.place = text_in(row[10]);
  facts.sha256 = bytes_in(row[11]);
  return facts;
}

} // namespace hub::storage
