// How much personal data the scrubber finds, and how much else it takes for some, on labelled
// sentences: `scrub_quality <labelled.jsonl>`, one {"text", "spans": [{"type", "start", "end"}]} a
// line, positions in code points.
#include "domain/scrub.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using hub::domain::pii_type;
using nlohmann::json;

/// The labels that the scrubber is judged by, and what it calls them.
const std::map<std::string, pii_type> judged{{"EMAIL_ADDRESS", pii_type::email},
                                             {"PHONE_NUMBER", pii_type::phone},
                                             {"CREDIT_CARD", pii_type::payment_card},
                                             {"US_SSN", pii_type::ssn},
                                             {"IBAN_CODE", pii_type::iban},
                                             {"IP_ADDRESS", pii_type::ip_address}};

struct span {
  std::string type;
  std::size_t begin = 0; // bytes
  std::size_t end = 0;
};

/// Where each code point begins, and the end.
std::vector<std::size_t> starts_of(const std::string& text) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U)
      starts.push_back(at);
  starts.push_back(text.size());
  return starts;
}

std::vector<span> spans_of(const json& line, const std::vector<std::size_t>& starts) {
  std::vector<span> spans;
  for (const auto& each : line.at("spans"))
    spans.push_back({each.at("type"),
                     starts.at(each.at("start").get<std::size_t>()),
                     starts.at(each.at("end").get<std::size_t>())});
  return spans;
}

struct tally {
  int labelled = 0;
  int hidden = 0; // wholly, under whichever name
  int named = 0;  // … and under its own
};

/// Whether every byte of `one` is in some redaction; of `type` only where that is given.
bool is_hidden(const span& one,
               const std::vector<hub::domain::redaction>& found,
               const pii_type* type = nullptr) {
  std::vector<bool> covered(one.end - one.begin, false);
  for (const auto& each : found)
    if (type == nullptr || each.type == *type)
      for (auto at = std::max(each.begin, one.begin); at < std::min(each.end, one.end); ++at)
        covered[at - one.begin] = true;
  return std::ranges::all_of(covered, [](bool is) { return is; });
}

double share(int part, int whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / whole;
}

} // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s <labelled.jsonl>\n", arguments[0]);
    return 2;
  }
  std::ifstream file{arguments[1]};
  if (!file) {
    std::fprintf(stderr, "%s cannot be read\n", arguments[1]);
    return 2;
  }
  std::map<std::string, tally> tallies;
  int sentences = 0;
  int redactions = 0;
  int on_judged = 0;
  std::map<std::string, int> on_others; // other labelled things that were hidden, by label
  std::map<std::string, int> wrong;     // by what the scrubber took it for
  for (std::string text; std::getline(file, text);) {
    const auto line = json::parse(text);
    const auto words = line.at("text").get<std::string>();
    const auto spans = spans_of(line, starts_of(words));
    const auto found = hub::domain::scrub(words).redactions;
    ++sentences;
    for (const auto& one : spans)
      if (const auto type = judged.find(one.type); type != judged.end()) {
        auto& sum = tallies[one.type];
        ++sum.labelled;
        sum.hidden += is_hidden(one, found) ? 1 : 0;
        sum.named += is_hidden(one, found, &type->second) ? 1 : 0;
      }
    for (const auto& each : found) {
      ++redactions;
      const auto over = std::ranges::find_if(spans, [&](const span& one) {
        return judged.contains(one.type) && each.begin < one.end && one.begin < each.end;
      });
      if (over != spans.end()) {
        ++on_judged;
        continue;
      }
      ++wrong[std::string{to_string(each.type)}];
      for (const auto& one : spans)
        if (each.begin < one.end && one.begin < each.end) {
          ++on_others[one.type];
          break;
        }
    }
  }
  tally all;
  std::printf("%-14s %9s %8s %8s\n", "label", "labelled", "hidden", "named so");
  for (const auto& [type, sum] : tallies) {
    std::printf("%-14s %9d %8.3f %8.3f\n",
                type.c_str(),
                sum.labelled,
                share(sum.hidden, sum.labelled),
                share(sum.named, sum.labelled));
    all.labelled += sum.labelled;
    all.hidden += sum.hidden;
  }
  std::printf("%d sentences: recall %.3f, precision %.3f (%d of %d redactions)\n",
              sentences,
              share(all.hidden, all.labelled),
              share(on_judged, redactions),
              on_judged,
              redactions);
  for (const auto& [type, times] : wrong)
    std::printf("  not labelled as judged, hidden as %s: %d\n", type.c_str(), times);
  for (const auto& [type, times] : on_others)
    std::printf("  of those on something labelled %s: %d\n", type.c_str(), times);
}
