#include "domain/uuid.hpp"

#include <algorithm>
#include <cstring>

namespace hub::domain {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if (digit >= 'a' && digit <= 'f')
    return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F')
    return digit - 'A' + 10;
  return -1;
}

constexpr bool dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

constexpr std::uint32_t counter_limit = 1U << 18;

} // namespace

std::string to_string(const uuid& id) {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (dash_before(i))
      text += '-';
    text += hex_digits[id.bytes[i] >> 4U];
    text += hex_digits[id.bytes[i] & 0xFU];
  }
  return text;
}

result<uuid> parse_uuid(std::string_view text) {
  const auto wrong = [] { return fail(errc::invalid_input, "not a UUID in canonical text"); };
  if (text.size() != 36)
    return wrong();
  uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (dash_before(i) && text[at++] != '-')
      return wrong();
    const int high = hex_value(text[at]);
    const int low = hex_value(text[at + 1]);
    if (high < 0 || low < 0)
      return wrong();
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

uuid uuid_generator::next(time_point now) {
  const auto millisecond =
    std::max<std::int64_t>(now.time_since_epoch().count(), last_millisecond_);
  if (millisecond > last_millisecond_) {
    last_millisecond_ = millisecond;
    counter_ = static_cast<std::uint32_t>(random_() % (counter_limit / 2));
  } else if (++counter_ == counter_limit) {
    ++last_millisecond_; // more than 131,072 in a millisecond: borrow from the next one
    counter_ = 0;
  }
  uuid id;
  for (std::size_t i = 0; i < 6; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(last_millisecond_ >> (40 - 8 * i));
  const auto high = counter_ >> 6U;
  id.bytes[6] = static_cast<std::uint8_t>(0x70U | (high >> 8U));
  id.bytes[7] = static_cast<std::uint8_t>(high);
  id.bytes[8] = static_cast<std::uint8_t>(0x80U | (counter_ & 0x3FU));
  const std::uint64_t random = random_();
  for (std::size_t i = 9; i < 16; ++i)
    id.bytes[i] = static_cast<std::uint8_t>(random >> (8 * (i - 9)));
  return id;
}

} // namespace hub::domain

std::size_t std::hash<hub::domain::uuid>::operator()(const hub::domain::uuid& id) const noexcept {
  std::uint64_t tail = 0; // the random half: the time half is alike for ids made together
  std::memcpy(&tail, id.bytes.data() + 8, sizeof tail);
  std::uint64_t head = 0;
  std::memcpy(&head, id.bytes.data(), sizeof head);
  return tail ^ (head * 0x9E3779B97F4A7C15ULL);
}
