#pragma once

#include "storage/files/file_store.hpp"

#include <filesystem>

namespace hub::storage {

/// Files in a directory of this machine, as `disk:<key>`. Makes the directory when it first needs
/// it; what an earlier process left half written goes at the start.
std::unique_ptr<file_store> make_disk_store(const std::filesystem::path& directory);

} // namespace hub::storage
