#include "domain/provider.hpp"
#include "storage/journal/batch.hpp"
#include "storage/journal/row_set.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace hub::storage {

namespace {

// Rare, so not prepared. The latest time counts, whoever says so last.
constexpr auto remember_cooldowns = R"sql(
  INSERT INTO provider_cooldowns AS c (workspace_id, provider, until)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])
  ON CONFLICT (workspace_id, provider) DO UPDATE SET until = greatest(c.until, excluded.until)
)sql";

} // namespace

void journal_batch::write_cooldowns() {
  // In order, so that nobody deadlocks, and each row once.
  std::map<std::pair<domain::uuid, domain::provider>, domain::time_point> latest;
  for (const auto& item : entries_)
    if (const auto& pause = item.change->cooldown; item.stands && pause) {
      auto& until = latest[{item.change->workspace, pause->whom}];
      until = std::max(until, pause->until);
    }
  if (latest.empty())
    return;
  row_set<3> rows;
  for (const auto& [whose, until] : latest)
    rows.add(whose.first, to_string(whose.second), until);
  std::move(rows).run_once(tx_, remember_cooldowns);
}

} // namespace hub::storage
