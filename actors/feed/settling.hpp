#pragma once

#include "storage/reads/event_reads.hpp"

#include <cstdint>
#include <optional>

namespace hub::actors {

/// Finds out up to which number all events have appeared. Events get their numbers before their
/// transactions commit, and those commit in any order; but a transaction has its own number before
/// its first event gets one (`see_and_write`). So three looks settle a number: one sees how high
/// numbers are, a later one takes a transaction's number, above that of all who hold such an event
/// number, and a later one yet finds that everything below it has ended.
///
/// A look that takes several pages is judged by its first one: what that snapshot shows is read in
/// any case, on whichever page.
class settling {
public:
  /// What the first page of a look tells; looks in the order in which they were begun.
  void begin_look(const storage::event_page& page) {
    may_settle_ = mark_ && ended_before_ && page.oldest_running >= *ended_before_;
    if (mark_ && !ended_before_)
      ended_before_ = page.own_number;
    last_number_ = page.last_number;
  }

  /// When all pages of the look have been read; whether something was settled. `patience_is_over`:
  /// a transaction takes longer than anybody wants to wait, and what it brings may be missed.
  bool end_look(bool patience_is_over = false) {
    const bool settles = mark_ && (may_settle_ || patience_is_over);
    if (settles) {
      settled_ = mark_;
      mark_.reset();
    }
    if (!mark_ && (!settled_ || last_number_ > *settled_)) {
      mark_ = last_number_;
      ended_before_.reset();
    }
    may_settle_ = false;
    return settles;
  }

  /// Whether the next look has to take a transaction's number.
  [[nodiscard]] bool wants_number() const { return mark_ && !ended_before_; }
  /// Unset: not known yet.
  [[nodiscard]] const std::optional<std::int64_t>& settled() const { return settled_; }
  [[nodiscard]] bool is_waiting() const { return mark_.has_value(); }

private:
  std::optional<std::int64_t> settled_;
  std::optional<std::int64_t> mark_;         // waits to be settled
  std::optional<std::int64_t> ended_before_; // transactions that must have ended
  std::int64_t last_number_ = 0;
  bool may_settle_ = false;
};

} // namespace hub::actors
