// tests/bench/policy_lookup.cc
//
// Does a store of a million destinations answer as one of a thousand does? A
// question as the planner asks it (domain, each parent, "*"), to a snapshot of
// 10^3 to 10^6 lines, by 1 and by 8 threads.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "core/store/snapshot.h"

namespace postern {
namespace {

std::string NameOf(std::int64_t number) {
  // Spread over the key space, as names are.
  const auto mixed = static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15U;
  char text[64];
  std::snprintf(text, sizeof text, "d%016llx.example",
                static_cast<unsigned long long>(mixed));
  return text;
}

// The snapshots, made at the first question and removed at the end.
class Snapshots {
 public:
  Snapshots() {
    std::string name =
        (std::filesystem::temp_directory_path() / "postern-bench-XXXXXX")
            .string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
  }
  ~Snapshots() { std::filesystem::remove_all(directory_); }

  const std::string& Of(std::int64_t lines) {
    std::string& path = paths_[lines];
    if (path.empty()) path = Make(lines);
    return path;
  }

 private:
  std::string Make(std::int64_t lines) {
    const std::string base = directory_ + "/" + std::to_string(lines);
    const Author author{"bench", {}};
    auto store = AuthorStore::Create(base + "/author.db",
                                     *ParsePolicyLine("* may"), author);
    if (!store) std::abort();
    std::vector<Change> changes;
    for (std::int64_t i = 0; i < lines; ++i) {
      changes.emplace_back(SetLine{*ParsePolicyLine(NameOf(i) + " secure")});
    }
    if (!(*store)->Apply(changes, author)) std::abort();
    const std::string path = base + "/policy.db";
    if (!Publish(**store, path, {}, {})) std::abort();
    return path;
  }

  std::string directory_;
  std::map<std::int64_t, std::string> paths_;
};

Snapshots snapshots;
std::unique_ptr<SnapshotStore> shared_store;

void BM_Lookup(benchmark::State& state, const char* prefix) {
  const std::int64_t lines = state.range(0);
  if (state.thread_index() == 0) {
    // Nothing remembered: it is the file that is measured.
    shared_store = std::make_unique<SnapshotStore>(snapshots.Of(lines), 0);
  }
  std::int64_t number = state.thread_index();
  for (auto step : state) {
    (void)step;
    number = (number + 7919) % lines;
    const auto policy = LookUpDomain(
        *shared_store, *Domain::Parse(prefix + NameOf(number)), {});
    if (!policy) state.SkipWithError("no answer");
    benchmark::DoNotOptimize(policy);
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_FirstAnswer(benchmark::State& state) {
  const std::string& path = snapshots.Of(state.range(0));
  for (auto step : state) {
    (void)step;
    SnapshotStore store(path);
    if (!store.Find(PolicyKey::Default())) state.SkipWithError("no answer");
  }
}

#define POSTERN_SIZES Arg(1'000)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)
BENCHMARK_CAPTURE(BM_Lookup, exact, "")->POSTERN_SIZES->UseRealTime();
BENCHMARK_CAPTURE(BM_Lookup, absent, "www.")->POSTERN_SIZES->UseRealTime();
BENCHMARK_CAPTURE(BM_Lookup, exact_8_threads, "")
    ->POSTERN_SIZES->Threads(8)
    ->UseRealTime();
BENCHMARK(BM_FirstAnswer)->POSTERN_SIZES->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace postern

BENCHMARK_MAIN();
