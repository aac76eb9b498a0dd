#include "core/audit/audit_log.h"

#include <syslog.h>

#include <exception>

namespace postern {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kFindings = 8;  // there are as many verifiers at most

// Characters that need no quotes. Neither a space nor '=', so that a value
// can't be taken for the next key.
bool Harmless(char c) {
  constexpr std::string_view kOthers = "-._:/+@[]*,()!%^~{}";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || kOthers.find(c) != std::string_view::npos;
}

void AppendEscaped(char c, std::string& out) {
  const auto octet = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (octet >= 0x20 && octet < 0x7f) {
    out += c;
  } else {
    out += "\\x";
    out += kHex[octet >> 4];
    out += kHex[octet & 0xf];
  }
}

// "tlsa,sts:enforce": what the destination itself publishes.
std::string PublishedText(const std::vector<PublishedPolicy>& policies) {
  std::string text;
  for (const PublishedPolicy& policy : policies) {
    if (!text.empty()) text += ',';
    text += ToString(policy.type);
    if (policy.result != Reason::kOk) {
      text += ':';
      text += Describe(policy.result).token;
    } else if (!policy.mode.empty()) {
      text += ':' + policy.mode;
    }
  }
  return text;
}

class Line {
 public:
  // Left out where there is nothing to say.
  void Add(std::string_view key, std::string_view value,
           std::size_t limit = 256) {
    if (value.empty()) return;
    if (!text_.empty()) text_ += ' ';
    text_ += key;
    text_ += '=';
    text_ += AuditValue(value, limit);
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
};

// "pin:satisfied,webpki:violated:certificate-expired"
std::string FindingsText(const std::vector<Finding>& findings) {
  std::string text;
  std::size_t count = 0;
  for (const Finding& finding : findings) {
    if (++count > kFindings) break;
    if (!text.empty()) text += ',';
    text += finding.source();
    text += ':';
    text += ToString(finding.state());
    if (!finding.satisfied()) {
      text += ':';
      text += Describe(finding.reason()).token;
    } else if (finding.noteworthy()) {
      text += ":noteworthy";
    }
  }
  return text;
}

// What an administrator wants to hear of although the mail went: the pin that
// matched was a backup, a name was weak.
std::string NoteText(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.noteworthy()) return finding.detail();
  }
  return {};
}

std::string PrintableCopy(std::string_view text) {
  constexpr std::size_t kLongest = 8192;
  std::string copy;
  for (const char c : text.substr(0, kLongest)) {
    const auto octet = static_cast<unsigned char>(c);
    copy += octet < 0x20 || octet == 0x7f ? ' ' : c;
  }
  return copy;
}

}  // namespace

std::string AuditValue(std::string_view text, std::size_t limit) {
  bool quoted = text.empty();
  bool cut = false;
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) {
      cut = true;
      break;
    }
    quoted = quoted || !Harmless(c);
    AppendEscaped(c, out);
  }
  if (!quoted && !cut) return out;
  return '"' + out + (cut ? "...\"" : "\"");
}

bool WasConnected(const SessionRecord& record) {
  const Verdict& verdict = record.verdict;
  return !verdict.address.empty() &&
         verdict.reason != Reason::kConnectionFailed &&
         verdict.reason != Reason::kHostBusy;
}

std::string AuditLine(const SessionRecord& record) {
  const Verdict& verdict = record.verdict;
  const TlsEvidence& evidence = record.evidence;
  Line line;
  line.Add("verdict", ToString(verdict.decision));
  line.Add("reason", Describe(verdict.reason).token);
  line.Add("status", verdict.status, 16);
  line.Add("outcome", record.outcome, 32);
  line.Add("door", record.door, 32);
  line.Add("queue-id", record.queue_id, 64);
  line.Add("destination", record.destination);
  line.Add("next-hop", record.next_hop);
  line.Add("mx", verdict.mx_host);
  line.Add("address", verdict.address, 64);
  line.Add("basis", ToString(verdict.basis));
  line.Add("level", record.level, 32);
  line.Add("origin", verdict.origin);
  if (WasConnected(record)) {
    line.Add("tls", evidence.protocol.empty() ? "none" : evidence.protocol, 32);
    line.Add("cipher", evidence.cipher, 64);
    line.Add("starttls", record.starttls_offered ? "offered" : "not-offered");
    if (record.reused > 0) {
      line.Add("reused", std::to_string(record.reused), 16);
    }
  } else {
    line.Add("connection", "none");
  }
  line.Add("findings", FindingsText(verdict.findings), 512);
  line.Add("published", PublishedText(record.policies));
  line.Add("note", NoteText(verdict.findings));
  line.Add("plan", record.plan_digest, 64);
  line.Add("reply", record.reply, 384);
  line.Add("text", verdict.sentence, 384);
  return std::move(line).Take();
}

Syslog::Syslog(std::string ident, bool copy_to_stderr)
    : ident_(std::move(ident)) {
  openlog(ident_.c_str(),
          LOG_PID | LOG_NDELAY | (copy_to_stderr ? LOG_PERROR : 0), LOG_MAIL);
}

Syslog::~Syslog() { closelog(); }

void Syslog::Info(std::string_view text) const noexcept {
  Write(LOG_INFO, text);
}
void Syslog::Warning(std::string_view text) const noexcept {
  Write(LOG_WARNING, text);
}
void Syslog::Error(std::string_view text) const noexcept {
  Write(LOG_ERR, text);
}

void Syslog::Write(int priority, std::string_view text) const noexcept {
  try {
    syslog(priority, "%s", PrintableCopy(text).c_str());
  } catch (const std::exception&) {
    // Out of memory. A lost line of the log must not end a delivery.
    syslog(LOG_ERR, "out of memory while logging");
  }
}

void SyslogSink::OnSession(const SessionRecord& record) noexcept {
  try {
    const std::string line = AuditLine(record);
    if (record.verdict.pass()) {
      syslog_.Info(line);
    } else {
      syslog_.Warning(line);
    }
  } catch (const std::exception&) {
    syslog_.Error("out of memory while writing an audit line");
  }
}

void FanOutSink::OnSession(const SessionRecord& record) noexcept {
  for (SessionSink* const sink : sinks_) sink->OnSession(record);
}

}  // namespace postern
