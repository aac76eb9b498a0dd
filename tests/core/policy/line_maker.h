// tests/core/policy/line_maker.h
//
// Lines made by chance, the same ones for the same seed: every attribute, odd
// names and texts, whatever CheckPolicyLine() accepts.
#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {

class LineMaker {
 public:
  explicit LineMaker(unsigned seed) : random_(seed) {}

  // A line that CheckPolicyLine() accepts.
  PolicyLine Make() {
    for (;;) {
      PolicyLine line = Any();
      if (CheckPolicyLine(line)) return line;
    }
  }

  std::size_t Below(std::size_t bound) { return random_() % bound; }

 private:
  bool Sometimes() { return Below(3) == 0; }

  template <typename T, std::size_t N>
  T Pick(const T (&values)[N]) {
    return values[Below(N)];
  }

  Domain AnyName() {
    static constexpr const char* kNames[] = {"d.example",
                                             "mx.d.example",
                                             "xn--bcher-kva.example",
                                             "a",
                                             "domain",
                                             "ptr",
                                             "hostname",
                                             "x_y.example",
                                             "nexthop",
                                             "r3---x.example",
                                             "dot-nexthop",
                                             "mta-7.example"};
    return Name(Pick(kNames));
  }
  ReferenceIdentity AnyReference() {
    return Sometimes() ? ReferenceIdentity::Below(AnyName())
                       : ReferenceIdentity::Exact(AnyName());
  }
  NextHop AnyHop() {
    static constexpr const char* kHops[] = {
        "[relay.example]:465", "relay.example", "[192.0.2.7]",
        "[IPv6:2001:db8::7]:587", "relay.example:2525"};
    return Hop(Pick(kHops));
  }
  PolicyKey AnyKey() {
    switch (Below(4)) {
      case 0:
        return PolicyKey::ForDomain(AnyName());
      case 1:
        return PolicyKey::ForParent(AnyName());
      case 2:
        return PolicyKey::Default();
      default:
        return PolicyKey::ForNextHop(AnyHop());
    }
  }
  std::string AnyText() {
    static constexpr const char* kPieces[] = {
        "a", " ", "\"", "\\", "=", "ü", "\t", ":", "x\"y", "until=", "*", "#"};
    std::string text;
    for (std::size_t i = Below(8) + 1; i > 0; --i) text += Pick(kPieces);
    // A tab is a blank in a line and a control character nowhere else.
    return text;
  }
  MatchItem AnyMatch() {
    static constexpr MatchToken kTokens[] = {
        MatchToken::kHostname, MatchToken::kNextHop, MatchToken::kDotNextHop,
        MatchToken::kDomain, MatchToken::kPtr};
    if (Sometimes()) return Pick(kTokens);
    return AnyReference();
  }

  PolicyLine Any() {
    PolicyLine line;
    line.key = AnyKey();
    line.level = static_cast<Level>(Below(11));
    for (std::size_t i = Sometimes() ? Below(4) : 0; i > 0; --i) {
      const MatchItem item = AnyMatch();
      const auto& known = line.match;
      if (std::find(known.begin(), known.end(), item) == known.end()) {
        line.match.push_back(item);
      }
    }
    if (Sometimes()) line.cn = static_cast<CommonName>(Below(3));
    if (Sometimes()) line.mx = {AnyReference()};
    if (Sometimes()) line.servername = AnyName();
    if (Sometimes()) line.protocols = ">=TLSv1.3";
    if (Sometimes()) line.ciphers = "high";
    if (Sometimes()) line.exclude = "aNULL:3DES";
    if (Sometimes()) line.ca = Sometimes() ? "anchor:x" : "/etc/my \"ca\".pem";
    if (Sometimes()) line.crl = "/etc/c r l";
    if (Sometimes()) line.route = {AnyHop()};
    line.wrapper = Sometimes();
    if (Sometimes()) {
      line.source =
          *IpAddress::Parse(Sometimes() ? "192.0.2.1" : "2001:db8::1");
    }
    if (Sometimes()) line.helo = Sometimes() ? "[192.0.2.1]" : "out.example";
    line.family = static_cast<Family>(Below(3));
    if (Sometimes()) line.client_cert = line.client_key = "/etc/c.pem";
    if (Sometimes()) line.floor = static_cast<Level>(Below(11));
    line.also_auto = Sometimes();
    line.on_fail = static_cast<OnFail>(Below(4));
    if (Sometimes()) {
      line.until =
          Time("2000-01-01") +
          std::chrono::seconds(static_cast<long>(Below(6'000'000'000)));
    }
    if (Sometimes()) line.owner = AnyText();
    if (Sometimes()) line.note = AnyText();
    return line;
  }

  std::mt19937_64 random_;
};

}  // namespace postern
