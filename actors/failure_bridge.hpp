#pragma once

#include "domain/failure.hpp"

#include <caf/error.hpp>

namespace hub::actors {

/// A failure as CAF carries it between actors.
caf::error to_caf(const domain::failure& why);

/// Back again. CAF's own errors become what they mean to a caller: a time-out after which the
/// outcome is unknown, or an actor that is not there.
domain::failure from_caf(const caf::error& error);

/// As `from_caf`, for a request that changes nothing: a time-out leaves no outcome unknown.
domain::failure from_caf_reading(const caf::error& error);

} // namespace hub::actors
