#pragma once

#include <string>

namespace hub::storage {

/// `given`, a libpq connection string of either form, with limits on how long a host may take to
/// answer a connect and to be found gone: without them a vanished host holds a connection in `recv`
/// for a quarter of an hour. What `given` sets itself stays.
std::string with_time_limits(const std::string& given);

} // namespace hub::storage
