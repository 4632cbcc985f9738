#pragma once

#include "domain/failure.hpp"

#include <utility>
#include <variant>

namespace hub::domain {

/// Holds a `T` or the `failure` that prevented it; stands in for C++23's `std::expected`.
template <class T>
class [[nodiscard]] result {
public:
  // NOLINTNEXTLINE(google-explicit-constructor): a value is a result
  result(T value) : held_{std::in_place_index<0>, std::move(value)} {}
  // NOLINTNEXTLINE(google-explicit-constructor): so is a failure
  result(failure why) : held_{std::in_place_index<1>, std::move(why)} {}

  explicit operator bool() const { return held_.index() == 0; }
  [[nodiscard]] bool has_value() const { return held_.index() == 0; }

  T& operator*() & { return std::get<0>(held_); }
  const T& operator*() const& { return std::get<0>(held_); }
  T&& operator*() && { return std::get<0>(std::move(held_)); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }

  [[nodiscard]] const failure& why() const& { return std::get<1>(held_); }
  [[nodiscard]] failure&& why() && { return std::get<1>(std::move(held_)); }

private:
  std::variant<T, failure> held_;
};

/// The result of something that has nothing to return but may fail.
struct done {};
using outcome = result<done>;

} // namespace hub::domain
