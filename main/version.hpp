#pragma once

namespace hub::app {

inline constexpr const char* version = HUB_VERSION;

} // namespace hub::app
