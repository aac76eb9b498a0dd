#include "core/dns/cached_resolver.h"

#include <utility>

namespace postern {

CachedResolver::CachedResolver(Resolver& behind,
                               std::function<Monotonic::time_point()> now)
    : behind_(behind), now_(std::move(now)) {}

template <typename Record, typename Ask>
DnsAnswer<Record> CachedResolver::Look(Answers<Record>& kept,
                                       const std::string& name, Ask ask) {
  {
    const Monotonic::time_point now = now_();
    const std::lock_guard lock(mutex_);
    const auto found = kept.find(name);
    if (found != kept.end() && now < found->second.until) {
      DnsAnswer<Record> answer = found->second.answer;
      answer.ttl =
          std::chrono::floor<std::chrono::seconds>(found->second.until - now);
      return answer;
    }
  }
  // Two who ask at once both ask: the one behind joins their questions.
  DnsAnswer<Record> answer = ask();
  // From when it was answered, not from when it was asked.
  if (!answer.failed() && answer.ttl.count() > 0) {
    Keep(kept, name, answer, now_());
  }
  return answer;
}

template <typename Record>
void CachedResolver::Keep(Answers<Record>& kept, const std::string& name,
                          const DnsAnswer<Record>& answer,
                          Monotonic::time_point now) {
  const std::lock_guard lock(mutex_);
  if (kept.size() >= kMostAnswers) {
    std::erase_if(
        kept, [now](const auto& entry) { return now >= entry.second.until; });
    if (kept.size() >= kMostAnswers) kept.clear();
  }
  kept.insert_or_assign(name, Kept<Record>{answer, now + answer.ttl});
}

DnsAnswer<MxRecord> CachedResolver::Mx(const Domain& name, Deadline deadline) {
  return Look(mx_, name.str(), [&] { return behind_.Mx(name, deadline); });
}

DnsAnswer<IpAddress> CachedResolver::A(const Domain& name, Deadline deadline) {
  return Look(a_, name.str(), [&] { return behind_.A(name, deadline); });
}

DnsAnswer<IpAddress> CachedResolver::Aaaa(const Domain& name,
                                          Deadline deadline) {
  return Look(aaaa_, name.str(), [&] { return behind_.Aaaa(name, deadline); });
}

DnsAnswer<Domain> CachedResolver::Ptr(const IpAddress& address,
                                      Deadline deadline) {
  return Look(ptr_, address.str(),
              [&] { return behind_.Ptr(address, deadline); });
}

DnsAnswer<Domain> CachedResolver::Cname(const Domain& name, Deadline deadline) {
  return Look(cname_, name.str(),
              [&] { return behind_.Cname(name, deadline); });
}

DnsAnswer<std::string> CachedResolver::Txt(const Domain& name,
                                           Deadline deadline) {
  return Look(txt_, name.str(), [&] { return behind_.Txt(name, deadline); });
}

DnsAnswer<std::string> CachedResolver::TxtAfresh(const Domain& name,
                                                 Deadline deadline) {
  DnsAnswer<std::string> answer = behind_.TxtAfresh(name, deadline);
  // What was kept is older than this.
  if (!answer.failed()) Keep(txt_, name.str(), answer, now_());
  return answer;
}

DnsAnswer<TlsaRecord> CachedResolver::Tlsa(Port port, const Domain& base,
                                           Deadline deadline) {
  return Look(tlsa_, std::to_string(port.value) + ' ' + base.str(),
              [&] { return behind_.Tlsa(port, base, deadline); });
}

}  // namespace postern
