// A SessionRecord as JSON. What a peer sent may be any octets: what is not
// UTF-8 is replaced, since a record is for people and replay needs only the
// certificates, which are kept as they were.
#include <nlohmann/json.hpp>

#include "core/store/state_file.h"

namespace postern {
namespace {

using Json = nlohmann::json;

std::string DumpAnyway(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json WriteFinding(const Finding& finding) {
  return {{"source", finding.source()},
          {"state", ToString(finding.state())},
          {"reason", Describe(finding.reason()).token},
          {"detail", finding.detail()},
          {"hint", finding.hint()},
          {"noteworthy", finding.noteworthy()}};
}

// Texts that are missing or of another kind are empty: the record is evidence
// of what was logged, and nothing is decided by it.
std::string Text(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : std::string();
}

bool Truth(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

unsigned Count(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned()
             ? found->get<unsigned>()
             : 0;
}

Reason ReadReason(const Json& json) {
  return ReasonFromToken(Text(json, "reason")).value_or(Reason::kInternal);
}

Finding ReadFinding(const Json& json) {
  const std::string state = Text(json, "state");
  std::string detail = Text(json, "detail");
  Finding finding =
      state == ToString(Finding::State::kSatisfied)
          ? Finding::Satisfied(std::move(detail))
      : state == ToString(Finding::State::kViolated)
          ? Finding::Violated(ReadReason(json), std::move(detail))
          : Finding::Undecided(Error(ReadReason(json), std::move(detail)));
  // They change `finding` itself; assigning it to itself could empty it.
  (void)std::move(finding)
      .WithHint(Text(json, "hint"))
      .From(Text(json, "source"));
  if (Truth(json, "noteworthy")) (void)std::move(finding).Noteworthy();
  return finding;
}

Decision ReadDecision(const std::string& text) {
  for (const Decision decision :
       {Decision::kPass, Decision::kBounce, Decision::kDeliverAnyway}) {
    if (ToString(decision) == text) return decision;
  }
  return Decision::kDefer;
}

Verdict ReadVerdict(const Json& json) {
  Verdict verdict;
  verdict.decision = ReadDecision(Text(json, "decision"));
  verdict.reason = ReadReason(json);
  verdict.status = Text(json, "status");
  verdict.mx_host = Text(json, "mx");
  verdict.address = Text(json, "address");
  verdict.basis = Text(json, "basis") == ToString(Basis::kProbe) ? Basis::kProbe
                                                                 : Basis::kLive;
  verdict.line = Text(json, "line");
  verdict.origin = Text(json, "origin");
  verdict.sentence = Text(json, "sentence");
  verdict.hint = Text(json, "hint");
  const auto findings = json.find("findings");
  if (findings != json.end() && findings->is_array()) {
    for (const Json& finding : *findings) {
      if (finding.is_object()) {
        verdict.findings.push_back(ReadFinding(finding));
      }
    }
  }
  return verdict;
}

}  // namespace

std::string WriteRecord(const SessionRecord& record) {
  const Verdict& verdict = record.verdict;
  Json findings = Json::array();
  for (const Finding& finding : verdict.findings) {
    findings.push_back(WriteFinding(finding));
  }
  const TlsEvidence& evidence = record.evidence;
  return DumpAnyway(
      {{"door", record.door},
       {"queue-id", record.queue_id},
       {"destination", record.destination},
       {"next-hop", record.next_hop},
       {"level", record.level},
       {"plan-digest", record.plan_digest},
       {"outcome", record.outcome},
       {"reply", record.reply},
       {"starttls-offered", record.starttls_offered},
       {"reused", record.reused},
       {"protocol", evidence.protocol},
       {"cipher", evidence.cipher},
       {"server-name", evidence.server_name},
       {"peer-address", evidence.peer_address},
       {"local-address", record.local_address},
       {"ptr", evidence.confirmed_ptr ? evidence.confirmed_ptr->str() : ""},
       {"decision", ToString(verdict.decision)},
       {"reason", Describe(verdict.reason).token},
       {"status", verdict.status},
       {"mx", verdict.mx_host},
       {"address", verdict.address},
       {"basis", ToString(verdict.basis)},
       {"line", verdict.line},
       {"origin", verdict.origin},
       {"sentence", verdict.sentence},
       {"hint", verdict.hint},
       {"findings", std::move(findings)}});
}

Result<SessionRecord> ReadRecord(std::string_view text,
                                 std::vector<DerCertificate> chain) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return StoreError("a stored verdict is damaged");
  SessionRecord record;
  record.door = Text(json, "door");
  record.queue_id = Text(json, "queue-id");
  record.destination = Text(json, "destination");
  record.next_hop = Text(json, "next-hop");
  record.level = Text(json, "level");
  record.plan_digest = Text(json, "plan-digest");
  record.plan = Text(json, "plan");  // of version 1
  record.outcome = Text(json, "outcome");
  record.reply = Text(json, "reply");
  record.starttls_offered = Truth(json, "starttls-offered");
  record.reused = Count(json, "reused");
  record.verdict = ReadVerdict(json);
  record.evidence = TlsEvidence(std::move(chain));
  record.evidence.protocol = Text(json, "protocol");
  record.evidence.cipher = Text(json, "cipher");
  record.evidence.server_name = Text(json, "server-name");
  record.evidence.peer_address = Text(json, "peer-address");
  record.local_address = Text(json, "local-address");
  const std::string ptr = Text(json, "ptr");
  if (!ptr.empty()) {
    const Result<Domain> name = Domain::Parse(ptr);
    if (name) record.evidence.confirmed_ptr = *name;
  }
  return record;
}

std::string WriteNames(const std::vector<std::string>& names) {
  return DumpAnyway(Json(names));
}

std::vector<std::string> ReadNames(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  std::vector<std::string> names;
  if (!json.is_array()) return names;
  for (const Json& name : json) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace postern
