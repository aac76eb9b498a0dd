#include "core/store/state_writer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/store/state_file.h"
#include "core/x509/digest.h"

namespace postern {
namespace {

std::string_view Octets(const DerCertificate& der) {
  return {reinterpret_cast<const char*>(der.data()), der.size()};
}

// True where `digest` was written already, as seen then or later.
bool IsWritten(std::map<std::string, TimePoint>& written,
               const std::string& digest, TimePoint at) {
  const auto [place, fresh] = written.try_emplace(digest, at);
  if (!fresh && at <= place->second) return true;
  place->second = at;
  return false;
}

void Add(const Observation& later, Observation& all) {
  all.count += later.count;
  all.protocol = later.protocol;
  all.first_seen = std::min(all.first_seen, later.first_seen);
  all.last_seen = std::max(all.last_seen, later.last_seen);
}

}  // namespace

struct StateWriter::Statements {
  static Result<std::unique_ptr<Statements>> Prepare(Database& database) {
    Result<Statement> certificate = database.Prepare(
        "INSERT INTO certificates(digest,der,last_seen) VALUES(?,?,?)"
        " ON CONFLICT(digest) DO UPDATE SET"
        " last_seen=max(last_seen,excluded.last_seen)");
    if (!certificate) return certificate.error();
    Result<Statement> plan = database.Prepare(
        "INSERT INTO plans(digest,text,last_seen) VALUES(?,?,?)"
        " ON CONFLICT(digest) DO UPDATE SET"
        " last_seen=max(last_seen,excluded.last_seen)");
    if (!plan) return plan.error();
    Result<Statement> verdict = database.Prepare(
        "INSERT INTO verdicts(at,queue_id,destination,decision,record,chain,"
        "plan) VALUES(?,?,?,?,?,?,?)");
    if (!verdict) return verdict.error();
    Result<Statement> observation = database.Prepare(
        "INSERT INTO observations(destination,mx,cert,authenticated_by,spki,"
        "names,not_after,protocol,first_seen,last_seen,count)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT(destination,mx,cert,authenticated_by) DO UPDATE SET"
        " protocol=excluded.protocol,"
        " first_seen=min(first_seen,excluded.first_seen),"
        " last_seen=max(last_seen,excluded.last_seen),"
        " count=count+excluded.count");
    if (!observation) return observation.error();
    return std::make_unique<Statements>(
        Statements{*std::move(certificate), *std::move(plan),
                   *std::move(verdict), *std::move(observation)});
  }

  Statement certificate, plan, verdict, observation;
};

struct StateWriter::Batch {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  // Digests of those written already, and when they were last seen.
  std::map<std::string, TimePoint> certificates, plans;
  std::map<Key, Observation> observations;
};

Result<std::unique_ptr<StateWriter>> StateWriter::Open(
    const std::string& path) {
  Result<Database> database = OpenStateForWriting(path);
  if (!database) return database.error();
  auto statements = Statements::Prepare(*database);
  if (!statements) return statements.error();
  return std::unique_ptr<StateWriter>(
      new StateWriter(*std::move(database), *std::move(statements)));
}

StateWriter::StateWriter(Database database,
                         std::unique_ptr<Statements> statements)
    : database_(std::move(database)), statements_(std::move(statements)) {}

StateWriter::~StateWriter() = default;

Status StateWriter::Write(const std::deque<SessionRecord>& records) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction) return transaction.error();
  Batch batch;
  for (const SessionRecord& record : records) {
    if (Status done = WriteVerdict(record, batch); !done) return done;
    std::optional<Observation> seen = ObservationOf(record);
    if (!seen) continue;
    const auto [place, fresh] = batch.observations.try_emplace(
        Batch::Key(seen->destination, seen->mx_host, seen->cert_sha256,
                   seen->authenticated_by),
        *seen);
    if (!fresh) Add(*seen, place->second);
  }
  if (Status done = WriteObservations(batch); !done) return done;
  return (*transaction)->Commit();
}

// Keeps the certificates, each once, and answers their digests in a row.
Result<std::string> StateWriter::WriteChain(const SessionRecord& record,
                                            Batch& batch) {
  Statement& insert = statements_->certificate;
  std::string chain;
  for (const DerCertificate& der : record.evidence.chain()) {
    const Result<std::string> digest =
        Digest(DigestAlgorithm::kSha256, Octets(der));
    if (!digest) return digest.error();
    chain += *digest;
    if (IsWritten(batch.certificates, *digest, record.at)) continue;
    insert.Reset();
    insert.Blob(*digest).Blob(Octets(der)).Int(ToMicroseconds(record.at));
    if (Status done = insert.Run(); !done) return done.error();
  }
  return chain;
}

// Keeps the plan's text, once, and answers its digest; empty for no plan.
Result<std::string> StateWriter::WritePlan(const SessionRecord& record,
                                           Batch& batch) {
  if (record.plan.empty()) return std::string();
  // Of the text: a plan's own digest leaves out what it does not depend on.
  Result<std::string> digest = Digest(DigestAlgorithm::kSha256, record.plan);
  if (!digest || IsWritten(batch.plans, *digest, record.at)) return digest;
  Statement& insert = statements_->plan;
  insert.Reset();
  insert.Blob(*digest).Text(record.plan).Int(ToMicroseconds(record.at));
  if (Status done = insert.Run(); !done) return done.error();
  return digest;
}

Status StateWriter::WriteVerdict(const SessionRecord& record, Batch& batch) {
  const Result<std::string> chain = WriteChain(record, batch);
  if (!chain) return chain.error();
  const Result<std::string> plan = WritePlan(record, batch);
  if (!plan) return plan.error();
  Statement& insert = statements_->verdict;
  insert.Reset();
  return insert.Int(ToMicroseconds(record.at))
      .Text(record.queue_id)
      .Text(record.destination)
      .Text(ToString(record.verdict.decision))
      .Text(WriteRecord(record))
      .Blob(*chain)
      .Blob(*plan)
      .Run();
}

Status StateWriter::WriteObservations(const Batch& batch) {
  Statement& insert = statements_->observation;
  for (const auto& [key, seen] : batch.observations) {
    insert.Reset();
    insert.Text(seen.destination)
        .Text(seen.mx_host)
        .Blob(seen.cert_sha256)
        .Text(seen.authenticated_by)
        .Blob(seen.spki_sha256)
        .Text(WriteNames(seen.names))
        .Int(seen.not_after ? std::optional(ToMicroseconds(*seen.not_after))
                            : std::nullopt)
        .Text(seen.protocol)
        .Int(ToMicroseconds(seen.first_seen))
        .Int(ToMicroseconds(seen.last_seen))
        .Int(static_cast<std::int64_t>(seen.count));
    if (Status done = insert.Run(); !done) return done;
  }
  return {};
}

Status StateWriter::Purge(TimePoint verdicts, TimePoint observations) {
  const std::pair<std::string_view, TimePoint> purges[] = {
      {"DELETE FROM verdicts WHERE at<?", verdicts},
      {"DELETE FROM plans WHERE last_seen<?", verdicts},
      {"DELETE FROM certificates WHERE last_seen<?", verdicts},
      {"DELETE FROM observations WHERE last_seen<?", observations}};
  for (const auto& [sql, before] : purges) {
    Result<Statement> statement = database_.Prepare(sql);
    if (!statement) return statement.error();
    if (Status done = statement->Int(ToMicroseconds(before)).Run(); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace postern
