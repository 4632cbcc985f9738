#pragma once

#include "http/sandbox/faults.hpp"
#include "http/sandbox/ledger.hpp"

#include <string>
#include <string_view>

namespace hub::http::sandbox {

/// Text that is safe between tags and in quoted attributes.
std::string escape_html(std::string_view text);

/// What was sent to whom through which provider, the newest first, and the faults with buttons.
std::string render_page(const ledger& remembered, const fault_book& faults, time_point now);

/// A page with the headers that keep foreign scripts out.
edge::reply page_reply(std::string html);

std::string_view page_style();
std::string_view page_script();

} // namespace hub::http::sandbox
