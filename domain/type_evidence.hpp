#pragma once

#include <string_view>

namespace hub::domain {

/// How strongly the words of a report speak for a type: about 8 for one unmistakable phrase.
struct type_evidence {
  int most = 0; // for the type that `infer` reads; 0 when no word says anything
  int next = 0; // for the strongest of the others
};

/// Reads the same words as `infer`.
type_evidence weigh_types(std::string_view text);

} // namespace hub::domain
