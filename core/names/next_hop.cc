#include "core/names/next_hop.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "core/names/quoted.h"

namespace postern {
namespace {

// The service names that Postfix's documentation uses in next hops. Not
// getservbyname(3): it reads a file, and its answer differs from host to host.
struct Service {
  std::string_view name;
  std::uint16_t port;
};
constexpr std::array kServices{
    Service{"smtp", 25},
    Service{"submission", 587},
    Service{"submissions", 465},
    Service{"smtps", 465},
};

Result<Port> ParsePort(std::string_view text) {
  for (const Service& service : kServices) {
    if (service.name == text) return Port{service.port};
  }
  return Port::Parse(text);
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(),
                    [](char l, char t) {
                      return l == (t >= 'A' && t <= 'Z' ? t - 'A' + 'a' : t);
                    });
}

// The text between the brackets. RFC 5321's "IPv6:" tag may be left out, as
// Postfix allows.
Result<HostName> ParseHost(std::string_view text) {
  const bool tagged = StartsWithIgnoringCase(text, "ipv6:");
  if (tagged) text.remove_prefix(5);
  const Result<IpAddress> address = IpAddress::Parse(text);
  // A mapped address is IPv4 by now, hence not is_v6().
  if (tagged && (!address || text.find(':') == std::string_view::npos)) {
    return Error{Reason::kRequestInvalid, Quoted(text) + " is no IPv6 address"};
  }
  if (address) return HostName(*address);
  Result<Domain> domain = Domain::Parse(text);
  if (!domain) return domain.error();
  return HostName(*std::move(domain));
}

}  // namespace

std::string ToString(const HostName& host) {
  if (const auto* domain = std::get_if<Domain>(&host)) return domain->str();
  const auto& address = std::get<IpAddress>(host);
  return (address.is_v6() ? "[IPv6:" : "[") + address.str() + "]";
}

Result<HostName> ParseRecipientDomain(std::string_view text) {
  if (!text.starts_with('[')) {
    Result<Domain> domain = Domain::Parse(text);
    if (!domain) return domain.error();
    return HostName(*std::move(domain));
  }
  const Result<NextHop> literal = NextHop::Parse(text);
  if (!literal || !text.ends_with(']') || literal->domain() != nullptr) {
    return Error{Reason::kRequestInvalid,
                 Quoted(text) + " is not an address literal"};
  }
  return literal->host();
}

Result<NextHop> NextHop::Parse(std::string_view text) {
  if (text.empty()) {
    return Error{Reason::kRequestInvalid, "the next hop is empty"};
  }
  const bool bracketed = text.front() == '[';
  const std::size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) {
    return Error{Reason::kRequestInvalid,
                 "the next hop " + Quoted(text) + " has no closing bracket"};
  }
  std::string_view rest = end == std::string_view::npos
                              ? ""
                              : text.substr(end + (bracketed ? 1 : 0));
  Port port;
  if (!rest.empty()) {
    if (rest.front() != ':') {
      return Error{Reason::kRequestInvalid,
                   "the next hop " + Quoted(text) +
                       " goes on after its bracket with something other than "
                       "a port"};
    }
    const Result<Port> parsed = ParsePort(rest.substr(1));
    if (!parsed) return parsed.error();
    port = *parsed;
  }

  if (bracketed) {
    Result<HostName> host = ParseHost(text.substr(1, end - 1));
    if (!host) return host.error();
    return ForHost(*std::move(host), port);
  }
  Result<Domain> domain = Domain::Parse(text.substr(0, end));
  if (!domain) return domain.error();
  return ForDomain(*std::move(domain), port);
}

NextHop NextHop::ForDomain(Domain domain, Port port) {
  return {false, HostName(std::move(domain)), port};
}

NextHop NextHop::ForHost(HostName host, Port port) {
  return {true, std::move(host), port};
}

std::string NextHop::str() const {
  const std::string port = ":" + std::to_string(port_.value);
  if (!bracketed_) return ToString(host_) + (port_ == Port{} ? "" : port);
  if (domain() == nullptr) return ToString(host_) + port;
  return "[" + domain()->str() + "]" + port;
}

}  // namespace postern
