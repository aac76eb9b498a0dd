// tests/sendmail-milter/milter_words_test.cc
//
// What MTAs tell of a recipient becomes the right question, or none; and no
// answer of the service's but "pass" lets a recipient go on.
#include "sendmail-milter/milter_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// "bank.test via [relay.test]:25", or "" for nothing to ask.
std::string Asked(const RecipientMacros& macros,
                  const std::vector<std::string>& left_alone = {}) {
  const auto question = QuestionOf(macros, left_alone);
  if (!question) return "";
  const Request request = question->ToRequest();
  EXPECT_EQ(request.verb, "recipient");
  return *request.Find("domain") + " via " + *request.Find("nexthop");
}

TEST(MilterWordsTest, SendmailsAndPostfixsMacros) {
  const struct {
    RecipientMacros macros;
    const char* asked;
  } cases[] = {
      {{"esmtp", "good.test.", "u@good.test"}, "good.test via good.test"},
      {{"smtp", "good.test", "u@good.test"}, "good.test via good.test"},
      {{"esmtp", "[relay.test]", "u@good.test."}, "good.test via [relay.test]"},
      {{"smtp", "[relay.test]:25", "u@good.test"},
       "good.test via [relay.test]:25"},
      {{"smtp", "relay.test:587", "u@good.test"},
       "good.test via relay.test:587"},
      {{"esmtp", "[127.0.1.5]", "u@[127.0.1.5]"},
       "[127.0.1.5] via [127.0.1.5]"},
      {{"esmtp", "[IPv6:2001:db8::1]", "u@[IPv6:2001:db8::1]"},
       "[IPv6:2001:db8::1] via [IPv6:2001:db8::1]"},
      // Lists of next hops.
      {{"esmtp", "[a.test]:[b.test]", "u@good.test"}, "good.test via [a.test]"},
      {{"esmtp", "a.test.:b.test.", "u@good.test"}, "good.test via a.test"},
      {{"smtp", "[a.test]:25, [b.test]:25", "u@good.test"},
       "good.test via [a.test]:25"},
      // A quoted local part is not the domain.
      {{"esmtp", "strip.test.", "\"x@may.test\"@strip.test"},
       "strip.test via strip.test"},
      {{"esmtp", "good.test.", "<u@good.test>"}, "good.test via good.test"},
      {{"esmtp", "good.test.", ""}, "good.test via good.test"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.macros.host);
    EXPECT_EQ(Asked(c.macros), c.asked);
  }
}

TEST(MilterWordsTest, WhatGoesToNoOtherHostIsNotAsked) {
  for (const char* mailer : {"local", "prog", "*file*", "*include*", "error",
                             "discard", "virtual", "lmtp", ""}) {
    EXPECT_EQ(Asked({mailer, "5.1.1 no such user", "u@x.test"}), "") << mailer;
  }
  EXPECT_EQ(Asked({"local", "", "u"}), "");
  EXPECT_EQ(Asked({"esmtp", "", "u@x.test"}), "");
  EXPECT_EQ(Asked({"cyrusv2", "x.test", "u@x.test"}, {"cyrusv2"}), "");
  EXPECT_NE(Asked({"cyrusv2", "x.test", "u@x.test"}), "");
}

TEST(MilterWordsTest, APlaceIsTheQuestionWithoutItsMessage) {
  const RecipientQuestion question{"a.test", "b.test", "Q1"};
  EXPECT_EQ(question.Place(),
            (RecipientQuestion{"a.test", "b.test", "Q2"}.Place()));
  for (const RecipientQuestion& other :
       {RecipientQuestion{"a.test", "b.tes", "Q1"},
        RecipientQuestion{"a.tes", "tb.test", "Q1"},
        RecipientQuestion{"a.test", "", "Q1"},
        RecipientQuestion{"", "a.test", "Q1"}}) {
    EXPECT_NE(question.Place(), other.Place());
  }
}

TEST(MilterWordsTest, OnlyPassGoesOn) {
  EXPECT_EQ(AnswerOf(Reply{"pass", ""}).code, "");
  EXPECT_EQ(AnswerOf(Reply{"pass", "hold=5000 state=1:2:3:4 file=/x"}).code,
            "");
  const Reply others[] = {
      {"pass", "and more"},
      {"ok", "{}"},
      {"", ""},
      {"deferred", ""},
      {"deferred", "5.7.5 x"},
      {"bounced", "4.7.5 x"},
      {"bounced", "5"},
      {"delivered", "2.0.0 ok"},
      {"error", "4.3.2 x"},
      {"deferred", "4.7.5 pin-mismatch: x"},
      {"deferred", "2.0.0 fine"},
  };
  for (const Reply& reply : others) {
    SCOPED_TRACE(reply.word + " " + reply.rest);
    const SmtpAnswer answer = AnswerOf(reply);
    EXPECT_EQ(answer.code, "451");
    EXPECT_THAT(answer.status, StartsWith("4."));
  }
  const SmtpAnswer bounced = AnswerOf(Reply{"bounced", "5.1.10 null-mx: x"});
  EXPECT_EQ(bounced.code, "550");
  EXPECT_EQ(bounced.status, "5.1.10");
  EXPECT_EQ(bounced.text, "null-mx: x");
}

TEST(MilterWordsTest, ATextIsOneHarmlessLine) {
  const SmtpAnswer answer = AnswerOf(
      Reply{"deferred", "4.7.5 a%s\r\nb\xc3\xa9" + std::string(2000, 'x')});
  EXPECT_EQ(answer.text.find_first_of("%\r\n\xc3"), std::string::npos);
  EXPECT_LE(answer.text.size(), 900u);
}

TEST(MilterWordsTest, AServiceThatIsDownIsTriedAgain) {
  const SmtpAnswer answer =
      AnswerOf(Error{Reason::kServiceUnavailable, "/run/x: no such file"});
  EXPECT_EQ(answer.code, "451");
  EXPECT_EQ(answer.status, Describe(Reason::kServiceUnavailable).status);
  EXPECT_THAT(answer.text, HasSubstr("service-unavailable"));
  EXPECT_THAT(answer.text, HasSubstr("hint: "));
}

}  // namespace
}  // namespace postern
