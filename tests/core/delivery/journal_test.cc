// tests/core/delivery/journal_test.cc
//
// The journal in a delivery: noted before MAIL, asked before planning; only
// what a server has taken is "already sent", and a journal that can't be used
// sends nothing.
#include <atomic>
#include <functional>
#include <future>
#include <map>

#include "tests/core/delivery/delivery_fixture.h"

namespace postern {
namespace {

class MemoryJournal final : public DeliveryJournal {
 public:
  using Entries = std::vector<std::optional<JournalEntry>>;
  Result<Entries> Find(std::span<const JournalKey> keys) override {
    if (broken_find) return Error{Reason::kJournalUnavailable, "full"};
    Entries found;
    for (const JournalKey& key : keys) {
      const auto at = entries.find(key.recipient);
      found.push_back(at != entries.end() && at->second.key == key
                          ? std::optional(at->second)
                          : std::nullopt);
    }
    return found;
  }
  Status Begin(std::span<const JournalKey> keys,
               std::string_view where) override {
    if (on_begin) on_begin();
    if (broken_begin) return Error{Reason::kJournalUnavailable, "full"};
    for (const JournalKey& key : keys) {
      JournalEntry entry;
      entry.key = key;
      entry.where = where;
      entries[key.recipient] = entry;
    }
    return {};
  }
  void End(std::span<const JournalKey> keys,
           std::span<const JournalEnd> ends) noexcept override {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      JournalEntry& entry = entries[keys[i].recipient];
      entry.state = ends[i].state;
      entry.status = ends[i].status;
      entry.reply = ends[i].reply;
      entry.ended_at = TimePoint(hours(499'999));
    }
  }

  std::map<std::string, JournalEntry> entries;
  bool broken_find = false, broken_begin = false;
  std::function<void()> on_begin;
};

class JournalTest : public DeliveryTest {
 protected:
  std::vector<RecipientResult> Deliver(
      std::vector<std::string> recipients = {"a@bank.test"},
      const std::string& queue_id = "ABC123",
      const std::string& sender = "sender@own.test",
      std::chrono::milliseconds budget = seconds(20)) {
    const DeliveryRequest request{
        "pipe",
        TestDomain("bank.test"),
        NextHop::Parse("bank.test").value(),
        Envelope{sender, std::move(recipients), queue_id},
        {}};
    return Delivery(gate_, sink_, clock_, &journal_)
        .Deliver(request, message_, Deadline::After(budget));
  }
  JournalState StateOf(const std::string& recipient) {
    return journal_.entries.at(recipient).state;
  }

  MemoryJournal journal_;
};

TEST_F(JournalTest, ASecondCallForTheSameIsAlreadySent) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(StateOf("a@bank.test"), JournalState::kDelivered);

  // Whatever has become of the policy: it is with its receiver.
  store_.Set("bank.test dane-only");
  const auto again = Deliver();

  EXPECT_EQ(again[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(again[0].status.front(), '2');
  EXPECT_NE(again[0].text.find("already sent at 20"), std::string::npos)
      << again[0].text;
  EXPECT_EQ(server.Records().size(), 1u);
  ASSERT_EQ(sink_.records.size(), 2u);
  EXPECT_EQ(sink_.records[1].outcome, "already-sent");
  EXPECT_EQ(sink_.records[1].queue_id, "ABC123");
}

TEST_F(JournalTest, AnotherMessageIsNotTakenForIt) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  const auto expect_sent = [&](std::size_t count) {
    EXPECT_EQ(server.Records(count).size(), count);
  };
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(Deliver({"a@bank.test"}, "ABC124")[0].outcome, Outcome::kDelivered);
  expect_sent(2);
  EXPECT_EQ(Deliver({"a@bank.test"}, "ABC124", "other@own.test")[0].outcome,
            Outcome::kDelivered);
  expect_sent(3);
  message_ = TextMessage("Subject: hello\r\n\r\nBody\r\n");
  EXPECT_EQ(Deliver({"a@bank.test"}, "ABC124", "other@own.test")[0].outcome,
            Outcome::kDelivered);
  expect_sent(4);
}

TEST_F(JournalTest, WithoutAQueueIdNothingIsRemembered) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  EXPECT_EQ(Deliver({"a@bank.test"}, "")[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(Deliver({"a@bank.test"}, "")[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(server.Records(2).size(), 2u);
  EXPECT_TRUE(journal_.entries.empty());
}

TEST_F(JournalTest, TheIntentIsNotedBeforeMail) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  journal_.broken_begin = true;

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(results[0].status, "4.3.0");
  EXPECT_TRUE(results[0].text.starts_with("journal-unavailable: "))
      << results[0].text;
  EXPECT_FALSE(server.Records().front().Saw("MAIL"));
  EXPECT_EQ(sink_.records[0].verdict.reason, Reason::kJournalUnavailable);
}

TEST_F(JournalTest, AJournalThatCannotBeReadSendsNothing) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  journal_.broken_find = true;

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_TRUE(results[0].text.starts_with("journal-unavailable: "));
  EXPECT_TRUE(server.Records(0).empty());
}

// A server that has all of a message; `then` is what it does.
std::function<void(ServerConnection&)> Taking(
    std::function<void(ServerConnection&)> then) {
  return [then](ServerConnection& connection) {
    connection.Say("220 mx\r\n");
    while (const auto line = connection.ReadLine()) {
      if (line->starts_with("DATA")) {
        connection.Say("354 go\r\n");
        connection.ReadMessage();
        then(connection);
      } else {
        connection.Say("250 ok\r\n");
      }
    }
  };
}

TEST_F(JournalTest, AnIntentWithoutAnEndSaysNothing) {
  ScriptedSmtpServer losing(
      Taking([](ServerConnection& connection) { connection.HangUp(); }));
  Route("may", {&losing});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(StateOf("a@bank.test"), JournalState::kUnanswered);

  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("may", {&server});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(server.Records().front().messages.size(), 1u);
  EXPECT_EQ(StateOf("a@bank.test"), JournalState::kDelivered);
}

TEST_F(JournalTest, ARefusalIsNotSent) {
  for (const char* verb : {"MAIL", "RCPT", "DATA", "."}) {
    for (const char* reply : {"451 4.3.0 later", "550 5.1.1 no"}) {
      SCOPED_TRACE(std::string(verb) + " " + reply);
      ServerBehaviour refusing = Tls(good_);
      refusing.replies[verb] = reply;
      ScriptedSmtpServer server(Ordinary(refusing));
      Route("secure", {&server});
      EXPECT_NE(Deliver()[0].outcome, Outcome::kDelivered);
      EXPECT_EQ(StateOf("a@bank.test"), JournalState::kNotSent);
    }
  }
}

TEST_F(JournalTest, EachRecipientHasItsOwn) {
  std::atomic<int> calls{0};
  ScriptedSmtpServer server([&](ServerConnection& connection) {
    ++calls;
    connection.Say("220 mx\r\n");
    while (const auto line = connection.ReadLine()) {
      if (line->starts_with("RCPT TO:<b") && calls == 1) {
        connection.Say("451 4.2.1 later\r\n");
      } else if (line->starts_with("DATA")) {
        connection.Say("354 go\r\n");
        connection.ReadMessage();
        connection.Say("250 taken\r\n");
      } else {
        connection.Say("250 ok\r\n");
      }
    }
  });
  Route("may", {&server});
  const std::vector<std::string> both{"a@bank.test", "b@bank.test"};
  const auto first = Deliver(both);
  EXPECT_EQ(first[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(first[1].outcome, Outcome::kDeferred);
  EXPECT_EQ(StateOf("b@bank.test"), JournalState::kNotSent);

  const auto second = Deliver(both);
  EXPECT_NE(second[0].text.find("already sent"), std::string::npos);
  EXPECT_EQ(second[1].outcome, Outcome::kDelivered);
  EXPECT_EQ(second[1].text.find("already sent"), std::string::npos);
  const ConnectionRecord record = server.Records(2)[1];
  EXPECT_FALSE(record.Saw("RCPT TO:<a"));
  EXPECT_TRUE(record.Saw("RCPT TO:<b"));
}

// An MTA that was stopped and started again while the server thinks about the
// message.
TEST_F(JournalTest, WhileADeliveryIsNotOverThereIsNoSecond) {
  std::promise<void> taken, decided;
  ScriptedSmtpServer server(Taking([&](ServerConnection& connection) {
    taken.set_value();
    decided.get_future().wait();
    connection.Say("250 taken\r\n");
  }));
  Route("may", {&server});
  auto first = std::async(std::launch::async, [this] { return Deliver(); });
  taken.get_future().wait();

  const auto second = Deliver({"b@bank.test", "a@bank.test"}, "ABC123",
                              "sender@own.test", std::chrono::milliseconds(50));
  EXPECT_EQ(second[0].outcome, Outcome::kDeferred);
  EXPECT_TRUE(second[0].text.starts_with("delivery-under-way: "))
      << second[0].text;
  EXPECT_EQ(second[1].outcome, Outcome::kDeferred);

  decided.set_value();
  EXPECT_EQ(first.get()[0].outcome, Outcome::kDelivered);
  const auto third = Deliver();
  EXPECT_NE(third[0].text.find("already sent"), std::string::npos);
  EXPECT_EQ(server.Records().size(), 1u);
}

// Two aliases that lead to one address.
TEST_F(JournalTest, ARecipientTwiceInOneTransactionWaitsForNobody) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  for (const RecipientResult& result :
       Deliver({"a@bank.test", "a@bank.test"})) {
    EXPECT_EQ(result.outcome, Outcome::kDelivered) << result.text;
  }
}

}  // namespace
}  // namespace postern
