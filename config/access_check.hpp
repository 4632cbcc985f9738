#pragma once

#include "config/settings.hpp"

#include <string>
#include <vector>

namespace hub::config {

/// What is wrong with how people and programs may enter through others, each as one sentence.
[[nodiscard]] std::vector<std::string> faults_of_access(const settings& values);

} // namespace hub::config
