// tests/postfix-transport/pipe_door_test.cc
//
// The door lets through what Postfix writes and refuses everything that could
// mean something else; whatever goes wrong before a delivery is a defer.
#include "postfix-transport/pipe_door.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>

#include "postfix-transport/outcome_line.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

Request MakeRequest(std::string hop, std::string id, std::string sender,
                    std::string recipient) {
  return {"deliver",
          {{"nexthop", std::move(hop)},
           {"queue-id", std::move(id)},
           {"sender", std::move(sender)},
           {"recipient", std::move(recipient)}}};
}

TEST(PipeRequestTest, TakesWhatPostfixWrites) {
  const auto parsed = ParseDeliverRequest(MakeRequest(
      "[relay.test]:465", "4FQx0z", "", "\"a b;$(x)@y\"@Bank.Test"));
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(ToString(parsed->recipient_domain), "bank.test");
  EXPECT_EQ(parsed->next_hop.str(), "[relay.test]:465");
  EXPECT_EQ(parsed->envelope.sender, "");
  EXPECT_EQ(parsed->envelope.recipients.front(), "\"a b;$(x)@y\"@Bank.Test");
  EXPECT_EQ(parsed->envelope.queue_id, "4FQx0z");
  EXPECT_EQ(parsed->door, "pipe");
}

TEST(PipeRequestTest, AnInternationalDomainIsAnALabelForThePolicyOnly) {
  const auto parsed = ParseDeliverRequest(MakeRequest(
      "m\xc3\xbcnchen.test", "A1", "a@b.test", "x@m\xc3\xbcnchen.test"));
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(ToString(parsed->recipient_domain), "xn--mnchen-3ya.test");
  EXPECT_EQ(parsed->envelope.recipients.front(), "x@m\xc3\xbcnchen.test");
}

TEST(PipeRequestTest, AddressLiteralsAreHosts) {
  const auto v4 = ParseDeliverRequest(
      MakeRequest("[192.0.2.1]", "A1", "-h@x.test", "x@[192.0.2.1]"));
  ASSERT_TRUE(v4) << v4.error().ToString();
  EXPECT_EQ(ToString(v4->recipient_domain), "[192.0.2.1]");
  const auto v6 = ParseDeliverRequest(
      MakeRequest("[2001:db8::1]:25", "A1", "", "x@[IPv6:2001:db8::1]"));
  ASSERT_TRUE(v6) << v6.error().ToString();
  EXPECT_TRUE(std::holds_alternative<IpAddress>(v6->recipient_domain));
}

TEST(PipeRequestTest, RefusesWhatIsNotOneOfEach) {
  const struct {
    const char* what;
    Request request;
  } cases[] = {
      {"no hop", MakeRequest("", "A1", "", "x@y.test")},
      {"two hops", MakeRequest("a.test b.test", "A1", "", "x@y.test")},
      {"no queue id", MakeRequest("y.test", "", "", "x@y.test")},
      {"queue id with a space", MakeRequest("y.test", "A 1", "", "x@y.test")},
      {"long queue id",
       MakeRequest("y.test", std::string(65, 'A'), "", "x@y.test")},
      {"no recipient", MakeRequest("y.test", "A1", "", "")},
      {"bare recipient", MakeRequest("y.test", "A1", "", "root")},
      {"no local part", MakeRequest("y.test", "A1", "", "@y.test")},
      {"no domain", MakeRequest("y.test", "A1", "", "x@")},
      {"two recipients",
       MakeRequest("y.test", "A1", "", "x@y.test> RCPT TO:<z@y.test")},
      {"quote in the domain", MakeRequest("y.test", "A1", "", "x@\"y.test\"")},
      {"domain in the quotes", MakeRequest("y.test", "A1", "", "\"x@y.test\"")},
      {"open quote", MakeRequest("y.test", "A1", "", "\"x@y.test")},
      {"host in brackets", MakeRequest("y.test", "A1", "", "x@[relay.test]")},
      {"literal with a port",
       MakeRequest("y.test", "A1", "", "x@[192.0.2.1]:25")},
      {"bare address", MakeRequest("y.test", "A1", "", "x@192.0.2.1")},
      {"bad domain", MakeRequest("y.test", "A1", "", "x@y..test")},
      {"postfix's default null sender",
       MakeRequest("y.test", "A1", "MAILER-DAEMON", "x@y.test")},
      {"bad sender", MakeRequest("y.test", "A1", "a b@c.test", "x@y.test")},
      {"sender's domain missing", MakeRequest("y.test", "A1", "a", "x@y.test")},
      {"another verb", Request{"explain", {{"domain", "y.test"}}}},
      {"field missing", Request{"deliver", {{"nexthop", "y.test"}}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const auto parsed = ParseDeliverRequest(c.request);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().reason(), Reason::kRequestInvalid);
  }
  Request extra = MakeRequest("y.test", "A1", "", "x@y.test");
  extra.fields.emplace_back("priority", "1");
  EXPECT_FALSE(ParseDeliverRequest(extra));
}

TEST(PipeReplyTest, TheStatusAlwaysFitsTheOutcome) {
  using Outcome = RecipientResult::Outcome;
  EXPECT_EQ(ReplyFor({Outcome::kDelivered, "2.1.5", "250 ok"}),
            (Reply{"delivered", "2.1.5 250 ok"}));
  EXPECT_EQ(ReplyFor({Outcome::kDelivered, "4.1.5", "x"}).rest, "2.0.0 x");
  EXPECT_EQ(ReplyFor({Outcome::kBounced, "", "x"}).rest, "5.0.0 x");
  EXPECT_EQ(ReplyFor({Outcome::kDeferred, "5.7.1", "x"}).rest, "4.0.0 x");
  EXPECT_EQ(ReplyFor({Outcome::kDeferred, "4.7.5 junk", "x"}).rest, "4.0.0 x");
  EXPECT_EQ(ReplyFor({}).word, "deferred");
  const std::pair<Outcome, int> exits[] = {{Outcome::kDelivered, 0},
                                           {Outcome::kBounced, 69},
                                           {Outcome::kDeferred, 75}};
  for (const auto& [outcome, status] : exits) {
    const auto told =
        OutcomeOf(ReplyFor({outcome, "", std::string(5000, 'x')}));
    EXPECT_EQ(told.exit, status);
    EXPECT_LE(told.line.size(), 1000u);
  }
}

class PipeDoorTest : public testing::Test {
 protected:
  PipeDoorTest() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    spool_ = std::make_unique<Spool>(directory_, Spool::Limits{1000, 1000});
  }
  ~PipeDoorTest() override { std::filesystem::remove_all(directory_); }

  Call MakeCall(const std::string& octets) {
    Call call;
    call.request = MakeRequest("y.test", "A1", "a@b.test", "x@y.test");
    call.received_at = std::chrono::steady_clock::now();
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    call.socket.Reset(ends[0]);
    client_.Reset(ends[1]);
    EXPECT_EQ(pipe(ends), 0);
    call.passed.Reset(ends[0]);
    EXPECT_EQ(write(ends[1], octets.data(), octets.size()),
              static_cast<ssize_t>(octets.size()));
    close(ends[1]);
    return call;
  }

  Reply Handle(Call call, const Deliver& deliver) {
    return PipeDoor(deliver, *spool_, seconds(60)).Handle(call);
  }

  std::string directory_;
  std::unique_ptr<Spool> spool_;
  OwnedFd client_;
};

TEST_F(PipeDoorTest, DeliversWhatWasPassed) {
  Call call = MakeCall("S: x\r\n\r\nhello\r\n");
  const int socket = call.socket.get();
  const Reply reply =
      Handle(std::move(call), [&](const DeliveryRequest& request,
                                  const Message& message, Deadline deadline) {
        EXPECT_EQ(request.cancellation.hangup_fd, socket);
        EXPECT_EQ(message.size(), 15u);
        EXPECT_FALSE(deadline.expired());
        return std::vector<RecipientResult>{
            {RecipientResult::Outcome::kDelivered, "2.0.0", "250 ok"}};
      });
  EXPECT_EQ(reply, (Reply{"delivered", "2.0.0 250 ok"}));
  EXPECT_EQ(spool_->used(), 0u);
}

TEST_F(PipeDoorTest, NothingIsDeliveredThatWasNotWhollyReceived) {
  const Deliver never = [](const DeliveryRequest&, const Message&, Deadline) {
    ADD_FAILURE() << "delivered";
    return std::vector<RecipientResult>(1);
  };
  EXPECT_THAT(Handle(MakeCall(""), never).rest, HasSubstr("empty"));
  EXPECT_THAT(Handle(MakeCall(std::string(1001, 'x')), never).rest,
              StartsWith("4.3.4 message-too-big"));
  Call gone = MakeCall("x");
  client_.Reset();
  EXPECT_THAT(Handle(std::move(gone), never).rest, HasSubstr("client-gone"));
  Call late = MakeCall("x");
  late.received_at -= std::chrono::minutes(60);
  EXPECT_THAT(Handle(std::move(late), never).rest,
              HasSubstr("deadline-exceeded"));
  Call bad = MakeCall("x");
  bad.request.verb = "ping";
  EXPECT_THAT(Handle(std::move(bad), never).rest, StartsWith("4.3.5"));
}

TEST_F(PipeDoorTest, NoAnswerOrTwoAreADefer) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{2}}) {
    const Reply reply = Handle(
        MakeCall("x"), [&](const DeliveryRequest&, const Message&, Deadline) {
          return std::vector<RecipientResult>(
              count, {RecipientResult::Outcome::kDelivered, "2.0.0", "ok"});
        });
    EXPECT_EQ(reply.word, "error");
  }
}

}  // namespace
}  // namespace postern
