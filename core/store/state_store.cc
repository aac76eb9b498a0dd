#include "core/store/state_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/store/state_writer.h"

namespace postern {
namespace {

// Records are written together: a commit costs about as much as fifty of them.
// What a kill loses of this time the audit line in syslog still tells.
constexpr std::chrono::milliseconds kGather{100};
constexpr std::size_t kLargestBatch = 512;

// Of a record in the queue: what others have a say in.
std::size_t OctetsOf(const SessionRecord& record) {
  std::size_t octets = sizeof record + record.plan.size() + record.reply.size();
  for (const DerCertificate& der : record.evidence.chain()) {
    octets += der.size();
  }
  for (const Finding& finding : record.verdict.findings) {
    octets += finding.detail().size() + finding.hint().size();
  }
  for (const PublishedPolicy& policy : record.policies) {
    for (const std::string& text : policy.text) octets += text.size();
    for (const std::string& mx : policy.mx_patterns) octets += mx.size();
  }
  return octets;
}

}  // namespace

class StateStore::Impl {
 public:
  Impl(Options options, const Clock& clock, std::unique_ptr<StateWriter> writer)
      : options_(std::move(options)),
        clock_(clock),
        writer_(std::move(writer)) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status Start() {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      return StoreError(std::string("no thread for the state store: ") +
                        error.what());
    }
    return {};
  }

  void Add(const SessionRecord& record) {
    const std::size_t octets = OctetsOf(record);
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= options_.queue_limit ||
          octets > options_.queue_octets - octets_) {
        ++dropped_;
        return;
      }
      waiting_.push_back(record);
      octets_ += octets;
      ++added_;
      if (waiting_.size() != 1 && waiting_.size() != kLargestBatch) return;
    }
    wake_.notify_one();
  }

  void CountDropped() {
    const std::lock_guard lock(mutex_);
    ++dropped_;
  }

  void Flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t goal = added_;
    flushed_to_ = std::max(flushed_to_, goal);
    wake_.notify_one();
    handled_more_.wait(lock, [&] { return handled_ >= goal; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      wake_.wait_for(lock, kGather, [this] {
        return stopping_ || flushed_to_ > handled_ ||
               waiting_.size() >= kLargestBatch;
      });
      std::deque<SessionRecord> batch = std::exchange(waiting_, {});
      const std::size_t octets = octets_;
      const std::uint64_t dropped = std::exchange(dropped_, 0);
      lock.unlock();
      Report(TryWrite(batch), dropped);
      const std::size_t count = batch.size();
      batch.clear();  // they count as long as they are held
      lock.lock();
      octets_ -= octets;
      handled_ += count;
      handled_more_.notify_all();
    }
  }

  // This thread's outer catch: nothing that goes wrong here ends the service.
  Status TryWrite(const std::deque<SessionRecord>& batch) noexcept {
    try {
      Status written = Write(batch);
      // Opened anew for the next batch: the disk may have room again, the file
      // may have been replaced.
      if (!written) writer_.reset();
      return written;
    } catch (const std::exception& error) {
      writer_.reset();
      return StoreError(error.what());
    }
  }

  Status Write(const std::deque<SessionRecord>& batch) {
    if (!writer_) {
      auto opened = StateWriter::Open(options_.path);
      if (!opened) return opened.error();
      writer_ = *std::move(opened);
    }
    if (Status done = writer_->Write(batch); !done) return done;
    const TimePoint now = clock_.Now();
    if (purged_at_ && now >= *purged_at_ &&
        now < *purged_at_ + std::chrono::hours(1)) {
      return {};
    }
    Status purged = writer_->Purge(now - options_.verdict_retention,
                                   now - options_.observation_retention);
    if (purged) purged_at_ = now;
    return purged;
  }

  void Report(const Status& written, std::uint64_t dropped) {
    const bool failing = !written.ok() || dropped > 0;
    if (failing == failing_) return;
    failing_ = failing;
    if (!options_.warn) return;
    if (!written) {
      options_.warn("state store: observations and verdicts are not kept (" +
                    written.error().detail() + "); enforcement goes on");
    } else if (dropped > 0) {
      options_.warn("state store: too slow, " + std::to_string(dropped) +
                    " records were dropped; enforcement goes on");
    } else {
      options_.warn("state store: written again");
    }
  }

  const Options options_;
  const Clock& clock_;

  std::mutex mutex_;  // of what follows, up to the thread's own
  std::condition_variable wake_, handled_more_;
  std::deque<SessionRecord> waiting_;
  std::size_t octets_ = 0;  // of those waiting and those being written
  std::uint64_t added_ = 0, handled_ = 0, dropped_ = 0;
  std::uint64_t flushed_to_ = 0;  // up to here somebody waits
  bool stopping_ = false;

  // The writing thread's own.
  std::unique_ptr<StateWriter> writer_;
  std::optional<TimePoint> purged_at_;
  bool failing_ = false;

  std::thread thread_;
};

Result<std::unique_ptr<StateStore>> StateStore::Open(Options options,
                                                     const Clock& clock) {
  auto writer = StateWriter::Open(options.path);
  if (!writer) return writer.error();
  auto impl =
      std::make_unique<Impl>(std::move(options), clock, *std::move(writer));
  if (Status started = impl->Start(); !started) return started.error();
  return std::unique_ptr<StateStore>(new StateStore(std::move(impl)));
}

StateStore::StateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StateStore::~StateStore() = default;

void StateStore::OnSession(const SessionRecord& record) noexcept {
  try {
    impl_->Add(record);
  } catch (const std::exception&) {
    impl_->CountDropped();  // no memory for the copy
  }
}

void StateStore::Flush() { impl_->Flush(); }

}  // namespace postern
