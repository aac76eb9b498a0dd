#include "core/store/state_file.h"
#include "core/store/state_store.h"

namespace postern {
namespace {

constexpr std::size_t kDigestOctets = 32;

std::int64_t AsLimit(std::size_t limit) {
  constexpr std::size_t kMost = 1'000'000;
  return static_cast<std::int64_t>(limit < kMost ? limit : kMost);
}

// Conditions that are asked for only where something is asked.
class Conditions {
 public:
  void Add(std::string_view condition) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

Observation ReadObservation(const Statement& row) {
  Observation seen;
  seen.destination = row.TextAt(0);
  seen.mx_host = row.TextAt(1);
  seen.cert_sha256 = row.TextAt(2);
  seen.authenticated_by = row.TextAt(3);
  seen.spki_sha256 = row.TextAt(4);
  seen.names = ReadNames(row.TextAt(5));
  if (const auto not_after = row.OptionalIntAt(6)) {
    seen.not_after = FromMicroseconds(*not_after);
  }
  seen.protocol = row.TextAt(7);
  seen.first_seen = FromMicroseconds(row.IntAt(8));
  seen.last_seen = FromMicroseconds(row.IntAt(9));
  seen.count = static_cast<std::uint64_t>(row.IntAt(10));
  return seen;
}

}  // namespace

class StateReader::Impl {
 public:
  explicit Impl(Database database) : database_(std::move(database)) {}

  Result<std::vector<Observation>> Observations(const ObservationQuery& query) {
    Conditions conditions;
    if (!query.destination.empty()) conditions.Add("destination=?");
    if (query.seen_since) conditions.Add("last_seen>=?");
    Result<Statement> statement = database_.Prepare(
        "SELECT destination,mx,cert,authenticated_by,spki,names,not_after,"
        "protocol,first_seen,last_seen,count FROM observations" +
        conditions.text() + " ORDER BY destination,mx,last_seen DESC LIMIT ?");
    if (!statement) return statement.error();
    if (!query.destination.empty()) statement->Text(query.destination);
    if (query.seen_since) statement->Int(ToMicroseconds(*query.seen_since));
    statement->Int(AsLimit(query.limit));
    std::vector<Observation> observations;
    for (;;) {
      const Result<bool> row = statement->Step();
      if (!row) return row.error();
      if (!*row) return observations;
      observations.push_back(ReadObservation(*statement));
    }
  }

  Result<std::vector<StoredVerdict>> Verdicts(const VerdictQuery& query) {
    Result<Statement> statement = AskVerdicts(query);
    if (!statement) return statement.error();
    std::vector<StoredVerdict> verdicts;
    for (;;) {
      const Result<bool> row = statement->Step();
      if (!row) return row.error();
      if (!*row) return verdicts;
      Result<std::vector<DerCertificate>> chain = Chain(statement->TextAt(3));
      if (!chain) return chain.error();
      Result<SessionRecord> record =
          ReadRecord(statement->TextAt(2), *std::move(chain));
      if (!record) return record.error();
      if (!statement->TextAt(4).empty()) {
        if (!statement->OptionalIntAt(6)) {
          return StoreError("the plan of a stored verdict is gone");
        }
        record->plan = statement->TextAt(5);
      }
      record->at = FromMicroseconds(statement->IntAt(1));
      verdicts.push_back({static_cast<std::uint64_t>(statement->IntAt(0)),
                          *std::move(record)});
    }
  }

 private:
  Result<Statement> AskVerdicts(const VerdictQuery& query) {
    Conditions conditions;
    if (!query.queue_id.empty()) conditions.Add("queue_id=?");
    if (!query.destination.empty()) conditions.Add("destination=?");
    if (query.since) conditions.Add("at>=?");
    if (query.until) conditions.Add("at<?");
    if (query.failed_only) conditions.Add("decision<>'pass'");
    Result<Statement> statement = database_.Prepare(
        "SELECT id,at,record,chain,plan,text,plans.last_seen FROM verdicts"
        " LEFT JOIN plans ON plan=digest" +
        conditions.text() + " ORDER BY at DESC,id DESC LIMIT ?");
    if (!statement) return statement.error();
    if (!query.queue_id.empty()) statement->Text(query.queue_id);
    if (!query.destination.empty()) statement->Text(query.destination);
    if (query.since) statement->Int(ToMicroseconds(*query.since));
    if (query.until) statement->Int(ToMicroseconds(*query.until));
    statement->Int(AsLimit(query.limit));
    return statement;
  }

  Result<std::vector<DerCertificate>> Chain(const std::string& digests) {
    std::vector<DerCertificate> chain;
    for (std::size_t at = 0; at + kDigestOctets <= digests.size();
         at += kDigestOctets) {
      Result<Statement> query =
          database_.Prepare("SELECT der FROM certificates WHERE digest=?");
      if (!query) return query.error();
      const Result<bool> row =
          query->Blob(std::string_view(digests).substr(at, kDigestOctets))
              .Step();
      if (!row) return row.error();
      // A chain with a hole in it must not be judged as if it were whole.
      if (!*row) return StoreError("a certificate of a stored verdict is gone");
      const std::string der = query->TextAt(0);
      chain.emplace_back(der.begin(), der.end());
    }
    return chain;
  }

  Database database_;
};

Result<std::unique_ptr<StateReader>> StateReader::Open(
    const std::string& path) {
  Result<Database> database = OpenStateForReading(path);
  if (!database) return database.error();
  return std::unique_ptr<StateReader>(
      new StateReader(std::make_unique<Impl>(*std::move(database))));
}

StateReader::StateReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StateReader::~StateReader() = default;

Result<std::vector<Observation>> StateReader::Observations(
    const ObservationQuery& query) {
  return impl_->Observations(query);
}

Result<std::vector<StoredVerdict>> StateReader::Verdicts(
    const VerdictQuery& query) {
  return impl_->Verdicts(query);
}

}  // namespace postern
