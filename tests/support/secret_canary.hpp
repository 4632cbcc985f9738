#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hub::testing {

/// The secrets that tests planted in hubs, and every place where one was seen that is none of its
/// own. Thread-safe, one for the process.
class secret_canary {
public:
  /// Must be seen nowhere: neither in answers nor in what a hub writes. Short ones are taken for
  /// none, since they would be found by chance.
  static void plant(std::string_view secret);
  /// Is given out once, to whom it belongs: must not be seen in what a hub writes.
  static void plant_in_answers(std::string_view secret);

  static void look_at_answer(std::string_view where, std::string_view text);
  static void look_at_output(std::string_view where, std::string_view text);

  /// Where which was seen. A secret is told by its first letters.
  static std::vector<std::string> sightings();
  static std::size_t planted();
};

} // namespace hub::testing
