#include "core/store/state_store.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/store/state_file.h"
#include "core/x509/digest.h"

namespace postern {
namespace {

std::string_view Octets(const DerCertificate& der) {
  return {reinterpret_cast<const char*>(der.data()), der.size()};
}

// Keeps the certificates, each once, and answers their digests in a row.
Result<std::string> WriteChain(Database& database,
                               const SessionRecord& record) {
  Result<Statement> insert = database.Prepare(
      "INSERT INTO certificates(digest,der,last_seen) VALUES(?,?,?)"
      " ON CONFLICT(digest) DO UPDATE SET"
      " last_seen=max(last_seen,excluded.last_seen)");
  if (!insert) return insert.error();
  std::string chain;
  for (const DerCertificate& der : record.evidence.chain()) {
    const Result<std::string> digest =
        Digest(DigestAlgorithm::kSha256, Octets(der));
    if (!digest) return digest.error();
    insert->Reset();
    insert->Blob(*digest).Blob(Octets(der)).Int(ToMicroseconds(record.at));
    if (Status done = insert->Run(); !done) return done.error();
    chain += *digest;
  }
  return chain;
}

Status WriteVerdict(Database& database, const SessionRecord& record) {
  const Result<std::string> chain = WriteChain(database, record);
  if (!chain) return chain.error();
  Result<Statement> insert = database.Prepare(
      "INSERT INTO verdicts(at,queue_id,destination,decision,record,chain)"
      " VALUES(?,?,?,?,?,?)");
  if (!insert) return insert.error();
  return insert->Int(ToMicroseconds(record.at))
      .Text(record.queue_id)
      .Text(record.destination)
      .Text(ToString(record.verdict.decision))
      .Text(WriteRecord(record))
      .Blob(*chain)
      .Run();
}

Status WriteObservation(Database& database, const SessionRecord& record) {
  const std::optional<Observation> seen = ObservationOf(record);
  if (!seen) return {};
  Result<Statement> insert = database.Prepare(
      "INSERT INTO observations(destination,mx,cert,authenticated_by,spki,"
      "names,not_after,protocol,first_seen,last_seen,count)"
      " VALUES(?,?,?,?,?,?,?,?,?,?,1)"
      " ON CONFLICT(destination,mx,cert,authenticated_by) DO UPDATE SET"
      " protocol=excluded.protocol,"
      " first_seen=min(first_seen,excluded.first_seen),"
      " last_seen=max(last_seen,excluded.last_seen), count=count+1");
  if (!insert) return insert.error();
  return insert->Text(seen->destination)
      .Text(seen->mx_host)
      .Blob(seen->cert_sha256)
      .Text(seen->authenticated_by)
      .Blob(seen->spki_sha256)
      .Text(WriteNames(seen->names))
      .Int(seen->not_after ? std::optional(ToMicroseconds(*seen->not_after))
                           : std::nullopt)
      .Text(seen->protocol)
      .Int(ToMicroseconds(seen->first_seen))
      .Int(ToMicroseconds(seen->last_seen))
      .Run();
}

Status DeleteBefore(Database& database, std::string_view sql, TimePoint time) {
  Result<Statement> statement = database.Prepare(sql);
  if (!statement) return statement.error();
  return statement->Int(ToMicroseconds(time)).Run();
}

}  // namespace

class StateStore::Impl {
 public:
  Impl(Options options, const Clock& clock, Database database)
      : options_(std::move(options)),
        clock_(clock),
        database_(std::move(database)) {}

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
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= options_.queue_limit) {
        ++dropped_;
        return;
      }
      waiting_.push_back(record);
      ++added_;
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
    handled_more_.wait(lock, [&] { return handled_ >= goal; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const std::deque<SessionRecord> batch = std::exchange(waiting_, {});
      const std::uint64_t dropped = std::exchange(dropped_, 0);
      lock.unlock();
      Report(TryWrite(batch), dropped);
      lock.lock();
      handled_ += batch.size();
      handled_more_.notify_all();
    }
  }

  // This thread's outer catch: nothing that goes wrong here ends the service.
  Status TryWrite(const std::deque<SessionRecord>& batch) noexcept {
    try {
      Status written = Write(batch);
      // Opened anew for the next batch: the disk may have room again, the file
      // may have been replaced.
      if (!written) database_.reset();
      return written;
    } catch (const std::exception& error) {
      database_.reset();
      return StoreError(error.what());
    }
  }

  Status Write(const std::deque<SessionRecord>& batch) {
    if (!database_) {
      Result<Database> opened = OpenStateForWriting(options_.path);
      if (!opened) return opened.error();
      database_.emplace(*std::move(opened));
    }
    Result<std::unique_ptr<Transaction>> transaction =
        Transaction::Begin(*database_);
    if (!transaction) return transaction.error();
    for (const SessionRecord& record : batch) {
      if (Status done = WriteVerdict(*database_, record); !done) return done;
      if (Status done = WriteObservation(*database_, record); !done) {
        return done;
      }
    }
    if (Status done = PurgeSometimes(); !done) return done;
    return (*transaction)->Commit();
  }

  Status PurgeSometimes() {
    const TimePoint now = clock_.Now();
    if (purged_at_ && now >= *purged_at_ &&
        now < *purged_at_ + std::chrono::hours(1)) {
      return {};
    }
    const TimePoint old_verdict = now - options_.verdict_retention;
    for (const std::string_view sql :
         {"DELETE FROM verdicts WHERE at<?",
          "DELETE FROM certificates WHERE last_seen<?"}) {
      if (Status done = DeleteBefore(*database_, sql, old_verdict); !done) {
        return done;
      }
    }
    if (Status done = DeleteBefore(*database_,
                                   "DELETE FROM observations WHERE last_seen<?",
                                   now - options_.observation_retention);
        !done) {
      return done;
    }
    purged_at_ = now;
    return {};
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
  std::uint64_t added_ = 0, handled_ = 0, dropped_ = 0;
  bool stopping_ = false;

  // The writing thread's own.
  std::optional<Database> database_;
  std::optional<TimePoint> purged_at_;
  bool failing_ = false;

  std::thread thread_;
};

Result<std::unique_ptr<StateStore>> StateStore::Open(Options options,
                                                     const Clock& clock) {
  Result<Database> database = OpenStateForWriting(options.path);
  if (!database) return database.error();
  auto impl =
      std::make_unique<Impl>(std::move(options), clock, *std::move(database));
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
