// tests/postfix-transport/lmtp_protocol_test.cc
//
// RFC 2033 as Postfix's lmtp(8) speaks it: each recipient has its own answer, a
// message ends at CRLF "." CRLF and nowhere else, and nothing that is wrong
// here bounces mail.
#include "postfix-transport/lmtp_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using Event = LmtpProtocol::Event;

constexpr std::string_view kOpening =
    "LHLO mta.test\r\n"
    "XFORWARD IDENT=4FQx0z SOURCE=LOCAL\r\n";

class LmtpProtocolTest : public testing::Test {
 protected:
  // What is answered to all of `octets`.
  std::string Say(std::string_view octets) {
    protocol_.Append(octets);
    last_ = protocol_.Next();
    while (last_ == Event::kData) {
      message_ += protocol_.data();
      protocol_.data().clear();
      last_ = protocol_.Next();
    }
    return Replies();
  }
  std::string Replies() { return std::exchange(protocol_.replies(), ""); }

  // After greeting and LHLO, in a transaction with a queue id.
  void Open() { Say(kOpening); }

  LmtpProtocol protocol_{"mta.test", 1000};
  Event last_ = Event::kNeedsInput;
  std::string message_;
};

TEST_F(LmtpProtocolTest, GreetsAndOffersWhatItDoes) {
  EXPECT_EQ(Say(""), "220 mta.test LMTP Postern\r\n");
  const std::string offer = Say("lhlo there\r\n");
  EXPECT_THAT(offer, StartsWith("250-mta.test\r\n"));
  for (const char* word : {"PIPELINING", "8BITMIME", "SMTPUTF8",
                           "ENHANCEDSTATUSCODES", "XFORWARD IDENT"}) {
    EXPECT_THAT(offer, HasSubstr("250-" + std::string(word) + "\r\n"));
  }
  // No limit is named: Postfix would bounce what is over it.
  EXPECT_THAT(offer, EndsWith("250 SIZE\r\n"));
  // RFC 2033 section 4.1.
  EXPECT_THAT(Say("EHLO there\r\n"), StartsWith("500 5.5.2"));
  EXPECT_THAT(Say("HELO there\r\n"), StartsWith("500 5.5.2"));
}

TEST_F(LmtpProtocolTest, EachRecipientIsAnsweredAfterTheMessage) {
  Open();
  EXPECT_EQ(Say("MAIL FROM:<a@b.test> SIZE=20 BODY=8BITMIME SMTPUTF8\r\n"
                "RCPT TO:<x@One.test>\r\n"
                "RCPT TO:<\"a b\"@two.test>\r\n"
                "DATA\r\n"),
            "250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n"
            "354 end with a line of one dot\r\n");
  EXPECT_EQ(Say("S: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"), "");
  EXPECT_EQ(last_, Event::kMessage);
  EXPECT_EQ(message_, "S: x\r\n\r\n..dot\r\n");

  const LmtpTransaction& transaction = protocol_.transaction();
  EXPECT_EQ(transaction.queue_id, "4FQx0z");
  EXPECT_EQ(transaction.sender, "a@b.test");
  ASSERT_EQ(transaction.recipients.size(), 2u);
  EXPECT_EQ(transaction.recipients[0].address, "x@One.test");
  EXPECT_EQ(ToString(transaction.recipients[0].domain), "one.test");
  EXPECT_EQ(transaction.recipients[1].address, "\"a b\"@two.test");

  protocol_.Answer({250, "2.0.0", "taken"});
  EXPECT_EQ(protocol_.Next(), Event::kMessage);  // one is still due
  protocol_.Answer({451, "4.7.5", "not today"});
  EXPECT_EQ(Say(""),
            "250 2.0.0 taken\r\n451 4.7.5 not today\r\n221 2.0.0 bye\r\n");
  EXPECT_EQ(last_, Event::kOver);
}

TEST_F(LmtpProtocolTest, TheNextMessageHasNotTheOneBeforesQueueId) {
  Open();
  Say("MAIL FROM:<>\r\nRCPT TO:<x@y.test>\r\nDATA\r\n.\r\n");
  EXPECT_EQ(message_, "");
  EXPECT_EQ(protocol_.transaction().queue_id, "4FQx0z");
  protocol_.Answer({250, "2.0.0", "taken"});
  Say("XFORWARD IDENT=5\r\nRSET\r\nXFORWARD IDENT=[UNAVAILABLE]\r\n");
  Say("MAIL FROM:<>\r\n");
  EXPECT_THAT(Say("XFORWARD IDENT=7\r\n"), StartsWith("503"));
  Say("RCPT TO:<x@y.test>\r\nDATA\r\nS: x\r\n.\r\n");
  EXPECT_EQ(last_, Event::kMessage);
  EXPECT_EQ(protocol_.transaction().queue_id, "");
}

// lmtp(8) tells the id only of mail that came by SMTP: not of what sendmail(1)
// submitted, nor of a bounce.
TEST_F(LmtpProtocolTest, LocalMailHasItsQueueIdInItsFirstField) {
  const struct {
    const char* head;
    const char* id;
  } cases[] = {
      {"Received: by mta.test (Postfix, from userid 0)\r\n"
       "\tid C6B5CA72A48; Sat, 21 Nov 2026 22:59:49 +0000 (UTC)\r\n",
       "C6B5CA72A48"},
      {"Received: by mta.test (Postfix)\r\n\tid 4FQx0zRrT8z1; Sat\r\n",
       "4FQx0zRrT8z1"},
      {"Received: by mta.test (Postfix) id 4FQx; Sat\r\n", "4FQx"},
      {"Received: by mta.test (Postfix)\r\nSubject: an id 4FQx; x\r\n", ""},
      {"Received: by mta.test\r\n\tid not-one; Sat\r\n", ""},
      {"Received: from a (b id 4FQx) by mta.test\r\n", ""},
      {"Subject: x\r\nReceived: by mta.test\r\n\tid 4FQx; Sat\r\n", ""},
      {"", ""},
  };
  Open();
  Say("RSET\r\n");
  for (const auto& c : cases) {
    SCOPED_TRACE(c.head);
    Say("MAIL FROM:<>\r\nRCPT TO:<x@y.test>\r\nDATA\r\n");
    Say(std::string(c.head) + "\r\nbody\r\n.\r\n");
    ASSERT_EQ(last_, Event::kMessage);
    EXPECT_EQ(protocol_.transaction().queue_id, c.id);
    protocol_.Answer({250, "2.0.0", "taken"});
    Say("");
  }
}

TEST_F(LmtpProtocolTest, WhatIsWrongHereIsDeferred) {
  Open();
  const char* const wrong_mail[] = {"MAIL FROM:<a b@c.test>",
                                    "MAIL FROM:a@b.test",
                                    "MAIL",
                                    "MAIL FROM:<a@b.test",
                                    "MAIL FROM:<a@b.test>X",
                                    "MAIL FROM:<a>",
                                    "MAIL FROM:<> SIZE=",
                                    "MAIL FROM:<> SIZE=-1",
                                    "MAIL FROM:<> RET=HDRS",
                                    "MAIL FROM:<> SIZE=99999999999999999999",
                                    "MAIL FROM:<>  SIZE=1",
                                    "MAIL TO:<a@b.test>",
                                    "XFORWARD IDENT",
                                    "XFORWARD IDENT=+4",
                                    "XFORWARD",
                                    "LHLO",
                                    "RSET now",
                                    "MAIL FROM:<a\rb@c.test>"};
  for (const std::string line : wrong_mail) {
    EXPECT_THAT(Say(line + "\r\n"), StartsWith("451 4.3.5 request-invalid"))
        << line;
  }
  EXPECT_THAT(Say("MAIL FROM:<> SIZE=1001\r\n"),
              StartsWith("452 4.3.4 message-too-big"));
  EXPECT_THAT(Say("MAIL FROM:<> SIZE=1000\r\n"), StartsWith("250"));
  const char* const wrong_rcpt[] = {"RCPT TO:<>",
                                    "RCPT TO:<root>",
                                    "RCPT TO:<x@y.test> NOTIFY=NEVER",
                                    "RCPT TO:<x@[mx.test]>",
                                    "RCPT FROM:<x@y.test>",
                                    "RCPT TO:<x@y.test> RCPT TO:<z@y.test>"};
  for (const std::string line : wrong_rcpt) {
    EXPECT_THAT(Say(line + "\r\n"), StartsWith("451 4.3.5 request-invalid"))
        << line;
  }
  EXPECT_THAT(Say("DATA\r\n"), StartsWith("503 5.5.1 no valid recipients"));
}

TEST_F(LmtpProtocolTest, CommandsHaveAnOrder) {
  EXPECT_THAT(Say("MAIL FROM:<>\r\n"), HasSubstr("\r\n503 5.5.1"));
  EXPECT_THAT(Say("XFORWARD IDENT=1\r\n"), StartsWith("503"));
  Open();
  EXPECT_THAT(Say("RCPT TO:<x@y.test>\r\n"), StartsWith("503"));
  EXPECT_THAT(Say("DATA\r\n"), StartsWith("503"));
  EXPECT_THAT(Say("MAIL FROM:<>\r\nMAIL FROM:<>\r\n"),
              HasSubstr("\r\n503 5.5.1"));
  EXPECT_THAT(Say("VRFY x\r\nNOOP x\r\n"), HasSubstr("252 2.0.0"));
}

TEST_F(LmtpProtocolTest, OnlyACrLfEndsALine) {
  for (const std::string line : {"NOOP\n", "\n", "NOOP\r\rX\n"}) {
    LmtpProtocol protocol("mta.test", 1000);
    protocol.Append(line + "NOOP\r\n");
    EXPECT_EQ(protocol.Next(), Event::kOver);
    EXPECT_THAT(protocol.replies(), HasSubstr("\r\n451 4.3.5"));
    EXPECT_THAT(protocol.replies(), testing::Not(HasSubstr("250")));
  }
}

TEST_F(LmtpProtocolTest, EverythingIsBounded) {
  Say("NOOP " + std::string(LmtpProtocol::kMaxLine - 7, 'x') + "\r\n");
  EXPECT_EQ(last_, Event::kNeedsInput);
  EXPECT_THAT(Say("NOOP " + std::string(LmtpProtocol::kMaxLine - 4, 'x')),
              StartsWith("451 4.3.5"));
  EXPECT_EQ(last_, Event::kOver);

  // Postfix's longest address, quoted: nobody else waits for it, and it is not
  // bounced.
  LmtpProtocol address("mta.test", 1000);
  address.Append(std::string(kOpening) + "MAIL FROM:<>\r\n");
  address.Next();
  address.replies().clear();
  std::string quoted;
  for (int i = 0; i < 2048; ++i) quoted += "\\\"";
  address.Append("RCPT TO:<\"" + quoted +
                 "\"@y.test>\r\nRCPT TO:<x@y.test>\r\n");
  EXPECT_EQ(address.Next(), Event::kNeedsInput);
  EXPECT_THAT(address.replies(), StartsWith("451 4.3.5"));
  EXPECT_THAT(address.replies(), EndsWith("250 2.1.5 ok\r\n"));

  LmtpProtocol many("mta.test", 1000);
  many.Append(std::string(kOpening) + "MAIL FROM:<>\r\n");
  for (std::size_t i = 0; i <= LmtpProtocol::kMaxRecipients; ++i) {
    many.Append("RCPT TO:<x@y.test>\r\n");
  }
  EXPECT_EQ(many.Next(), Event::kNeedsInput);
  EXPECT_THAT(many.replies(), EndsWith("452 4.5.3 too many recipients in one "
                                       "transaction\r\n"));
  EXPECT_EQ(many.transaction().recipients.size(), LmtpProtocol::kMaxRecipients);

  LmtpProtocol noise("mta.test", 1000);
  for (int i = 0; i < LmtpProtocol::kMaxNonsense + 5; ++i) {
    noise.Append("\r\n");
  }
  EXPECT_EQ(noise.Next(), Event::kOver);
  EXPECT_THAT(noise.replies(), EndsWith("421 4.7.0 too many errors\r\n"));
}

std::string TakeMessage(std::string_view octets, std::size_t piece,
                        std::string& rest) {
  LmtpData data;
  std::string out;
  while (!octets.empty() && !data.ended()) {
    octets.remove_prefix(data.Feed(octets.substr(0, piece), out));
  }
  rest = data.ended() ? std::string(octets) : "not ended";
  return out;
}

TEST(LmtpDataTest, AMessageEndsAtOnePlaceOnly) {
  const struct {
    const char *octets, *message, *rest;
  } cases[] = {
      {".\r\n", "", ""},
      {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"},
      {"..\r\n.\r\n", "..\r\n", ""},
      {".x\r\n.\r\n", ".x\r\n", ""},
      {"a\n.\n.\r\nb\r\n.\r\n", "a\n.\n.\r\nb\r\n", ""},
      {"a\n.\r\nQUIT\r\n.\r\n", "a\n.\r\nQUIT\r\n", ""},
      {"a\r.\r\n.\r\n", "a\r.\r\n", ""},
      {"a\r\n.\rb\r\n.\r\n", "a\r\n.\rb\r\n", ""},
      {"a\r\n.\r\r\n.\r\n", "a\r\n.\r\r\n", ""},
      {"a\r\r\n.\r\n", "a\r\r\n", ""},
      {"a\r\n.\n.\r\n.\r\n", "a\r\n.\n.\r\n", ""},
      {"a\r\n.", "a\r\n", "not ended"},
      {"a\r\n.\r", "a\r\n", "not ended"},
      {"a\n.\n", "a\n.\n", "not ended"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.octets)));
    for (const std::size_t piece :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}}) {
      std::string rest;
      EXPECT_EQ(TakeMessage(c.octets, piece, rest), c.message);
      EXPECT_EQ(rest, c.rest);
    }
  }
}

TEST(LmtpReplyTest, CodeAndStatusAlwaysFitTheOutcome) {
  using End = RecipientResult::Outcome;
  const auto say = [](End outcome, const char* status, std::string text) {
    return LmtpReplyFor(RecipientResult{outcome, status, std::move(text)})
        .Format();
  };
  EXPECT_EQ(say(End::kDelivered, "2.1.5", "x"), "250 2.1.5 x\r\n");
  EXPECT_EQ(say(End::kDelivered, "4.1.5", "x"), "250 2.0.0 x\r\n");
  EXPECT_EQ(say(End::kBounced, "4.1.1", "x"), "550 5.0.0 x\r\n");
  EXPECT_EQ(say(End::kDeferred, "5.7.1", "x"), "451 4.0.0 x\r\n");
  EXPECT_EQ(say(End::kDeferred, "", "x"), "451 4.0.0 x\r\n");
  // One line, whatever a server said.
  EXPECT_EQ(say(End::kBounced, "5.1.1", "a\r\n250 2.0.0 b\x80\x7f"),
            "550 5.1.1 a  250 2.0.0 b? \r\n");
  EXPECT_LE(say(End::kBounced, "5.1.1", std::string(9000, 'x')).size(), 1000u);
  EXPECT_THAT(LmtpReplyFor(Error{Reason::kServerRejected, "x"}).Format(),
              StartsWith("451 4."));
  EXPECT_THAT(LmtpReplyFor(Error{Reason::kSpoolFull, "x"}).Format(),
              StartsWith("452 4.3.1 spool-full"));
}

TEST(XtextTest, DecodesRfc3461) {
  using lmtp::DecodeXtext;
  EXPECT_EQ(DecodeXtext("4FQx0z"), "4FQx0z");
  EXPECT_EQ(DecodeXtext("a+20b+2B+3D"), "a b+=");
  EXPECT_EQ(DecodeXtext(""), "");
  for (const char* wrong : {"+", "+2", "+2g", "a b", "a=b", "\x80", "+-1"}) {
    EXPECT_FALSE(DecodeXtext(wrong)) << wrong;
  }
  const auto parsed =
      lmtp::ParseCommand("xforward ident=a+20b+0A-" + std::string(100, 'c'));
  const auto& command = std::get<lmtp::Command>(parsed);
  EXPECT_EQ(std::get<lmtp::Xforward>(command).ident,
            "a_b_-" + std::string(59, 'c'));
}

}  // namespace
}  // namespace postern
