#include "core/store/state_file.h"

#include <array>

#include "core/store/service_file.h"
#include "core/x509/certificate.h"

namespace postern {
namespace {

// Script n makes version n + 1 of version n. Never edit one that was released.
constexpr std::array kStateScripts{
    "CREATE TABLE certificates(digest BLOB PRIMARY KEY, der BLOB NOT NULL,"
    " last_seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE observations(destination TEXT NOT NULL, mx TEXT NOT NULL,"
    " cert BLOB NOT NULL, authenticated_by TEXT NOT NULL, spki BLOB NOT NULL,"
    " names TEXT NOT NULL, not_after INTEGER, protocol TEXT NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    " count INTEGER NOT NULL,"
    " PRIMARY KEY(destination,mx,cert,authenticated_by)) WITHOUT ROWID;"
    "CREATE INDEX observations_seen ON observations(last_seen);"
    // `chain`: digests of the certificates, 32 octets each, in their order.
    "CREATE TABLE verdicts(id INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " queue_id TEXT NOT NULL, destination TEXT NOT NULL,"
    " decision TEXT NOT NULL, record TEXT NOT NULL, chain BLOB NOT NULL);"
    "CREATE INDEX verdicts_at ON verdicts(at);"
    "CREATE INDEX verdicts_queue_id ON verdicts(queue_id)"
    " WHERE queue_id<>'';"
    "CREATE INDEX verdicts_destination ON verdicts(destination,at);",
    // A plan is told by every connection that was made under it: its text is
    // kept once. `plan`: its digest; empty in a record of version 1, which
    // holds the text itself.
    "CREATE TABLE plans(digest BLOB PRIMARY KEY, text TEXT NOT NULL,"
    " last_seen INTEGER NOT NULL) WITHOUT ROWID;"
    "ALTER TABLE verdicts ADD COLUMN plan BLOB NOT NULL DEFAULT x'';"};

constexpr ServiceSchema kStateSchema{"a state store (state.db)",
                                     0x506f5374,  // "PoSt"
                                     kStateScripts};

// A certificate's text for people: one line, bounded.
std::string Printable(std::string_view text) {
  constexpr std::size_t kLongest = 253;
  std::string printable;
  for (const char c : text.substr(0, kLongest)) {
    printable += c > 0x20 && c < 0x7f ? c : '?';
  }
  return printable;
}

std::vector<std::string> NamesOf(const Certificate& leaf) {
  constexpr std::size_t kMost = 100;
  const auto& presented =
      leaf.dns_names().empty() ? leaf.common_names() : leaf.dns_names();
  std::vector<std::string> names;
  for (const std::string& name : presented) {
    if (names.size() == kMost) break;
    names.push_back(Printable(name));
  }
  return names;
}

std::string AuthenticatedBy(const Verdict& verdict) {
  std::string by;
  for (const Finding& finding : verdict.findings) {
    if (!finding.satisfied()) continue;
    if (!by.empty()) by += ' ';
    by += finding.source();
  }
  return by;
}

}  // namespace

Result<Database> OpenStateForWriting(const std::string& path) {
  return OpenForService(path, kStateSchema);
}

Result<Database> OpenStateForReading(const std::string& path) {
  return OpenForReading(path, kStateSchema);
}

std::int64_t ToMicroseconds(TimePoint time) {
  return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch())
      .count();
}

TimePoint FromMicroseconds(std::int64_t microseconds) {
  return TimePoint(std::chrono::duration_cast<TimePoint::duration>(
      std::chrono::microseconds(microseconds)));
}

std::optional<Observation> ObservationOf(const SessionRecord& record) {
  if (!record.evidence.has_certificate()) return std::nullopt;
  const Result<Certificate>& leaf = record.evidence.certificates().Leaf();
  if (!leaf) return std::nullopt;
  Result<std::string> spki = leaf->SpkiDigest(DigestAlgorithm::kSha256);
  Result<std::string> cert = leaf->Fingerprint(DigestAlgorithm::kSha256);
  if (!spki || !cert) return std::nullopt;
  Observation observation;
  observation.destination = record.destination;
  observation.mx_host = record.verdict.mx_host;
  observation.spki_sha256 = *std::move(spki);
  observation.cert_sha256 = *std::move(cert);
  observation.names = NamesOf(*leaf);
  observation.not_after = leaf->not_after();
  observation.protocol = record.evidence.protocol;
  observation.authenticated_by = AuthenticatedBy(record.verdict);
  observation.first_seen = record.at;
  observation.last_seen = record.at;
  observation.count = 1;
  return observation;
}

}  // namespace postern
