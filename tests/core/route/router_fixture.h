// tests/core/route/router_fixture.h
//
// A router whose DNS and dice are scripted.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/route/router.h"
#include "tests/testlib/fake_resolver.h"

namespace postern {

// Leaves everything where it is: Fisher and Yates swap an item with itself.
class NoDice final : public Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override {
    return bound == 0 ? 0 : bound - 1;
  }
};

class RouterTest : public testing::Test {
 protected:
  using Outcome = std::variant<Route, RouteFailure>;

  Outcome Find(std::string_view hop, Family family = Family::kAny) {
    Router router(dns_, dice_, own_);
    return router.Find(NextHop::Parse(hop).value(), family,
                       Deadline::After(std::chrono::seconds(60)));
  }
  Route Hosts(std::string_view hop, Family family = Family::kAny) {
    Outcome outcome = Find(hop, family);
    if (const auto* failure = std::get_if<RouteFailure>(&outcome)) {
      ADD_FAILURE() << failure->error.ToString();
      return {};
    }
    return std::get<Route>(std::move(outcome));
  }
  RouteFailure Failure(std::string_view hop) {
    Outcome outcome = Find(hop);
    if (std::holds_alternative<Route>(outcome)) {
      ADD_FAILURE() << "there is a route";
      return {Error(Reason::kInternal, "")};
    }
    return std::get<RouteFailure>(std::move(outcome));
  }

  static std::vector<std::string> Names(const Route& route) {
    std::vector<std::string> names;
    for (const HostFacts& host : route.hosts) {
      names.push_back(ToString(host.host));
    }
    return names;
  }
  static std::vector<std::string> Ips(const HostFacts& host) {
    std::vector<std::string> ips;
    for (const IpAddress& ip : host.ips) ips.push_back(ip.str());
    return ips;
  }

  FakeResolver dns_;
  NoDice dice_;
  OwnIdentity own_;
};

}  // namespace postern
