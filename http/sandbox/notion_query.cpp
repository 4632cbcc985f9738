#include "http/sandbox/notion_query.hpp"

#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <utility>

namespace hub::http::sandbox {
namespace {

constexpr int deepest_compound = 2;

constexpr std::string_view text_conditions =
  "equals|does_not_equal|contains|does_not_contain|starts_with|ends_with|is_empty|is_not_empty";
constexpr std::string_view number_conditions =
  "equals|does_not_equal|greater_than|less_than|greater_than_or_equal_to|less_than_or_equal_to|"
  "is_empty|is_not_empty";
constexpr std::string_view option_conditions = "equals|does_not_equal|is_empty|is_not_empty";
constexpr std::string_view date_conditions =
  "equals|before|after|on_or_before|on_or_after|is_empty|is_not_empty";

std::string_view conditions_of(std::string_view type) {
  if (is_one_of(type, "title|rich_text|url|email|phone_number"))
    return text_conditions;
  if (type == "number")
    return number_conditions;
  if (type == "select" || type == "status")
    return option_conditions;
  if (is_one_of(type, "date|created_time|last_edited_time"))
    return date_conditions;
  if (type == "checkbox")
    return "equals|does_not_equal";
  return "contains|does_not_contain|is_empty|is_not_empty";
}

fault_text refused(const std::string& what) {
  return "body failed validation: body.filter" + what;
}

fault_text check_condition(const json& condition, const std::string& type) {
  if (!condition.is_object() || condition.size() != 1)
    return refused("." + type + " should be an object with one condition.");
  const auto name = condition.begin().key();
  const auto& value = condition.begin().value();
  if (!is_one_of(name, conditions_of(type)))
    return refused("." + type + "." + name + " should be not present, instead was `"
                   + domain::write_json(value) + "`.");
  if (name.starts_with("is_"))
    return value == true ? std::nullopt : refused("." + type + "." + name + " should be `true`.");
  const bool good = type == "number"     ? value.is_number()
                    : type == "checkbox" ? value.is_boolean()
                                         : value.is_string();
  if (!good)
    return refused("." + type + "." + name + " has a value of the wrong type.");
  if (is_one_of(type, "date|created_time|last_edited_time") && !domain::moment_of(value)
      && value.get_ref<const std::string&>().size() != 10)
    return refused("." + type + "." + name + " should be a valid ISO 8601 date string.");
  return std::nullopt;
}

template <class Value>
bool compare(const std::string& how, const Value& got, const Value& wanted) {
  if (how == "equals")
    return got == wanted;
  if (how == "does_not_equal")
    return got != wanted;
  if (how == "greater_than" || how == "after")
    return got > wanted;
  if (how == "less_than" || how == "before")
    return got < wanted;
  if (how == "greater_than_or_equal_to" || how == "on_or_after")
    return got >= wanted;
  return got <= wanted;
}

bool text_passes(const std::string& how, const std::string& got, const std::string& wanted) {
  if (how == "contains")
    return got.find(wanted) != std::string::npos;
  if (how == "does_not_contain")
    return got.find(wanted) == std::string::npos;
  if (how == "starts_with")
    return got.starts_with(wanted);
  if (how == "ends_with")
    return got.ends_with(wanted);
  return compare(how, got, wanted);
}

/// A moment, also of a bare date.
domain::time_point moment_in(const json& value) {
  if (const auto at = domain::moment_of(value))
    return *at;
  const auto at = domain::parse_rfc3339(domain::text_of(value) + "T00:00:00Z");
  return at ? *at : domain::time_point{};
}

bool condition_passes(const json& condition, const std::string& type, const json& value) {
  const auto& how = condition.begin().key();
  const auto& wanted = condition.begin().value();
  const bool rich = type == "title" || type == "rich_text";
  const bool empty = value.is_null() || (rich ? plain_text_of(value).empty() : value.empty());
  if (how == "is_empty" || how == "is_not_empty")
    return empty == (how == "is_empty");
  if (rich)
    return text_passes(how, plain_text_of(value), domain::text_of(wanted));
  if (type == "checkbox")
    return (value == true) == (wanted == true) ? how == "equals" : how != "equals";
  if (empty && type != "checkbox")
    return how == "does_not_equal" || how == "does_not_contain";
  if (type == "number")
    return compare(how, value.get<double>(), wanted.get<double>());
  if (type == "select" || type == "status")
    return compare(how, domain::text_at(value, "name"), domain::text_of(wanted));
  if (type == "date")
    return compare(how, moment_in(domain::member(value, "start")), moment_in(wanted));
  if (value.is_array()) {
    const bool there = std::ranges::any_of(value, [&](const json& each) {
      return domain::text_at(each, "name") == domain::text_of(wanted)
             || domain::text_at(each, "id") == domain::text_of(wanted);
    });
    return there == (how == "contains");
  }
  return text_passes(how, domain::text_of(value), domain::text_of(wanted));
}

/// The key of a property's filter that names its type.
std::string filter_type(const json& filter) {
  for (const auto& [key, ignored] : filter.items())
    if (key != "property" && key != "type" && key != "timestamp")
      return key;
  return "";
}

} // namespace

fault_text check_filter(const json& filter, notion_schema& schema, int depth) {
  if (!filter.is_object())
    return refused(" should be an object.");
  for (const auto* compound : {"and", "or"}) {
    if (!filter.contains(compound))
      continue;
    if (depth >= deepest_compound || filter.size() != 1 || !filter[compound].is_array())
      return refused(std::string{"."} + compound + " should be an array, nested at most twice.");
    for (const auto& each : filter[compound])
      if (auto fault = check_filter(each, schema, depth + 1))
        return fault;
    return std::nullopt;
  }
  const auto type = filter_type(filter);
  if (filter.contains("timestamp")) {
    const auto stamp = domain::text_at(filter, "timestamp");
    if (!is_one_of(stamp, "created_time|last_edited_time") || type != stamp)
      return refused(".timestamp should be `\"created_time\"` or `\"last_edited_time\"`.");
    return check_condition(filter[stamp], stamp);
  }
  for (const auto& [key, ignored] : filter.items())
    if (key != type && key != "property" && key != "type")
      return refused("." + key + " should be not present.");
  const auto name = domain::text_at(filter, "property");
  if (name.empty() || type.empty())
    return refused(".property should be defined, instead was `undefined`.");
  if (auto fault = check_condition(filter[type], type))
    return fault;
  return schema.check_use(name, type);
}

bool passes(const json& filter, const notion_row& row) {
  if (filter.contains("and"))
    return std::ranges::all_of(filter["and"], [&](const json& each) { return passes(each, row); });
  if (filter.contains("or"))
    return std::ranges::any_of(filter["or"], [&](const json& each) { return passes(each, row); });
  const auto type = filter_type(filter);
  const auto& condition = filter[type];
  if (filter.contains("timestamp")) {
    const auto got = type == "created_time" ? row.created : row.last_edited;
    const auto& how = condition.begin().key();
    if (how == "is_empty" || how == "is_not_empty")
      return how == "is_not_empty";
    return compare(how, got, moment_in(condition.begin().value()));
  }
  const auto& value = domain::value_at(row.values, domain::text_at(filter, "property"), type);
  return condition_passes(condition, type, value);
}

fault_text check_sorts(const json& sorts, notion_schema& schema) {
  if (!sorts.is_array() || sorts.size() > 100)
    return "body failed validation: body.sorts should be an array.";
  for (const auto& each : sorts) {
    if (!is_one_of(domain::text_at(each, "direction"), "ascending|descending"))
      return "body failed validation: body.sorts[0].direction should be `\"ascending\"` or "
             "`\"descending\"`.";
    if (each.contains("timestamp")) {
      if (!is_one_of(domain::text_at(each, "timestamp"), "created_time|last_edited_time"))
        return "body failed validation: body.sorts[0].timestamp is not a timestamp.";
    } else if (auto fault = schema.check_use(domain::text_at(each, "property"), "")) {
      return fault;
    }
  }
  return std::nullopt;
}

bool comes_before(const json& sorts,
                  const notion_schema& schema,
                  const notion_row& a,
                  const notion_row& b) {
  for (const auto& each : sorts) {
    const bool rising = domain::text_at(each, "direction") == "ascending";
    if (const auto stamp = domain::text_at(each, "timestamp"); !stamp.empty()) {
      const bool by_creation = stamp == "created_time";
      const auto left = by_creation ? a.created : a.last_edited;
      const auto right = by_creation ? b.created : b.last_edited;
      if (left != right)
        return (left < right) == rising;
      continue;
    }
    const auto name = domain::text_at(each, "property");
    const auto type = schema.type_of(name);
    const auto key = [&](const notion_row& row) {
      const auto& value = domain::value_at(row.values, name, type);
      if (type == "title" || type == "rich_text")
        return json(plain_text_of(value));
      return type == "select" || type == "status" ? domain::member(value, "name") : value;
    };
    const auto left = key(a);
    const auto right = key(b);
    if (left != right)
      return (left < right) == rising;
  }
  return false;
}

} // namespace hub::http::sandbox
