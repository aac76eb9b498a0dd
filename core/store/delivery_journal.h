// core/store/delivery_journal.h
//
// JournalStore: the delivery journal in an SQLite file of its own (WAL), beside
// state.db and apart from it: its commits don't wait for observations, and
// damage there does not stop mail.
//
// A commit survives the end of the process, however it ends. It is not synced
// to the disk: a power cut may lose the last ones, and such a message is sent
// twice, never lost. Callers commit together: whoever finds nobody writing
// writes for all that wait.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/journal.h"

namespace postern {

class JournalStore final : public DeliveryJournal {
 public:
  struct Options {
    std::string path;
    // Entries begun longer ago are dropped: an MTA has given such a message up.
    std::chrono::hours retention{24 * 7};
    // No more entries than these; the oldest go first.
    std::size_t limit = 1'000'000;
    // Told once when the journal begins to fail and once when it works again,
    // and of every delivered message that could not be noted. From any thread;
    // must not throw.
    std::function<void(std::string_view)> warn;
  };

  // Opens nothing yet. `clock` must outlive it.
  JournalStore(Options options, const Clock& clock);
  ~JournalStore() override;

  // Whether it can be used; makes the file (0600) or migrates it. For start-up:
  // every later call tries again by itself.
  Status Check();

  Result<std::vector<std::optional<JournalEntry>>> Find(
      std::span<const JournalKey> keys) override;
  Status Begin(std::span<const JournalKey> keys,
               std::string_view where) override;
  void End(std::span<const JournalKey> keys,
           std::span<const JournalEnd> ends) noexcept override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The entries of a queue id, oldest first. Read-only; run as the file's owner,
// like StateReader. Nothing where there is no journal yet.
Result<std::vector<JournalEntry>> ReadJournal(const std::string& path,
                                              const std::string& queue_id);

}  // namespace postern
