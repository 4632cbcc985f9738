#pragma once

#include "config/settings.hpp"
#include "http/client/engine.hpp"
#include "storage/files/file_store.hpp"

#include <memory>

namespace hub::app {

/// Files go to S3 where a bucket is set, else into the data directory; they are read from wherever
/// they were put, whatever is set by then. `engine` must outlive it.
std::unique_ptr<storage::file_store> make_file_stores(const config::settings& settings,
                                                      http::client::engine& engine);

} // namespace hub::app
