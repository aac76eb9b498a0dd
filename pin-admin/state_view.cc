#include "pin-admin/state_view.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/gate/explain.h"
#include "pin-admin/privileges.h"

namespace postern {
namespace {

// Drops privileges and opens the store; nothing where there is none.
Result<std::unique_ptr<StateReader>> OpenState(Context& context) {
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

Json ToJson(const StoredVerdict& stored) {
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

Colour ColourOf(Decision decision) {
  return decision == Decision::kPass            ? Colour::kGood
         : decision == Decision::kDeliverAnyway ? Colour::kWarning
                                                : Colour::kBad;
}

}  // namespace

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
    list.Add(ToJson(stored));
    const SessionRecord& record = stored.record;
    const Verdict& verdict = record.verdict;
    std::string head = FormatTime(record.at) + "  " + record.destination;
    if (!record.queue_id.empty()) head += "  " + record.queue_id;
    head += "  ";
    out.Line(Clean(head) +
             out.Paint(ColourOf(verdict.decision), ToString(verdict.decision)) +
             Clean("  " + record.outcome));
    std::string where = "    " + verdict.mx_host;
    if (!verdict.address.empty()) where += " " + verdict.address;
    where += record.evidence.protocol.empty()
                 ? (record.starttls_offered ? ", cleartext (STARTTLS was "
                                              "offered)"
                                            : ", cleartext (no STARTTLS offer)")
                 : ", " + record.evidence.protocol;
    if (record.reused > 0) {
      where += ", a connection that had carried " +
               std::to_string(record.reused) + " before";
    }
    out.Line(Clean(where + ", " + std::string(ToString(verdict.basis))));
    out.Line(Clean("    " + verdict.line));
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
      return true;
    default:
      break;
  }
  const std::string_view status = Describe(reason).status;
  return status.ends_with(".7.5") || status.ends_with(".7.4");
}

}  // namespace postern
