// What a line is for.
#include "core/names/quoted.h"
#include "core/policy/policy_line.h"

namespace postern {
namespace {

Error Refuse(std::string_view text, std::string_view why) {
  return {Reason::kPolicyInvalid,
          "the key " + Quoted(text) + " is wrong: " + std::string(why)};
}

}  // namespace

Result<PolicyKey> PolicyKey::Parse(std::string_view text) {
  if (text == "*") return Default();
  if (text.empty()) {
    return Refuse(text,
                  "a line is for a domain, '.parent', '*' or '[host]:port'");
  }
  if (text.substr(0, 2) == "*.") {
    return Refuse(text, "all that is below a domain is written " +
                            Quoted(text.substr(1)));
  }
  if (text.find('@') != std::string_view::npos) {
    return Refuse(text, "lines are for domains, not for single recipients");
  }
  if (text.front() == '.') {
    Result<Domain> domain = Domain::Parse(text.substr(1));
    if (!domain) return Refuse(text, domain.error().detail());
    return ForParent(*domain);
  }
  if (text.find_first_of("[:") != std::string_view::npos) {
    Result<NextHop> hop = NextHop::Parse(text);
    if (!hop) {
      return Refuse(text, hop.error().detail() +
                              "; an address is written [192.0.2.1] or "
                              "[IPv6:2001:db8::1]");
    }
    return ForNextHop(*hop);
  }
  Result<Domain> domain = Domain::Parse(text);
  if (!domain) return Refuse(text, domain.error().detail());
  return ForDomain(*domain);
}

PolicyKey PolicyKey::ForDomain(const Domain& domain) {
  return {Kind::kDomain, domain.str()};
}

PolicyKey PolicyKey::ForParent(const Domain& domain) {
  return {Kind::kParent, "." + domain.str()};
}

PolicyKey PolicyKey::Default() { return {Kind::kDefault, "*"}; }

PolicyKey PolicyKey::ForNextHop(const NextHop& hop) {
  if (!hop.bracketed() && hop.port() == Port{}) return ForDomain(*hop.domain());
  return {Kind::kNextHop, hop.str()};
}

}  // namespace postern
