// tests/core/audit/audit_log_test.cc
//
// Whatever a peer says, its record stays one line of key=value, and it can't
// write a key of its own.
#include "core/audit/audit_log.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

namespace postern {
namespace {

using Fields = std::map<std::string, std::string>;

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

// Reads what is between the quotes at `at`, and moves behind them.
std::optional<std::string> TakeQuoted(const std::string& line,
                                      std::size_t& at) {
  std::string value;
  for (++at; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] != '\\') {
      value += line[at];
      continue;
    }
    if (++at >= line.size()) return std::nullopt;
    if (line[at] != 'x') {
      value += line[at];
      continue;
    }
    if (at + 2 >= line.size()) return std::nullopt;
    const auto high = HexDigit(line[at + 1]);
    const auto low = HexDigit(line[at + 2]);
    if (!high || !low) return std::nullopt;
    value += static_cast<char>(*high << 4 | *low);
    at += 2;
  }
  if (at >= line.size()) return std::nullopt;
  ++at;
  return value;
}

// A strict reader of audit lines; nothing for a line that is not one.
std::optional<Fields> Read(const std::string& line) {
  Fields fields;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t equals = line.find('=', at);
    if (equals == std::string::npos) return std::nullopt;
    const std::string key = line.substr(at, equals - at);
    if (key.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") !=
        std::string::npos) {
      return std::nullopt;
    }
    at = equals + 1;
    std::string value;
    if (at < line.size() && line[at] == '"') {
      const auto quoted = TakeQuoted(line, at);
      if (!quoted) return std::nullopt;
      value = *quoted;
    } else {
      const std::size_t end = std::min(line.find(' ', at), line.size());
      value = line.substr(at, end - at);
      if (value.find_first_of("\"=\\") != std::string::npos)
        return std::nullopt;
      at = end;
    }
    if (!fields.emplace(key, value).second) return std::nullopt;  // twice
    if (at < line.size() && line[at++] != ' ') return std::nullopt;
  }
  return fields;
}

SessionRecord Record() {
  SessionRecord record;
  record.door = "pipe";
  record.queue_id = "4XyZ1";
  record.destination = "bank.example";
  record.level = "secure";
  record.outcome = "refused";
  record.verdict.address = "192.0.2.1";
  record.verdict.reason = Reason::kCertificateHostMismatch;
  record.verdict.status = "4.7.5";
  record.verdict.findings.push_back(
      Finding::Violated(Reason::kCertificateHostMismatch, "other.example")
          .From("webpki"));
  record.evidence.protocol = "TLSv1.3";
  return record;
}

TEST(AuditLineTest, SaysWhatHappenedInKeysAndValues) {
  const auto fields = Read(AuditLine(Record()));
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->at("verdict"), "defer");
  EXPECT_EQ(fields->at("reason"), "certificate-host-mismatch");
  EXPECT_EQ(fields->at("queue-id"), "4XyZ1");
  EXPECT_EQ(fields->at("destination"), "bank.example");
  EXPECT_EQ(fields->at("findings"),
            "webpki:violated:certificate-host-mismatch");
  EXPECT_EQ(fields->at("tls"), "TLSv1.3");
  EXPECT_EQ(fields->count("reply"), 0u);
}

TEST(AuditLineTest, ABackupPinThatMatchedIsNoted) {
  SessionRecord record = Record();
  record.verdict.findings = {
      Finding::Satisfied("backup pin 'mx 2027'").Noteworthy()};
  const auto fields = Read(AuditLine(record));
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->at("note"), "backup pin 'mx 2027'");
}

TEST(AuditLineTest, SaysWhatIsPublished) {
  SessionRecord record = Record();
  PublishedPolicy sts;
  sts.type = PublishedPolicy::Type::kSts;
  sts.mode = "testing";
  PublishedPolicy unfetched = sts;
  unfetched.result = Reason::kStsPolicyFetchError;
  record.policies = {PublishedPolicy{}, sts, unfetched};
  const auto fields = Read(AuditLine(record));
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ(fields->at("published"),
            "tlsa,sts:testing,sts:sts-policy-fetch-error");
  record.policies.clear();
  EXPECT_EQ(Read(AuditLine(record))->count("published"), 0u);
}

TEST(AuditLineTest, AReplyThatLooksLikeALineOfOursIsJustAValue) {
  SessionRecord record = Record();
  record.reply =
      "250 ok\r\nNov 1 mx postern[1]: verdict=pass outcome=delivered";
  record.verdict.mx_host = "mx.example\" verdict=pass x=\"";
  const std::string line = AuditLine(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto fields = Read(line);
  ASSERT_TRUE(fields.has_value()) << line;
  EXPECT_EQ(fields->at("verdict"), "defer");
  EXPECT_EQ(fields->at("reply"), record.reply);
  EXPECT_EQ(fields->at("mx"), record.verdict.mx_host);
}

TEST(AuditLineTest, StaysOneReadableLineWhateverIsInTheRecord) {
  std::mt19937 random(4711);  // the same trials each time
  std::uniform_int_distribution<int> octet(0, 255);
  std::uniform_int_distribution<std::size_t> length(0, 700);
  const std::string nasty = "\"\\ =\n\r\t\x1b\x7f\x80\xff\0x";
  const auto text = [&] {
    std::string out(length(random), '\0');
    for (char& c : out) {
      const int value = octet(random);
      c = value < 128 ? nasty[static_cast<std::size_t>(value) % nasty.size()]
                      : static_cast<char>(value);
    }
    return out;
  };
  for (int trial = 0; trial < 500; ++trial) {
    SessionRecord record = Record();
    for (std::string* field :
         {&record.door, &record.queue_id, &record.destination, &record.next_hop,
          &record.level, &record.plan_digest, &record.outcome, &record.reply,
          &record.verdict.status, &record.verdict.mx_host,
          &record.verdict.address, &record.verdict.origin,
          &record.verdict.sentence, &record.evidence.protocol,
          &record.evidence.cipher}) {
      *field = text();
    }
    record.verdict.findings = {
        Finding::Satisfied(text()).Noteworthy().From(text())};
    const std::string line = AuditLine(record);
    for (const char c : line) ASSERT_TRUE(c >= 0x20 && c < 0x7f) << line;
    const auto fields = Read(line);
    ASSERT_TRUE(fields.has_value()) << line;
    ASSERT_EQ(fields->at("verdict"), "defer");
    ASSERT_LT(line.size(), 4'096u);
  }
}

TEST(AuditValueTest, CutsWhatIsTooLongAndSaysSo) {
  EXPECT_EQ(AuditValue("mx.example"), "mx.example");
  EXPECT_EQ(AuditValue(""), "\"\"");
  EXPECT_EQ(AuditValue("a b"), "\"a b\"");
  EXPECT_EQ(AuditValue("a=b"), "\"a=b\"");
  EXPECT_EQ(AuditValue("abcdef", 3), "\"abc...\"");
  EXPECT_EQ(AuditValue("\n"), "\"\\x0a\"");
}

TEST(FanOutSinkTest, TellsEverySink) {
  struct Counting final : SessionSink {
    void OnSession(const SessionRecord&) noexcept override { ++count; }
    int count = 0;
  } a, b;
  FanOutSink both({&a, &b});
  both.OnSession(Record());
  EXPECT_EQ(a.count, 1);
  EXPECT_EQ(b.count, 1);
}

TEST(AuditLineTest, WhereNothingWasConnectedItSaysSo) {
  SessionRecord record;
  record.verdict = DeferFor(Error(Reason::kDnsLookupFailed, "timeout"));
  for (const char* address : {"", "192.0.2.1"}) {
    SCOPED_TRACE(address);
    record.verdict.address = address;
    if (*address != '\0') record.verdict.reason = Reason::kConnectionFailed;
    EXPECT_FALSE(WasConnected(record));
    const auto fields = Read(AuditLine(record));
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->at("connection"), "none");
    EXPECT_EQ(fields->count("tls") + fields->count("starttls"), 0u);
  }
  record.verdict.reason = Reason::kStarttlsNotSupported;
  EXPECT_TRUE(WasConnected(record));
  EXPECT_EQ(Read(AuditLine(record))->at("tls"), "none");
}

}  // namespace
}  // namespace postern
