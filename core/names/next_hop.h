// core/names/next_hop.h
//
// NextHop: where the MTA wants the mail to go, in Postfix's notation: a domain
// ("example.org", "example.org:2525": its MX hosts) or a bracketed host
// ("[relay.example]", "[relay.example]:465", "[192.0.2.1]",
// "[IPv6:2001:db8::1]" and "[2001:db8::1]:25": that host, no MX lookup).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"

namespace postern {

// A host to connect to: by name or by address.
using HostName = std::variant<Domain, IpAddress>;

// "mx.example" or "[192.0.2.1]" or "[IPv6:2001:db8::1]".
std::string ToString(const HostName& host);

// What stands after the "@" of an address: a domain, or an address literal
// ("[192.0.2.1]", "[IPv6:2001:db8::1]"). Not a host name in brackets.
Result<HostName> ParseRecipientDomain(std::string_view text);

class NextHop {
 public:
  static Result<NextHop> Parse(std::string_view text);
  static NextHop ForDomain(Domain domain, Port port = {});
  static NextHop ForHost(HostName host, Port port = {});

  // True for "[...]": connect to host() itself.
  bool bracketed() const { return bracketed_; }
  const HostName& host() const { return host_; }
  // The domain or host name; nothing for an address.
  const Domain* domain() const { return std::get_if<Domain>(&host_); }
  Port port() const { return port_; }

  // Canonical: "[host]:25" carries its port, "domain" omits 25. This is also
  // the key of a next hop's own policy line.
  std::string str() const;

  bool operator==(const NextHop&) const = default;

 private:
  NextHop(bool bracketed, HostName host, Port port)
      : bracketed_(bracketed), host_(std::move(host)), port_(port) {}
  bool bracketed_;
  HostName host_;
  Port port_;
};

}  // namespace postern
