#include "domain/text.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace hub::domain {

namespace {

struct html_case {
  std::string_view html;
  std::string_view text;
};

void expect_all(const std::vector<html_case>& cases) {
  for (const auto& [html, text] : cases)
    EXPECT_EQ(html_to_text(html), text) << html;
}

TEST(html_to_text, keeps_plain_text) {
  expect_all({
    {"", ""},
    {"plain", "plain"},
    {"¡Contraseña! 😀", "¡Contraseña! 😀"},
    {"1 < 2 and 3 > 2", "1 < 2 and 3 > 2"},
    {"a <3 b", "a <3 b"},
    {"x <", "x <"},
    {"x <b", "x <b"},
    {"fish & chips", "fish & chips"},
  });
}

TEST(html_to_text, folds_white_space) {
  expect_all({
    {"  a \n\t b  ", "a b"},
    {"a&nbsp; &#160;b\xC2\xA0 c", "a b c"},
    {"a <b> b </b> c", "a b c"},
    {"é\xC2\xA9\xC2\xA0x", "é© x"},
  });
}

TEST(html_to_text, breaks_lines_at_blocks) {
  expect_all({
    {"<p>a</p><p>b</p>", "a\nb"},
    {"<p>a</p>\n\n<p>b</p>", "a\nb"},
    {"<div><div>a</div></div><div>b</div>", "a\nb"},
    {"a<br>b<br/>c", "a\nb\nc"},
    {"a<br><br><br><br>b", "a\n\nb"},
    {"a<BR />b", "a\nb"},
    {"<h1>T</h1>x<hr>y", "T\nx\ny"},
    {"<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"},
    {"<p></p><p> </p>", ""},
    {"a</p>", "a"},
  });
}

TEST(html_to_text, marks_list_items) {
  expect_all({
    {"<ul><li>a</li><li>b</li></ul>c", "- a\n- b\nc"},
    {"x<ol><li>a<li>b</ol>", "x\n- a\n- b"},
    {"<ul><li></li><li><p>b</p></li></ul>", "- b"},
    {"<li><a href=\"https://x.example\">a</a></li>", "- a (https://x.example)"},
  });
}

TEST(html_to_text, shows_addresses_links_do_not_show) {
  expect_all({
    {R"(<a href="https://x.example/a?b=1&amp;c=2">here</a>.)",
     "here (https://x.example/a?b=1&c=2)."},
    {"see <A HREF='https://x.example'>  here  </A> now", "see here (https://x.example) now"},
    {"<a href=https://x.example>here</a>", "here (https://x.example)"},
    {R"(<a href="https://x.example">https://x.example</a>)", "https://x.example"},
    {R"(<a href="https://x.example">x.example</a>)", "x.example"},
    {R"(<a href="mailto:a@x.example">a@x.example</a>)", "a@x.example"},
    {R"(<a href="mailto:a@x.example">write</a>)", "write (a@x.example)"},
    {R"(<a href="javascript:alert">x</a><a href="#y">y</a><a>z</a>)", "xyz"},
    {R"(t <a href="https://x.example"></a>)", "t https://x.example"},
    {R"(<a href="https://x.example"><img src="i.png"></a>)", "[image] (https://x.example)"},
    {R"(<a href="https://x.example">open)", "open (https://x.example)"},
    {R"(<a href="https://x.example">a<a href="https://y.example">b</a>)",
     "a (https://x.example)b (https://y.example)"},
    {R"(<a title="a>b" href="https://x.example" href="https://z.example">c</a>)",
     "c (https://x.example)"},
  });
}

TEST(html_to_text, decodes_entities) {
  expect_all({
    {"&lt;b&gt; &amp;amp; &quot;x&quot; &apos;", "<b> &amp; \"x\" '"},
    {"&copy;&eacute;&euro;&hellip;&mdash;&ntilde;&diams;&thetasym;", "©é€…—ñ♦ϑ"},
    {"&commat;&NewLine;&num;&AMP;", "@ #&"},
    {"&copy &eacute &euro &amp", "© é &euro &"},
    {"&nosuch; &; &&amp;& &toolongtobeanentityname;", "&nosuch; &; &&& &toolongtobeanentityname;"},
    {"&#65;&#x42;&#X43;&#68", "ABCD"},
    {"&#128512;&#x1F600;", "😀😀"},
    {"&#128;&#150;&#x99;", "€–™"},
    {"&#;&#x;&#xg;", "&#;&#x;&#xg;"},
  });
}

TEST(html_to_text, replaces_impossible_code_points) {
  expect_all({
    {"&#0;", "�"},
    {"&#xD800;&#xDFFF;", "��"},
    {"&#x110000;", "�"},
    {"&#99999999999999999999999999;", "�"},
    {"&#xFFFFFFFFFFFFFFFFF;", "�"},
    {"a\xFFz", "a�z"},
  });
}

TEST(html_to_text, drops_what_nobody_sees) {
  expect_all({
    {"a<script>if (1<2) alert('</p>')</script>b", "ab"},
    {"a<STYLE>p{}</Style >b", "ab"},
    {"<html><head><title>T</title></head><body>b</body></html>", "b"},
    {"a<script>b", "a"},
    {"a<!-- x --><!-- <b> -- > -->b<!-->c<!--->d<!--x--!>e", "abcde"},
    {"a<!-- b", "a"},
    {"<!DOCTYPE html><?xml version='1'?>a</ x>b", "ab"},
    {"a<custom-element x>b</custom-element>", "ab"},
  });
}

TEST(html_to_text, keeps_lines_of_preformatted_text) {
  expect_all({
    {"<pre>a\n  b\r\n\n\n\nc</pre> d  e", "a\n  b\n\nc\nd e"},
    {"<pre>a</pre>b\nc</pre>", "a\nb c"},
  });
}

TEST(html_to_text, survives_broken_markup) {
  expect_all({
    {R"(<p title="x>a</p><p>b</p>)", "a\nb"},
    {R"(<p don't>a</p>)", "a"},
    {R"(<p =">a</p>)", "a"},
    {"<p x=>a</p>", "a"},
    {"<p/x/>a", "a"},
    {"<>a</>b", "<>ab"},
    {"</p", "</p"},
    {"<a href=>x</a>", "x"},
  });
}

/// Each of these is a way to make a careless reader look at the same bytes again and again.
TEST(html_to_text, is_linear_whatever_the_input) {
  constexpr std::size_t megabyte = 1U << 20U;
  for (const std::string_view unit : {"<b>",
                                      "</i>",
                                      "&",
                                      "&a",
                                      "&amp",
                                      "&#",
                                      "&#1",
                                      "&#x",
                                      "<",
                                      ">",
                                      "<!--",
                                      "<!-- --",
                                      "<!",
                                      "<?",
                                      "</",
                                      "<a \"",
                                      "<a href=\"",
                                      "<a href='>",
                                      "<a href=https://x>",
                                      "<a href=https://x>y",
                                      "<a/",
                                      "<a b=",
                                      "<script>",
                                      "<script></",
                                      "<style></styl",
                                      "<p>",
                                      "<li>",
                                      "<br>",
                                      "<pre>\n",
                                      "<img>",
                                      " ",
                                      "\xC2\xA0",
                                      "\xC2",
                                      "\xFF",
                                      "x"})
    for (const std::string_view end : {"", ">", "> \"", "-->"}) {
      std::string html;
      html.reserve(megabyte + 8);
      while (html.size() < megabyte)
        html += unit;
      html += end;
      const auto start = std::clock(); // processor time: others' load does not count
      const auto text = html_to_text(html);
      const auto took = (std::clock() - start) * 1000 / CLOCKS_PER_SEC;
      // Quadratic behaviour takes minutes; the room left is for sanitizers.
      EXPECT_LT(took, 10'000) << testing::PrintToString(unit) << " … " << end;
    }
}

} // namespace

} // namespace hub::domain
