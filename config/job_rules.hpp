#pragma once

#include "config/settings.hpp"
#include "domain/job.hpp"

#include <string_view>

namespace hub::config {

/// The rules of every kind of job, as the settings have them.
[[nodiscard]] domain::job_rules_table job_rules(const job_settings& from);

/// The settings of a kind of job.
[[nodiscard]] const job_kind_settings& settings_of(const job_settings& from, domain::job_kind kind);

/// What a kind of job is called in the names of settings: `jobs.notification.attempts`.
[[nodiscard]] std::string_view setting_name(domain::job_kind kind);

} // namespace hub::config
