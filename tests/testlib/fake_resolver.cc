#include "tests/testlib/fake_resolver.h"

#include <cstdio>
#include <cstdlib>

namespace postern {
namespace {

std::string TlsaName(Port port, const Domain& base) {
  return "_" + std::to_string(port.value) + "._tcp." + base.str();
}

template <typename T>
T OrAbort(Result<T> parsed, std::string_view text) {
  if (!parsed) {
    std::fprintf(stderr, "the test is wrong about '%.*s': %s\n",
                 static_cast<int>(text.size()), text.data(),
                 parsed.error().ToString().c_str());
    std::abort();
  }
  return std::move(parsed).value();
}

}  // namespace

Domain TestDomain(std::string_view name) {
  return OrAbort(Domain::Parse(name), name);
}

IpAddress TestAddress(std::string_view address) {
  return OrAbort(IpAddress::Parse(address), address);
}

DnsAnswer<MxRecord> MxHosts(
    std::initializer_list<std::pair<int, std::string_view>> hosts,
    Security security) {
  std::vector<MxRecord> records;
  for (const auto& [preference, host] : hosts) {
    MxRecord record;
    record.preference = static_cast<std::uint16_t>(preference);
    if (host != ".") {
      if (auto name = Domain::Parse(host)) {
        record.host = std::move(name).value();
      } else {
        record.unusable = std::string(host);
      }
    }
    records.push_back(std::move(record));
  }
  return Found(std::move(records), security);
}

DnsAnswer<IpAddress> Addresses(
    std::initializer_list<std::string_view> addresses, Security security) {
  std::vector<IpAddress> records;
  for (const std::string_view address : addresses) {
    records.push_back(TestAddress(address));
  }
  return Found(std::move(records), security);
}

template <typename Record>
void FakeResolver::Put(Answers<Record>& answers, const std::string& name,
                       DnsAnswer<Record> answer) {
  const std::lock_guard lock(mutex_);
  if (answer.presence != Presence::kNoDomain) names_.insert(name);
  answers.insert_or_assign(name, std::move(answer));
}

template <typename Record>
DnsAnswer<Record> FakeResolver::Look(std::string_view type,
                                     const Answers<Record>& answers,
                                     const std::string& name,
                                     Deadline deadline) {
  const std::lock_guard lock(mutex_);
  questions_.push_back(std::string(type) + " " + name);
  if (deadline.expired()) {
    DnsAnswer<Record> late;
    late.why = "no answer in time";
    return late;
  }
  const auto found = answers.find(name);
  if (found != answers.end()) return found->second;
  return names_.count(name) != 0 ? NoData<Record>() : NoDomain<Record>();
}

void FakeResolver::SetMx(std::string_view name, DnsAnswer<MxRecord> answer) {
  Put(mx_, TestDomain(name).str(), std::move(answer));
}

void FakeResolver::SetA(std::string_view name, DnsAnswer<IpAddress> answer) {
  Put(a_, TestDomain(name).str(), std::move(answer));
}

void FakeResolver::SetAaaa(std::string_view name, DnsAnswer<IpAddress> answer) {
  Put(aaaa_, TestDomain(name).str(), std::move(answer));
}

void FakeResolver::SetPtr(std::string_view address, DnsAnswer<Domain> answer) {
  Put(ptr_, TestAddress(address).str(), std::move(answer));
}

void FakeResolver::SetCname(std::string_view name, DnsAnswer<Domain> answer) {
  Put(cname_, TestDomain(name).str(), std::move(answer));
}

void FakeResolver::SetTxt(std::string_view name,
                          DnsAnswer<std::string> answer) {
  Put(txt_, TestDomain(name).str(), std::move(answer));
}

void FakeResolver::SetTlsa(Port port, std::string_view base,
                           DnsAnswer<TlsaRecord> answer) {
  Put(tlsa_, TlsaName(port, TestDomain(base)), std::move(answer));
}

std::vector<std::string> FakeResolver::Questions() const {
  const std::lock_guard lock(mutex_);
  return questions_;
}

DnsAnswer<MxRecord> FakeResolver::Mx(const Domain& name, Deadline deadline) {
  return Look("MX", mx_, name.str(), deadline);
}

DnsAnswer<IpAddress> FakeResolver::A(const Domain& name, Deadline deadline) {
  return Look("A", a_, name.str(), deadline);
}

DnsAnswer<IpAddress> FakeResolver::Aaaa(const Domain& name, Deadline deadline) {
  return Look("AAAA", aaaa_, name.str(), deadline);
}

DnsAnswer<Domain> FakeResolver::Ptr(const IpAddress& address,
                                    Deadline deadline) {
  return Look("PTR", ptr_, address.str(), deadline);
}

DnsAnswer<Domain> FakeResolver::Cname(const Domain& name, Deadline deadline) {
  return Look("CNAME", cname_, name.str(), deadline);
}

DnsAnswer<std::string> FakeResolver::Txt(const Domain& name,
                                         Deadline deadline) {
  return Look("TXT", txt_, name.str(), deadline);
}

DnsAnswer<std::string> FakeResolver::TxtAfresh(const Domain& name,
                                               Deadline deadline) {
  return Look("TXT afresh", txt_, name.str(), deadline);
}

DnsAnswer<TlsaRecord> FakeResolver::Tlsa(Port port, const Domain& base,
                                         Deadline deadline) {
  return Look("TLSA", tlsa_, TlsaName(port, base), deadline);
}

}  // namespace postern
