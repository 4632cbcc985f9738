#pragma once

#include "domain/result.hpp"
#include "http/client/call.hpp"

#include <functional>

namespace hub::http {

/// Makes a call to a provider; `done` is called once, on a thread that must not wait.
using send_function =
  std::function<void(client::call what, std::function<void(domain::result<client::reply>)> done)>;

} // namespace hub::http
