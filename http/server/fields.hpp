#pragma once

#include "domain/text.hpp"
#include "domain/ticket.hpp"
#include "http/server/respond.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hub::http {

/// Reads the fields of a mutation and collects what is wrong with them.
class fields {
public:
  explicit fields(const nlohmann::json& body) : body_{body} {}

  std::optional<std::string> text(const char* name, std::size_t longest, bool may_be_empty) {
    const auto found = body_.find(name);
    if (found == body_.end())
      return std::nullopt;
    if (!found->is_string())
      return fault(name, "must be a text"), std::nullopt;
    auto value = domain::clean_utf8(found->get_ref<const std::string&>());
    if (value.size() > longest)
      return fault(name, "must be at most " + std::to_string(longest) + " bytes"), std::nullopt;
    if (!may_be_empty && value.find_first_not_of(" \t\r\n") == std::string::npos)
      return fault(name, "must not be empty"), std::nullopt;
    return value;
  }

  template <class Parse>
  auto choice(const char* name, Parse parse)
    -> std::optional<std::decay_t<decltype(*parse(std::string_view{}))>> {
    const auto found = body_.find(name);
    if (found == body_.end())
      return std::nullopt;
    if (!found->is_string())
      return fault(name, "must be a text"), std::nullopt;
    auto value = parse(found->template get_ref<const std::string&>());
    if (!value)
      return fault(name, value.why().message), std::nullopt;
    return *value;
  }

  std::optional<domain::priority> urgency(const char* name) {
    const auto found = body_.find(name);
    if (found == body_.end())
      return std::nullopt;
    if (!found->is_number_integer() || *found < domain::highest_priority
        || *found > domain::lowest_priority)
      return fault(name, "must be a whole number from 0 (critical) to 5 (minimal)"), std::nullopt;
    return found->get<int>();
  }

  std::optional<std::vector<std::string>> tags(const char* name) {
    const auto found = body_.find(name);
    if (found == body_.end())
      return std::nullopt;
    if (!found->is_array() || found->size() > 50)
      return fault(name, "must be a list of at most 50 texts"), std::nullopt;
    std::vector<std::string> values;
    for (const auto& tag : *found) {
      if (!tag.is_string() || tag.get_ref<const std::string&>().empty()
          || tag.get_ref<const std::string&>().size() > 100)
        return fault(name, "each tag must be a text of 1 to 100 bytes"), std::nullopt;
      values.push_back(domain::clean_utf8(tag.get_ref<const std::string&>()));
    }
    return values;
  }

  bool flag(const char* name) {
    const auto found = body_.find(name);
    if (found == body_.end())
      return false;
    if (!found->is_boolean())
      return fault(name, "must be true or false"), false;
    return found->get<bool>();
  }

  void only(std::initializer_list<std::string_view> allowed) {
    for (const auto& [name, value] : body_.items())
      if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
        fault(domain::clean_utf8(name).substr(0, 100), "is not a field of this call");
  }

  void fault(std::string name, std::string message) {
    faults_.push_back({std::move(name), std::move(message)});
  }

  [[nodiscard]] const std::vector<field_error>& faults() const { return faults_; }

private:
  const nlohmann::json& body_;
  std::vector<field_error> faults_;
};

} // namespace hub::http
