#include "core/store/delivery_journal.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "core/store/journal_file.h"

namespace postern {
namespace {

// So many commits from one pruning to the next: together with the rows that
// one takes away it keeps up with any rate.
constexpr unsigned kCommitsBetweenPruning = 64;

Error Unavailable(const Error& error) {
  return {Reason::kJournalUnavailable, error.detail()};
}

}  // namespace

class JournalStore::Impl {
 public:
  Impl(Options options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  TimePoint now() const { return clock_.Now(); }

  // Does `work` on the file, in one transaction with what others want done
  // meanwhile. Success: it is committed.
  Status Do(const std::function<Status(JournalFile&)>& work) {
    Waiting mine{&work, Status{}, false};
    std::unique_lock lock(mutex_);
    waiting_.push_back(&mine);
    while (!mine.done) {
      if (writing_) {
        changed_.wait(lock);
        continue;
      }
      writing_ = true;
      const std::vector<Waiting*> batch = std::exchange(waiting_, {});
      lock.unlock();
      const Status written = TryWrite(batch);
      lock.lock();
      writing_ = false;
      for (Waiting* const one : batch) {
        one->status = written;
        one->done = true;
      }
      changed_.notify_all();
    }
    return mine.status;
  }

  void Warn(const std::string& text) const {
    if (options_.warn) options_.warn(text);
  }

 private:
  struct Waiting {
    const std::function<Status(JournalFile&)>* work;
    Status status;
    bool done;
  };

  // Only one thread at a time is in here: it owns what is at the end.
  Status TryWrite(const std::vector<Waiting*>& batch) noexcept {
    try {
      const Status written = Write(batch);
      // Opened anew for the next: there may be room again, or another file.
      if (!written) file_.reset();
      Report(written);
      if (!written) return Unavailable(written.error());
      return {};
    } catch (const std::exception& error) {
      file_.reset();
      return Error{Reason::kJournalUnavailable, error.what()};
    }
  }

  Status Write(const std::vector<Waiting*>& batch) {
    if (!file_) {
      Result<JournalFile> opened = JournalFile::Open(options_.path);
      if (!opened) return opened.error();
      file_.emplace(*std::move(opened));
    }
    Result<std::unique_ptr<Transaction>> transaction =
        Transaction::Begin(file_->database());
    if (!transaction) return transaction.error();
    for (const Waiting* const one : batch) {
      if (Status done = (*one->work)(*file_); !done) return done;
    }
    if (++commits_ % kCommitsBetweenPruning == 1) {
      const Status pruned =
          file_->Prune(now() - options_.retention, options_.limit);
      if (!pruned) return pruned;
    }
    return (*transaction)->Commit();
  }

  void Report(const Status& written) {
    if (written.ok() != failing_) return;
    failing_ = !written.ok();
    Warn(failing_ ? "delivery journal: cannot be used, mail is deferred (" +
                        written.error().detail() + ")"
                  : std::string("delivery journal: can be used again"));
  }

  const Options options_;
  const Clock& clock_;

  std::mutex mutex_;  // guards what follows, up to the writer's own
  std::condition_variable changed_;
  std::vector<Waiting*> waiting_;
  bool writing_ = false;

  // The writer's own.
  std::optional<JournalFile> file_;
  unsigned commits_ = 0;
  bool failing_ = false;
};

JournalStore::JournalStore(Options options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {}

JournalStore::~JournalStore() = default;

Status JournalStore::Check() {
  return impl_->Do([](JournalFile&) { return Status{}; });
}

Result<std::vector<std::optional<JournalEntry>>> JournalStore::Find(
    std::span<const JournalKey> keys) {
  std::vector<std::optional<JournalEntry>> found;
  const Status done = impl_->Do([&](JournalFile& file) -> Status {
    for (const JournalKey& key : keys) {
      Result<std::optional<JournalEntry>> entry = file.Find(key);
      if (!entry) return entry.error();
      found.push_back(*std::move(entry));
    }
    return {};
  });
  if (!done) return done.error();
  return found;
}

Status JournalStore::Begin(std::span<const JournalKey> keys,
                           std::string_view where) {
  const TimePoint now = impl_->now();
  return impl_->Do([&](JournalFile& file) -> Status {
    for (const JournalKey& key : keys) {
      if (Status done = file.Begin(key, where, now); !done) return done;
    }
    return {};
  });
}

void JournalStore::End(std::span<const JournalKey> keys,
                       std::span<const JournalEnd> ends) noexcept {
  try {
    const TimePoint now = impl_->now();
    const Status done = impl_->Do([&](JournalFile& file) -> Status {
      for (std::size_t i = 0; i < std::min(keys.size(), ends.size()); ++i) {
        const Status ended = file.End(keys[i], ends[i], now);
        if (!ended) return ended;
      }
      return {};
    });
    if (done) return;
    for (std::size_t i = 0; i < std::min(keys.size(), ends.size()); ++i) {
      if (ends[i].state != JournalState::kDelivered) continue;
      impl_->Warn("delivery journal: " + keys[i].queue_id +
                  " was delivered and that could not be noted (" +
                  done.error().detail() +
                  "); if the MTA does not hear of it, it is sent twice");
    }
  } catch (const std::exception&) {
    // No memory. The entry stays begun, and says nothing.
  }
}

Result<std::vector<JournalEntry>> ReadJournal(const std::string& path,
                                              const std::string& queue_id) {
  return JournalFile::Read(path, queue_id);
}

}  // namespace postern
