#include "storage/journal/batch.hpp"
#include "storage/journal/file_statements.hpp"
#include "storage/journal/row_set.hpp"

#include <optional>
#include <string_view>

namespace hub::storage {

void journal_batch::settle_files() {
  row_set<7> rows;
  for (const auto& item : entries_) {
    if (!item.stands || !item.change->file)
      continue;
    const auto& file = *item.change->file;
    const bool stored = file.why_not.empty();
    const std::string_view digest{reinterpret_cast<const char*>(file.sha256.data()),
                                  file.sha256.size()};
    rows.add(item.change->workspace,
             file.attachment,
             stored ? std::nullopt : std::optional<std::string_view>{file.why_not},
             stored ? std::optional<std::string_view>{file.place} : std::nullopt,
             stored ? std::optional<std::string_view>{file.type} : std::nullopt,
             stored ? std::optional{file.size} : std::nullopt,
             stored ? std::optional{bytes{digest}} : std::nullopt);
  }
  if (!rows.empty())
    std::move(rows).run(tx_, statements::settle_files.name);
}

} // namespace hub::storage
