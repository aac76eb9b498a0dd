// tests/core/store/state_store_test.cc
//
// What the service has seen is kept as it was seen and for as long as it should
// be; when it can't be kept, that is told once and stops nothing.
#include "core/store/state_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <mutex>
#include <thread>

#include "core/store/database.h"
#include "core/x509/certificate.h"
#include "tests/core/store/store_fixture.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using std::chrono::hours;

class TestClock final : public Clock {
 public:
  TimePoint Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Set(TimePoint now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
  }

 private:
  mutable std::mutex mutex_;
  TimePoint now_{hours(500'000)};
};

class StateStoreTest : public StoreTest {
 protected:
  std::string path() const { return PathOf("state/state.db"); }

  std::unique_ptr<StateStore> OpenStore(StateStore::Options options = {}) {
    options.path = path();
    options.warn = [this](std::string_view text) {
      const std::lock_guard lock(mutex_);
      warnings_.emplace_back(text);
    };
    auto store = StateStore::Open(options, clock_);
    if (!store) ADD_FAILURE() << store.error().detail();
    return store ? *std::move(store) : nullptr;
  }
  std::vector<std::string> Warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

  SessionRecord Record(const std::string& queue_id = "4Xq1") const {
    SessionRecord record;
    record.at = clock_.Now();
    record.door = "pipe";
    record.queue_id = queue_id;
    record.destination = "bank.example";
    record.next_hop = "bank.example";
    record.level = "fingerprint";
    record.plan_digest = "abc";
    record.plan = "spki sha256 3f…";
    record.outcome = "refused";
    record.reply = "220 \xff\n\"hello\"";
    record.starttls_offered = true;
    record.evidence = TlsEvidence({mx_.der, other_.der});
    record.evidence.protocol = "TLSv1.3";
    record.evidence.cipher = "TLS_AES_256_GCM_SHA384";
    record.evidence.server_name = "mx.bank.example";
    record.evidence.confirmed_ptr = *Domain::Parse("mx.bank.example");
    record.verdict.decision = Decision::kDefer;
    record.verdict.reason = Reason::kPinMismatch;
    record.verdict.status = "4.7.5";
    record.verdict.mx_host = "mx.bank.example";
    record.verdict.address = "192.0.2.1";
    record.verdict.line = "bank.example fingerprint";
    record.verdict.origin = "bank.example";
    record.verdict.sentence = "the server's key matches no pin";
    record.verdict.hint = "compare";
    record.verdict.findings = {
        Finding::Violated(Reason::kPinMismatch, "spki 1f…").From("pin"),
        Finding::Satisfied("chain").Noteworthy().From("webpki"),
        Finding::Undecided(Error(Reason::kCrlUnavailable, "crl")).From("x")};
    return record;
  }

  std::vector<StoredVerdict> Verdicts(const VerdictQuery& query = {}) {
    auto reader = StateReader::Open(path());
    EXPECT_TRUE(reader.ok()) << reader.error().detail();
    auto verdicts = (*reader)->Verdicts(query);
    EXPECT_TRUE(verdicts.ok()) << verdicts.error().detail();
    return *std::move(verdicts);
  }
  std::vector<Observation> Observations(const ObservationQuery& query = {}) {
    auto reader = StateReader::Open(path());
    EXPECT_TRUE(reader.ok()) << reader.error().detail();
    return *(*reader)->Observations(query);
  }
  void Sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::int64_t Count(const std::string& table) {
    auto database = Database::Open(path(), Database::Mode::kReadOnly);
    EXPECT_TRUE(database.ok());
    return database->Number("SELECT count(*) FROM " + table).value();
  }

  const TestCertificate mx_ = MakeSelfSigned(ForHost("mx.bank.example"));
  const TestCertificate other_ = MakeSelfSigned(ForHost("ca.example"));
  TestClock clock_;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

TEST_F(StateStoreTest, KeepsAVerdictWithItsEvidenceForReplay) {
  const SessionRecord record = Record();
  OpenStore()->OnSession(record);  // closing writes what is waiting
  const auto verdicts = Verdicts({.queue_id = "4Xq1"});
  ASSERT_EQ(verdicts.size(), 1u);
  const SessionRecord& kept = verdicts[0].record;
  EXPECT_EQ(kept.at, record.at);
  EXPECT_EQ(kept.evidence.chain(), record.evidence.chain());
  EXPECT_EQ(kept.evidence.protocol, "TLSv1.3");
  EXPECT_EQ(kept.evidence.server_name, "mx.bank.example");
  EXPECT_EQ(kept.evidence.confirmed_ptr, record.evidence.confirmed_ptr);
  EXPECT_EQ(kept.plan, record.plan);
  EXPECT_EQ(kept.starttls_offered, true);
  EXPECT_EQ(kept.verdict.decision, Decision::kDefer);
  EXPECT_EQ(kept.verdict.reason, Reason::kPinMismatch);
  EXPECT_EQ(kept.verdict.hint, "compare");
  ASSERT_EQ(kept.verdict.findings.size(), 3u);
  const Finding& first = kept.verdict.findings[0];
  EXPECT_EQ(first.state(), Finding::State::kViolated);
  EXPECT_EQ(first.reason(), Reason::kPinMismatch);
  EXPECT_EQ(first.detail(), "spki 1f…");
  EXPECT_EQ(first.source(), "pin");
  EXPECT_TRUE(kept.verdict.findings[1].noteworthy());
  EXPECT_TRUE(kept.verdict.findings[1].satisfied());
  EXPECT_EQ(kept.verdict.findings[2].state(), Finding::State::kUndecided);
}

TEST_F(StateStoreTest, CountsWhatItSeesAgainAndHowItWasAuthenticated) {
  const TimePoint first = clock_.Now();
  {
    const auto store = OpenStore();
    store->OnSession(Record());
    store->OnSession(Record());  // written together with the first
    store->Flush();
    clock_.Set(first + hours(2));
    store->OnSession(Record());
    SessionRecord unproven = Record();
    unproven.verdict.findings.clear();
    store->OnSession(unproven);
    SessionRecord plain = Record();
    plain.evidence = TlsEvidence();
    store->OnSession(plain);
  }
  const auto seen = Observations({.destination = "bank.example"});
  ASSERT_EQ(seen.size(), 2u);
  const Observation& proven =
      seen[0].authenticated_by.empty() ? seen[1] : seen[0];
  const Observation& other =
      seen[0].authenticated_by.empty() ? seen[0] : seen[1];
  EXPECT_EQ(proven.authenticated_by, "webpki");
  EXPECT_EQ(proven.count, 3u);
  EXPECT_EQ(proven.first_seen, first);
  EXPECT_EQ(proven.last_seen, first + hours(2));
  EXPECT_EQ(proven.spki_sha256, mx_.key.spki_hash());
  EXPECT_EQ(proven.names, std::vector<std::string>{"mx.bank.example"});
  EXPECT_EQ(proven.not_after, CertificateSpec{}.not_after);
  EXPECT_EQ(other.count, 1u);
  EXPECT_TRUE(Observations({.destination = "other.example"}).empty());
  EXPECT_TRUE(Observations({.seen_since = first + hours(3)}).empty());
}

TEST_F(StateStoreTest, FindsVerdictsByWhatIsAsked) {
  {
    const auto store = OpenStore();
    store->OnSession(Record("A"));
    SessionRecord passed = Record("B");
    passed.verdict.decision = Decision::kPass;
    passed.destination = "clinic.example";
    passed.at += hours(1);
    store->OnSession(passed);
  }
  EXPECT_EQ(Verdicts().size(), 2u);
  EXPECT_EQ(Verdicts().front().record.queue_id, "B");  // newest first
  EXPECT_EQ(Verdicts({.limit = 1}).size(), 1u);
  EXPECT_EQ(Verdicts({.destination = "clinic.example"}).size(), 1u);
  EXPECT_EQ(Verdicts({.failed_only = true}).front().record.queue_id, "A");
  EXPECT_EQ(Verdicts({.since = clock_.Now() + hours(1)}).size(), 1u);
  EXPECT_EQ(Verdicts({.until = clock_.Now() + hours(1)}).size(), 1u);
  EXPECT_TRUE(Verdicts({.queue_id = "C"}).empty());
}

TEST_F(StateStoreTest, DropsWhatIsOldWithTheCertificatesThatOnlyItNamed) {
  {
    const auto store = OpenStore();
    store->OnSession(Record("old"));
    store->Flush();
    clock_.Set(clock_.Now() + hours(24 * 31));
    SessionRecord fresh = Record("new");
    fresh.evidence = TlsEvidence({mx_.der});
    fresh.plan = "another";
    store->OnSession(fresh);
    store->Flush();
  }
  EXPECT_TRUE(Verdicts({.queue_id = "old"}).empty());
  ASSERT_EQ(Verdicts({.queue_id = "new"}).size(), 1u);
  EXPECT_EQ(Observations().size(), 1u);  // observations live longer
  EXPECT_EQ(Count("certificates"), 1);
  EXPECT_EQ(Count("plans"), 1);
}

TEST_F(StateStoreTest, WhatTheLaterOfTwoWrittenTogetherNeedsIsKept) {
  const TimePoint first = clock_.Now();
  const auto store = OpenStore();
  store->OnSession(Record("older"));
  SessionRecord later = Record("later");
  later.at += std::chrono::seconds(10);
  store->OnSession(later);
  store->Flush();
  clock_.Set(first + hours(24 * 30) + std::chrono::seconds(5));
  SessionRecord other = Record("other");
  other.plan = "other";
  other.evidence = TlsEvidence();
  store->OnSession(other);
  store->Flush();
  EXPECT_TRUE(Verdicts({.queue_id = "older"}).empty());
  const auto kept = Verdicts({.queue_id = "later"});
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].record.plan, later.plan);
  EXPECT_EQ(kept[0].record.evidence.chain(), later.evidence.chain());
}

TEST_F(StateStoreTest, APlanIsKeptOnceHoweverManyConnectionsTellIt) {
  SessionRecord another = Record("C");
  another.plan = "another";
  SessionRecord none = Record("D");
  none.plan.clear();
  {
    const auto store = OpenStore();
    store->OnSession(Record("A"));
    store->OnSession(Record("B"));
    store->Flush();
    for (const SessionRecord& record : {Record("A2"), another, none}) {
      store->OnSession(record);
    }
  }
  EXPECT_EQ(Count("plans"), 2);
  for (const char* queue_id : {"A", "B", "A2"}) {
    const auto verdicts = Verdicts({.queue_id = queue_id});
    ASSERT_EQ(verdicts.size(), 1u);
    EXPECT_EQ(verdicts[0].record.plan, Record().plan);
  }
  EXPECT_EQ(Verdicts({.queue_id = "C"}).at(0).record.plan, "another");
  EXPECT_EQ(Verdicts({.queue_id = "D"}).at(0).record.plan, "");
  EXPECT_EQ(Count("verdicts WHERE record LIKE '%3f%'"), 0);
  // A verdict is not shown as if there had been no plan.
  Sql("DELETE FROM plans");
  EXPECT_FALSE(StateReader::Open(path()).value()->Verdicts({}).ok());
}

TEST_F(StateStoreTest, RecordsOfVersion1KeepTheirPlans) {
  OpenStore();
  Sql("ALTER TABLE verdicts DROP COLUMN plan;DROP TABLE plans;"
      "INSERT INTO verdicts(at,queue_id,destination,decision,record,chain)"
      " VALUES(1800000000000000,'old','old.example','defer',"
      "'{\"queue-id\":\"old\",\"plan\":\"as it was\"}',x'');"
      "PRAGMA user_version=1");
  EXPECT_FALSE(StateReader::Open(path()).ok());
  OpenStore()->OnSession(Record("new"));
  EXPECT_EQ(Verdicts({.queue_id = "old"}).at(0).record.plan, "as it was");
  EXPECT_EQ(Verdicts({.queue_id = "new"}).at(0).record.plan, Record().plan);
}

TEST_F(StateStoreTest, WhenItCannotBeWrittenThatIsToldOnceAndStopsNothing) {
  const auto store = OpenStore();
  store->OnSession(Record("A"));
  store->Flush();
  EXPECT_TRUE(Warnings().empty());
  Sql("ALTER TABLE verdicts RENAME TO hidden");
  for (int i = 0; i < 3; ++i) {
    store->OnSession(Record("lost"));
    store->Flush();
  }
  ASSERT_EQ(Warnings().size(), 1u);
  EXPECT_TRUE(Has(Warnings()[0], "enforcement goes on"));
  Sql("ALTER TABLE hidden RENAME TO verdicts");
  store->OnSession(Record("B"));
  store->Flush();
  ASSERT_EQ(Warnings().size(), 2u);
  EXPECT_TRUE(Has(Warnings()[1], "again"));
  EXPECT_EQ(Verdicts().size(), 2u);
}

TEST_F(StateStoreTest, AFullQueueDropsRatherThanWaits) {
  StateStore::Options options;
  options.path = path();
  options.queue_limit = 0;
  auto store = StateStore::Open(options, clock_);
  ASSERT_TRUE(store.ok());
  for (int i = 0; i < 100; ++i) (*store)->OnSession(Record());
  (*store)->Flush();
  EXPECT_TRUE(Verdicts().empty());
}

TEST_F(StateStoreTest, WhatIsHeldIsBoundedByOctetsToo) {
  StateStore::Options options;
  options.queue_octets = 100'000;
  const auto store = OpenStore(options);
  SessionRecord large = Record("large");
  large.plan.assign(30'000, 'x');
  {
    auto other = Database::Open(path(), Database::Mode::kReadWrite);
    ASSERT_TRUE(other.ok());
    // Nothing is written meanwhile; what the writer has taken counts as well.
    auto slow = Transaction::Begin(*other);
    ASSERT_TRUE(slow.ok());
    for (int i = 0; i < 10; ++i) {
      store->OnSession(large);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  store->Flush();
  EXPECT_EQ(Verdicts().size(), 3u);
  store->OnSession(Record("small"));
  store->OnSession(large);  // there is room again
  store->Flush();
  EXPECT_EQ(Verdicts().size(), 5u);
  ASSERT_FALSE(Warnings().empty());
  EXPECT_TRUE(Has(Warnings()[0], "records were dropped")) << Warnings()[0];
}

TEST_F(StateStoreTest, BelongsToItsOwnerAlone) {
  const auto store = OpenStore();
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(StateStoreTest, ANewerOrForeignStoreIsRefused) {
  EXPECT_FALSE(StateReader::Open(path()).ok());
  OpenStore();
  Sql("PRAGMA user_version=99");
  StateStore::Options options;
  options.path = path();
  const auto store = StateStore::Open(options, clock_);
  ASSERT_FALSE(store.ok());
  EXPECT_TRUE(Has(store.error().detail(), "newer Postern"));
  EXPECT_FALSE(StateReader::Open(path()).ok());
  Sql("PRAGMA user_version=1;PRAGMA application_id=5");
  EXPECT_FALSE(StateStore::Open(options, clock_).ok());
}

}  // namespace
}  // namespace postern
