// tests/core/delivery/wire_form_test.cc
//
// Nothing in a message can end it early or speak as a command; all else goes as
// it came. Every case is fed whole and octet by octet.
#include "core/delivery/wire_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::HasSubstr;

std::string Form(std::string_view octets, std::size_t piece,
                 std::size_t limit = 0) {
  WireForm form(limit);
  std::string out;
  for (; !octets.empty();
       octets.remove_prefix(std::min(piece, octets.size()))) {
    const Status fed = form.Feed(octets.substr(0, piece), out);
    if (!fed) return "refused: " + fed.error().detail();
  }
  const Status ended = form.End(out);
  return ended ? out : "refused: " + ended.error().detail();
}

TEST(WireFormTest, WhatIsInWireFormGoesAsItIs) {
  using std::string_literals::operator""s;
  for (const std::string& text :
       {"Subject: x\r\n\r\nbody\r\n"s, "..\r\n"s, "...\r\n..x\r\n\r\n"s,
        "a\0b\r\n\xff\x80\r\n"s, "no line end"s, ""s, "\r\n"s,
        std::string(3000, 'x') + "\r\n"}) {
    EXPECT_EQ(Form(text, text.size() + 1), text);
    EXPECT_EQ(Form(text, 1), text);
  }
}

// RFC 5321 section 2.3.8: CR and LF only as CRLF. These are the sequences by
// which a receiver that is lax about it was made to see two messages in one.
TEST(WireFormTest, ACrThatEndsNoLineBecomesASpace) {
  const struct {
    const char *in, *out;
  } cases[] = {
      {"a\rb\r\n", "a b\r\n"},
      {"a\r\r\n", "a \r\n"},
      {"\r\r\n..\r\r\n", " \r\n.. \r\n"},
      {"a\r..\rMAIL FROM:<x@y>\r\n", "a .. MAIL FROM:<x@y>\r\n"},
      {"a\r", "a "},
      {"\r\r\r\r\n", "   \r\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Form(c.in, 100), c.out);
    EXPECT_EQ(Form(c.in, 1), c.out);
  }
}

TEST(WireFormTest, WhatWouldEndTheMessageEarlyIsRefused) {
  for (const char* text :
       {"a\r\n.\r\nMAIL FROM:<>\r\n", ".\r\n", "a\r\n.", ".x\r\n", ".\rx\r\n",
        "a\r\n.\r\r\n", "a\n.\r\n", "a\n", "\n", "a\r\n.\n", "a\r\n..\n"}) {
    EXPECT_THAT(Form(text, 100), HasSubstr("refused")) << text;
    EXPECT_THAT(Form(text, 1), HasSubstr("refused")) << text;
  }
}

TEST(WireFormTest, LongLinesAreFoldedAsSmtp8DoesIt) {
  const std::string most(998, 'x');
  EXPECT_EQ(Form(most + "\r\n", 4000, 998), most + "\r\n");
  EXPECT_EQ(Form(most + "y\r\n", 4000, 998), most + "\r\n y\r\n");
  EXPECT_EQ(Form(most + "y\r\n", 1, 998), most + "\r\n y\r\n");
  // The doubled dot is not counted.
  EXPECT_EQ(Form("..bcd\r\n..bcde\r\n", 1, 4), "..bcd\r\n..bcd\r\n e\r\n");
  // A folded line begins with a space, so no dot comes to stand first.
  EXPECT_EQ(Form("abcd..\r\n", 100, 4), "abcd\r\n ..\r\n");
  EXPECT_EQ(Form(std::string(10, 'z'), 3, 4), "zzzz\r\n zzz\r\n zzz");
}

}  // namespace
}  // namespace postern
