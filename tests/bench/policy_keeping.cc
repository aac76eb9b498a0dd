// tests/bench/policy_keeping.cc
//
// MTA-STS at scale: what a question costs while a policy is held, the renewal
// of many domains' policies over real HTTPS on loopback (the server is this
// program's own), and the memory that 100,000 held policies take.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/store/published_store.h"
#include "plugins/mta_sts/policy_keeper.h"
#include "tests/testlib/certificates.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {
namespace {

using std::chrono::seconds;

const std::string kBody =
    "version: STSv1\r\nmode: enforce\r\nmx: mx1.bench.test\r\n"
    "mx: *.bench.test\r\nmax_age: 604800\r\n";

std::string NameOf(std::int64_t i) {
  return "d" + std::to_string(i) + ".bench.test";
}

// Every name has a record, and every policy host is 127.0.0.1.
class OneAnswerResolver final : public Resolver {
 public:
  DnsAnswer<MxRecord> Mx(const Domain&, Deadline) override { return {}; }
  DnsAnswer<IpAddress> A(const Domain&, Deadline) override {
    return Addresses({"127.0.0.1"});
  }
  DnsAnswer<IpAddress> Aaaa(const Domain&, Deadline) override {
    return NoData<IpAddress>();
  }
  DnsAnswer<Domain> Ptr(const IpAddress&, Deadline) override { return {}; }
  DnsAnswer<Domain> Cname(const Domain&, Deadline) override { return {}; }
  DnsAnswer<std::string> Txt(const Domain&, Deadline) override {
    return Found<std::string>({"v=STSv1; id=1"});
  }
  DnsAnswer<std::string> TxtAfresh(const Domain& name,
                                   Deadline deadline) override {
    return Txt(name, deadline);
  }
  DnsAnswer<TlsaRecord> Tlsa(Port, const Domain&, Deadline) override {
    return {};
  }
};

class CannedFetcher final : public PolicyFetcher {
 public:
  Result<std::string> Fetch(const Domain&, Deadline,
                            const std::atomic<bool>&) override {
    return kBody;
  }
};

class Directory {
 public:
  Directory() {
    std::string name =
        (std::filesystem::temp_directory_path() / "postern-bench-XXXXXX")
            .string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

PublishedEntry Entry(std::int64_t i, TimePoint now, TimePoint refresh) {
  PublishedEntry entry;
  entry.source = PolicyKeeper::kSource;
  entry.domain = NameOf(i);
  entry.id = "1";
  entry.text = kBody;
  entry.fetched_at = now;
  entry.expires_at = now + std::chrono::hours(24);
  entry.refresh_at = refresh;
  return entry;
}

void Fill(PublishedStore& store, std::int64_t count, TimePoint refresh) {
  const TimePoint now = SystemClock().Now() - std::chrono::hours(1);
  for (std::int64_t i = 0; i < count; ++i) {
    if (!store.Put(Entry(i, now, refresh))) std::abort();
  }
}

double ResidentMegabytes() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / 1e6;
}

// A question for one of `count` held policies, and what they take in memory.
void FindHeld(benchmark::State& state) {
  const Directory directory;
  OneAnswerResolver resolver;
  CannedFetcher fetcher;
  SystemClock clock;
  SystemRandom random;
  malloc_trim(0);
  const double before = ResidentMegabytes();
  PublishedStore store(directory.file("published.db"), {});
  Fill(store, state.range(0), kNeverRefresh);
  PolicyKeeper keeper({resolver, store, fetcher, clock, random, {}});
  std::int64_t i = 0;
  for (auto _ : state) {
    i = (i + 7919) % state.range(0);
    const StsAnswer answer = keeper.Find(Domain::Parse(NameOf(i)).value(),
                                         Deadline::After(seconds(5)));
    if (answer.state != StsAnswer::State::kPolicy) std::abort();
  }
  state.counters["resident_MB"] = ResidentMegabytes() - before;
  state.counters["file_MB"] = static_cast<double>(std::filesystem::file_size(
                                  directory.file("published.db"))) /
                              1e6;
}
BENCHMARK(FindHeld)->Arg(1000)->Arg(100'000)->UseRealTime();

// 10,000 renewals over HTTPS: a hundred domains, which one certificate can
// name, fall due a hundred times.
void RenewTenThousand(benchmark::State& state) {
  constexpr std::int64_t kDomains = 100, kRounds = 100;
  const Directory directory;
  const TestAuthority ca = TestAuthority::Make("Bench CA");
  std::ofstream(directory.file("roots.pem")) << ca.certificate.pem();
  CertificateSpec spec;
  for (std::int64_t i = 0; i < kDomains; ++i) {
    spec.dns_names.push_back("mta-sts." + NameOf(i));
  }
  const ServerTls tls = Presenting(ca.Issue(spec));
  ScriptedSmtpServer server([tls](ServerConnection& c) {
    if (!c.StartTls(tls)) return;
    while (const auto line = c.ReadLine()) {
      if (line->empty()) break;
    }
    c.Say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
          std::to_string(kBody.size()) + "\r\n\r\n" + kBody);
    c.SayCloseNotify();
    c.HangUp();
  });
  OneAnswerResolver resolver;
  SystemClock clock;
  SystemRandom random;
  const auto fetcher = MakeHttpsFetcher(
      {directory.file("roots.pem"), AddressFilter({}, true), server.port()},
      resolver, clock);
  PublishedStore store(directory.file("published.db"), {});
  for (auto _ : state) {
    for (std::int64_t round = 0; round < kRounds; ++round) {
      const TimePoint begun = clock.Now();
      Fill(store, kDomains, begun);
      KeeperLimits limits;
      limits.pause = std::chrono::milliseconds(1);
      PolicyKeeper keeper({resolver, store, *fetcher, clock, random, {}},
                          limits);
      keeper.KeepFresh();
      for (std::int64_t i = 0; i < kDomains;) {
        const auto entry = store.Find(PolicyKeeper::kSource, NameOf(i));
        if (!entry || !*entry || (*entry)->failures > 0) std::abort();
        if ((*entry)->fetched_at > begun &&
            (*entry)->refresh_at > begun + std::chrono::hours(2)) {
          ++i;
        } else {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    }
    state.SetItemsProcessed(state.items_processed() + kDomains * kRounds);
  }
}
BENCHMARK(RenewTenThousand)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace postern

BENCHMARK_MAIN();
