#pragma once

#include "http/server/webhooks/take_in.hpp"

#include <functional>

namespace hub::http {

/// As `read`, each item for the workspace that its account is connected to. What nobody is
/// connected for is read for the home workspace, or, where that has accounts of its own, set aside
/// there until somebody says whose it is. Calls `done` once, at once unless an account changed
/// hands lately; a failure means that nothing can be said now.
void place(context& hub,
           const received_delivery& delivery,
           std::function<void(domain::result<read_delivery>)> done);

/// The item that settles a delivery which turned out to be another workspace's: nothing of it
/// stays.
[[nodiscard]] std::shared_ptr<const domain::intake_item>
given_away(const received_delivery& delivery, const domain::uuid& from);

} // namespace hub::http
