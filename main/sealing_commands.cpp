#include "actors/node.hpp"
#include "main/commands.hpp"
#include "main/database.hpp"
#include "storage/resealing.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <thread>

namespace hub::app {

namespace {

using storage::key_ring;

exit_code told(exit_code code, const domain::failure& why) {
  std::cerr << "feedback-hub: " << why.message << '\n';
  return code;
}

exit_code with_database(const config::configuration& settings,
                        const std::function<exit_code(const std::string&, const key_ring&)>& work) {
  const auto keys = open_keys(settings.values);
  if (!keys)
    return told(exit_code::bad_settings, keys.why());
  const auto db = reach_database(settings.values);
  if (!db)
    return told(exit_code::no_database, db.why());
  if (const auto ready = make_ready(*db); !ready)
    return told(exit_code::no_database, ready.why());
  return work(db->serving, *keys);
}

domain::outcome record(const std::string& database, const char* what, std::uint32_t key) {
  domain::uuid_generator ids{actors::random_seed()};
  const auto now = actors::wall_clock();
  domain::audit_record line;
  line.id = ids.next(now);
  line.by.type = "command_line";
  line.by.label = "command line";
  line.what = what;
  line.target = storage::key_id_text(key);
  return storage::record_in_all_workspaces(database, line, now);
}

std::filesystem::path key_file(const config::configuration& settings) {
  return settings.values.data_dir / "keys.json";
}

exit_code reseal_with(const std::string& database, const key_ring& keys) {
  std::uint64_t shown = 0;
  const auto done = storage::reseal(database, keys, [&](const storage::resealing_progress& so_far) {
    constexpr std::uint64_t show_every = 10'000;
    if (so_far.seen < shown + show_every)
      return;
    shown = so_far.seen;
    std::cerr << "  " << so_far.table << ": " << so_far.seen << " looked at, " << so_far.resealed
              << " sealed again\n";
  });
  if (!done)
    return told(exit_code::failed, done.why());
  std::cout << done->seen << " sealed values, " << done->resealed << " sealed again with key "
            << storage::key_id_text(keys.current_id()) << '\n';
  if (done->unreadable == 0)
    return exit_code::ok;
  std::cerr << "feedback-hub: " << done->unreadable
            << " were sealed with a key that is not here, or were changed; they are as they were\n";
  return exit_code::failed;
}

/// Leaves only the current key in the file, once nothing needs another.
exit_code forget_old_keys(const std::string& database,
                          const key_ring& keys,
                          const std::filesystem::path& file) {
  const auto counts = storage::count_sealed(database);
  if (!counts)
    return told(exit_code::failed, counts.why());
  if (std::ranges::any_of(*counts, [&](const auto& of) { return of.first != keys.current_id(); }))
    return told(exit_code::failed,
                domain::fail(domain::errc::conflict,
                             "some values still need an old key, so none was forgotten; run "
                             "`feedback-hub sealing rotate --forget-old` again"));
  if (const auto on_record = record(database, "old_sealing_keys_forgotten", keys.current_id());
      !on_record)
    return told(exit_code::failed, on_record.why());
  if (const auto saved = keys.only_current().save(file); !saved)
    return told(exit_code::failed, saved.why());
  std::cout << "the old keys are forgotten; backups made before need the old " << file.filename()
            << '\n';
  return exit_code::ok;
}

/// Whatever was sealed before this moment is in the database, and no hub seals with the old key.
domain::outcome wait_for_hubs(const std::string& database) {
  std::cerr << "waiting for the hubs to use the new key …\n";
  std::this_thread::sleep_for(key_ring::follows_within);
  return storage::wait_for_open_transactions(database);
}

exit_code write_new_ring(const key_ring& keys, const std::filesystem::path& file) {
  const auto next = keys.rotated();
  if (!next)
    return told(exit_code::failed, next.why());
  if (const auto saved = next->save(file); !saved)
    return told(exit_code::failed, saved.why());
  std::cout
    << file.string() << " holds the old keys and a new one, "
    << storage::key_id_text(next->current_id())
    << ".\nGive it to every hub as HUB_SEALING_KEYS_FILE, restart them one after the other, "
       "then run `feedback-hub sealing reseal`.\n";
  return exit_code::ok;
}

} // namespace

exit_code rotate_keys(const config::configuration& settings, const rotate_options& options) {
  const bool own_file = settings.values.sealing.keys.empty();
  if (!own_file && options.to.empty())
    return told(exit_code::usage,
                domain::fail(domain::errc::invalid_input,
                             "the keys come from HUB_SEALING_KEYS, which this command cannot "
                             "change: --to FILE writes new ones for it"));
  if (!options.to.empty()) {
    const auto keys = open_keys(settings.values);
    return keys ? write_new_ring(*keys, options.to) : told(exit_code::bad_settings, keys.why());
  }
  return with_database(settings, [&](const std::string& database, const key_ring& keys) {
    const auto next = keys.rotated();
    if (!next)
      return told(exit_code::failed, next.why());
    const auto file = key_file(settings);
    if (const auto on_record = record(database, "sealing_key_made", next->current_id()); !on_record)
      return told(exit_code::failed, on_record.why());
    if (const auto saved = next->save(file); !saved)
      return told(exit_code::failed, saved.why());
    std::cout << "new values are sealed with key " << storage::key_id_text(next->current_id())
              << " from now on\n";
    if (const auto ready = wait_for_hubs(database); !ready)
      return told(exit_code::failed, ready.why());
    const auto resealed = reseal_with(database, *next);
    if (resealed != exit_code::ok || !options.forget_old)
      return resealed;
    return forget_old_keys(database, *next, file);
  });
}

exit_code reseal_all(const config::configuration& settings) {
  return with_database(settings, reseal_with);
}

exit_code show_keys(const config::configuration& settings) {
  return with_database(settings, [](const std::string& database, const key_ring& keys) {
    const auto counts = storage::count_sealed(database);
    if (!counts)
      return told(exit_code::failed, counts.why());
    auto ids = keys.ids();
    for (const auto& [id, values] : *counts)
      if (std::ranges::find(ids, id) == ids.end())
        ids.push_back(id);
    bool complete = true;
    const auto held = keys.ids();
    for (const auto id : ids) {
      const bool here = std::ranges::find(held, id) != held.end();
      complete = complete && here;
      const auto count = counts->find(id);
      std::cout << storage::key_id_text(id) << "  " << (count == counts->end() ? 0 : count->second)
                << " values" << (id == keys.current_id() ? ", seals" : "")
                << (here ? "" : ", MISSING: restore it from a backup") << '\n';
    }
    return complete ? exit_code::ok : exit_code::failed;
  });
}

} // namespace hub::app
