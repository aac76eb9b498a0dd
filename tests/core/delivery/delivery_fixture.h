// tests/core/delivery/delivery_fixture.h
//
// A Delivery with everything behind it real but DNS, the store and the
// verifier, and servers in this process that record what they saw.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "core/delivery/delivery.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {

using std::chrono::hours;
using std::chrono::seconds;
using Outcome = RecipientResult::Outcome;

class FixedClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(hours(500'000)); }
};

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

// Satisfied by the leaves it was given.
class LeafVerifier final : public Verifier {
 public:
  LeafVerifier(std::vector<DerCertificate> good, Error undecided)
      : good_(std::move(good)), undecided_(std::move(undecided)) {}
  std::string_view name() const override { return "webpki"; }
  std::string Describe() const override { return "a listed leaf"; }
  Finding Check(const TlsEvidence& evidence, TimePoint) const override {
    if (undecided_.reason() != Reason::kOk) {
      return Finding::Undecided(undecided_);
    }
    for (const DerCertificate& leaf : good_) {
      if (evidence.has_certificate() && evidence.leaf() == leaf) {
        return Finding::Satisfied("listed");
      }
    }
    return Finding::Violated(Reason::kCertificateHostMismatch, "not listed");
  }

 private:
  std::vector<DerCertificate> good_;
  Error undecided_;
};

class LeafSource final : public PolicySource {
 public:
  class Bound final : public BoundSource {
   public:
    explicit Bound(std::shared_ptr<const Verifier> verifier)
        : verifier_(std::move(verifier)) {}
    Contribution ForHost(const HostFacts&, Deadline) const override {
      Contribution contribution;
      contribution.state = Contribution::State::kApplies;
      contribution.verifier = verifier_;
      return contribution;
    }

   private:
    std::shared_ptr<const Verifier> verifier_;
  };
  std::string_view name() const override { return "webpki"; }
  Result<std::unique_ptr<const BoundSource>> ForDestination(const Destination&,
                                                            Deadline) override {
    return std::unique_ptr<const BoundSource>(std::make_unique<Bound>(
        std::make_shared<LeafVerifier>(good, undecided)));
  }
  Status AskAfresh(const Destination&, const HostFacts&, Deadline) override {
    return afresh ? afresh() : Status{};
  }
  std::vector<DerCertificate> good;
  Error undecided{Reason::kOk, ""};
  std::function<Status()> afresh;  // before anything bounces
};

class RecordingSink final : public SessionSink {
 public:
  void OnSession(const SessionRecord& record) noexcept override {
    records.push_back(record);
  }
  std::vector<SessionRecord> records;
};

class TextMessage final : public Message {
 public:
  explicit TextMessage(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  bool has_8bit() const override { return false; }
  bool has_utf8_header() const override { return false; }
  bool ends_with_crlf() const override { return true; }
  Result<std::size_t> Read(std::uint64_t offset,
                           std::span<char> into) const override {
    return text_.copy(into.data(), into.size(), offset);
  }

 private:
  std::string text_;
};

// How many commands of all connections began so.
inline std::size_t Count(const std::vector<ConnectionRecord>& records,
                         std::string_view verb) {
  std::size_t count = 0;
  for (const ConnectionRecord& record : records) {
    for (const std::string& command : record.commands) {
      count += command.starts_with(verb) ? 1 : 0;
    }
  }
  return count;
}

// Every host of bank.test listens on one port of its own loopback address.
class DeliveryTest : public testing::Test {
 protected:
  static ServerBehaviour Tls(const TestCertificate& certificate) {
    ServerBehaviour behaviour;
    behaviour.tls = Presenting(certificate);
    return behaviour;
  }

  // The line holds for hops "[host]:port" as well, so that tests choose ports.
  void Route(std::string_view line, std::vector<ScriptedSmtpServer*> servers) {
    std::string text = "bank.test ";
    text += line;
    std::string separator = " route=";
    for (std::size_t i = 0; i < servers.size(); ++i) {
      const std::string name = "mx" + std::to_string(i + 1) + ".bank.test";
      resolver_.SetA(name, Addresses({servers[i]->address().str()}));
      text += separator + "[" + name +
              "]:" + std::to_string(servers[i]->port().value);
      separator = ",";
    }
    store_.Set(text);
  }

  std::vector<RecipientResult> Deliver(
      std::vector<std::string> recipients = {"a@bank.test"},
      std::string_view next_hop = "bank.test") {
    const DeliveryRequest request{
        "pipe",
        TestDomain("bank.test"),
        NextHop::Parse(next_hop).value(),
        Envelope{"sender@own.test", std::move(recipients), "ABC123"},
        {}};
    return delivery_.Deliver(request, message_, Deadline::After(seconds(20)));
  }

  // One message through another Delivery, to one domain by its own MX.
  std::vector<RecipientResult> DeliverBy(
      Delivery& delivery, const std::string& domain = "bank.test",
      const Cancellation& cancellation = {}) {
    const DeliveryRequest request{
        "pipe", TestDomain(domain), NextHop::Parse(domain).value(),
        Envelope{"sender@own.test", {"a@" + domain}, "ABC123"}, cancellation};
    return delivery.Deliver(request, message_, Deadline::After(seconds(20)));
  }

  const TestCertificate good_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate bad_ = MakeSelfSigned(ForHost("mx2.bank.test"));
  MemoryPolicyStore store_;
  FakeResolver resolver_;
  FirstOnes random_;
  FixedClock clock_;
  Router router_{resolver_, random_, OwnIdentity{}};
  LeafSource source_;
  PolicySource* const sources_[1] = {&source_};
  TlsClient tls_;
  Gate gate_{Gate::Parts{
      store_, resolver_, router_, sources_, {}, tls_, clock_, "own.test", {}}};
  RecordingSink sink_;
  Delivery delivery_{gate_, sink_, clock_};
  TextMessage message_{"Subject: hello\r\n\r\nbody\r\n"};

  void SetUp() override {
    store_.Set("* may");
    source_.good = {good_.der};
  }
};

}  // namespace postern
