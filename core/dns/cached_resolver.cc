#include "core/dns/cached_resolver.h"

#include <utility>

namespace postern {
namespace {

// What a record takes beside itself.
std::size_t Beside(const IpAddress& /*address*/) { return 0; }
std::size_t Beside(const Domain& name) { return name.str().size(); }
std::size_t Beside(const std::string& text) { return text.size(); }
std::size_t Beside(const TlsaRecord& record) { return record.data.size(); }
std::size_t Beside(const MxRecord& record) {
  return record.unusable.size() + (record.host ? Beside(*record.host) : 0);
}

template <typename Record>
std::size_t OctetsOf(const std::string& name, const DnsAnswer<Record>& answer) {
  std::size_t octets = sizeof answer + name.size() + answer.why.size() +
                       answer.records.size() * sizeof(Record);
  if (answer.canonical) octets += Beside(*answer.canonical);
  for (const Record& record : answer.records) octets += Beside(record);
  return octets;
}

}  // namespace

CachedResolver::CachedResolver(Resolver& behind,
                               std::function<Monotonic::time_point()> now)
    : behind_(behind), now_(std::move(now)) {}

template <typename Record, typename Ask>
DnsAnswer<Record> CachedResolver::Look(Answers<Record>& answers,
                                       const std::string& name, Ask ask) {
  {
    const Monotonic::time_point now = now_();
    const std::lock_guard lock(mutex_);
    const auto found = answers.kept.find(name);
    if (found != answers.kept.end() && now < found->second.until) {
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
    Keep(answers, name, answer, now_());
  }
  return answer;
}

template <typename Record, typename Gone>
void CachedResolver::Drop(Answers<Record>& answers, Gone gone) {
  std::erase_if(answers.kept, [&](const auto& entry) {
    const bool drop = gone(entry);
    if (drop) answers.octets -= entry.second.octets;
    return drop;
  });
}

template <typename Record>
void CachedResolver::Keep(Answers<Record>& answers, const std::string& name,
                          const DnsAnswer<Record>& answer,
                          Monotonic::time_point now) {
  const std::size_t octets = OctetsOf(name, answer);
  const std::lock_guard lock(mutex_);
  // Whatever was kept is older.
  if (const auto old = answers.kept.find(name); old != answers.kept.end()) {
    answers.octets -= old->second.octets;
    answers.kept.erase(old);
  }
  if (octets > kMostOctetsOfOne) return;
  const auto full = [&answers, octets] {
    return answers.kept.size() >= kMostAnswers ||
           answers.octets + octets > kMostOctets;
  };
  if (full()) {
    Drop(answers,
         [now](const auto& entry) { return now >= entry.second.until; });
    if (full()) Drop(answers, [](const auto&) { return true; });
  }
  answers.kept.emplace(name, Kept<Record>{answer, now + answer.ttl, octets});
  answers.octets += octets;
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
