#pragma once

#include "domain/result.hpp"

#include <string>

namespace hub::storage {

/// `forbidden`, with what to do, when row-level security does not hold the role that `serving`
/// connects as: a superuser, one with BYPASSRLS, or a member of such a role.
domain::outcome check_serving_role(const std::string& serving);

/// Lets the role that `serving` connects as do what serving needs, as the owner of the tables, who
/// `owner` connects as. Nothing to do when both are one role. May be repeated, by several nodes at
/// once; to be done after every migration.
domain::outcome let_serve(const std::string& owner, const std::string& serving);

} // namespace hub::storage
