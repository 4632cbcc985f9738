#include "tests/http/routed_hub.hpp"

#include <gmock/gmock.h>

#include <atomic>

namespace hub::testing {
namespace {

using domain::errc;
using domain::fail;

class tickets : public routed_hub {
protected:
  tickets() {
    commit = [](const domain::change& change) {
      domain::verdict verdict;
      verdict.what = domain::verdict::kind::committed;
      if (change.opens)
        verdict.ticket_id = change.opens->id;
      return verdict;
    };
    edit = [](const actors::edit_ticket& wanted) {
      return actors::ticket_edited{.ticket = wanted.ticket, .version = 2};
    };
  }

  static storage::ticket_detail detail_of(const domain::uuid& ticket) {
    storage::ticket_detail detail;
    detail.ticket.id = ticket;
    detail.ticket.version = 2;
    detail.metadata = "{}";
    return detail;
  }

  const std::string path_ = "/api/tickets/00000000-0000-7000-8000-0000000000aa";
};

TEST_F(tickets, are_read_once_more_when_the_read_after_a_change_fails) {
  std::atomic<int> asked{0};
  reads.detail = [&](const auto& ticket) -> domain::result<storage::ticket_detail> {
    if (asked++ % 2 == 0)
      return fail(errc::unavailable, "the connection was lost");
    return detail_of(ticket);
  };
  EXPECT_EQ(api().post("/api/tickets", {{"title", "x"}}).status, 201);
  EXPECT_EQ(api().patch(path_, {{"priority", 1}}).status, 200);
}

TEST_F(tickets, say_that_a_change_is_saved_when_it_cannot_be_read_back) {
  std::atomic<int> asked{0};
  reads.detail = [&](const auto&) {
    ++asked;
    return fail(errc::unavailable, "no database");
  };
  const auto made = api().post("/api/tickets", {{"title", "x"}});
  EXPECT_EQ(asked, 2);
  const auto patched = api().patch(path_, {{"priority", 1}});
  for (const auto& got : {made, patched}) {
    EXPECT_EQ(got.status, 503);
    EXPECT_EQ(got.at("code"), "unknown_outcome");
    EXPECT_THAT(got.at("error"), ::testing::HasSubstr("is saved"));
    EXPECT_FALSE(got.header("retry-after").empty());
  }
  EXPECT_TRUE(made.header("location").starts_with("/api/tickets/"));
  EXPECT_EQ(patched.header("location"), path_);
  EXPECT_EQ(api().get(path_).at("code"), "unavailable") << "a plain read is a plain failure";
}

TEST_F(tickets, give_a_stored_answer_with_its_headers) {
  const auto known = *domain::parse_uuid("00000000-0000-7000-8000-0000000000aa");
  commit = [known](const auto&) {
    domain::verdict verdict;
    verdict.what = domain::verdict::kind::duplicate;
    verdict.ticket_id = known;
    verdict.same_request = true;
    return verdict;
  };
  reads.answer = [](const auto&) {
    return storage::stored_answer{201, R"({"title":"x","version":3})"};
  };
  const auto got = api().post("/api/tickets", {{"title", "x"}}, {{"Idempotency-Key", "k"}});
  EXPECT_EQ(got.status, 201) << got.text;
  EXPECT_EQ(got.at("title"), "x");
  EXPECT_EQ(got.header("etag"), "\"3\"");
  EXPECT_EQ(got.header("location"), path_);
  EXPECT_TRUE(got.header("idempotent-replay") == "true");
}

TEST_F(tickets, promise_no_page_that_is_refused) {
  reads.page = [](const auto&) {
    storage::ticket_page page;
    page.total = 1'000'000;
    return page;
  };
  const auto got = api().get("/api/tickets?per_page=100");
  const auto last = got.body.at("pagination").at("total_pages").get<int>();
  EXPECT_EQ(got.body.at("pagination").at("total"), 1'000'000);
  const auto of = [&](int page) {
    return api().get("/api/tickets?per_page=100&page=" + std::to_string(page)).status;
  };
  EXPECT_EQ(of(last), 200);
  EXPECT_EQ(of(last + 1), 400);
}

} // namespace
} // namespace hub::testing
