#include "storage/reads/job_reads.hpp"

#include "storage/reads/row_reading.hpp"
#include "storage/sealing.hpp"

#include <algorithm>

namespace hub::storage {

namespace {

#define HUB_DEAD_LETTER_COLUMNS                                                                    \
  "id, job_class, job_args::text, error_class, error_message, backtrace, queue, status, "          \
  "outcome_unknown, attempts::text, replaced_by, (extract(epoch FROM failed_at) * 1000)::bigint, " \
  "(extract(epoch FROM created_at) * 1000)::bigint"

#define HUB_DEAD_LETTER_FILTER                                                                     \
  "FROM dead_letter_jobs WHERE workspace_id = $1::uuid "                                           \
  "AND ($2::text IS NULL OR status = $2::text) AND ($3::text IS NULL OR job_class = $3::text) "    \
  "AND ($4::text IS NULL OR error_class = $4::text) "

constexpr auto list_query =
  "SELECT " HUB_DEAD_LETTER_COLUMNS " " HUB_DEAD_LETTER_FILTER "AND ($5::timestamptz IS NULL "
  "  OR (failed_at, id) < ($5::timestamptz, $6::uuid)) "
  "ORDER BY failed_at DESC, id DESC LIMIT $7::int OFFSET $8::int";

constexpr auto total_query =
  "SELECT count(*) FROM (SELECT " HUB_DEAD_LETTER_FILTER "LIMIT $5::bigint) counted";

constexpr auto one_query = "SELECT " HUB_DEAD_LETTER_COLUMNS ", args_sealed FROM dead_letter_jobs "
                           "WHERE workspace_id = $1::uuid AND id = $2::uuid";

#undef HUB_DEAD_LETTER_COLUMNS
#undef HUB_DEAD_LETTER_FILTER

dead_letter_row row_in(const pqxx::row& row) {
  return {id_in(row[0]),
          text_in(row[1]),
          text_in(row[2]),
          text_in(row[3]),
          text_in(row[4]),
          text_in(row[5]),
          text_in(row[6]),
          text_in(row[7]),
          row[8].as<bool>(),
          text_in(row[9]),
          optional_in(row[10], id_in),
          time_in(row[11]),
          time_in(row[12])};
}

} // namespace

dead_letter_page read_dead_letters(pqxx::transaction_base& tx, const dead_letter_query& query) {
  const auto workspace = to_string(query.workspace);
  const auto after_time =
    query.after ? std::optional{domain::to_rfc3339(query.after->failed_at)} : std::nullopt;
  const auto after_id = query.after ? std::optional{to_string(query.after->id)} : std::nullopt;
  dead_letter_page page;
  for (const auto& row : tx.exec_params(list_query,
                                        workspace,
                                        query.status,
                                        query.job_class,
                                        query.error_class,
                                        after_time,
                                        after_id,
                                        query.limit + 1,
                                        query.after ? 0 : query.offset))
    page.letters.push_back(row_in(row));
  page.more = page.letters.size() > static_cast<std::size_t>(query.limit);
  if (page.more)
    page.letters.pop_back();
  const auto counted = number_in(tx.exec_params1(total_query,
                                                 workspace,
                                                 query.status,
                                                 query.job_class,
                                                 query.error_class,
                                                 counted_matches + 1)[0]);
  page.total = std::min(counted_matches, counted);
  page.total_is_exact = counted <= counted_matches;
  return page;
}

domain::result<stored_dead_letter> read_dead_letter(pqxx::transaction_base& tx,
                                                    const domain::uuid& workspace,
                                                    const domain::uuid& id,
                                                    const key_ring& keys) {
  const auto rows = tx.exec_params(one_query, to_string(workspace), to_string(id));
  if (rows.empty())
    return domain::fail(domain::errc::not_found, "there is no dead letter with this id");
  const std::string_view name{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
  auto args = keys.unseal(bytes_in(rows.front()[13]), name);
  if (!args)
    return std::move(args).why();
  return stored_dead_letter{row_in(rows.front()), *std::move(args)};
}

std::vector<job_control_row> read_job_controls(pqxx::transaction_base& tx) {
  std::vector<job_control_row> controls;
  for (const auto& row : tx.exec("SELECT kind, state, force_fail FROM job_controls")) {
    const auto kind = domain::parse_job_kind(text_in(row[0]));
    const auto state = domain::parse_job_kind_state(text_in(row[1]));
    if (kind && state) // else a newer hub's
      controls.push_back({*kind, *state, row[2].as<bool>()});
  }
  return controls;
}

} // namespace hub::storage
