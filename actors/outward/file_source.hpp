#pragma once

#include "domain/channel.hpp"
#include "domain/result.hpp"
#include "domain/uuid.hpp"

#include <functional>
#include <memory>
#include <string>

namespace hub::actors {

/// A file that came with a report, as its provider names it.
struct wanted_file {
  domain::uuid workspace; // in whose name
  domain::channel from{};
  std::string external_id;
  std::string url;
};

/// What the provider gave.
struct brought_file {
  std::shared_ptr<std::string> bytes;
  /// Why there will be no bytes however often one asks, in a sentence; empty: there are.
  std::string why_not;
};

/// Fetches files from providers. Never blocks, and calls back exactly once, from a thread of its
/// own.
class file_source {
public:
  virtual ~file_source() = default;

  /// Failures are about the provider or the hub's account there; what is wrong with this one file
  /// is no failure.
  virtual void bring(wanted_file what, std::function<void(domain::result<brought_file>)> done) = 0;
};

} // namespace hub::actors
