#include "tests/domain/case_file.hpp"

#include <cctype>
#include <string_view>

namespace hub::tests {

namespace {

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += '%';
      out += "0123456789ABCDEF"[byte >> 4U];
      out += "0123456789ABCDEF"[byte & 0xFU];
    }
  }
  return out;
}

std::string form_of(const nlohmann::json& fields) {
  std::string form;
  for (const auto& [name, value] : fields.items()) {
    form.append(form.empty() ? "" : "&").append(encoded(name)).append("=");
    form += encoded(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return form;
}

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
  return bytes;
}

} // namespace

std::string body_of(const nlohmann::json& recorded) {
  if (recorded.contains("body"))
    return recorded["body"];
  if (recorded.contains("body_json"))
    return recorded["body_json"].dump();
  if (recorded.contains("body_hex"))
    return bytes_of(recorded["body_hex"].get<std::string>());
  if (recorded.contains("form"))
    return form_of(recorded["form"]);
  const auto& repeat = recorded.at("body_repeat");
  auto body = repeat["before"].get<std::string>();
  for (auto left = repeat["times"].get<int>(); left > 0; --left)
    body += repeat["unit"].get_ref<const std::string&>();
  return body + repeat["after"].get<std::string>();
}

} // namespace hub::tests
