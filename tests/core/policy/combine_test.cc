// Which level asks for what: every level against every state of the sources
// that it asks, in one table, and nothing weaker than the table anywhere.
#include "core/policy/combine.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

using State = Contribution::State;

constexpr std::array kStates{
    State::kAbsent,  State::kApplies, State::kUnusable,  State::kHostFailed,
    State::kTesting, State::kLeftOut, State::kNotBuiltIn};
constexpr std::array<std::string_view, 4> kSources{"pin", "webpki", "dane",
                                                   "mta-sts"};

Contribution Says(std::string_view source, State state) {
  Contribution contribution;
  contribution.source = source;
  contribution.state = state;
  if (state == State::kApplies || state == State::kTesting) {
    contribution.verifier = std::make_shared<NamedVerifier>(source);
  }
  if (state == State::kHostFailed)
    contribution.reason = Reason::kDnsLookupFailed;
  contribution.detail = "said so";
  return contribution;
}

const HostFacts kMx = HostAt(Name("mx.d.example"), Security::kSecure);

// The plan in short: "required +dane ~mta-sts published" or
// "refused:token(undecided)". Verifiers with +, recorded ones with ~.
std::string Short(const HostPlan& plan) {
  std::string text;
  if (plan.refused) {
    text = "refused:" + std::string(Describe(plan.refused->reason()).token);
    const bool undecided = plan.refused->state() == Finding::State::kUndecided;
    return text + (undecided ? "?" : "");
  }
  constexpr std::array kTls{"never", "opportunistic", "required"};
  text = kTls.at(static_cast<std::size_t>(plan.tls));
  for (const auto& verifier : plan.verifiers) {
    text += " +" + std::string(verifier->name());
  }
  for (const auto& verifier : plan.recorded) {
    text += " ~" + std::string(verifier->name());
  }
  return text + (plan.published ? " published" : "");
}

std::string Plan(std::string_view line, std::vector<Contribution> said) {
  return Short(Combine(Line("d.example " + std::string(line)), kMx, said));
}

// Columns in the order of kStates: absent, applies, unusable, host failed,
// testing, left out, not built in.
using Row = std::array<const char*, kStates.size()>;
constexpr const char* kNotAvailable = "refused:verifier-not-available?";
constexpr const char* kFailed = "refused:dns-lookup-failed?";

TEST(CombineTest, OneSourceTable) {
  const struct {
    const char* line;
    const char* source;
    Row expected;
  } table[] = {
      {"fingerprint",
       "pin",
       {"refused:pin-missing?", "required +pin", "refused:pin-missing?",
        kFailed, "refused:pin-missing?", kNotAvailable, kNotAvailable}},
      {"verify",
       "webpki",
       {"refused:trust-store-unavailable?", "required +webpki",
        "refused:trust-store-unavailable?", kFailed,
        "refused:trust-store-unavailable?", kNotAvailable, kNotAvailable}},
      {"secure",
       "webpki",
       {"refused:trust-store-unavailable?", "required +webpki",
        "refused:trust-store-unavailable?", kFailed,
        "refused:trust-store-unavailable?", kNotAvailable, kNotAvailable}},
      {"hosted",
       "webpki",
       {"refused:trust-store-unavailable?", "required +webpki",
        "refused:trust-store-unavailable?", kFailed,
        "refused:trust-store-unavailable?", kNotAvailable, kNotAvailable}},
      {"dane",
       "dane",
       {"opportunistic", "required +dane published", "required published",
        kFailed, "refused:internal-error?", kNotAvailable, kNotAvailable}},
      {"dane-only",
       "dane",
       {"refused:dane-required", "required +dane published",
        "refused:dane-required", kFailed, "refused:dane-required",
        kNotAvailable, kNotAvailable}},
      {"sts",
       "mta-sts",
       {"refused:sts-policy-missing", "required +mta-sts published",
        "refused:sts-policy-missing", kFailed, "refused:sts-policy-missing",
        kNotAvailable, kNotAvailable}},
  };
  for (const auto& row : table) {
    for (std::size_t i = 0; i < kStates.size(); ++i) {
      // The other sources say anything at all; it changes nothing.
      for (const State other : kStates) {
        std::vector<Contribution> said;
        for (const std::string_view source : kSources) {
          said.push_back(
              Says(source, source == row.source ? kStates[i] : other));
        }
        EXPECT_EQ(Plan(row.line, said), row.expected[i])
            << row.line << ", " << row.source << " in state " << i;
      }
    }
    EXPECT_EQ(Plan(row.line, {}), kNotAvailable) << row.line << ", no source";
  }
}

// STLS-06
TEST(CombineTest, LevelsThatNeedNoSource) {
  for (const State state : kStates) {
    std::vector<Contribution> said;
    for (const std::string_view source : kSources) {
      said.push_back(Says(source, state));
    }
    EXPECT_EQ(Plan("none", said), "never");
    EXPECT_EQ(Plan("may", said), "opportunistic");
    EXPECT_EQ(Plan("encrypt", said), "required");
    EXPECT_EQ(Plan("encrypt wrapper=yes", said), "required");
  }
  EXPECT_EQ(Plan("none", {}), "never");
  EXPECT_EQ(Plan("may", {}), "opportunistic");
  EXPECT_EQ(Plan("encrypt", {}), "required");
}

// Rows: dane, columns: mta-sts, both in the order of kStates. F is the floor.
constexpr std::array<Row, kStates.size()> kAutoTable{{
    // dane absent
    {"F", "required +mta-sts published", "F", kFailed, "F ~mta-sts", "F",
     kNotAvailable},
    // dane applies: it decides, whatever MTA-STS says (STS-01)
    {"required +dane published", "required +dane ~mta-sts published",
     "required +dane published", "required +dane published",
     "required +dane ~mta-sts published", "required +dane published",
     kNotAvailable},
    // dane unusable: at least TLS
    {"E published", "required +mta-sts published", "E published", kFailed,
     "E ~mta-sts published", "E published", kNotAvailable},
    // dane failed the host: it stays failed (STS-01)
    {kFailed, kFailed, kFailed, kFailed, kFailed, kFailed, kNotAvailable},
    // dane in a state that it has not
    {"refused:internal-error?", "refused:internal-error?",
     "refused:internal-error?", "refused:internal-error?",
     "refused:internal-error?", "refused:internal-error?", kNotAvailable},
    // dane left out by name: nothing published
    {"F", "required +mta-sts published", "F", kFailed, "F ~mta-sts", "F",
     kNotAvailable},
    // dane not built in
    {kNotAvailable, kNotAvailable, kNotAvailable, kNotAvailable, kNotAvailable,
     kNotAvailable, kNotAvailable},
}};

std::string Replaced(std::string text, char letter, const std::string& with) {
  if (!text.empty() && text.front() == letter) text.replace(0, 1, with);
  return text;
}

// STS-01 STS-22
TEST(CombineTest, AutoTable) {
  const struct {
    const char* line;
    const char* floor;
    const char* encrypted;  // the floor, TLS at least
  } floors[] = {
      {"auto", "opportunistic", "required"},
      {"auto floor=may", "opportunistic", "required"},
      {"auto floor=encrypt", "required", "required"},
      {"auto floor=verify", "required +webpki", "required +webpki"},
      {"auto floor=secure", "required +webpki", "required +webpki"},
      {"auto floor=hosted", "required +webpki", "required +webpki"},
      {"auto floor=fingerprint", "required +pin", "required +pin"},
  };
  for (const auto& floor : floors) {
    for (std::size_t d = 0; d < kStates.size(); ++d) {
      for (std::size_t s = 0; s < kStates.size(); ++s) {
        const std::string expected = Replaced(
            Replaced(kAutoTable[d][s], 'F', floor.floor), 'E', floor.encrypted);
        EXPECT_EQ(
            Plan(floor.line,
                 {Says("pin", State::kApplies), Says("webpki", State::kApplies),
                  Says("dane", kStates[d]), Says("mta-sts", kStates[s])}),
            expected)
            << floor.line << ", dane in state " << d << ", mta-sts in " << s;
      }
    }
  }
  EXPECT_EQ(Plan("auto", {}), kNotAvailable);
  EXPECT_EQ(Plan("auto", {Says("dane", State::kLeftOut)}), kNotAvailable);
  EXPECT_EQ(Plan("auto", {Says("mta-sts", State::kLeftOut)}), kNotAvailable);
}

TEST(CombineTest, AnAuthenticatingFloorNeedsItsSource) {
  const auto left_out = {Says("dane", State::kLeftOut),
                         Says("mta-sts", State::kLeftOut)};
  EXPECT_EQ(Plan("auto floor=secure", left_out), kNotAvailable);
  EXPECT_EQ(Plan("auto floor=fingerprint", left_out), kNotAvailable);
  EXPECT_EQ(Plan("auto floor=encrypt", left_out), "required");
}

TEST(CombineTest, AlsoAutoAddsAndNeverTakesAway) {
  const auto plan = [](const char* line, State dane, State sts) {
    return Plan(line,
                {Says("pin", State::kApplies), Says("webpki", State::kApplies),
                 Says("dane", dane), Says("mta-sts", sts)});
  };
  const char* const line = "secure also=auto";
  EXPECT_EQ(plan(line, State::kAbsent, State::kAbsent), "required +webpki");
  EXPECT_EQ(plan(line, State::kApplies, State::kAbsent),
            "required +webpki +dane published");
  EXPECT_EQ(plan(line, State::kApplies, State::kApplies),
            "required +webpki +dane ~mta-sts published");
  EXPECT_EQ(plan(line, State::kAbsent, State::kApplies),
            "required +webpki +mta-sts published");
  EXPECT_EQ(plan(line, State::kUnusable, State::kAbsent),
            "required +webpki published");
  EXPECT_EQ(plan(line, State::kHostFailed, State::kApplies), kFailed);
  EXPECT_EQ(plan(line, State::kAbsent, State::kHostFailed), kFailed);
  EXPECT_EQ(plan("may also=auto", State::kAbsent, State::kAbsent),
            "opportunistic");
  EXPECT_EQ(plan("may also=auto", State::kUnusable, State::kAbsent),
            "required published");
  EXPECT_EQ(plan("fingerprint also=auto", State::kApplies, State::kAbsent),
            "required +pin +dane published");
  // Asked for by the line itself: leaving a source out does not answer it.
  for (const State missing : {State::kLeftOut, State::kNotBuiltIn}) {
    EXPECT_EQ(plan(line, missing, State::kAbsent), kNotAvailable);
    EXPECT_EQ(plan(line, State::kAbsent, missing), kNotAvailable);
    EXPECT_EQ(plan(line, missing, missing), kNotAvailable);
  }
}

TEST(CombineTest, NoAuthenticatingLevelEverConnectsWithoutItsVerifier) {
  for (const char* line :
       {"fingerprint", "verify", "secure", "hosted", "dane-only", "sts",
        "secure also=auto", "fingerprint also=auto"}) {
    const PolicyLine parsed = Line("d.example " + std::string(line));
    std::array<std::size_t, kSources.size()> at{};
    for (;;) {
      std::vector<Contribution> said;
      for (std::size_t i = 0; i < kSources.size(); ++i) {
        if (at[i] < kStates.size())
          said.push_back(Says(kSources[i], kStates[at[i]]));
      }
      const HostPlan plan = Combine(parsed, kMx, said);
      ASSERT_EQ(plan.tls, TlsUse::kRequired) << line;
      ASSERT_TRUE(plan.refused || !plan.verifiers.empty()) << line;
      // Count through all states of all sources, "not listed" included.
      std::size_t i = 0;
      while (i < at.size() && ++at[i] > kStates.size()) at[i++] = 0;
      if (i == at.size()) break;
    }
  }
}

TEST(CombineTest, ASourceThatContradictsItselfIsNotBelieved) {
  Contribution empty = Says("webpki", State::kApplies);
  empty.verifier.reset();
  EXPECT_EQ(Plan("secure", {empty}), "refused:internal-error?");
  EXPECT_EQ(Plan("secure", {Says("webpki", State::kApplies),
                            Says("webpki", State::kApplies)}),
            kNotAvailable);
  Contribution no_reason = Says("dane", State::kHostFailed);
  no_reason.reason = Reason::kOk;
  EXPECT_EQ(Plan("dane", {no_reason}), "refused:internal-error?");
}

TEST(CombineTest, AHostThatCannotBeUsedIsRefusedAtEveryLevel) {
  HostFacts failed = kMx;
  failed.failure = Error(Reason::kNoAddress, "no A, no AAAA");
  for (const char* level : {"none", "may", "encrypt", "secure", "auto"}) {
    const HostPlan plan =
        Combine(Line("d.example " + std::string(level)), failed,
                std::vector{Says("webpki", State::kApplies)});
    EXPECT_EQ(Short(plan), "refused:no-address?") << level;
    EXPECT_EQ(plan.tls, TlsUse::kRequired);
  }
  HostFacts bogus = kMx;
  bogus.address = Security::kBogus;
  EXPECT_EQ(Short(Combine(Line("* may"), bogus, {})),
            "refused:dnssec-invalid?");
}

TEST(CombineTest, MxFixesTheHostsAndMakesThemSecure) {
  const PolicyLine line = Line("d.example may mx=mx.d.example:.mail.test");
  const auto plan = [&line](HostName host) {
    return Combine(line, HostAt(std::move(host)), {});
  };
  EXPECT_FALSE(plan(Name("mx.d.example")).refused);
  EXPECT_EQ(plan(Name("mx.d.example")).facts.mx, Security::kSecure);
  EXPECT_FALSE(plan(Name("a.b.mail.test")).refused);
  for (const char* host :
       {"d.example", "x.mx.d.example", "mail.test", "evilmail.test"}) {
    EXPECT_EQ(Short(plan(Name(host))), "refused:mx-not-allowed") << host;
    EXPECT_EQ(plan(Name(host)).facts.mx, Security::kInsecure);
  }
  EXPECT_EQ(Short(plan(*IpAddress::Parse("192.0.2.1"))),
            "refused:mx-not-allowed");
}

// STS-30
TEST(CombineTest, SniIsTheHostUnlessTheLineSaysOtherwise) {
  EXPECT_EQ(Combine(Line("* may"), kMx, {}).servername->str(), "mx.d.example");
  EXPECT_EQ(Combine(Line("* may servername=x.test"), kMx, {}).servername->str(),
            "x.test");
  const HostFacts address = HostAt(*IpAddress::Parse("192.0.2.1"));
  EXPECT_FALSE(Combine(Line("* may"), address, {}).servername);
  EXPECT_EQ(
      Combine(Line("* may servername=x.test"), address, {}).servername->str(),
      "x.test");
}

TEST(CombineTest, SniOfAPublishedRequirementIsUsedWhereItHolds) {
  Contribution dane = Says("dane", State::kApplies);
  dane.servername = Name("real.d.example");
  const auto sni = [&dane](std::string_view line) {
    return Combine(Line("d.example " + std::string(line)), kMx,
                   std::array{dane, Says("mta-sts", State::kAbsent)})
        .servername->str();
  };
  for (const char* level : {"dane", "dane-only", "auto"}) {
    EXPECT_EQ(sni(level), "real.d.example") << level;
  }
  EXPECT_EQ(sni("encrypt"), "mx.d.example");
  EXPECT_EQ(sni("dane servername=chosen.example"), "chosen.example");
}

TEST(CombineTest, CarriesWhatIsPublishedAndForHowLong) {
  Contribution dane = Says("dane", State::kApplies);
  dane.published = PublishedPolicy{};
  dane.ttl = std::chrono::seconds{30};
  Contribution sts = Says("mta-sts", State::kAbsent);
  sts.ttl = std::chrono::seconds{40};
  const HostPlan plan =
      Combine(Line("d.example auto"), kMx, std::array{dane, sts});
  EXPECT_EQ(plan.policies, std::vector{PublishedPolicy{}});
  EXPECT_EQ(plan.ttl, std::chrono::seconds{30});

  HostPlan other = plan;
  other.ttl = std::chrono::seconds{20};
  other.policies.front().domain = "hop.example";
  const HostPlan both = Both(plan, other);
  EXPECT_EQ(both.ttl, std::chrono::seconds{20});
  EXPECT_EQ(both.policies.size(), 2U);
}

TEST(CombineTest, CarriesHowToConnect) {
  const HostPlan plan =
      Combine(Line("* encrypt wrapper=yes protocols=>=TLSv1.3 ciphers=high "
                   "exclude=3DES"),
              kMx, {});
  EXPECT_TRUE(plan.wrapper);
  EXPECT_EQ(plan.protocols, ">=TLSv1.3");
  EXPECT_EQ(plan.ciphers, "high");
  EXPECT_EQ(plan.exclude, "3DES");
  // Implicit TLS never falls back, wherever the level alone would.
  EXPECT_EQ(Combine(Line("* dane wrapper=yes"), kMx,
                    std::vector{Says("dane", State::kAbsent)})
                .tls,
            TlsUse::kRequired);
}

// ID-01, TLS-07
TEST(CombineTest, NotesWeakNames) {
  const std::vector said{Says("webpki", State::kApplies),
                         Says("pin", State::kApplies)};
  const auto weak = [&said](const char* line, Security mx) {
    const HostPlan plan = Combine(Line("d.example " + std::string(line)),
                                  HostAt(Name("mx.test"), mx), said);
    return !plan.notes.empty() && plan.notes.front().rfind("weak:", 0) == 0;
  };
  EXPECT_TRUE(weak("verify", Security::kInsecure));
  EXPECT_FALSE(weak("verify", Security::kSecure));
  EXPECT_FALSE(weak("verify mx=.test", Security::kInsecure));
  EXPECT_FALSE(weak("secure", Security::kInsecure));
  EXPECT_TRUE(weak("secure match=hostname", Security::kInsecure));
  EXPECT_TRUE(weak("hosted", Security::kInsecure));
  EXPECT_FALSE(weak("hosted route=[r.test]", Security::kInsecure));
  EXPECT_TRUE(weak("verify match=domain:ptr", Security::kSecure));
  EXPECT_FALSE(weak("fingerprint", Security::kInsecure));
}

TEST(CombineTest, AsksForThePtrOnlyWhereItIsCompared) {
  const std::vector said{Says("webpki", State::kApplies)};
  EXPECT_TRUE(Combine(Line("* required-verify"), kMx, said).needs_ptr);
  EXPECT_FALSE(Combine(Line("* verify"), kMx, said).needs_ptr);
  EXPECT_FALSE(Combine(Line("* may"), kMx, said).needs_ptr);
}

}  // namespace
}  // namespace postern
