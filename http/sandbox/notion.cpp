#include "http/sandbox/notion.hpp"

#include "http/sandbox/notion_query.hpp"
#include "http/sandbox/reading.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hub::http::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kept_pages = 20'000;
constexpr std::size_t largest_body = 500UL * 1000;
constexpr std::size_t most_results = 10'000; // of one query, over all its pages
constexpr std::size_t most_blocks_at_once = 100;
constexpr std::string_view source_mark = "da7a";

// Three a second on average; how large a burst may be is not said.
constexpr allowance requests_a_key{15, 334ms};

constexpr std::array create_fields{
  field{"parent", shape::object, true},
  field{"properties", shape::object},
  field{"children", shape::array},
  field{"icon", shape::any},
  field{"cover", shape::any},
  field{"content", shape::array},
  field{"template", shape::object},
  field{"position", shape::object},
  field{"markdown", shape::text},
};
constexpr std::array update_fields{
  field{"properties", shape::object},
  field{"icon", shape::any},
  field{"cover", shape::any},
  field{"archived", shape::boolean},
  field{"in_trash", shape::boolean},
  field{"is_locked", shape::boolean},
  field{"template", shape::object},
  field{"erase_content", shape::boolean},
};
constexpr std::array query_fields{
  field{"filter", shape::object},
  field{"sorts", shape::array},
  field{"start_cursor", shape::text},
  field{"page_size", shape::integer},
  field{"archived", shape::boolean},
  field{"in_trash", shape::boolean},
  field{"result_type", shape::text, false, 20, "page|data_source"},
};

edge::reply refusal(int status, std::string_view code, const std::string& message) {
  return json_reply(status,
                    {{"object", "error"},
                     {"status", status},
                     {"code", code},
                     {"message", message},
                     {"request_id", "5a4d0000-0000-4000-a000-000000000000"}});
}

edge::reply invalid(const std::string& message) {
  return refusal(400, "validation_error", message);
}

edge::reply too_fast(std::chrono::seconds wait) {
  auto answer = refusal(429,
                        "rate_limited",
                        "This request exceeds the number of requests allowed. Slow down and try "
                        "again.");
  answer.headers.emplace_back("Retry-After", std::to_string(wait.count()));
  return answer;
}

edge::reply refusal_for(const problem& found) {
  using enum problem::kind;
  const auto where = "body failed validation: body." + found.name + " should be ";
  switch (found.is) {
  case missing:
    return invalid(where + "defined, instead was `undefined`.");
  case unknown:
    return invalid(where + "not present.");
  case wrong_type:
    return invalid(where + "a " + std::string{name_of(found.rule.is)} + ".");
  case too_long:
  case not_one_of:
    break;
  }
  return invalid(where + "one of " + std::string{found.rule.one_of} + ".");
}

edge::reply not_found(const std::string& what, const std::string& id) {
  return refusal(404,
                 "object_not_found",
                 "Could not find " + what + " with ID: " + id
                   + ". Make sure the relevant pages and databases are shared with your "
                     "integration.");
}

std::optional<edge::reply> caller_fault(const call& what) {
  switch (token_of(what.request)) {
  case token_state::missing:
  case token_state::invalid:
  case token_state::revoked:
    return refusal(401, "unauthorized", "API token is invalid.");
  case token_state::good:
    break;
  }
  const auto version = what.request.header("notion-version");
  if (!version)
    return refusal(400,
                   "missing_version",
                   "Notion-Version header failed validation: Notion-Version header should be "
                   "defined, instead was `undefined`.");
  if (!is_one_of(*version, "2025-09-03|2026-03-11"))
    return refusal(400,
                   "missing_version",
                   "Notion-Version header failed validation: the sandbox plays 2025-09-03 and "
                   "2026-03-11, instead was `\""
                     + std::string{*version} + "\"`.");
  return std::nullopt;
}

bool is_newer_version(const call& what) {
  return what.request.header("notion-version") == "2026-03-11";
}

time_point minute_of(time_point at) {
  return std::chrono::floor<std::chrono::minutes>(at);
}

const json& bot() {
  static const json user{{"object", "user"}, {"id", "b0700000-0000-4000-a000-000000000000"}};
  return user;
}

std::string source_of(const std::string& database) {
  return std::string{source_mark} + database.substr(source_mark.size());
}

} // namespace

std::string notion::operation(const call& of) const {
  const auto& path = of.path;
  const auto& method = of.request.method;
  if (path.size() < 2 || path[0] != "v1")
    return "";
  const auto is = [&](std::size_t size, std::string_view kind, std::string_view verb) {
    return path.size() == size && path[1] == kind && method == verb;
  };
  if (is(2, "pages", "POST"))
    return "create_page";
  if (is(3, "pages", "GET"))
    return "retrieve_page";
  if (is(3, "pages", "PATCH"))
    return "update_page";
  if (is(3, "databases", "GET"))
    return "retrieve_database";
  if (is(3, "data_sources", "GET"))
    return "retrieve_data_source";
  if (is(4, "data_sources", "POST") && path[3] == "query")
    return "query";
  if (is(4, "blocks", "GET") && path[3] == "children")
    return "list_children";
  if (is(4, "blocks", "PATCH") && path[3] == "children")
    return "append_children";
  return is(3, "users", "GET") && path[2] == "me" ? "me" : "";
}

outcome notion::handle(const call& what) {
  const auto asked = operation(what);
  if (asked.empty())
    return {refusal(400, "invalid_request_url", "Invalid request URL.")};
  if (auto fault = caller_fault(what))
    return {*std::move(fault)};
  if (const auto wait = requests_.take(requests_a_key, what.now))
    return {too_fast(whole_seconds(*wait))};
  return route(asked, what);
}

outcome notion::route(const std::string& asked, const call& what) {
  if (asked == "me")
    return {json_reply(200,
                       {{"object", "user"},
                        {"id", bot()["id"]},
                        {"name", "Feedback Hub"},
                        {"avatar_url", nullptr},
                        {"type", "bot"},
                        {"bot", {{"owner", {{"type", "workspace"}, {"workspace", true}}}}}})};
  std::string id;
  if (what.path.size() > 2) {
    if (!is_uuid(what.path[2]))
      return {invalid("path failed validation: path." + what.path[1]
                      + "_id should be a valid uuid, instead was `\"" + what.path[2] + "\"`.")};
    id = plain_uuid(what.path[2]);
  }
  if (asked == "retrieve_database") {
    if (pages_.contains(id) || id.starts_with(source_mark))
      return {not_found("database", id)};
    databases_[source_of(id)] = id;
    return {json_reply(200, show_database(id))};
  }
  if (asked == "retrieve_data_source" || asked == "query") {
    if (!id.starts_with(source_mark))
      return {not_found("data_source", id)};
    if (asked == "retrieve_data_source")
      return {json_reply(200, show_source(id, what))};
  }
  json body = json::object();
  if (what.request.method != "GET" && !(asked == "query" && what.request.body.empty())) {
    if (what.request.body.size() > largest_body)
      return {invalid("body failed validation: the body should be at most 500KB.")};
    if (media_type(what.request) != "application/json")
      return {refusal(400, "invalid_json", "Error parsing JSON body.")};
    auto read = json_object(what.request.body);
    if (!read)
      return {refusal(400, "invalid_json", "Error parsing JSON body.")};
    body = *std::move(read);
  }
  if (asked == "create_page")
    return create_page(body, what);
  if (asked == "query")
    return query(id, body, what);
  const auto found = pages_.find(id);
  if (found == pages_.end())
    return {not_found(what.path[1] == "blocks" ? "block" : "page", id)};
  if (asked == "retrieve_page")
    return {json_reply(200, show(found->second, what))};
  return asked == "update_page" ? update_page(found->second, body, what)
                                : children(found->second, what);
}

std::string notion::database_of(const std::string& source) const {
  const auto known = databases_.find(source);
  return known == databases_.end() ? "0000" + source.substr(source_mark.size()) : known->second;
}

fault_text notion::check_children(const json& blocks, json& into) {
  if (blocks.size() > most_blocks_at_once)
    return "body failed validation: body.children.length should be ≤ `100`, instead was `"
           + std::to_string(blocks.size()) + "`.";
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto where = "body.children[" + std::to_string(i) + "]";
    const auto& block = blocks[i];
    std::string type = domain::text_at(block, "type");
    if (block.is_object() && type.empty())
      for (const auto& [key, value] : block.items())
        if (value.is_object())
          type = key;
    if (type.empty() || !domain::member(block, type).is_object())
      return "body failed validation: " + where + " should have a block of a known type.";
    const auto& text = domain::value_at(block, type, "rich_text");
    if (!text.is_null())
      if (auto fault =
            check_rich_text(text, std::string{where}.append(".").append(type).append(".rich_text")))
        return fault;
    json shown = block;
    shown["object"] = "block";
    shown["id"] = made_uuid(++made_);
    shown["type"] = type;
    shown["has_children"] = false;
    shown["in_trash"] = false;
    if (text.is_array())
      shown[type]["rich_text"] = show_rich_text(text);
    into.push_back(std::move(shown));
  }
  return std::nullopt;
}

std::optional<edge::reply> notion::place(page& fresh, const json& parent) {
  const auto fault = [](const std::string& rest) {
    return invalid("body failed validation: body.parent" + rest);
  };
  std::string kind;
  for (const auto& [key, value] : parent.items()) {
    if (key == "type")
      continue;
    if (!kind.empty() || !is_one_of(key, "data_source_id|database_id|page_id"))
      return fault("." + key + " should be not present.");
    kind = key;
  }
  if (kind.empty())
    return fault(".data_source_id should be defined, instead was `undefined`.");
  if (const auto type = domain::text_at(parent, "type"); !type.empty() && type != kind)
    return fault("." + type + " should be defined, instead was `undefined`.");
  const auto id = domain::text_at(parent, kind);
  if (!is_uuid(id))
    return fault("." + kind + " should be a valid uuid, instead was `\"" + id + "\"`.");
  const auto plain = plain_uuid(id);
  const bool is_source = plain.starts_with(source_mark);
  if ((kind == "data_source_id" && !is_source) || (kind == "database_id" && is_source)
      || (kind == "page_id" && !pages_.contains(plain)))
    return not_found(kind.substr(0, kind.size() - 3), plain);
  if (kind == "page_id") {
    fresh.parent_page = plain;
  } else if (kind == "database_id") {
    fresh.data_source = source_of(plain);
    databases_[fresh.data_source] = plain;
  } else {
    fresh.data_source = plain;
  }
  return std::nullopt;
}

outcome notion::create_page(const json& body, const call& what) {
  if (const auto found = find_problem(body, create_fields))
    return {refusal_for(*found)};
  page fresh;
  if (auto refused = place(fresh, body["parent"]))
    return {*std::move(refused)};
  fresh.values = domain::member(body, "properties");
  if (fresh.values.is_null())
    fresh.values = json::object();
  if (auto fault = check_children(domain::list_at(body, "children"), fresh.blocks))
    return {invalid(*fault)};
  if (!fresh.data_source.empty())
    if (auto fault = schema_of(fresh.data_source).check_values(fresh.values))
      return {invalid(*fault)};
  fresh.order = ++made_;
  fresh.id = made_uuid(fresh.order);
  fresh.created = fresh.last_edited = minute_of(what.now);
  fresh.icon = domain::member(body, "icon");
  fresh.cover = domain::member(body, "cover");
  const auto& kept = pages_.emplace(fresh.id, std::move(fresh)).first->second;
  order_.push_back(kept.id);
  if (order_.size() > kept_pages) {
    pages_.erase(order_.front());
    order_.pop_front();
  }
  auto shown = show(kept, what);
  delivery delivered{kept.id, kept.data_source, ""};
  delivered.details = {{"properties", kept.values}};
  for (const auto& [name, value] : kept.values.items())
    if (value.contains("title"))
      delivered.text = plain_text_of(value["title"]);
  return {json_reply(200, shown), std::move(delivered)};
}

outcome notion::update_page(page& which, const json& body, const call& what) {
  if (const auto found = find_problem(body, update_fields))
    return {refusal_for(*found)};
  if (is_newer_version(what) && body.contains("archived"))
    return {invalid("body failed validation: body.archived should be not present.")};
  const bool stays =
    domain::member(body, "in_trash") != false && domain::member(body, "archived") != false;
  if (which.in_trash && stays)
    return {invalid("Can't edit block that is archived. You must unarchive the block before "
                    "editing.")};
  json values = domain::member(body, "properties");
  if (values.is_object()) {
    if (!which.data_source.empty())
      if (auto fault = schema_of(which.data_source).check_values(values))
        return {invalid(*fault)};
    which.values.update(values);
  }
  for (const auto* name : {"archived", "in_trash"})
    if (body.contains(name))
      which.in_trash = body[name] == true;
  if (body.contains("icon"))
    which.icon = body["icon"];
  if (body.contains("cover"))
    which.cover = body["cover"];
  if (domain::member(body, "erase_content") == true)
    which.blocks = json::array();
  which.last_edited = minute_of(what.now);
  delivery delivered{which.id, which.data_source, domain::write_json(values)};
  delivered.details = {{"properties", values}, {"in_trash", which.in_trash}, {"update", true}};
  return {json_reply(200, show(which, what)), std::move(delivered)};
}

outcome notion::children(page& which, const call& what) {
  json added = json::array();
  std::optional<delivery> delivered;
  if (what.request.method == "PATCH") {
    const auto body = json_object(what.request.body);
    const auto& blocks = domain::member(*body, "children");
    if (!blocks.is_array())
      return {invalid("body failed validation: body.children should be defined, instead was "
                      "`undefined`.")};
    if (auto fault = check_children(blocks, added))
      return {invalid(*fault)};
    for (const auto& block : added)
      which.blocks.push_back(block);
    which.last_edited = minute_of(what.now);
    delivered = delivery{which.id, which.data_source, std::to_string(added.size()) + " blocks"};
  }
  const auto& shown = delivered ? added : which.blocks;
  return {json_reply(200,
                     {{"object", "list"},
                      {"results", shown},
                      {"next_cursor", nullptr},
                      {"has_more", false},
                      {"type", "block"},
                      {"block", json::object()}}),
          std::move(delivered)};
}

std::vector<const notion::page*> notion::matching(const std::string& source, const json& body) {
  const auto& filter = domain::member(body, "filter");
  const auto& sorts = domain::list_at(body, "sorts");
  const auto& schema = schema_of(source);
  const bool trash =
    domain::member(body, "in_trash") == true || domain::member(body, "archived") == true;
  const auto row_of = [](const page& each) {
    return notion_row{each.values, each.created, each.last_edited};
  };
  std::vector<const page*> found;
  for (const auto& [id, each] : pages_)
    if (each.data_source == source && each.in_trash == trash
        && (filter.is_null() || passes(filter, row_of(each))))
      found.push_back(&each);
  // Without a wish, the newest first.
  std::ranges::sort(found, [&](const page* a, const page* b) {
    const auto left = row_of(*a);
    const auto right = row_of(*b);
    if (comes_before(sorts, schema, left, right))
      return true;
    return !comes_before(sorts, schema, right, left) && a->order > b->order;
  });
  return found;
}

outcome notion::query(const std::string& source, const json& body, const call& what) {
  if (const auto found = find_problem(body, query_fields);
      found && !(found->name == "start_cursor" && body["start_cursor"].is_null()))
    return {refusal_for(*found)};
  constexpr std::int64_t most_a_page = 100;
  const auto size = domain::number_of(domain::member(body, "page_size")).value_or(most_a_page);
  if (size < 1 || size > most_a_page)
    return {invalid("body failed validation: body.page_size should be ≤ `100`, instead was `"
                    + std::to_string(size) + "`.")};
  auto& schema = schema_of(source);
  const auto& filter = domain::member(body, "filter");
  if (!filter.is_null())
    if (auto fault = check_filter(filter, schema))
      return {invalid(*fault)};
  if (auto fault = check_sorts(domain::list_at(body, "sorts"), schema))
    return {invalid(*fault)};

  auto found = matching(source, body);
  const bool cut = found.size() > most_results;
  if (cut)
    found.resize(most_results);
  auto begin = found.begin();
  if (const auto cursor = domain::text_at(body, "start_cursor"); !cursor.empty()) {
    begin = std::ranges::find(found, cursor, &page::id);
    if (begin == found.end())
      return {invalid("The start_cursor provided is invalid: " + cursor)};
  }
  const auto end = begin + std::min<std::int64_t>(size, found.end() - begin);
  json results = json::array();
  for (auto each = begin; each != end; ++each)
    results.push_back(show(**each, what));
  const bool more = end != found.end();
  json list{{"object", "list"},
            {"results", std::move(results)},
            {"next_cursor", more ? json((*end)->id) : json(nullptr)},
            {"has_more", more},
            {"type", "page_or_data_source"},
            {"page_or_data_source", json::object()}};
  if (cut && !more)
    list["request_status"] = {{"type", "incomplete"},
                              {"incomplete_reason", "query_result_limit_reached"}};
  return {json_reply(200, list)};
}

json notion::show(const page& which, const call& what) {
  auto undashed = which.id;
  std::erase(undashed, '-');
  json parent{{"type", "page_id"}, {"page_id", which.parent_page}};
  if (!which.data_source.empty())
    parent = {{"type", "data_source_id"},
              {"data_source_id", which.data_source},
              {"database_id", database_of(which.data_source)}};
  json shown{
    {"object", "page"},
    {"id", which.id},
    {"created_time", domain::to_rfc3339(which.created)},
    {"last_edited_time", domain::to_rfc3339(which.last_edited)},
    {"created_by", bot()},
    {"last_edited_by", bot()},
    {"cover", which.cover},
    {"icon", which.icon},
    {"parent", std::move(parent)},
    {"in_trash", which.in_trash},
    {"is_locked", false},
    {"properties",
     which.data_source.empty() ? which.values : schema_of(which.data_source).show(which.values)},
    {"url", "https://www.notion.so/" + undashed},
    {"public_url", nullptr}};
  if (!is_newer_version(what))
    shown["archived"] = which.in_trash;
  return shown;
}

json notion::show_source(const std::string& source, const call& what) {
  const auto database = database_of(source);
  return {{"object", "data_source"},
          {"id", source},
          {"title", show_rich_text(json::array({{{"text", {{"content", "Tickets"}}}}}))},
          {"description", json::array()},
          {"properties", schema_of(source).describe()},
          {"parent", {{"type", "database_id"}, {"database_id", database}}},
          {"database_parent", {{"type", "workspace"}, {"workspace", true}}},
          {"created_time", domain::to_rfc3339(minute_of(what.now))},
          {"last_edited_time", domain::to_rfc3339(minute_of(what.now))},
          {"created_by", bot()},
          {"last_edited_by", bot()},
          {"in_trash", false},
          {"is_inline", false},
          {"icon", nullptr},
          {"cover", nullptr},
          {"url", "https://www.notion.so/" + database},
          {"public_url", nullptr}};
}

json notion::show_database(const std::string& database) const {
  return {{"object", "database"},
          {"id", database},
          {"title", show_rich_text(json::array({{{"text", {{"content", "Tickets"}}}}}))},
          {"description", json::array()},
          {"data_sources", json::array({{{"id", source_of(database)}, {"name", "Tickets"}}})},
          {"parent", {{"type", "workspace"}, {"workspace", true}}},
          {"is_inline", false},
          {"in_trash", false},
          {"is_locked", false},
          {"created_time", "2026-01-01T00:00:00.000Z"},
          {"last_edited_time", "2026-01-01T00:00:00.000Z"},
          {"icon", nullptr},
          {"cover", nullptr},
          {"url", "https://www.notion.so/" + database},
          {"public_url", nullptr}};
}

std::optional<edge::reply> notion::answer_to(const trouble& what) const {
  switch (what.is) {
  case trouble::kind::broken:
    return refusal(500, "internal_server_error", "Unexpected error occurred.");
  case trouble::kind::away:
    return refusal(503, "service_unavailable", "Notion is unavailable, please try again later.");
  case trouble::kind::rate_limited:
    return too_fast(what.retry_after);
  case trouble::kind::error:
    break;
  }
  struct known_error {
    std::string_view code;
    int status;
    std::string_view message;
  };
  constexpr std::array known{
    known_error{"conflict_error", 409, "Conflict occurred while saving. Please try again."},
    known_error{"unauthorized", 401, "API token is invalid."},
    known_error{"restricted_resource", 403, "API token does not have access to this resource."},
    known_error{"object_not_found", 404, "Could not find page."},
    known_error{"validation_error", 400, "body failed validation."},
    known_error{"service_overload", 529, "Notion is overloaded, please try again later."},
    known_error{"gateway_timeout", 504, "Gateway timeout."},
    known_error{"database_connection_unavailable", 503, "Notion's database is unavailable."}};
  const auto found = std::ranges::find(known, what.code, &known_error::code);
  if (found == known.end())
    return std::nullopt;
  auto answer = refusal(found->status, found->code, std::string{found->message});
  if (found->status == 529)
    answer.headers.emplace_back("Retry-After", std::to_string(what.retry_after.count()));
  return answer;
}

json notion::keeps() const {
  constexpr std::size_t most = 1'000;
  json pages = json::array();
  for (auto id = order_.rbegin(); id != order_.rend() && pages.size() < most; ++id) {
    const auto& each = pages_.at(*id);
    pages.push_back({{"id", each.id},
                     {"data_source_id", each.data_source},
                     {"properties", each.values},
                     {"blocks", each.blocks},
                     {"last_edited_time", domain::to_rfc3339(each.last_edited)},
                     {"in_trash", each.in_trash}});
  }
  return {{"pages", std::move(pages)}, {"page_count", pages_.size()}};
}

fault_text notion::set_schema(const std::string& database_id, const json& properties) {
  if (!is_uuid(database_id) || !properties.is_object())
    return "database_id should be a uuid and properties an object";
  const auto plain = plain_uuid(database_id);
  databases_[source_of(plain)] = plain;
  return schema_of(source_of(plain)).set(properties);
}

void notion::clear() {
  pages_.clear();
  order_.clear();
  schemas_.clear();
  databases_.clear();
  requests_ = {};
}

} // namespace hub::http::sandbox
