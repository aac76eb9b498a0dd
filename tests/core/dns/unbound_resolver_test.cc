// tests/core/dns/unbound_resolver_test.cc
//
// The real resolver against a real signed tree: what is secure, what is not,
// what is absent and what could not be found out never look alike. The tree is
// made afresh and served on the loopback interface.
#include "core/dns/unbound_resolver.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "tests/core/dns/signed_tree.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

Domain Name(std::string_view text) { return Domain::Parse(text).value(); }
IpAddress Address(std::string_view text) {
  return IpAddress::Parse(text).value();
}
Deadline Soon() { return Deadline::After(seconds(30)); }

// For whoever wants to know what went wrong.
template <typename Record>
std::string Show(const DnsAnswer<Record>& answer) {
  return "presence " + std::to_string(static_cast<int>(answer.presence)) +
         ", security " + std::to_string(static_cast<int>(answer.security)) +
         ", why '" + answer.why + "'";
}

class UnboundResolverTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    tree_ = SignedTree::Start(why_);
    if (tree_ == nullptr) return;
    auto resolver = UnboundResolver::Start(tree_->Options());
    if (resolver) {
      resolver_ = std::move(resolver).value();
    } else {
      why_ = resolver.error().ToString();
    }
  }
  static void TearDownTestSuite() {
    resolver_.reset();
    tree_.reset();
  }

  void SetUp() override {
    if (resolver_ != nullptr) return;
    // In CI everything is installed, and a proof that did not run is a failure.
    if (tree_ != nullptr || std::getenv("CI") != nullptr) {
      FAIL() << why_;
    }
    GTEST_SKIP() << why_;
  }

  static std::unique_ptr<UnboundResolver> StartOr(const ResolverOptions& with) {
    auto resolver = UnboundResolver::Start(with);
    EXPECT_TRUE(resolver) << resolver.error().ToString();
    return resolver ? std::move(resolver).value() : nullptr;
  }

  static inline std::string why_;
  static inline std::unique_ptr<SignedTree> tree_;
  static inline std::unique_ptr<UnboundResolver> resolver_;
};

// A server that takes questions and never answers any.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_.value = ntohs(address.sin_port);
  }
  ~SilentServer() { close(fd_); }
  DnsServer server() const { return {IpAddress::V4({127, 0, 0, 1}), port_}; }

  // Blocks until a question has come in; the first label of its name.
  std::string WaitForQuestion() const {
    char query[512];
    const ssize_t length = recv(fd_, query, sizeof query, 0);
    if (length < 13 || length < 13 + query[12]) {
      ADD_FAILURE() << "no question";
      return {};
    }
    return std::string(query + 13, static_cast<std::size_t>(query[12]));
  }

 private:
  int fd_;
  Port port_{0};
};

TEST_F(UnboundResolverTest, SignedAnswersAreSecure) {
  const auto mx = resolver_->Mx(Name("domain.test"), Soon());
  ASSERT_TRUE(mx.found()) << Show(mx);
  EXPECT_TRUE(mx.secure());
  EXPECT_FALSE(mx.canonical);
  EXPECT_EQ(mx.ttl, seconds(300));
  ASSERT_EQ(mx.records.size(), 2u);
  for (const MxRecord& record : mx.records) {
    EXPECT_EQ(record.host, record.preference == 10 ? Name("mx1.domain.test")
                                                   : Name("mx2.domain.test"));
  }

  const auto a = resolver_->A(Name("host.test"), Soon());
  EXPECT_TRUE(a.secure()) << Show(a);
  EXPECT_THAT(a.records, ElementsAre(Address("192.0.2.10")));

  const auto aaaa = resolver_->Aaaa(Name("host.test"), Soon());
  EXPECT_TRUE(aaaa.secure()) << Show(aaaa);
  EXPECT_THAT(aaaa.records, ElementsAre(Address("2001:db8::10")));
  EXPECT_EQ(aaaa.ttl, seconds(120));
}

TEST_F(UnboundResolverTest, AnUnsignedDelegationIsInsecureAndNotFailed) {
  const auto mx = resolver_->Mx(Name("unsigned.test"), Soon());
  ASSERT_TRUE(mx.found()) << Show(mx);
  EXPECT_EQ(mx.security, Security::kInsecure);
  const auto a = resolver_->A(Name("www.unsigned.test"), Soon());
  ASSERT_TRUE(a.found()) << Show(a);
  EXPECT_EQ(a.security, Security::kInsecure);
}

// DANE-02: bogus is a failed lookup, never an answer.
TEST_F(UnboundResolverTest, WhatFailsValidationIsBogusAndGivesNoRecords) {
  for (const char* name : {"www.bogus.test", "www.expired.test", "tobogus.test",
                           "nothing.bogus.test"}) {
    SCOPED_TRACE(name);
    const auto a = resolver_->A(Name(name), Soon());
    EXPECT_TRUE(a.failed()) << Show(a);
    EXPECT_EQ(a.security, Security::kBogus) << Show(a);
    EXPECT_TRUE(a.records.empty());
    EXPECT_FALSE(a.canonical);
    EXPECT_THAT(a.why, HasSubstr("bogus: "));
  }
  const auto mx = resolver_->Mx(Name("bogus.test"), Soon());
  EXPECT_TRUE(mx.failed()) << Show(mx);
  EXPECT_EQ(mx.security, Security::kBogus);
}

TEST_F(UnboundResolverTest, AbsenceIsToldFromFailureAndSaysWhetherItIsProven) {
  const struct {
    const char* name;
    Presence presence;
    Security security;
  } cases[] = {
      {"nothing.test", Presence::kNoDomain, Security::kSecure},
      {"text.test", Presence::kNoData, Security::kSecure},
      {"nothing.unsigned.test", Presence::kNoDomain, Security::kInsecure},
      {"www.unsigned.test", Presence::kNoData, Security::kInsecure},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto mx = resolver_->Mx(Name(c.name), Soon());
    EXPECT_EQ(mx.presence, c.presence) << Show(mx);
    EXPECT_EQ(mx.security, c.security) << Show(mx);
    EXPECT_TRUE(mx.records.empty());
    EXPECT_LE(mx.ttl, seconds(60)) << "the SOA's minimum";
  }
}

// DANE-06
TEST_F(UnboundResolverTest, AChainOfAliasesIsAsWeakAsItsWeakestLink) {
  const struct {
    const char* name;
    const char* canonical;
    Security security;
  } cases[] = {
      {"alias.test", "host.test", Security::kSecure},
      {"chain1.test", "host.test", Security::kSecure},  // nine links
      {"tounsigned.test", "www.unsigned.test", Security::kInsecure},
      {"tounsignedandback.test", "host.test", Security::kInsecure},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto a = resolver_->A(Name(c.name), Soon());
    ASSERT_TRUE(a.found()) << Show(a);
    EXPECT_EQ(a.canonical, Name(c.canonical));
    EXPECT_EQ(a.security, c.security);
  }
}

// DANE-06
TEST_F(UnboundResolverTest, AChainThatErrsAnywhereFails) {
  const auto loop = resolver_->A(Name("loop1.test"), Soon());
  EXPECT_TRUE(loop.failed()) << Show(loop);
  EXPECT_TRUE(loop.records.empty());

  const auto strange = resolver_->A(Name("tostrange.test"), Soon());
  EXPECT_TRUE(strange.failed()) << Show(strange);
  EXPECT_THAT(strange.why, HasSubstr("no host name"));

  const auto dangling = resolver_->A(Name("dangling.test"), Soon());
  EXPECT_EQ(dangling.presence, Presence::kNoDomain) << Show(dangling);
  EXPECT_EQ(dangling.canonical, Name("nothing.test"));
}

TEST_F(UnboundResolverTest, AnAliasIsShownWithItsOwnLinksSecurity) {
  const auto alias = resolver_->Cname(Name("tounsigned.test"), Soon());
  ASSERT_TRUE(alias.found()) << Show(alias);
  EXPECT_TRUE(alias.secure()) << "the link is signed, whatever it leads to";
  EXPECT_THAT(alias.records, ElementsAre(Name("www.unsigned.test")));
  EXPECT_FALSE(alias.canonical);

  const auto none = resolver_->Cname(Name("host.test"), Soon());
  EXPECT_EQ(none.presence, Presence::kNoData) << Show(none);
  EXPECT_TRUE(none.secure());
}

TEST_F(UnboundResolverTest, ExchangesThatAreNoHostsAreKeptApart) {
  const auto null = resolver_->Mx(Name("nullmx.test"), Soon());
  ASSERT_EQ(null.records.size(), 1u) << Show(null);
  EXPECT_FALSE(null.records[0].host);
  EXPECT_EQ(null.records[0].unusable, "");

  const auto mx = resolver_->Mx(Name("strange.test"), Soon());
  ASSERT_EQ(mx.records.size(), 3u) << Show(mx);
  for (const MxRecord& record : mx.records) {
    EXPECT_EQ(record.host.has_value(), record.preference == 30);
    EXPECT_EQ(record.unusable, record.preference == 10   ? "192.0.2.1"
                               : record.preference == 20 ? "bad\\032name.test"
                                                         : "");
  }
}

TEST_F(UnboundResolverTest, ReadsTlsaOfTheRealPortAndThroughAnAlias) {
  for (const Port port : {Port{25}, Port{465}}) {
    SCOPED_TRACE(port.value);
    const auto tlsa = resolver_->Tlsa(port, Name("mx1.domain.test"), Soon());
    ASSERT_TRUE(tlsa.found()) << Show(tlsa);
    EXPECT_TRUE(tlsa.secure());
    ASSERT_EQ(tlsa.records.size(), 1u);
    EXPECT_EQ(tlsa.records[0].usage, 3);
    EXPECT_EQ(tlsa.records[0].selector, 1);
    EXPECT_EQ(tlsa.records[0].matching, 1);
    EXPECT_EQ(tlsa.records[0].data.size(), 32u);
    EXPECT_EQ(tlsa.records[0].data[31], '\x1f');
  }
  const auto none =
      resolver_->Tlsa(Port{2525}, Name("mx1.domain.test"), Soon());
  EXPECT_EQ(none.presence, Presence::kNoDomain) << Show(none);
  EXPECT_TRUE(none.secure());
}

TEST_F(UnboundResolverTest, ReadsNamesOfAddresses) {
  const auto v4 = resolver_->Ptr(Address("192.0.2.11"), Soon());
  EXPECT_THAT(v4.records, ElementsAre(Name("mx1.domain.test"))) << Show(v4);
  EXPECT_TRUE(v4.secure());
  // Delegated without an octet boundary (RFC 2317).
  const auto classless = resolver_->Ptr(Address("192.0.2.12"), Soon());
  EXPECT_THAT(classless.records, ElementsAre(Name("mx2.domain.test")))
      << Show(classless);
  const auto v6 = resolver_->Ptr(Address("2001:db8::10"), Soon());
  EXPECT_THAT(v6.records, ElementsAre(Name("host.test"))) << Show(v6);
}

TEST_F(UnboundResolverTest, JoinsTheStringsOfATextRecord) {
  const auto txt = resolver_->Txt(Name("text.test"), Soon());
  EXPECT_TRUE(txt.secure()) << Show(txt);
  EXPECT_THAT(txt.records, UnorderedElementsAre("v=STSv1; id=1;", "another"));
}

TEST_F(UnboundResolverTest, AnAnswerTooBigForUdpComesWhole) {
  const auto a = resolver_->A(Name("big.test"), Soon());
  ASSERT_TRUE(a.found()) << Show(a);
  EXPECT_TRUE(a.secure());
  EXPECT_EQ(a.records.size(), 2000u);
}

// DANE-02: a timeout is a failed lookup.
TEST_F(UnboundResolverTest, ASilentServerCostsTheDeadlineAndNoMore) {
  const SilentServer silent;
  ResolverOptions options = tree_->Options();
  options.stubs.push_back(StubZone{"silent.test.", {silent.server()}});
  const auto resolver = StartOr(options);
  ASSERT_NE(resolver, nullptr);

  const auto late =
      resolver->Mx(Name("silent.test"), Deadline::After(milliseconds(200)));
  EXPECT_TRUE(late.failed());
  EXPECT_NE(late.security, Security::kBogus);
  EXPECT_EQ(late.why, "no answer in time");
  // The others don't suffer.
  EXPECT_TRUE(resolver->A(Name("host.test"), Soon()).secure());
  // And the resolver goes, with that question still open.
}

TEST_F(UnboundResolverTest, AQuestionAfterItsDeadlineIsFailed) {
  const auto a = resolver_->A(Name("nobody-asked-before.test"),
                              Deadline::After(milliseconds(-1)));
  EXPECT_TRUE(a.failed());
}

TEST_F(UnboundResolverTest, ClosingAnswersWhoeverStillWaits) {
  const SilentServer silent;
  ResolverOptions options = tree_->Options();
  options.stubs.push_back(StubZone{"silent.test.", {silent.server()}});
  auto resolver = StartOr(options);
  ASSERT_NE(resolver, nullptr);

  std::vector<std::thread> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&resolver, i] {
      const auto a = resolver->A(Name("h" + std::to_string(i) + ".silent.test"),
                                 Deadline::After(std::chrono::hours(1)));
      EXPECT_TRUE(a.failed());
      EXPECT_EQ(a.why, "the resolver has stopped");
    });
  }
  // Questions are repeated, so count names: all four have to be inside.
  for (std::set<std::string> asked; asked.size() < waiting.size();) {
    asked.insert(silent.WaitForQuestion());
  }
  resolver.reset();
  for (std::thread& thread : waiting) thread.join();
}

TEST_F(UnboundResolverTest, ManyThreadsGetTheirOwnAnswers) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) {
        // Some give up at once, in the midst of everybody else's questions.
        if ((i + t) % 5 == 0) {
          (void)resolver_->Txt(Name("t" + std::to_string(i) + ".test"),
                               Deadline::After(milliseconds(0)));
        }
        const auto a = resolver_->A(Name("host.test"), Soon());
        EXPECT_THAT(a.records, ElementsAre(Address("192.0.2.10"))) << Show(a);
        const std::string absent =
            "a" + std::to_string(i) + "-" + std::to_string(t) + ".test";
        const auto none = resolver_->Mx(Name(absent), Soon());
        EXPECT_EQ(none.presence, Presence::kNoDomain) << Show(none);
        EXPECT_TRUE(none.secure());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(UnboundResolverTest, AZoneAnsweredLocallyIsNotAskedUnlessRemoved) {
  ResolverOptions options = tree_->Options();
  options.removed_local_zones.clear();
  const auto local = StartOr(options);
  ASSERT_NE(local, nullptr);
  const auto a = local->A(Name("host.test"), Soon());
  EXPECT_EQ(a.presence, Presence::kNoDomain) << Show(a);
  EXPECT_FALSE(a.secure());

  // The same in unbound.conf's words, with its quotes and without.
  for (const char* words : {"\"test.\" nodefault", "test. transparent"}) {
    SCOPED_TRACE(words);
    options.unbound = {{"local-zone", words}};
    const auto asked = StartOr(options);
    ASSERT_NE(asked, nullptr);
    EXPECT_TRUE(asked->A(Name("host.test"), Soon()).secure());
  }
}

TEST_F(UnboundResolverTest, WithoutATrustAnchorNothingIsSecure) {
  ResolverOptions options = tree_->Options();
  options.trust_anchor_file.clear();
  const auto resolver = StartOr(options);
  ASSERT_NE(resolver, nullptr);
  const auto a = resolver->A(Name("host.test"), Soon());
  EXPECT_TRUE(a.found()) << Show(a);
  EXPECT_EQ(a.security, Security::kInsecure);
}

TEST_F(UnboundResolverTest, AnotherTrustAnchorMakesEverythingBogus) {
  ResolverOptions options = tree_->Options();
  options.trust_anchor_file = "/usr/share/dns/root.key";
  const auto resolver = StartOr(options);
  ASSERT_NE(resolver, nullptr);
  const auto a = resolver->A(Name("host.test"), Soon());
  EXPECT_TRUE(a.failed()) << Show(a);
  EXPECT_EQ(a.security, Security::kBogus);
}

TEST_F(UnboundResolverTest, RefusesToStartOnOptionsItCannotKeep) {
  const std::string junk = tree_->directory() + "/junk";
  std::ofstream(junk) << "this is no trust anchor\n";
  ResolverOptions cases[] = {tree_->Options(), tree_->Options(),
                             tree_->Options(), tree_->Options(),
                             tree_->Options(), tree_->Options()};
  cases[0].trust_anchor_file = "/nonexistent/root.key";
  cases[1].trust_anchor_file = junk;
  cases[2].unbound = {{"no-such-option", "yes"}};
  cases[3].removed_local_zones = {"..."};
  cases[4].stubs = {StubZone{"a..b", cases[4].stubs[0].servers}};
  cases[5].stubs.clear();
  cases[5].resolv_conf = "/nonexistent/resolv.conf";
  for (const ResolverOptions& options : cases) {
    const auto resolver = UnboundResolver::Start(options);
    ASSERT_FALSE(resolver);
    EXPECT_EQ(resolver.error().reason(), Reason::kDnsLookupFailed);
    EXPECT_THAT(resolver.error().detail(), HasSubstr("DNS can't be set up: "));
  }
}

TEST_F(UnboundResolverTest, AsksTheForwarderItIsGiven) {
  // A forwarder that never answers shows that it is asked, and only it.
  const SilentServer silent;
  ResolverOptions options = tree_->Options();
  options.stubs.clear();
  options.forwarders = {silent.server()};
  const auto resolver = StartOr(options);
  ASSERT_NE(resolver, nullptr);
  const auto a =
      resolver->A(Name("host.test"), Deadline::After(milliseconds(100)));
  EXPECT_TRUE(a.failed());
  silent.WaitForQuestion();
}

}  // namespace
}  // namespace postern
