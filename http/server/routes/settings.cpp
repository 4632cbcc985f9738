#include "domain/json_reading.hpp"
#include "http/server/auth/gate.hpp"
#include "http/server/parse.hpp"
#include "http/server/respond.hpp"
#include "http/server/routes/accounts.hpp"
#include "http/server/routes/mount.hpp"
#include "http/server/workspaces.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace hub::http {

namespace {

using domain::permission;
using nlohmann::json;
using reply_handle = std::shared_ptr<edge::responder>;

json to_json(const workspace_setting& one) {
  json shown{{"key", one.key},
             {"description", one.description},
             {"secret", one.secret},
             {"set", one.set},
             {"source", one.source}};
  if (!one.secret)
    shown["value"] = one.set ? json(one.value) : json(nullptr);
  return shown;
}

/// Answers with everything the workspace is set to.
std::function<void(domain::result<std::vector<workspace_setting>>)> to(reply_handle reply_to) {
  return
    [reply_to = std::move(reply_to)](const domain::result<std::vector<workspace_setting>>& all) {
      if (!all)
        return reply_to->send(error_reply(all.why()));
      auto body = json::array();
      for (const auto& each : *all)
        body.push_back(to_json(each));
      reply_to->send(momentary(200, body));
    };
}

void list(workspaces& known, const call& from, edge::responder responder) {
  known.settings_of(from.who.workspace,
                    to(std::make_shared<edge::responder>(std::move(responder))));
}

/// A value as one would write it in the settings file; nothing for what cannot be one.
std::optional<std::string> written(const json& value) {
  if (value.is_string())
    return domain::text_of(value) == value.get<std::string>()
             ? std::optional{value.get<std::string>()}
             : std::nullopt; // broken UTF-8, NUL
  if (value.is_boolean())
    return value.get<bool>() ? "on" : "off";
  if (value.is_number_integer())
    return value.dump();
  return std::nullopt;
}

void change(workspaces& known, gate& door, const call& from, edge::responder responder) {
  const auto body = json_body(from);
  if (!body)
    return responder.send(error_reply(body.why()));
  std::vector<field_error> faults;
  std::vector<setting_change> changes;
  for (const auto& [key, value] : body->items()) {
    setting_change one{key, value.is_null() ? std::nullopt : written(value)};
    if (!value.is_null() && !one.value)
      faults.push_back({key, "must be text, a whole number, true, false or null"});
    else if (const auto fit = known.check(one); !fit)
      faults.push_back({key, fit.why().message});
    changes.push_back(std::move(one));
  }
  if (changes.empty())
    faults.push_back({"", "must name at least one setting"});
  if (!faults.empty())
    return responder.send(invalid_fields(faults));
  known.change_settings(door.acting_for(from),
                        std::move(changes),
                        to(std::make_shared<edge::responder>(std::move(responder))));
}

} // namespace

void mount_settings(edge::server& server, context& hub, gate& door) {
  server.route("GET",
               "/api/settings",
               only_with(hub,
                         permission::settings_manage,
                         [](context& with, const call& from, edge::responder responder) {
                           list(*with.known, from, std::move(responder));
                         }));
  server.route("PATCH",
               "/api/settings",
               only_with(hub,
                         permission::settings_manage,
                         [&door](context& with, const call& from, edge::responder responder) {
                           change(*with.known, door, from, std::move(responder));
                         }));
}

} // namespace hub::http
