#pragma once

#include "actors/jobs/attempt.hpp"
#include "actors/limiter/protocol.hpp"
#include "actors/outward/file_source.hpp"
#include "storage/files/file_store.hpp"
#include "storage/reads/read_store.hpp"

#include <functional>
#include <string>
#include <vector>

namespace hub::actors {

/// What the runner below works with; all of it must outlive the actors.
struct file_room {
  storage::read_store& reads;
  file_source& source;
  storage::file_store& store;
  std::vector<std::string> allowed_types; // see `domain::is_allowed_type`
};

/// The runner of `attachment_fetch` jobs: `{"attachment"}`. Fetches the file, looks at what it is,
/// stores it, and has that committed with the job's end. An attempt that dies in between leaves a
/// file that the next one overwrites. What is wrong with the file itself is no failure of the job:
/// it is committed as the file's.
job_runner run_attachment_fetch(limiters_actor limiters, const file_room& with);

} // namespace hub::actors
