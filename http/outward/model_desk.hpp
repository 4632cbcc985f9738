#pragma once

#include "actors/outward/model_desk.hpp"
#include "http/client/engine.hpp"
#include "http/outward/desk.hpp"

#include <functional>
#include <memory>

namespace hub::http {

/// Asks OpenAI, or whatever speaks its API, as each workspace. `engine` must outlive it; `now`
/// dates what the provider says.
std::unique_ptr<actors::model_desk> make_model_desk(client::engine& engine,
                                                    accounts_source accounts,
                                                    std::function<domain::time_point()> now);

} // namespace hub::http
