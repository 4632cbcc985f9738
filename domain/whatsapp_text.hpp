#pragma once

#include "domain/json_reading.hpp"
#include "domain/report.hpp"

#include <string>
#include <vector>

namespace hub::domain {

/// What a WhatsApp message says, whatever its type, in words a person can read: "[image] caption",
/// "[voice message]", "[location] name, address (lat, long)", the title of a pressed button.
std::string whatsapp_text(const json& message);

/// The media of a message; WhatsApp gives an id to fetch it by.
std::vector<attachment> whatsapp_files(const json& message);

} // namespace hub::domain
