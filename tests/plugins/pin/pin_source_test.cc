// tests/plugins/pin/pin_source_test.cc
//
// The source speaks at `fingerprint` and nowhere else; without pins it brings
// no verifier, and a list that can't be read condemns the host.
#include "plugins/pin/pin_source.h"

#include <gtest/gtest.h>

#include "core/x509/certificate.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using State = Contribution::State;

const Deadline kDeadline = Deadline::After(std::chrono::minutes(1));

HostFacts Mx() {
  return {.host = Domain::Parse("mx.example.net").value(),
          .port = {},
          .mx = Security::kInsecure,
          .address = Security::kInsecure,
          .ips = {},
          .expanded = {},
          .preference = 0,
          .failure = {}};
}

Contribution Ask(const std::string& line, std::vector<Pin> pins) {
  const Domain domain = Domain::Parse("example.org").value();
  Destination destination{.recipient = domain,
                          .next_hop = NextHop::ForDomain(domain),
                          .policy = {.line = ParsePolicyLine(line).value(),
                                     .origin = "exact",
                                     .pins = std::move(pins),
                                     .anchors = {},
                                     .valid_until = {}},
                          .own_mx = true};
  const auto bound = MakePinSource()->ForDestination(destination, kDeadline);
  return bound.value()->ForHost(Mx(), kDeadline);
}

Pin SomePin(PinKind kind = PinKind::kSpki) {
  Pin pin;
  pin.kind = kind;
  pin.digest = std::string(32, 'x');
  return pin;
}

TEST(PinSourceTest, SpeaksAtFingerprintAndAsAFloorOnly) {
  for (const char* line :
       {"example.org fingerprint", "example.org auto floor=fingerprint"}) {
    const Contribution answer = Ask(line, {SomePin()});
    EXPECT_EQ(answer.state, State::kApplies) << line;
    ASSERT_NE(answer.verifier, nullptr);
    EXPECT_EQ(answer.verifier->name(), "pin");
  }
  for (const char* line : {"example.org may", "example.org secure",
                           "example.org encrypt", "example.org auto"}) {
    EXPECT_EQ(Ask(line, {SomePin()}).state, State::kAbsent) << line;
  }
}

TEST(PinSourceTest, WithoutPinsThereIsNoVerifierAndTheReasonSaysSo) {
  const Contribution answer = Ask("example.org fingerprint", {});
  EXPECT_EQ(answer.state, State::kAbsent);
  EXPECT_EQ(answer.verifier, nullptr);
  EXPECT_EQ(answer.reason, Reason::kPinMissing);
}

TEST(PinSourceTest, AListThatCannotBeReadCondemnsTheHostOfACaPin) {
  const std::string line = "example.org fingerprint crl=/nonexistent/crl.pem";
  const Contribution answer = Ask(line, {SomePin(PinKind::kCa)});
  EXPECT_EQ(answer.state, State::kHostFailed);
  EXPECT_EQ(answer.reason, Reason::kCrlUnavailable);
  // Leaf pins don't look at it.
  EXPECT_EQ(Ask(line, {SomePin()}).state, State::kApplies);
}

TEST(PinSourceTest, ACaPinAsksForTheNamesOfSecure) {
  const TestAuthority root = TestAuthority::Make("Root");
  Pin pin = SomePin(PinKind::kCa);
  pin.digest = Certificate::Parse(root.certificate.der)
                   .value()
                   .Fingerprint(DigestAlgorithm::kSha256)
                   .value();
  const Contribution answer = Ask("example.org fingerprint", {pin});
  ASSERT_EQ(answer.state, State::kApplies);
  const TimePoint now{std::chrono::hours(500'000)};
  const auto check = [&](const char* name) {
    return answer.verifier->Check(
        TlsEvidence({root.Issue(ForHost(name)).der, root.certificate.der}),
        now);
  };
  EXPECT_TRUE(check("example.org").satisfied());
  EXPECT_TRUE(check("mx.example.org").satisfied());
  // The MX host's name is none that `secure` asks for.
  EXPECT_EQ(check("mx.example.net").reason(), Reason::kCertificateHostMismatch);
}

}  // namespace
}  // namespace postern
