// tests/sendmail-milter/sendmail_fixture.h
//
// The service's side of Sendmail with everything behind it real but DNS and the
// store, and servers in this process that present what a test says.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/audit/session_record.h"
#include "core/gate/prober.h"
#include "core/x509/digest.h"
#include "plugins/pin/pin_source.h"
#include "sendmail-milter/recent_plans.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

class SteppedClock final : public Clock {
 public:
  TimePoint Now() const override {
    return TimePoint(std::chrono::hours(500'000)) + later.load();
  }
  std::atomic<std::chrono::seconds> later{std::chrono::seconds(0)};
};

class RecordingSink final : public SessionSink {
 public:
  void OnSession(const SessionRecord& record) noexcept override {
    const std::lock_guard lock(mutex);
    records.push_back(record);
  }
  std::mutex mutex;
  std::vector<SessionRecord> records;
};

// "AB:CD:…" as ${cert_fp} has it.
inline std::string Fingerprint(const TestCertificate& certificate) {
  std::string hex = ToHex(
      *Digest(DigestAlgorithm::kSha256,
              std::string(certificate.der.begin(), certificate.der.end())));
  std::transform(hex.begin(), hex.end(), hex.begin(), [](char c) {
    return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  std::string text;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    text += (i == 0 ? "" : ":") + hex.substr(i, 2);
  }
  return text;
}

inline ServerScript PresentingServer(const TestCertificate& certificate) {
  ServerBehaviour behaviour;
  behaviour.tls = Presenting(certificate);
  return Ordinary(behaviour);
}

class SendmailTest : public testing::Test {
 protected:
  SendmailTest() { store_.Set("* may"); }

  void Pinned(const TestCertificate& certificate,
              const std::string& domain = "bank.test") {
    Pin pin;
    pin.key = domain;
    pin.kind = PinKind::kSpki;
    pin.digest = certificate.key.spki_hash();
    store_.AddPin(pin);
  }

  // `line` with a route= to each of `servers` as mx1.bank.test, mx2 …, so that
  // a test need not listen on port 25.
  void Route(const std::string& line,
             const std::vector<ScriptedSmtpServer*>& servers) {
    std::string text = line;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      const std::string name = "mx" + std::to_string(i + 1) + ".bank.test";
      resolver_.SetA(name, Addresses({servers[i]->address().str()}));
      text += (i == 0 ? " route=[" : ",[") + name +
              "]:" + std::to_string(servers[i]->port().value);
    }
    store_.Set(text);
  }

  FakeResolver resolver_;
  FirstOnes random_;
  MemoryPolicyStore store_;
  Router router_{resolver_, random_, {}};
  TlsClient tls_;
  SteppedClock clock_;
  std::unique_ptr<PolicySource> pins_ = MakePinSource();
  std::vector<PolicySource*> sources_{pins_.get()};
  Gate gate_{Gate::Parts{
      store_, resolver_, router_, sources_, {}, tls_, clock_, "mta.test", {}}};
  EvidenceIndex index_{clock_};
  Prober prober_{{gate_, index_, AddressFilter({}, true), clock_}};
  RecentPlans plans_{gate_, index_, clock_};
  RecordingSink sink_;
};

}  // namespace postern
