#include "domain/file_type.hpp"

#include <gmock/gmock.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace hub::domain {
namespace {

using namespace std::string_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const auto png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;
const auto zip = "PK\x03\x04\x14\0\6\0"s;
const auto ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"s;
constexpr auto docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

struct known_file {
  std::string bytes;
  std::string stated;
  std::string type;
};

TEST(file_type, is_what_the_bytes_say) {
  const std::vector<known_file> files{
    {png, "image/png", "image/png"},
    {png, "", "image/png"},
    {png, "text/html", "image/png"},
    {"\xff\xd8\xff\xe0\0\x10JFIF"s, "image/png", "image/jpeg"},
    {"GIF89a\1\0"s, "", "image/gif"},
    {"RIFF\x24\0\0\0WEBPVP8 "s, "", "image/webp"},
    {"RIFF\x24\0\0\0WAVEfmt "s, "", "audio/wav"},
    {"\0\0\0\x20"
     "ftypheic\0\0"s,
     "image/heic",
     "image/heic"},
    {"\0\0\0\x20"
     "ftypavif\0\0"s,
     "",
     "image/avif"},
    {"\0\0\0\x18"
     "ftypmp42"s,
     "video/mp4",
     "video/mp4"},
    {"\0\0\0\x18"
     "ftypmp42"s,
     "audio/mp4",
     "audio/mp4"},
    {"%PDF-1.7\n"s, "application/octet-stream", "application/pdf"},
    {"OggS\0\2"s, "audio/ogg; codecs=opus", "audio/ogg"},
    {"#!AMR\n"s, "audio/amr", "audio/amr"},
    {"ID3\4\0"s, "audio/mpeg", "audio/mpeg"},
    {"\xff\xfb\x90\x44"s, "audio/mpeg", "audio/mpeg"},
    {"\xff\xf1\x50\x80"s, "audio/aac", "audio/aac"},
    {zip, "application/zip", "application/zip"},
    {zip, docx, docx},
    {zip, "application/java-archive", "application/zip"},
    {ole, "application/msword", "application/msword"},
    {ole, "application/x-msi", std::string{opaque_type}},
    {"Steps:\n1. open\n2. crash\n", "", "text/plain"},
    {"name,amount\nAna,3\n", "text/csv", "text/csv"},
    {"{\"a\": 1}", "application/json", "application/json"},
    {"{\"a\": 1}", "text/html", "text/plain"},
    {"<134>Mar 1 09:30:15 host app: crash", "text/plain", "text/plain"},
    {"a < b and <b> c", "text/plain", "text/plain"},
  };
  for (const auto& [bytes, stated, type] : files)
    EXPECT_EQ(type_of_file(bytes, stated), type) << stated << ": " << bytes;
}

TEST(file_type, is_opaque_for_whatever_could_run) {
  const std::vector<std::string> active{
    "<!DOCTYPE html><p>",
    "  \r\n<HTML><body>",
    "\xEF\xBB\xBF<html>",
    "<script>alert(1)</script>",
    "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
    "<svg onload=alert(1)>",
    "<!-- --><img src=x onerror=alert(1)>",
    "</x><script>",
    "#!/bin/sh\nrm -rf ~\n",
    "@echo off\r\ndel *\r\n",
    "%!PS-Adobe-3.0\n",
    "javascript:alert(1)",
    "MZ\x90\0\3\0"s,
    "\x7f"
    "ELF\2\1\1\0"s,
    "\xca\xfe\xba\xbe\0\0\0\x34"s,
    "\xcf\xfa\xed\xfe"s,
    "\0asm\1\0\0\0"s,
    "\xfe\xff\0<\0h\0t\0m\0l"s, // UTF-16, which a browser would find out
    "text with a \x1b[2J escape",
    "broken \xff\xfe UTF-8",
    "",
  };
  for (const auto& bytes : active)
    for (const auto* stated : {"image/png", "text/plain", "text/html", "image/svg+xml", ""})
      EXPECT_EQ(type_of_file(bytes, stated), opaque_type) << stated << ": " << bytes;
}

TEST(file_type, reads_a_text_that_is_cut_inside_a_character_as_text) {
  std::string text(4095, 'a');
  text += "\xC3\xA9 and more";
  EXPECT_EQ(type_of_file(text, "text/plain"), "text/plain");
}

TEST(file_type, is_never_one_that_a_browser_runs_whatever_the_bytes_are) {
  std::mt19937_64 random{7};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (auto& c : bytes)
      c = static_cast<char>(random());
    if (round % 3 == 0)
      bytes.insert(0, "<html>");
    for (const auto* stated : {"text/html", "image/svg+xml", "application/javascript"}) {
      const auto sent = content_type_for(type_of_file(bytes, stated));
      EXPECT_THAT(sent, Not(HasSubstr("html")));
      EXPECT_THAT(sent, Not(HasSubstr("xml")));
      EXPECT_THAT(sent, Not(HasSubstr("script")));
    }
  }
}

TEST(allowed_types, are_types_and_beginnings_of_types) {
  const std::vector<std::string> allowed{"image/", "application/pdf"};
  EXPECT_TRUE(is_allowed_type("image/webp", allowed));
  EXPECT_TRUE(is_allowed_type("application/pdf", allowed));
  EXPECT_FALSE(is_allowed_type("application/pdfx", allowed));
  EXPECT_FALSE(is_allowed_type("video/mp4", allowed));
  EXPECT_FALSE(is_allowed_type(opaque_type, allowed));
  EXPECT_FALSE(is_allowed_type("image/png", {}));
}

TEST(content_type, is_a_known_harmless_one_or_opaque) {
  EXPECT_EQ(content_type_for("image/png"), "image/png");
  EXPECT_EQ(content_type_for("text/plain"), "text/plain; charset=utf-8");
  EXPECT_EQ(content_type_for("video/mp4"), "video/mp4");
  for (const auto* other : {"image/svg+xml",
                            "text/html",
                            "application/xhtml+xml",
                            "text/xml",
                            "application/javascript",
                            "image/x-unknown",
                            "a\r\nb",
                            ""})
    EXPECT_EQ(content_type_for(other), opaque_type) << other;
}

TEST(disposition, saves_plain_names_as_they_are) {
  EXPECT_EQ(disposition_for("screen shot-1.png", "image/png"),
            "attachment; filename=\"screen shot-1.png\"");
}

TEST(disposition, says_other_names_in_both_ways) {
  EXPECT_EQ(disposition_for("añadir 50€.pdf", "application/pdf"),
            "attachment; filename=\"a_adir 50_.pdf\"; "
            "filename*=UTF-8''a%C3%B1adir%2050%E2%82%AC.pdf");
}

TEST(disposition, names_what_has_no_name) {
  EXPECT_EQ(disposition_for("", "image/png"), "attachment; filename=\"attachment.png\"");
  EXPECT_EQ(disposition_for(" .. ", "application/x-odd"), "attachment; filename=\"attachment\"");
}

TEST(disposition, leads_nowhere_and_ends_no_header_whatever_the_name_is) {
  const std::vector<std::string> names{
    "a\"; filename=\"b.exe",
    "a\r\nSet-Cookie: x=1\r\n\r\n<html>",
    "a\nb",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "C:\\x.txt",
    "/etc/passwd",
    "a\0b.png"s,
    "a;b.png",
    "a%00%0d%0a.png",
    "a\\\".png",
    "a'b''c.png",
    "\xE2\x80\xAEgnp.exe", // shown the other way around
    "x\xE2\x80\x8B.png",
    "\xC2\x85next",
    "\xff\xfe\x80",
    std::string(5000, 'a') + ".png",
    std::string(400, '\xC3') + std::string(400, '\xA9'),
    "*?<>|.txt",
    "name.png.",
    ".htaccess",
    "CON",
  };
  for (const auto& name : names) {
    const auto header = disposition_for(name, "image/png");
    SCOPED_TRACE(header);
    ASSERT_THAT(header, StartsWith("attachment; filename=\""));
    for (const char c : header)
      EXPECT_TRUE(c >= 0x20 && c < 0x7F) << "only plain characters";
    const auto end = header.find('"', 22);
    ASSERT_NE(end, std::string::npos);
    const auto plain = header.substr(22, end - 22);
    EXPECT_EQ(plain.find_first_of("\\/:;*?<>|%\"'"), std::string::npos);
    EXPECT_THAT(plain, Not(StartsWith(".")));
    EXPECT_FALSE(plain.empty());
    EXPECT_LE(plain.size(), 150U);
    const auto rest = header.substr(end + 1);
    if (!rest.empty()) {
      ASSERT_THAT(rest, StartsWith("; filename*=UTF-8''"));
      EXPECT_EQ(rest.substr(19).find_first_of(" \"';,=\\/:*"), std::string::npos);
      for (const auto* hidden : {"%0D", "%0A", "%00", "%2F", "%5C", "%E2%80%AE", "%E2%80%8B"})
        EXPECT_THAT(rest, Not(HasSubstr(hidden)));
    }
  }
  EXPECT_THAT(disposition_for(std::string(5000, 'a') + ".png", ""), EndsWith(".png\""));
}

} // namespace
} // namespace hub::domain
