#pragma once

#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <pqxx/pqxx>

#include <optional>
#include <string>
#include <vector>

namespace hub::storage {

// Fields to values. Times are selected as milliseconds since the epoch, ids and arrays as text.

/// Nil for a null.
inline domain::uuid id_in(const pqxx::field& field) {
  const auto parsed = domain::parse_uuid(field.c_str());
  return parsed ? *parsed : domain::uuid{};
}

inline domain::time_point time_in(const pqxx::field& field) {
  return domain::time_point{std::chrono::milliseconds{field.as<std::int64_t>()}};
}

inline std::string text_in(const pqxx::field& field) {
  return {field.c_str(), field.size()};
}

template <class Read>
auto optional_in(const pqxx::field& field, Read read) -> std::optional<decltype(read(field))> {
  if (field.is_null())
    return std::nullopt;
  return read(field);
}

inline std::int64_t number_in(const pqxx::field& field) {
  return field.as<std::int64_t>();
}

inline std::vector<std::string> texts_in(const pqxx::field& field) {
  std::vector<std::string> texts;
  auto parser = field.as_array();
  for (auto step = parser.get_next(); step.first != pqxx::array_parser::done;
       step = parser.get_next())
    if (step.first == pqxx::array_parser::string_value)
      texts.push_back(std::move(step.second));
  return texts;
}

/// bytea in PostgreSQL's hex form.
inline std::string bytes_in(const pqxx::field& field) {
  const pqxx::binarystring raw{field};
  return raw.str();
}

/// The other way: bytes as a parameter.
inline pqxx::binarystring bytes_of(const std::string& raw) {
  return pqxx::binarystring{raw};
}

} // namespace hub::storage
