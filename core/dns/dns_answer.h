// core/dns/dns_answer.h
//
// From what libunbound says of a question to a DnsAnswer: presence, security
// and typed records. All or nothing: one record that doesn't parse makes the
// whole answer kFailed, since nobody can say what it was meant to be. Pure
// functions, fuzzed as fuzz_dns_rdata.
#pragma once

#include <string>

#include "core/dns/resolver.h"

namespace postern {

// As libunbound's callback gave it.
struct DnsReply {
  // Set: there is no message, and this is why (timeout, SERVFAIL).
  std::string failure;
  std::string message;  // wire form
  Security security = Security::kInsecure;
  std::string why_bogus;
};

DnsAnswer<MxRecord> ReadMx(const DnsReply& reply);  // RFC 1035, 7505
DnsAnswer<IpAddress> ReadA(const DnsReply& reply);  // RFC 1035
// An IPv4-mapped address comes out as the IPv4 address.
DnsAnswer<IpAddress> ReadAaaa(const DnsReply& reply);  // RFC 3596
// Names that no host can have are left out; kFailed if none remains.
DnsAnswer<Domain> ReadPtr(const DnsReply& reply);
DnsAnswer<Domain> ReadCname(const DnsReply& reply);
DnsAnswer<std::string> ReadTxt(const DnsReply& reply);
DnsAnswer<TlsaRecord> ReadTlsa(const DnsReply& reply);  // RFC 6698

// "1.2.0.192.in-addr.arpa." and its like for IPv6 (RFC 3596 section 2.5).
std::string ReverseName(const IpAddress& address);

}  // namespace postern
