#pragma once

#include "domain/json_reading.hpp"
#include "domain/result.hpp"
#include "http/client/call.hpp"

#include <cstddef>
#include <string>
#include <string_view>

/// How every provider's requests are written; for the files of this folder alone.
namespace hub::http::providers {

/// A request with a bearer token. `path` is put after `base_url`, with or without a slash at its
/// end; a null `body` sends none.
client::call bearer_call(std::string_view provider,
                         std::string_view operation,
                         std::string_view method,
                         std::string_view base_url,
                         std::string_view path,
                         std::string_view token,
                         const domain::json& body = nullptr);

/// One segment of a path, or one value of a query, percent-encoded.
std::string encoded(std::string_view text);

/// The length as providers count it: UTF-16 code units. `text` is valid UTF-8.
[[nodiscard]] std::size_t utf16_length(std::string_view text);

/// Text as the content of an HTML element: `&`, `<`, `>` and quotes escaped.
std::string html_escaped(std::string_view text);

} // namespace hub::http::providers
