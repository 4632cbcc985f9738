#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hub::domain {

/// One line of a CSV file (RFC 4180), with its line end. Every cell is quoted. One that a
/// spreadsheet would take for a formula gets an apostrophe in front, which shows it as text (OWASP,
/// "CSV Injection"; ASVS 5.0, 1.2.10).
[[nodiscard]] std::string csv_line(std::span<const std::string_view> cells);

} // namespace hub::domain
