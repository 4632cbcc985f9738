// How well does `scrub` find what people marked as personal data? Run by hand on a file of JSON
// lines {"text", "spans": [{"type", "start", "end"}]} (offsets in code points):
//   scrub_quality labelled.jsonl [--misses]
// Character overlap per entity: a marked entity is found when half of its characters are redacted
// under its own type; a redaction is right when half of it lies in a marked entity of its type.

#include "domain/scrub.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hub::domain::pii_type;

struct span {
  pii_type type{};
  std::size_t begin = 0; // bytes
  std::size_t end = 0;
};

struct score {
  int marked = 0;
  int found = 0;  // under its own type
  int hidden = 0; // under any type
  int redacted = 0;
  int right = 0;
};

const std::map<std::string_view, pii_type> judged{{"EMAIL_ADDRESS", pii_type::email},
                                                  {"PHONE_NUMBER", pii_type::phone},
                                                  {"CREDIT_CARD", pii_type::payment_card},
                                                  {"US_SSN", pii_type::ssn},
                                                  {"IBAN_CODE", pii_type::iban},
                                                  {"IP_ADDRESS", pii_type::ip_address}};

/// Byte offsets of each code point, and of the end.
std::vector<std::size_t> offsets(const std::string& text) {
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U)
      at.push_back(i);
  at.push_back(text.size());
  return at;
}

template <class One, class Many>
std::size_t covered(const One& one, const Many& many, bool same_type) {
  std::size_t sum = 0;
  for (const auto& other : many)
    if (!same_type || other.type == one.type) {
      const auto begin = std::max(one.begin, other.begin);
      const auto end = std::min(one.end, other.end);
      sum += end > begin ? end - begin : 0;
    }
  return sum;
}

double ratio(int part, int whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / whole;
}

void add(const nlohmann::json& line, bool show, std::map<pii_type, score>& scores) {
  const auto text = line.at("text").get<std::string>();
  const auto at = offsets(text);
  std::vector<span> marked;
  for (const auto& s : line.at("spans"))
    if (const auto kind = judged.find(s.at("type").get<std::string>()); kind != judged.end())
      marked.push_back({kind->second,
                        at.at(s.at("start").get<std::size_t>()),
                        at.at(s.at("end").get<std::size_t>())});
  const auto result = hub::domain::scrub(text);
  for (const auto& m : marked) {
    auto& score = scores[m.type];
    const bool found = 2 * covered(m, result.redactions, true) >= m.end - m.begin;
    ++score.marked;
    score.found += found ? 1 : 0;
    score.hidden += 2 * covered(m, result.redactions, false) >= m.end - m.begin ? 1 : 0;
    if (show && !found)
      std::printf("missed %s: %s\n  in: %s\n",
                  std::string{to_string(m.type)}.c_str(),
                  text.substr(m.begin, m.end - m.begin).c_str(),
                  text.c_str());
  }
  for (const auto& r : result.redactions) {
    auto& score = scores[r.type];
    const bool right = 2 * covered(r, marked, true) >= r.end - r.begin;
    ++score.redacted;
    score.right += right ? 1 : 0;
    if (show && !right)
      std::printf("wrong %s: %s\n  in: %s\n",
                  std::string{to_string(r.type)}.c_str(),
                  text.substr(r.begin, r.end - r.begin).c_str(),
                  text.c_str());
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s labelled.jsonl [--misses]\n", argv[0]);
    return 2;
  }
  std::ifstream file{argv[1]};
  const bool show = argc > 2 && std::string_view{argv[2]} == "--misses";
  std::map<pii_type, score> scores;
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines)
    add(nlohmann::json::parse(line), show, scores);
  std::printf("%d texts\n%-14s %7s %7s %9s %7s %7s %7s\n",
              lines,
              "type",
              "marked",
              "redact",
              "precision",
              "recall",
              "F1",
              "hidden");
  for (const auto& [type, s] : scores) {
    const auto precision = ratio(s.right, s.redacted);
    const auto recall = ratio(s.found, s.marked);
    const auto sum = precision + recall;
    std::printf("%-14s %7d %7d %9.3f %7.3f %7.3f %7.3f\n",
                std::string{to_string(type)}.c_str(),
                s.marked,
                s.redacted,
                precision,
                recall,
                sum == 0 ? 0 : 2 * precision * recall / sum,
                ratio(s.hidden, s.marked));
  }
}
