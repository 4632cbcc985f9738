#pragma once

#include "domain/result.hpp"
#include "http/server/edge/responder.hpp"

#include <caf/fwd.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hub::http {

/// A piece of a file that is made while it is sent.
struct file_piece {
  std::string bytes;
  bool last = false;
};

/// Asks for the next piece; calls back once, from any thread.
using next_piece = std::function<void(std::function<void(domain::result<file_piece>)>)>;

struct file_facts {
  std::string content_type;
  std::string disposition;                                       // a whole Content-Disposition
  std::vector<std::pair<std::string, std::string>> headers = {}; // more of them
};

/// The Content-Disposition that saves a file under a name of letters, digits, dots and dashes.
[[nodiscard]] inline std::string saved_as(const std::string& name) {
  return "attachment; filename=\"" + name + '"';
}

/// Answers with a file of any length, piece by piece: the next one is asked for when the one before
/// is on its way, so that a slow reader costs no more than two of them. Fails with the first
/// piece's failure; later, or when the reader takes nothing for long, the connection is cut, so
/// that half a file is never taken for a whole one. `held` is let go at the end.
void send_file(caf::actor_system& system,
               edge::responder responder,
               file_facts facts,
               next_piece next,
               std::shared_ptr<const void> held);

} // namespace hub::http
