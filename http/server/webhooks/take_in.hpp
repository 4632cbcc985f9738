#pragma once

#include "actors/ticket/protocol.hpp"
#include "domain/intake.hpp"
#include "http/server/context.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::http {

/// The bytes of one authentic delivery, on their way in.
struct received_delivery {
  domain::channel platform{};
  std::string content_type;
  std::shared_ptr<const std::string> body;
  domain::time_point received_at{};
  /// Set when a stored delivery is read again.
  std::optional<domain::uuid> replays;
  std::optional<domain::actor_stamp> replayed_by;
};

/// A delivery, read: what to answer at once, or what to take in.
struct read_delivery {
  std::vector<std::shared_ptr<const domain::intake_item>> items;
  std::optional<domain::direct_answer> answer;
  /// Set when it could not be understood; `items` then holds it as not understood.
  std::optional<domain::failure> trouble;
};

/// Normalises the bytes and prepares each item: pure work, done in the caller's thread.
read_delivery read(const received_delivery& delivery, const domain::uuid& workspace);

/// Sends every item to its shard, in order, and calls `done` once with all their outcomes in order,
/// or with the first failure.
void take_in_all(context& hub,
                 std::vector<std::shared_ptr<const domain::intake_item>> items,
                 std::function<void(domain::result<std::vector<actors::taken_in>>)> done);

} // namespace hub::http
