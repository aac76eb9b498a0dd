// core/dns/resolver.h
//
// Resolver: the only way to ask DNS. Validation is our own (RFC 4035), so each
// answer says how far it can be believed. Secure, insecure and bogus, absent
// and failed are kept apart, because policy treats each differently (RFC 7672
// section 2.1).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/names/ip_address.h"

namespace postern {

enum class Security { kInsecure, kSecure, kBogus };

enum class Presence {
  kFound,
  kNoData,    // the name exists, the type doesn't
  kNoDomain,  // NXDOMAIN
  kFailed,    // SERVFAIL, bogus, timeout, malformed: not found out
};

// "secure", "no-data": as answers and documents have it.
std::string_view ToString(Security security);
std::string_view ToString(Presence presence);

template <typename Record>
struct DnsAnswer {
  Presence presence = Presence::kFailed;
  Security security = Security::kInsecure;  // of the whole chain of aliases
  std::vector<Record> records;              // empty unless kFound
  // Where CNAMEs led, if the name is an alias and the answer didn't fail.
  std::optional<Domain> canonical;
  std::chrono::seconds ttl{0};
  std::string why;  // for kFailed: what went wrong, for the log

  bool found() const { return presence == Presence::kFound; }
  bool failed() const { return presence == Presence::kFailed; }
  bool absent() const { return !found() && !failed(); }
  bool secure() const { return security == Security::kSecure; }
};

struct MxRecord {
  std::uint16_t preference = 0;
  std::optional<Domain> host;  // nothing for "." (null MX, RFC 7505)
  // An exchange that is no host name (an address, an illegal name), as text.
  std::string unusable;
};

struct TlsaRecord {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string data;  // octets
};

// Each call blocks until there is an answer or the deadline passes (kFailed).
// Thread-safe: any number of workers share one resolver and its cache.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual DnsAnswer<MxRecord> Mx(const Domain& name, Deadline deadline) = 0;
  virtual DnsAnswer<IpAddress> A(const Domain& name, Deadline deadline) = 0;
  virtual DnsAnswer<IpAddress> Aaaa(const Domain& name, Deadline deadline) = 0;
  virtual DnsAnswer<Domain> Ptr(const IpAddress& address,
                                Deadline deadline) = 0;
  // Follows nothing: is `name` itself an alias, and is that link secure?
  virtual DnsAnswer<Domain> Cname(const Domain& name, Deadline deadline) = 0;
  // One string an RR, its character-strings joined.
  virtual DnsAnswer<std::string> Txt(const Domain& name, Deadline deadline) = 0;
  // The same past every cache of ours. Costs as much as starting anew: for rare
  // questions on which something final depends.
  virtual DnsAnswer<std::string> TxtAfresh(const Domain& name,
                                           Deadline deadline) = 0;
  // At _port._tcp.base.
  virtual DnsAnswer<TlsaRecord> Tlsa(Port port, const Domain& base,
                                     Deadline deadline) = 0;

 protected:
  Resolver() = default;
};

}  // namespace postern
