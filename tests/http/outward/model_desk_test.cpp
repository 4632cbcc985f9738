#include "http/outward/model_desk.hpp"

#include "domain/json_reading.hpp"
#include "tests/http/client/loopback_server.hpp"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <mutex>
#include <string>

namespace hub::http {
namespace {

using actors::model_answer;
using actors::model_request;
using domain::errc;
using domain::json;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr auto well_said = R"({"model":"gpt-4o-mini-2024","usage":{"prompt_tokens":7,
  "completion_tokens":3},"choices":[{"finish_reason":"stop","message":{"content":"{}"}}]})";

/// A desk whose workspace has a server of its own, which says `answer_`.
class model_desk : public ::testing::Test {
protected:
  void play(tests::server_connection& client) {
    for (auto request = client.read_request(); !request.empty(); request = client.read_request()) {
      {
        const std::lock_guard lock{guard_};
        request_ = request;
      }
      if (silent_)
        return client.await_end();
      client.answer(answer_, "Content-Type: application/json\r\n");
    }
  }

  domain::result<model_answer> ask(model_request what) {
    const auto accounts = std::make_shared<const provider_accounts>(provider_accounts{
      .openai = {.base_url = base_url_.empty() ? server_.url("/v1") : base_url_, .key = key_}});
    const auto desk = make_model_desk(
      engine_,
      [accounts](const domain::uuid&) { return accounts; },
      [] { return domain::time_point{}; });
    auto promised = std::make_shared<std::promise<domain::result<model_answer>>>();
    auto answer = promised->get_future();
    desk->ask(std::move(what),
              [promised](const domain::result<model_answer>& got) { promised->set_value(got); });
    return answer.get();
  }

  static model_request question(const std::string& model) {
    model_request what;
    what.model = model;
    what.what = {"You triage.", "It crashes."};
    what.schema = R"({"type":"object"})";
    what.schema_name = "ticket_triage";
    what.max_tokens = 4000;
    what.within = 10s;
    return what;
  }

  /// What the server was asked, in JSON.
  json sent() {
    const std::lock_guard lock{guard_};
    return json::parse(request_.substr(request_.find("\r\n\r\n") + 4));
  }

  std::string answer_ = well_said;
  std::string base_url_;
  std::string key_ = "sk-test";
  bool silent_ = false;
  std::mutex guard_;
  std::string request_;
  tests::loopback_server server_{[this](tests::server_connection& client) { play(client); }};
  client::engine engine_{{}};
};

TEST_F(model_desk, asks_as_the_workspace_and_reads_the_answer) {
  const auto answer = ask(question("gpt-4o-mini"));
  ASSERT_TRUE(answer) << answer.why().message;
  EXPECT_EQ(answer->text, "{}");
  EXPECT_EQ(answer->model, "gpt-4o-mini-2024") << "the one that answered";
  EXPECT_EQ(answer->prompt_tokens, 7);
  EXPECT_EQ(answer->completion_tokens, 3);
  EXPECT_GE(answer->latency, 0ms);
  EXPECT_THAT(request_, HasSubstr("Bearer sk-test"));
  EXPECT_EQ(sent()["messages"], json::parse(R"([{"role":"system","content":"You triage."},
                            {"role":"user","content":"It crashes."}])"));
  EXPECT_EQ(sent()["response_format"]["json_schema"]["name"], "ticket_triage");
}

/// A model, and the one name it knows for the longest answer.
struct tokens_case {
  const char* model;
  const char* name;
  const char* other;
};

class model_tokens : public model_desk, public ::testing::WithParamInterface<tokens_case> {};

TEST_P(model_tokens, are_bounded_by_the_parameter_that_the_model_takes) {
  const auto& [model, name, other] = GetParam();
  ASSERT_TRUE(ask(question(model)));
  EXPECT_EQ(sent()[name], 4000);
  EXPECT_FALSE(sent().contains(other));
  EXPECT_FALSE(sent().contains("temperature"));
}

INSTANTIATE_TEST_SUITE_P(
  any,
  model_tokens,
  ::testing::Values(tokens_case{"gpt-5.1", "max_completion_tokens", "max_tokens"},
                    tokens_case{"o3-mini", "max_completion_tokens", "max_tokens"},
                    tokens_case{"gpt-4.1", "max_tokens", "max_completion_tokens"},
                    tokens_case{"gpt-4o-mini", "max_tokens", "max_completion_tokens"},
                    tokens_case{"llama3.1:8b", "max_tokens", "max_completion_tokens"}));

TEST_F(model_desk, needs_no_key_where_the_server_wants_none) {
  key_.clear();
  EXPECT_TRUE(ask(question("llama3.1:8b")));
  EXPECT_THAT(request_, Not(HasSubstr("Authorization")));
}

TEST_F(model_desk, calls_nobody_at_openai_without_a_key) {
  key_.clear();
  base_url_ = "https://api.openai.com/v1";
  const auto answer = ask(question("gpt-4o-mini"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.why().code, errc::forbidden);
  EXPECT_THAT(answer.why().message, HasSubstr("OPENAI_API_KEY"));
}

TEST_F(model_desk, ends_a_call_when_its_time_is_over) {
  silent_ = true;
  auto what = question("gpt-4o-mini");
  what.within = 200ms;
  const auto answer = ask(what);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.why().code, errc::unavailable) << "asking again does no harm";
}

TEST_F(model_desk, passes_on_what_the_provider_refuses) {
  answer_ = R"({"choices":[{"finish_reason":"length","message":{"content":"{"}}]})";
  const auto answer = ask(question("gpt-4o-mini"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.why().code, errc::too_large);
}

} // namespace
} // namespace hub::http
