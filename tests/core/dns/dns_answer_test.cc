// tests/core/dns/dns_answer_test.cc
//
// Reading answers: every record type as it should be, and everything torn, too
// long, pointing the wrong way or meant for another question is kFailed.
#include "core/dns/dns_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/dns/dns_message.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

std::string U16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}
std::string U32(unsigned value) {
  return U16(value >> 16) + U16(value & 0xffff);
}

// "mx.example" in wire form; "" is the root.
std::string WireName(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    wire += static_cast<char>(dot);
    wire += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return wire + '\0';
}

std::string Rr(const std::string& owner, RrType type, unsigned ttl,
               const std::string& rdata, unsigned klass = 1) {
  return owner + U16(static_cast<unsigned>(type)) + U16(klass) + U32(ttl) +
         U16(static_cast<unsigned>(rdata.size())) + rdata;
}

// What the question's name is compressed to: it lies behind the header.
const std::string kAsked = U16(0xc00c);

struct Parts {
  std::string asked = "ask.test";
  RrType type = RrType::kA;
  unsigned flags = 0x8180;
  unsigned questions = 1;
  std::vector<std::string> answers = {}, authority = {};
};

DnsReply Reply(const Parts& parts, Security security = Security::kInsecure) {
  DnsReply reply;
  reply.security = security;
  reply.message = U16(0) + U16(parts.flags) + U16(parts.questions) +
                  U16(static_cast<unsigned>(parts.answers.size())) +
                  U16(static_cast<unsigned>(parts.authority.size())) + U16(0) +
                  WireName(parts.asked) +
                  U16(static_cast<unsigned>(parts.type)) + U16(1);
  for (const auto& rr : parts.answers) reply.message += rr;
  for (const auto& rr : parts.authority) reply.message += rr;
  return reply;
}

std::string Soa(unsigned ttl, unsigned minimum) {
  return Rr(WireName("test"), RrType::kSoa, ttl,
            WireName("ns.test") + WireName("host.test") + U32(1) + U32(2) +
                U32(3) + U32(4) + U32(minimum));
}

const std::string kV4("\xc0\x00\x02\x01", 4);

TEST(DnsAnswerTest, ReadsAddressesAndTheirShortestTtl) {
  const auto a = ReadA(Reply({.answers = {Rr(kAsked, RrType::kA, 300, kV4),
                                          Rr(kAsked, RrType::kA, 60, kV4)}},
                             Security::kSecure));
  EXPECT_TRUE(a.found() && a.secure());
  EXPECT_EQ(a.records.size(), 2u);
  EXPECT_EQ(a.records[0].str(), "192.0.2.1");
  EXPECT_EQ(a.ttl, seconds(60));

  std::string v6("\x20\x01\x0d\xb8", 4);
  v6.resize(16);
  const auto aaaa = ReadAaaa(Reply(
      {.type = RrType::kAaaa, .answers = {Rr(kAsked, RrType::kAaaa, 1, v6)}}));
  ASSERT_TRUE(aaaa.found());
  EXPECT_EQ(aaaa.records[0].str(), "2001:db8::");
}

TEST(DnsAnswerTest, AMappedAddressIsTheIpv4AddressItLeadsTo) {
  const std::string mapped = std::string(10, '\0') + "\xff\xff" + kV4;
  const auto aaaa =
      ReadAaaa(Reply({.type = RrType::kAaaa,
                      .answers = {Rr(kAsked, RrType::kAaaa, 1, mapped)}}));
  ASSERT_TRUE(aaaa.found());
  EXPECT_EQ(aaaa.records[0].str(), "192.0.2.1");
  EXPECT_FALSE(aaaa.records[0].is_v6());
}

TEST(DnsAnswerTest, FollowsAliasesInWhateverOrderTheyCome) {
  const auto a = ReadA(Reply(
      {.answers = {
           Rr(WireName("END.test"), RrType::kA, 300, kV4),
           Rr(WireName("mid.TEST"), RrType::kCname, 7, WireName("end.test")),
           Rr(WireName("other.test"), RrType::kA, 1, kV4),
           Rr(kAsked, RrType::kCname, 300, WireName("Mid.test"))}}));
  ASSERT_TRUE(a.found()) << a.why;
  EXPECT_EQ(a.records.size(), 1u);
  EXPECT_EQ(a.canonical, Domain::Parse("end.test").value());
  EXPECT_EQ(a.ttl, seconds(7));
}

TEST(DnsAnswerTest, AbsenceKeepsTheSoasMinimum) {
  const auto nodata = ReadA(Reply({.authority = {Soa(900, 40)}}));
  EXPECT_EQ(nodata.presence, Presence::kNoData);
  EXPECT_EQ(nodata.ttl, seconds(40));
  const auto nxdomain = ReadA(
      Reply({.flags = 0x8183, .authority = {Soa(20, 40)}}, Security::kSecure));
  EXPECT_EQ(nxdomain.presence, Presence::kNoDomain);
  EXPECT_TRUE(nxdomain.secure());
  EXPECT_EQ(nxdomain.ttl, seconds(20));
  EXPECT_EQ(ReadA(Reply({})).ttl, seconds(0));
}

TEST(DnsAnswerTest, ATtlWithTheTopBitIsZero) {
  const auto a =
      ReadA(Reply({.answers = {Rr(kAsked, RrType::kA, 0x80000001U, kV4)}}));
  EXPECT_TRUE(a.found());
  EXPECT_EQ(a.ttl, seconds(0));
}

TEST(DnsAnswerTest, ReadsMxAndKeepsWhatIsNoHostApart) {
  const auto mx = ReadMx(Reply(
      {.type = RrType::kMx,
       .answers = {
           Rr(kAsked, RrType::kMx, 9, U16(10) + "\x02mx" + kAsked),
           Rr(kAsked, RrType::kMx, 9, U16(0) + WireName("")),
           Rr(kAsked, RrType::kMx, 9, U16(20) + WireName("192.0.2.1")),
           Rr(kAsked, RrType::kMx, 9, U16(30) + WireName("a b.test")),
           Rr(kAsked, RrType::kMx, 9, U16(65535) + WireName("-x.test"))}}));
  ASSERT_TRUE(mx.found()) << mx.why;
  ASSERT_EQ(mx.records.size(), 5u);
  EXPECT_EQ(mx.records[0].host->str(), "mx.ask.test");
  EXPECT_FALSE(mx.records[1].host);
  EXPECT_EQ(mx.records[1].unusable, "");
  EXPECT_FALSE(mx.records[2].host);
  EXPECT_EQ(mx.records[2].unusable, "192.0.2.1");
  EXPECT_EQ(mx.records[3].unusable, "a\\032b.test");
  EXPECT_EQ(mx.records[4].unusable, "-x.test");
  EXPECT_EQ(mx.records[4].preference, 65535);
}

TEST(DnsAnswerTest, ANameThatOnlyLooksRightIsNotThatName) {
  // One label "mx.ask", not two; a NUL inside; a zone cut nobody made.
  for (const std::string& label :
       {std::string("\x06mx.ask"), std::string("\x06mx\0ask", 7)}) {
    const auto ptr = ReadPtr(Reply(
        {.type = RrType::kPtr,
         .answers = {Rr(kAsked, RrType::kPtr, 9, label + WireName("test"))}}));
    EXPECT_TRUE(ptr.failed());
    EXPECT_THAT(ptr.why, HasSubstr("no host name"));
  }
}

TEST(DnsAnswerTest, PtrNamesNoHostCanHaveAreLeftOut) {
  const auto ptr = ReadPtr(
      Reply({.type = RrType::kPtr,
             .answers = {Rr(kAsked, RrType::kPtr, 9, WireName("a b.test")),
                         Rr(kAsked, RrType::kPtr, 9, WireName("mx.test"))}}));
  EXPECT_THAT(ptr.records, ElementsAre(Domain::Parse("mx.test").value()));
}

TEST(DnsAnswerTest, ReadsTextAndTlsa) {
  const auto txt = ReadTxt(
      Reply({.type = RrType::kTxt,
             .answers = {Rr(kAsked, RrType::kTxt, 9, "\x02v=\x03STS"),
                         Rr(kAsked, RrType::kTxt, 9, std::string(1, '\0'))}}));
  EXPECT_THAT(txt.records, ElementsAre("v=STS", ""));

  const auto tlsa =
      ReadTlsa(Reply({.type = RrType::kTlsa,
                      .answers = {Rr(kAsked, RrType::kTlsa, 9,
                                     "\x03\x01\x02"
                                     "ab"),
                                  Rr(kAsked, RrType::kTlsa, 9,
                                     std::string("\xff\x00\x01", 3))}}));
  ASSERT_EQ(tlsa.records.size(), 2u) << tlsa.why;
  EXPECT_EQ(tlsa.records[0].usage, 3);
  EXPECT_EQ(tlsa.records[0].data, "ab");
  EXPECT_EQ(tlsa.records[1].usage, 255);
  EXPECT_EQ(tlsa.records[1].data, "");
}

// DANE-02: malformed is a failed lookup.
TEST(DnsAnswerTest, OneMalformedRecordFailsTheWholeAnswer) {
  const std::string good_a = Rr(kAsked, RrType::kA, 9, kV4);
  const std::string good_mx =
      Rr(kAsked, RrType::kMx, 9, U16(10) + WireName("mx.test"));
  for (const std::string& rdata :
       {std::string(), std::string("\1\2\3"), std::string("\1\2\3\4\5")}) {
    const auto a =
        ReadA(Reply({.answers = {good_a, Rr(kAsked, RrType::kA, 9, rdata)}},
                    Security::kSecure));
    EXPECT_TRUE(a.failed());
    EXPECT_TRUE(a.records.empty());
    const auto mx = ReadMx(
        Reply({.type = RrType::kMx,
               .answers = {good_mx, Rr(kAsked, RrType::kMx, 9, rdata)}}));
    EXPECT_TRUE(mx.failed());
  }
  const auto trailing =
      ReadMx(Reply({.type = RrType::kMx,
                    .answers = {Rr(kAsked, RrType::kMx, 9,
                                   U16(10) + WireName("mx.test") + "x")}}));
  EXPECT_TRUE(trailing.failed());
  for (const char* rdata : {"",
                            "\x05"
                            "abc",
                            "\x03"
                            "abc\x01"}) {
    EXPECT_TRUE(
        ReadTxt(Reply({.type = RrType::kTxt,
                       .answers = {Rr(kAsked, RrType::kTxt, 9, rdata)}}))
            .failed());
  }
  EXPECT_TRUE(
      ReadTlsa(Reply({.type = RrType::kTlsa,
                      .answers = {Rr(kAsked, RrType::kTlsa, 9, "\x03\x01")}}))
          .failed());
}

TEST(DnsAnswerTest, EveryTornMessageFails) {
  const DnsReply whole =
      Reply({.type = RrType::kMx,
             .answers = {Rr(kAsked, RrType::kCname, 9, WireName("end.test")),
                         Rr(WireName("end.test"), RrType::kMx, 9,
                            U16(10) + WireName("mx.end.test"))}},
            Security::kSecure);
  ASSERT_TRUE(ReadMx(whole).found());
  for (std::size_t length = 0; length < whole.message.size(); ++length) {
    DnsReply torn = whole;
    torn.message.resize(length);
    const auto mx = ReadMx(torn);
    EXPECT_TRUE(mx.failed()) << length;
    EXPECT_TRUE(mx.records.empty());
    EXPECT_FALSE(mx.why.empty());
  }
}

TEST(DnsAnswerTest, CompressionThatGoesForwardOrRoundFails) {
  const DnsReply base = Reply({.type = RrType::kCname, .answers = {}});
  const unsigned here = static_cast<unsigned>(base.message.size());
  const auto owner_at = [here](unsigned offset) {
    return U16(0xc000 | (here + offset));
  };
  for (const std::string& owner : {owner_at(0), owner_at(2), owner_at(40),
                                   "\x01"
                                   "a" +
                                       owner_at(0),
                                   "\x01"
                                   "a" +
                                       owner_at(2),
                                   std::string("\x80"), std::string("\x40x")}) {
    EXPECT_TRUE(ReadCname(Reply({.type = RrType::kCname,
                                 .answers = {Rr(owner, RrType::kCname, 9,
                                                WireName("x.test"))}}))
                    .failed());
  }
}

TEST(DnsAnswerTest, ANameLongerThan255OctetsFails) {
  std::string name;
  for (int i = 0; i < 127; ++i) name += "a.";
  EXPECT_EQ(WireName(name + "a").size(), 256u + 1);
  const auto too_long = ReadPtr(
      Reply({.type = RrType::kPtr,
             .answers = {Rr(kAsked, RrType::kPtr, 9, WireName(name + "a"))}}));
  EXPECT_TRUE(too_long.failed());
  EXPECT_THAT(too_long.why, HasSubstr("malformed"));
  name.pop_back();
  EXPECT_EQ(WireName(name).size(), 255u);
  EXPECT_TRUE(
      ReadPtr(Reply({.type = RrType::kPtr,
                     .answers = {Rr(kAsked, RrType::kPtr, 9, WireName(name))}}))
          .found());
}

TEST(DnsAnswerTest, RefusesWhatDoesNotAnswerTheQuestion) {
  const std::string good = Rr(kAsked, RrType::kA, 9, kV4);
  EXPECT_TRUE(ReadA(Reply({.flags = 0x0180, .answers = {good}})).failed());
  EXPECT_TRUE(ReadA(Reply({.flags = 0x8380, .answers = {good}})).failed())
      << "truncated";
  EXPECT_TRUE(ReadA(Reply({.questions = 0, .answers = {good}})).failed());
  EXPECT_TRUE(
      ReadA(Reply({.type = RrType::kAaaa, .answers = {good}})).failed());
  EXPECT_TRUE(ReadA(Reply({.flags = 0x8183, .answers = {good}})).failed())
      << "NXDOMAIN with records";
  // Another owner, another class: nobody asked.
  EXPECT_EQ(
      ReadA(Reply({.answers = {Rr(WireName("x.test"), RrType::kA, 9, kV4)}}))
          .presence,
      Presence::kNoData);
  EXPECT_EQ(
      ReadA(Reply({.answers = {Rr(kAsked, RrType::kA, 9, kV4, 3)}})).presence,
      Presence::kNoData);
}

// DANE-02
TEST(DnsAnswerTest, EveryOtherRcodeIsAFailureAndNamed) {
  for (unsigned rcode = 0; rcode < 16; ++rcode) {
    const auto a = ReadA(Reply({.flags = 0x8180 | rcode}, Security::kSecure));
    EXPECT_EQ(a.failed(), rcode != 0 && rcode != 3) << rcode;
  }
  EXPECT_EQ(ReadA(Reply({.flags = 0x8182})).why, "SERVFAIL");
  EXPECT_EQ(ReadA(Reply({.flags = 0x8189})).why, "rcode 9");
}

TEST(DnsAnswerTest, NothingOfABogusMessageIsUsed) {
  DnsReply reply =
      Reply({.answers = {Rr(kAsked, RrType::kA, 9, kV4)}}, Security::kBogus);
  reply.why_bogus = "signature expired";
  const auto a = ReadA(reply);
  EXPECT_TRUE(a.failed());
  EXPECT_EQ(a.security, Security::kBogus);
  EXPECT_TRUE(a.records.empty());
  EXPECT_EQ(a.why, "bogus: signature expired");
}

// What libunbound 1.17 says where its resolvers give no DNSKEY of the root.
TEST(DnsAnswerTest, AResolverWithoutTheRootsKeysIsAFailureAndNoBogusZone) {
  const std::string no_keys =
      "no DNSKEY rrset from 192.0.2.53 for trust anchor . while building chain "
      "of trust";
  for (const std::string& why :
       {"validation failure <ask.test. MX IN>: " + no_keys,
        "validation failure <ask.test. MX IN>: key for validation . is marked "
        "as invalid because of a previous validation failure <x.test. A IN>: " +
            no_keys}) {
    DnsReply reply =
        Reply({.answers = {Rr(kAsked, RrType::kA, 9, kV4)}}, Security::kBogus);
    reply.why_bogus = why;
    const auto a = ReadA(reply);
    EXPECT_TRUE(a.failed());
    EXPECT_EQ(a.security, Security::kInsecure);
    EXPECT_TRUE(a.records.empty());
    EXPECT_THAT(a.why, HasSubstr("can't be reached"));
  }
  // A zone without its keys is the zone's own fault.
  DnsReply reply = Reply({}, Security::kBogus);
  reply.why_bogus =
      "validation failure <ask.test. MX IN>: No DNSKEY record from 192.0.2.53 "
      "for key test. while building chain of trust";
  EXPECT_EQ(ReadA(reply).security, Security::kBogus);
}

TEST(DnsAnswerTest, AnEndlessChainFails) {
  Parts parts;
  parts.answers.push_back(Rr(kAsked, RrType::kCname, 9, WireName("b.test")));
  parts.answers.push_back(
      Rr(WireName("b.test"), RrType::kCname, 9, WireName("ask.test")));
  EXPECT_TRUE(ReadA(Reply(parts)).failed());
}

TEST(DnsAnswerTest, AnAliasOfNoHostNameFailsForAddressesOnly) {
  const std::string link =
      Rr(kAsked, RrType::kCname, 9, WireName("1.0/25.2.0.192.in-addr.arpa"));
  const std::string end = WireName("1.0/25.2.0.192.in-addr.arpa");
  EXPECT_TRUE(
      ReadA(Reply({.answers = {link, Rr(end, RrType::kA, 9, kV4)}})).failed());
  const auto ptr = ReadPtr(Reply(
      {.type = RrType::kPtr,
       .answers = {link, Rr(end, RrType::kPtr, 9, WireName("mx.test"))}}));
  EXPECT_TRUE(ptr.found()) << ptr.why;
  EXPECT_FALSE(ptr.canonical);
}

TEST(ReverseNameTest, WritesAddressesBackwards) {
  EXPECT_EQ(ReverseName(IpAddress::Parse("192.0.2.31").value()),
            "31.2.0.192.in-addr.arpa.");
  EXPECT_EQ(ReverseName(IpAddress::Parse("2001:db8::567:89ab").value()),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
            "ip6.arpa.");
}

}  // namespace
}  // namespace postern
