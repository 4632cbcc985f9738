#include "tests/support/openapi_check.hpp"

#include <nlohmann/json.hpp>
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace hub::testing {

namespace {

using nlohmann::json;

constexpr int deepest_reference = 30; // the file's schemas are no deeper; a cycle would be

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments{{}};
  for (const char character : path.substr(0, path.find('?')))
    if (character == '/')
      segments.emplace_back();
    else
      segments.back() += character;
  if (segments.size() > 2 && segments.back().empty())
    segments.pop_back(); // one trailing slash means nothing
  return segments;
}

bool matches(const std::string& pattern, const std::vector<std::string>& path) {
  const auto wanted = segments_of(pattern);
  return std::equal(
    wanted.begin(), wanted.end(), path.begin(), path.end(), [](const auto& want, const auto& got) {
      return want == got || (want.starts_with('{') && !got.empty());
    });
}

std::string media_type(std::string_view content_type) {
  std::string media{content_type.substr(0, content_type.find(';'))};
  while (!media.empty() && media.back() == ' ')
    media.pop_back();
  std::ranges::transform(
    media, media.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return media;
}

/// openapi.json, read once, and the schemas of it that were needed, compiled.
class description {
public:
  static description& instance() {
    static description one;
    return one;
  }

  std::optional<std::string> fault(std::string_view method,
                                   std::string_view path,
                                   int status,
                                   std::string_view content_type,
                                   std::string_view body) {
    const auto* item = find_path(path);
    if (item == nullptr)
      return hold_to_error(404, status, content_type, body);
    auto name = std::string{method};
    std::ranges::transform(
      name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (name == "options" && status == 204)
      return body.empty() ? std::nullopt : std::optional<std::string>{"204 with a body"};
    const bool head = name == "head";
    if (head && !body.empty())
      return "an answer to HEAD with a body";
    if (head && !item->contains("head"))
      name = "get";
    const auto operation = item->find(name);
    if (operation == item->end())
      return hold_to_error(405, status, content_type, body);
    const auto* response = find_response(*operation, status);
    if (response == nullptr)
      return "the operation does not give status " + std::to_string(status);
    return head ? std::nullopt : hold_to(*response, content_type, body);
  }

private:
  description() {
    std::ifstream file{HUB_OPENAPI_FILE};
    root_ = json::parse(file);
    root_ = resolved(root_, 0);
  }

  /// The value with every reference replaced by what it refers to.
  json resolved(const json& value, int depth) const {
    if (depth > deepest_reference)
      throw std::runtime_error("openapi.json refers in circles");
    if (value.is_object() && value.contains("$ref")) {
      const auto target = value["$ref"].get<std::string>();
      return resolved(root_.at(json::json_pointer{target.substr(1)}), depth + 1);
    }
    auto copy = value;
    if (copy.is_structured())
      for (auto& part : copy)
        part = resolved(part, depth + 1);
    return copy;
  }

  /// What names a segment comes before what takes any.
  const json* find_path(std::string_view path) const {
    const auto wanted = segments_of(path);
    const json* found = nullptr;
    for (const auto& [pattern, item] : root_.at("paths").items())
      if (matches(pattern, wanted) && (found == nullptr || pattern.find('{') == std::string::npos))
        found = &item;
    return found;
  }

  static const json* find_response(const json& operation, int status) {
    const auto& responses = operation.at("responses");
    if (const auto exact = responses.find(std::to_string(status)); exact != responses.end())
      return &*exact;
    const auto other = responses.find("default");
    if (other == responses.end())
      return nullptr;
    const auto& statuses = other->at("x-statuses");
    return std::ranges::find(statuses, json(status)) == statuses.end() ? nullptr : &*other;
  }

  std::optional<std::string>
  hold_to_error(int wanted, int status, std::string_view content_type, std::string_view body) {
    const auto& responses = root_.at("components").at("responses");
    const auto& edge = responses.at("edge").at("x-statuses");
    if (status != wanted && std::ranges::find(edge, json(status)) == edge.end())
      return "no operation is there, and the status is not " + std::to_string(wanted);
    return hold_to(responses.at("edge"), content_type, body);
  }

  std::optional<std::string>
  hold_to(const json& response, std::string_view content_type, std::string_view body) {
    const auto content = response.find("content");
    if (content == response.end())
      return body.empty() ? std::nullopt
                          : std::optional<std::string>{"a body where there should be none"};
    const auto media = media_type(content_type);
    auto described = content->find(media);
    if (described == content->end())
      described = content->find("*/*");
    if (described == content->end())
      return "the response is not described as '" + media + "'";
    if (media != "application/json")
      return std::nullopt;
    return hold_to_schema(described->at("schema"), body);
  }

  std::optional<std::string> hold_to_schema(const json& schema, std::string_view body) {
    rapidjson::Document document;
    document.Parse(body.data(), body.size());
    if (document.HasParseError())
      return "the body is not JSON";
    rapidjson::SchemaValidator validator{compiled(schema)};
    if (document.Accept(validator))
      return std::nullopt;
    rapidjson::StringBuffer where;
    validator.GetInvalidDocumentPointer().StringifyUriFragment(where);
    rapidjson::StringBuffer rule;
    validator.GetInvalidSchemaPointer().StringifyUriFragment(rule);
    return std::string{"the body breaks '"} + validator.GetInvalidSchemaKeyword() + "' of "
           + rule.GetString() + " at " + where.GetString();
  }

  const rapidjson::SchemaDocument& compiled(const json& schema) {
    const std::lock_guard lock{mutex_};
    auto& known = compiled_[&schema];
    if (!known) {
      rapidjson::Document source;
      source.Parse(schema.dump().c_str());
      known = std::make_unique<rapidjson::SchemaDocument>(source);
    }
    return *known;
  }

  json root_;
  std::mutex mutex_;
  std::map<const json*, std::unique_ptr<rapidjson::SchemaDocument>> compiled_;
};

} // namespace

std::optional<std::string> openapi_fault(std::string_view method,
                                         std::string_view path,
                                         int status,
                                         std::string_view content_type,
                                         std::string_view body) {
  return description::instance().fault(method, path, status, content_type, body);
}

} // namespace hub::testing
