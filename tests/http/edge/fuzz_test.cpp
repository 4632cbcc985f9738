#include "tests/http/edge/edge_fixture.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <map>
#include <random>

namespace hub::tests {
namespace {

using namespace std::string_literals;

const std::vector<std::string> methods = {"GET",
                                          "POST",
                                          "PUT",
                                          "PATCH",
                                          "DELETE",
                                          "OPTIONS",
                                          "HEAD",
                                          "TRACE",
                                          "CONNECT",
                                          "FOO",
                                          "get",
                                          "",
                                          "G\0T"s};

std::string repeat(const std::string& what, int times) {
  std::string all;
  for (int i = 0; i < times; ++i)
    all += what;
  return all;
}

const std::vector<std::string> targets = {"/echo",
                                          "/items/1",
                                          "/sync",
                                          "/",
                                          "/echo?a=b&c=%ff",
                                          "/" + std::string(300, 'a'),
                                          "*",
                                          "//echo",
                                          "/echo?" + repeat("a=b&", 50),
                                          "/\xff\xfe",
                                          "http://x/echo",
                                          "",
                                          "/items/%00",
                                          "/../../etc/passwd",
                                          "/echo?=&&==&"};

const std::vector<std::string> versions = {
  "HTTP/1.1", "HTTP/1.0", "HTTP/1.1 ", "HTTP/9.9", "", "HTTP/1.", "\0"s};

const std::vector<std::string> headers = {"Host: x",
                                          "Content-Length: 5",
                                          "Content-Length: 0",
                                          "Content-Length: -1",
                                          "Content-Length: 99999999999",
                                          "Content-Length: 5, 5",
                                          "Transfer-Encoding: chunked",
                                          "Transfer-Encoding: x",
                                          "Connection: keep-alive",
                                          "Connection: close",
                                          "Connection: \0"s,
                                          "Cookie: a=b; c",
                                          "Cookie: a=b; c=d",
                                          "Cookie: ;;;=",
                                          "Accept: */*",
                                          "Accept: a/b;q=x",
                                          "Accept: ,",
                                          "Accept: text/html;q=0.9,",
                                          "Cache-Control: max-age=",
                                          "Cache-Control: max-age=9,no-cache",
                                          "Content-Type: application/json; charset",
                                          "Content-Type: a/b;c=d;e",
                                          "Content-Type: text/",
                                          "Date: Mon",
                                          "Host: [::1",
                                          "Host: [",
                                          "Host: ]:[",
                                          "Expect: 100-continue",
                                          "Authorization: Basic ====",
                                          "Authorization: Basic YTpi",
                                          "X: " + std::string(1000, 'y'),
                                          "NoColon",
                                          ": empty",
                                          " lead: x",
                                          "Set-Cookie: a=b; Max-Age=99999999999",
                                          "Set-Cookie: a=b; Expires=foo",
                                          "Content-Encoding: ",
                                          "Allow: ,",
                                          "User-Agent: \xff\xff",
                                          "Location: x\0"s};

/// Requests between valid and absurd, all from one seed.
class generator {
public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

  std::string request() {
    auto bytes = head() + "\r\n" + body();
    if (chance(30))
      mutate(bytes);
    return chance(10) ? repeat(bytes, 2 + static_cast<int>(below(3))) : bytes;
  }

private:
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }
  std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    for (auto& each : bytes)
      each = static_cast<char>(random_());
    return bytes;
  }

  std::string head() {
    // Mostly well-formed, or nothing would get beyond the first line.
    if (chance(25))
      return plausible_head();
    std::string text = chance(70) ? methods[below(6)] : pick(methods);
    text += " " + pick(targets) + " " + (chance(80) ? versions[0] : pick(versions)) + "\r\n";
    if (chance(50))
      text += "Host: x\r\n";
    for (auto count = below(7); count > 0; --count) {
      const auto ending = below(15);
      text += pick(headers);
      text += ending == 12 ? "\n" : ending == 13 ? "\r" : ending == 14 ? "\r\n " : "\r\n";
    }
    return text;
  }

  /// One that gets through to a handler if nothing happens to it.
  std::string plausible_head() {
    static const std::vector<std::string> harmless = {"Connection: keep-alive",
                                                      "Cookie: ;;;=",
                                                      "Accept: ,",
                                                      "Cache-Control: max-age=",
                                                      "Date: Mon",
                                                      "Allow: ,"};
    std::string text = methods[below(7)] + " " + targets[below(5)] + " HTTP/1.1\r\nHost: x\r\n";
    for (auto count = below(4); count > 0; --count)
      text += pick(harmless) + "\r\n";
    return chance(50) ? text + "Content-Length: 5\r\n" : text;
  }

  std::string body() {
    switch (below(5)) {
    case 0:
      return "";
    case 1:
      return "hello";
    case 2:
      return std::string(below(9000), 'x');
    case 3:
      return chunks();
    default:
      return noise(below(300));
    }
  }

  std::string chunks() {
    static const std::vector<std::string> sizes = {
      "5", "6", "-1", "", "zz", "fffffffffffffff", "0x5", "5;e=f", "10", "64"};
    static const std::vector<std::string> ends = {"0\r\n\r\n", "0\r\n", "", "0\r\nT: x\r\n\r\n"};
    static const std::vector<std::string> breaks = {"\r\n", "\r\n", "\r", "\n", ""};
    std::string text;
    for (auto count = below(5); count > 0; --count)
      text += pick(sizes) + "\r\n" + std::string(below(101), 'd') + pick(breaks);
    return text + pick(ends);
  }

  void mutate(std::string& bytes) {
    for (auto count = 1 + below(6); count > 0 && !bytes.empty(); --count) {
      const auto at = below(bytes.size());
      switch (below(3)) {
      case 0:
        bytes[at] = static_cast<char>(random_());
        break;
      case 1:
        bytes.erase(at, 1 + below(8));
        break;
      default:
        bytes.insert(at, noise(1 + below(8)));
      }
    }
  }

  std::mt19937_64 random_;
};

class fuzzed_requests : public edge_server {
protected:
  /// Sends `bytes` in up to six packets and returns the status line of what comes back at once.
  std::string shoot(const std::string& bytes, generator& random) {
    auto client = connect();
    constexpr std::array<std::size_t, 6> counts = {1, 1, 1, 2, 3, 6};
    const auto packets = counts[random.below(counts.size())];
    const auto size = bytes.size() / packets + 1;
    for (std::size_t at = 0; at < bytes.size(); at += size)
      if (!client.send(std::string_view(bytes).substr(at, size)))
        break;
    client.finish_sending();
    // The end of input settles what is incomplete: every request is answered or given up.
    const auto answer = client.read_all();
    EXPECT_TRUE(client.ended(0ms));
    return answer.substr(0, answer.find("\r\n"));
  }
};

TEST_F(fuzzed_requests, neither_crash_nor_hang_nor_leak) {
  const auto* chosen = std::getenv("HUB_FUZZ_SEED"); // NOLINT(concurrency-mt-unsafe)
  const std::uint64_t seed =
    chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
  std::cout << "HUB_FUZZ_SEED=" << seed << "\n";
  RecordProperty("seed", std::to_string(seed));
  options_.limits.max_body = 8000;
  options_.observe = nullptr;
  start();
  ASSERT_TRUE(serves());
  ASSERT_TRUE(all_closed());
  const auto descriptors = open_descriptors();
  generator random(seed);
  std::map<std::string, int> outcomes;
  const int count = load(10'000, 3'000);
  for (int i = 0; i < count; ++i) {
    const auto bytes = random.request();
    const auto outcome = shoot(bytes, random);
    ++outcomes[outcome.substr(0, 12)];
    ASSERT_FALSE(outcome.starts_with("HTTP/1.1 500"))
      << "seed " << seed << ", request " << i << ":\n"
      << bytes;
    if (i % 100 == 99) {
      ASSERT_TRUE(serves()) << "seed " << seed << ", request " << i;
    }
  }
  for (const auto& [outcome, times] : outcomes)
    std::cout << (outcome.empty() ? "(nothing)" : outcome) << ": " << times << "\n";
  EXPECT_GT(outcomes["HTTP/1.1 200"], count / 50);
  EXPECT_EQ(stats().exceptions, 0U);
  EXPECT_TRUE(all_closed());
  EXPECT_TRUE(eventually([&] { return open_descriptors() == descriptors; }));
}

} // namespace
} // namespace hub::tests
