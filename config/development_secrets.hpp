#pragma once

#include "config/load.hpp"
#include "domain/result.hpp"

namespace hub::config {

/// Gives every webhook secret that is not configured a random one, kept in `secrets.json` of the
/// data directory (made if need be) and readable by its owner only, with the source "generated". So
/// the hub runs without any set-up and still refuses what is not signed.
domain::outcome ensure_development_secrets(configuration& in);

} // namespace hub::config
