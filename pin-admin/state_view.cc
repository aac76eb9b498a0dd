#include "pin-admin/state_view.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/gate/explain.h"
#include "pin-admin/privileges.h"

namespace postern {
namespace {

// Drops privileges and opens the store; nothing where there is none.
Result<std::unique_ptr<StateReader>> OpenState(Context& context) {
  const Status may = MayRead(context.settings.state_store);
  if (!may) return may.error();
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return dropped.error();
  struct stat info {};
  const std::string& path = context.settings.state_store;
  if (stat(path.c_str(), &info) != 0 && errno == ENOENT) {
    context.out.Warn("there is no state store at " + path +
                     ": the service has recorded nothing yet");
    return std::unique_ptr<StateReader>();
  }
  return StateReader::Open(path);
}

Json StoredVerdictJson(const StoredVerdict& stored) {
  const SessionRecord& record = stored.record;
  Json json = Json::MakeObject();
  json.Set("at", FormatTime(record.at));
  json.Set("door", record.door);
  json.Set("queue_id", record.queue_id);
  json.Set("destination", record.destination);
  json.Set("next_hop", record.next_hop);
  json.Set("level", record.level);
  json.Set("outcome", record.outcome);
  json.Set("reply", record.reply);
  json.Set("starttls_offered", record.starttls_offered);
  json.Set("reused", static_cast<int>(record.reused));
  json.Set("protocol", record.evidence.protocol);
  json.Set("cipher", record.evidence.cipher);
  json.Set("server_name", record.evidence.server_name);
  json.Set("plan_digest", record.plan_digest);
  const Result<Json> verdict = Json::Parse(VerdictJson(record.verdict));
  json.Set("verdict", verdict ? *verdict : Json());
  const Result<Json> plan = Json::Parse(record.plan);
  return json.Set("plan", plan ? *plan : Json());
}

// "mx.example 192.0.2.1, TLSv1.3, live"
std::string ConnectionText(const SessionRecord& record) {
  const Verdict& verdict = record.verdict;
  std::string text = verdict.mx_host;
  if (!verdict.address.empty()) text += " " + verdict.address;
  if (!text.empty()) text += ", ";
  if (!WasConnected(record)) return text + "no connection was made";
  if (!record.evidence.protocol.empty()) {
    text += record.evidence.protocol;
  } else {
    text += record.starttls_offered ? "cleartext (STARTTLS was offered)"
                                    : "cleartext (no STARTTLS offer)";
  }
  if (record.reused > 0) {
    text += ", a connection that had carried " + std::to_string(record.reused) +
            " before";
  }
  return text + ", " + std::string(ToString(verdict.basis));
}

Colour ColourOf(Decision decision) {
  return decision == Decision::kPass            ? Colour::kGood
         : decision == Decision::kDeliverAnyway ? Colour::kWarning
                                                : Colour::kBad;
}

std::string_view StateName(JournalState state) {
  switch (state) {
    case JournalState::kDelivered:
      return "delivered";
    case JournalState::kUnanswered:
      return "unanswered";
    case JournalState::kNotSent:
      return "not-sent";
    case JournalState::kBegun:
      break;
  }
  return "begun";
}

// A server may have had the message before the last attempt, and has it now.
bool MaybeTwice(const JournalEntry& entry) {
  return entry.unknown > 0 && entry.state == JournalState::kDelivered;
}

std::string MeaningOf(const JournalEntry& entry) {
  const std::string at = Clean(entry.where) + " at " +
                         FormatTime(entry.ended_at.value_or(entry.begun_at));
  std::string text;
  switch (entry.state) {
    case JournalState::kDelivered:
      text = "delivered to " + at;
      break;
    case JournalState::kUnanswered:
      return "sent to " + at +
             ", which did not answer: it may have the message, and it is sent "
             "again";
    case JournalState::kNotSent:
      text = "not delivered; last tried " + at;
      break;
    case JournalState::kBegun:
      return "begun with " + at +
             ": under way, or the service ended meanwhile; in that case it is "
             "sent again";
  }
  if (entry.unknown > 0) {
    text += entry.state == JournalState::kDelivered
                ? "; may have been delivered twice, for "
                : "; a server may have it, for ";
    text += std::to_string(entry.unknown) +
            " earlier attempt(s) ended after the message and before the reply "
            "to it, or by a kill";
  }
  return text;
}

}  // namespace

Status MayRead(const std::string& path) {
  if (geteuid() == 0 || access(path.c_str(), R_OK) == 0 || errno != EACCES) {
    return {};
  }
  return Error(Reason::kPolicyStoreUnavailable,
               "cannot open " + path +
                   " (Permission denied): run pin-admin as root, with sudo");
}

Result<std::vector<StoredVerdict>> ReadVerdicts(Context& context,
                                                const VerdictQuery& query) {
  const Result<std::unique_ptr<StateReader>> reader = OpenState(context);
  if (!reader) return reader.error();
  if (!*reader) return std::vector<StoredVerdict>();
  return (*reader)->Verdicts(query);
}

Result<std::vector<Observation>> ReadObservations(
    Context& context, const ObservationQuery& query) {
  const Result<std::unique_ptr<StateReader>> reader = OpenState(context);
  if (!reader) return reader.error();
  if (!*reader) return std::vector<Observation>();
  return (*reader)->Observations(query);
}

void ShowVerdicts(Output& out, const std::vector<StoredVerdict>& verdicts) {
  Json list = Json::MakeArray();
  for (const StoredVerdict& stored : verdicts) {
    list.Add(StoredVerdictJson(stored));
    const SessionRecord& record = stored.record;
    const Verdict& verdict = record.verdict;
    std::string head = FormatTime(record.at) + "  " + record.destination;
    if (!record.queue_id.empty()) head += "  " + record.queue_id;
    head += "  ";
    out.Line(Clean(head) +
             out.Paint(ColourOf(verdict.decision), ToString(verdict.decision)) +
             Clean("  " + record.outcome));
    out.Line(Clean("    " + ConnectionText(record)));
    if (!verdict.line.empty()) {
      out.Line(Clean("    " + verdict.line +
                     (verdict.origin.empty()
                          ? ""
                          : "  (the line of " + verdict.origin + ")")));
    }
    if (!verdict.pass()) {
      out.Line(Clean("    " + verdict.status + " " +
                     std::string(Describe(verdict.reason).token) + ": " +
                     verdict.sentence));
    }
    for (const Finding& finding : verdict.findings) {
      out.Line(
          Clean("    " + finding.source() + ": " +
                std::string(Describe(finding.reason()).token) +
                (finding.detail().empty() ? "" : ", " + finding.detail())));
    }
    if (!record.reply.empty()) out.Line(Clean("    it said: " + record.reply));
    if (!verdict.pass() && !verdict.hint.empty()) {
      out.Line(Clean("    hint: " + verdict.hint));
    }
  }
  out.doc().Set("verdicts", std::move(list));
}

void ShowDelivered(Output& out, const std::vector<StoredVerdict>& verdicts) {
  std::uint64_t proven = 0, encrypted = 0, cleartext = 0;
  for (const StoredVerdict& stored : verdicts) {
    if (stored.record.outcome != "delivered") continue;
    const Verdict& verdict = stored.record.verdict;
    const bool proves =
        std::any_of(verdict.findings.begin(), verdict.findings.end(),
                    [](const Finding& finding) { return finding.satisfied(); });
    if (verdict.pass() && proves) {
      ++proven;
    } else if (!stored.record.evidence.protocol.empty()) {
      ++encrypted;
    } else {
      ++cleartext;
    }
  }
  out.doc().Set("delivered", Json::MakeObject()
                                 .Set("proven", proven)
                                 .Set("encrypted", encrypted)
                                 .Set("cleartext", cleartext));
  out.Line("Delivered: " + std::to_string(proven) +
           " to a server that proved who it is, " + std::to_string(encrypted) +
           " encrypted to one that did not, " + std::to_string(cleartext) +
           " in cleartext.");
}

Result<std::vector<JournalEntry>> ReadJournalOf(Context& context,
                                                const std::string& queue_id) {
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return dropped.error();
  return ReadJournal(context.settings.journal, queue_id);
}

void ShowJournal(Output& out, const std::vector<JournalEntry>& entries) {
  Json list = Json::MakeArray();
  for (const JournalEntry& entry : entries) {
    const std::string meaning = MeaningOf(entry);
    Json json = Json::MakeObject();
    json.Set("recipient", Clean(entry.key.recipient));
    json.Set("state", StateName(entry.state));
    json.Set("begun_at", FormatTime(entry.begun_at));
    json.Set("ended_at",
             entry.ended_at ? Json(FormatTime(*entry.ended_at)) : Json());
    json.Set("host", Clean(entry.where));
    json.Set("reply", Clean(entry.reply));
    json.Set("attempts", std::uint64_t{entry.attempts});
    json.Set("unknown_attempts", std::uint64_t{entry.unknown});
    json.Set("maybe_twice", MaybeTwice(entry));
    list.Add(std::move(json));
    out.Line(out.Paint(MaybeTwice(entry) ? Colour::kWarning : Colour::kBold,
                       Clean(entry.key.recipient)) +
             ": " + meaning);
  }
  out.doc().Set("deliveries", std::move(list));
}

bool IsPolicyNo(Reason reason) {
  switch (reason) {
    // They have the status of a policy's "no", and are "could not find out".
    case Reason::kDnssecInvalid:
    case Reason::kStsPolicyFetchError:
    case Reason::kCrlUnavailable:
    case Reason::kCertificatePathTooCostly:
      return false;
    case Reason::kNullMx:
    case Reason::kDomainNotFound:
    case Reason::kServerRejected:
    case Reason::kAuthRefused:
    case Reason::kAuthRequired:
    case Reason::kCredentialsWithheld:
      return true;
    default:
      break;
  }
  const std::string_view status = Describe(reason).status;
  return status.ends_with(".7.5") || status.ends_with(".7.4");
}

}  // namespace postern
