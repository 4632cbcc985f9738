#pragma once

#include "domain/time.hpp"
#include "domain/uuid.hpp"

#include <pqxx/pqxx>

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hub::storage {

/// Bytes for a bytea column.
struct bytes {
  std::string_view value;
};

/// A `date` column: the day of a moment, UTC.
struct day_of {
  domain::time_point at;
};

/// Builds one PostgreSQL array literal, element by element.
class array_literal {
public:
  void add(std::string_view text);
  void add(const char* text) { add(std::string_view{text}); }
  void add(const std::string& text) { add(std::string_view{text}); }
  void add(bytes raw);
  void add(day_of day);
  void add(const domain::uuid& id);
  void add(domain::time_point at);
  void add(const std::vector<std::string>& texts); // an array literal inside, cast in SQL
  void add(bool value);
  template <std::integral Number>
  void add(Number number) {
    separate();
    text_ += std::to_string(number);
  }
  void add_null();
  template <class T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : add_null();
  }

  [[nodiscard]] std::string finish() && { return std::move(text_) + "}"; }

private:
  void separate();
  void quote(std::string_view text);
  std::string text_ = "{";
};

/// The rows of one set-based statement, kept as one array a column.
template <std::size_t Columns>
class row_set {
public:
  template <class... Fields>
  requires(sizeof...(Fields) == Columns) void add(const Fields&... fields) {
    std::size_t column = 0;
    (columns_[column++].add(fields), ...);
    ++rows_;
  }

  [[nodiscard]] bool empty() const { return rows_ == 0; }
  [[nodiscard]] std::size_t size() const { return rows_; }

  /// Runs the prepared statement with the columns as its parameters; the set is used up.
  pqxx::result run(pqxx::transaction_base& tx, const std::string& statement) && {
    const auto parameters = finished();
    return tx.exec_prepared(statement, pqxx::prepare::make_dynamic_params(parameters));
  }

  /// The same with a statement that is not prepared.
  pqxx::result run_once(pqxx::transaction_base& tx, const std::string& sql) && {
    const auto parameters = finished();
    return tx.exec_params(sql, pqxx::prepare::make_dynamic_params(parameters));
  }

private:
  std::vector<std::string> finished() {
    std::vector<std::string> parameters;
    parameters.reserve(Columns);
    for (auto& column : columns_)
      parameters.push_back(std::move(column).finish());
    return parameters;
  }

  std::array<array_literal, Columns> columns_;
  std::size_t rows_ = 0;
};

} // namespace hub::storage
