#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub::testing {

/// What is wrong with a response according to http/server/static/openapi.json; nothing when it
/// conforms. `path` is the path as requested, with or without a query. A response to HEAD is held
/// to its GET without a body; a path no operation has may only be answered with an error.
std::optional<std::string> openapi_fault(std::string_view method,
                                         std::string_view path,
                                         int status,
                                         std::string_view content_type,
                                         std::string_view body);

} // namespace hub::testing
