// tests/testlib/fake_resolver.h
//
// FakeResolver: a Resolver whose every answer a test writes down. A name that
// has some answer but not the one asked for is kNoData, any other name is
// kNoDomain, both insecure: as an unsigned tree would have it.
#pragma once

#include <initializer_list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/dns/resolver.h"

namespace postern {

template <typename Record>
DnsAnswer<Record> Found(std::vector<Record> records,
                        Security security = Security::kInsecure) {
  DnsAnswer<Record> answer;
  answer.presence = Presence::kFound;
  answer.security = security;
  answer.records = std::move(records);
  answer.ttl = std::chrono::seconds(300);
  return answer;
}

template <typename Record>
DnsAnswer<Record> NoData(Security security = Security::kInsecure) {
  DnsAnswer<Record> answer;
  answer.presence = Presence::kNoData;
  answer.security = security;
  answer.ttl = std::chrono::seconds(300);
  return answer;
}

template <typename Record>
DnsAnswer<Record> NoDomain(Security security = Security::kInsecure) {
  DnsAnswer<Record> answer = NoData<Record>(security);
  answer.presence = Presence::kNoDomain;
  return answer;
}

// Security::kBogus where validation failed, kInsecure for SERVFAIL, timeouts.
template <typename Record>
DnsAnswer<Record> Failed(Security security = Security::kInsecure) {
  DnsAnswer<Record> answer;
  answer.security = security;
  answer.why =
      security == Security::kBogus ? "bogus: no valid signature" : "SERVFAIL";
  return answer;
}

// Ends the test program on text that is not a name or an address.
Domain TestDomain(std::string_view name);
IpAddress TestAddress(std::string_view address);

// "." is a null MX; a host that is no host name is kept as unusable.
DnsAnswer<MxRecord> MxHosts(
    std::initializer_list<std::pair<int, std::string_view>> hosts,
    Security security = Security::kInsecure);
DnsAnswer<IpAddress> Addresses(
    std::initializer_list<std::string_view> addresses,
    Security security = Security::kInsecure);
// The same answer, reached through an alias.
template <typename Record>
DnsAnswer<Record> Through(std::string_view canonical,
                          DnsAnswer<Record> answer) {
  answer.canonical = TestDomain(canonical);
  return answer;
}

// Thread-safe. A later Set of the same question replaces the answer.
class FakeResolver final : public Resolver {
 public:
  void SetMx(std::string_view name, DnsAnswer<MxRecord> answer);
  void SetA(std::string_view name, DnsAnswer<IpAddress> answer);
  void SetAaaa(std::string_view name, DnsAnswer<IpAddress> answer);
  void SetPtr(std::string_view address, DnsAnswer<Domain> answer);
  void SetCname(std::string_view name, DnsAnswer<Domain> answer);
  void SetTxt(std::string_view name, DnsAnswer<std::string> answer);
  void SetTlsa(Port port, std::string_view base, DnsAnswer<TlsaRecord> answer);

  // Every question so far, in order: "MX example.org",
  // "TLSA _25._tcp.mx.example.org", "PTR 192.0.2.1".
  std::vector<std::string> Questions() const;

  DnsAnswer<MxRecord> Mx(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> A(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> Aaaa(const Domain& name, Deadline deadline) override;
  DnsAnswer<Domain> Ptr(const IpAddress& address, Deadline deadline) override;
  DnsAnswer<Domain> Cname(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> Txt(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> TxtAfresh(const Domain& name,
                                   Deadline deadline) override;
  DnsAnswer<TlsaRecord> Tlsa(Port port, const Domain& base,
                             Deadline deadline) override;

 private:
  template <typename Record>
  using Answers = std::map<std::string, DnsAnswer<Record>>;

  template <typename Record>
  void Put(Answers<Record>& answers, const std::string& name,
           DnsAnswer<Record> answer);
  template <typename Record>
  DnsAnswer<Record> Look(std::string_view type, const Answers<Record>& answers,
                         const std::string& name, Deadline deadline);

  mutable std::mutex mutex_;
  std::set<std::string> names_;  // every name that exists
  std::vector<std::string> questions_;
  Answers<MxRecord> mx_;
  Answers<IpAddress> a_, aaaa_;
  Answers<Domain> ptr_, cname_;
  Answers<std::string> txt_;
  Answers<TlsaRecord> tlsa_;
};

}  // namespace postern
