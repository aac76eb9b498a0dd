#include "pin-admin/check_rules.h"

#include <map>
#include <set>

#include "core/policy/policy_line.h"
#include "core/x509/certificate.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/state_view.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

std::string Verbatim(const Json& json) { return std::string(json.text()); }

Weight WeightOf(const Json& reason) {
  const std::optional<Reason> known = ReasonFromToken(reason.text());
  return known && IsPolicyNo(*known) ? Weight::kNo : Weight::kUnknown;
}

std::string Where(const Json& connection) {
  return Verbatim(connection["host"]) + " " + Verbatim(connection["address"]);
}

bool Passed(const Json& connection) {
  return connection["verdict"]["decision"].text() == "pass";
}

// What a passing connection was proven by that somebody wants to hear of.
void NoteFindings(const Json& connection, std::vector<Remark>& remarks) {
  for (const Json& finding : connection["verdict"]["findings"].items()) {
    const bool* noteworthy = finding["noteworthy"].boolean();
    if (noteworthy == nullptr || !*noteworthy) continue;
    if (finding["source"].text() == "pin") {
      remarks.push_back(
          {Weight::kWarning, "backup-key",
           Where(connection) + ": the server switched to the backup key (" +
               Verbatim(finding["detail"]) +
               "). If its owner says that this is for good: 'pin-admin pin "
               "promote', and ask for the next backup key"});
    } else {
      remarks.push_back(
          {Weight::kNote, "weak-name",
           Where(connection) + ": " + Verbatim(finding["detail"])});
    }
  }
}

// The leaf's end, where there is a certificate that parses.
void NoteExpiry(const Json& connection, const CheckOptions& options,
                std::set<std::string>& told, std::vector<Remark>& remarks) {
  const Json::Array& chain = connection["chain"].items();
  if (chain.empty()) return;
  const std::optional<std::string> octets = FromBase64(chain.front().text());
  if (!octets) return;
  const Result<Certificate> leaf =
      Certificate::Parse(DerCertificate(octets->begin(), octets->end()));
  if (!leaf || leaf->not_after() >= options.now + options.soon) return;
  const bool over = leaf->not_after() < options.now;
  const std::string text = Verbatim(connection["host"]) + ": its certificate " +
                           (over ? "expired " : "expires ") +
                           Relative(leaf->not_after(), options.now);
  // Where the policy passes all the same (a pin), that is only worth knowing.
  if (!told.insert(text).second) return;
  remarks.push_back({over ? Weight::kNote : Weight::kWarning,
                     over ? "certificate-expired" : "certificate-expires",
                     text});
}

std::string Failure(const Json& connection) {
  const Json& verdict = connection["verdict"];
  return Where(connection) + ": " + Verbatim(verdict["reason"]) + ", " +
         Verbatim(verdict["sentence"]);
}

// Some servers pass and some don't: mail goes, and one day it won't.
void JudgeMixed(const std::vector<const Json*>& failed,
                std::vector<Remark>& remarks) {
  for (const Json* connection : failed) {
    if ((*connection)["verdict"]["reason"].text() == "pin-mismatch") {
      remarks.push_back(
          {Weight::kWarning, "unknown-key",
           Where(*connection) +
               ": shows a key that is not pinned, while the pinned one still "
               "works elsewhere. A change of keys may have begun: compare the "
               "new key with its owner over another channel before mail "
               "stops"});
      continue;
    }
    remarks.push_back({Weight::kWarning, "host-fails",
                       Failure(*connection) + "; mail goes through another"});
  }
}

void JudgeAllFailed(const std::vector<const Json*>& failed, const Json& plan,
                    std::vector<Remark>& remarks) {
  const Result<PolicyLine> line = ParsePolicyLine(plan["line"].text());
  const bool dry = line && (line->on_fail == OnFail::kDeliver ||
                            line->on_fail == OnFail::kDeliverClear);
  for (const Json* connection : failed) {
    const Json& reason = (*connection)["verdict"]["reason"];
    const Weight weight = WeightOf(reason);
    const bool delivered = dry && weight == Weight::kNo;
    remarks.push_back({delivered ? Weight::kWarning : weight, Verbatim(reason),
                       Failure(*connection) +
                           (delivered ? "; on-fail= lets the mail go all the "
                                        "same"
                                      : "")});
  }
}

void JudgeHosts(const Json& plan, bool any_passed,
                std::vector<Remark>& remarks) {
  std::set<std::string> notes;
  for (const Json& host : plan["hosts"].items()) {
    for (const char* problem : {"failure", "refused"}) {
      const Json& what = host[problem];
      if (what.is_null()) continue;
      remarks.push_back(
          {any_passed ? Weight::kWarning : WeightOf(what["reason"]),
           Verbatim(what["reason"]),
           Verbatim(host["host"]) + ": " + Verbatim(what["reason"]) + ", " +
               Verbatim(what["detail"])});
    }
    for (const Json& note : host["notes"].items()) notes.insert(Verbatim(note));
    if (!host["weaker"].text().empty()) {
      remarks.push_back(
          {Weight::kWarning, "weaker-than-published",
           Verbatim(host["host"]) + ": " + Verbatim(host["weaker"])});
    }
  }
  for (const std::string& note : notes) {
    remarks.push_back({Weight::kNote, "weak-name", note});
  }
}

}  // namespace

std::vector<Remark> CheckRow(const PolicyRow& row,
                             const CheckOptions& options) {
  std::vector<Remark> remarks;
  const std::string name = row.key.str();
  if (row.exception) {
    const PolicyLine& line = *row.exception;
    const bool over = line.until && *line.until <= options.now;
    const std::string when =
        line.until ? Relative(*line.until, options.now) : "never";
    remarks.push_back(
        over ? Remark{Weight::kNote, "exception-ended",
                      "the exception '" + Format(line) + "' ended " + when +
                          "; the line beneath holds again ('pin-admin policy "
                          "remove " +
                          name + " --exception' tidies up)"}
             : Remark{Weight::kWarning, "exception",
                      "an exception holds, '" + Format(line) + "', and ends " +
                          when});
  }
  for (const Pin& pin : row.pins) {
    if (IsWeak(pin.algorithm)) {
      remarks.push_back({Weight::kWarning, "pin-weak",
                         "the pin " + Describe(pin) + " is a " +
                             std::string(ToString(pin.algorithm)) +
                             " digest, and those can be forged: 'pin-admin pin "
                             "upgrade " +
                             name + "' replaces it"});
    }
    if (pin.valid_from && *pin.valid_from > options.now) {
      remarks.push_back({Weight::kNote, "pin-not-yet-valid",
                         "pin " + Describe(pin) + " begins " +
                             Relative(*pin.valid_from, options.now)});
    }
    if (!pin.valid_until || *pin.valid_until > options.now + options.soon) {
      continue;
    }
    const bool over = *pin.valid_until <= options.now;
    remarks.push_back({Weight::kWarning, over ? "pin-ended" : "pin-ends",
                       "pin " + Describe(pin) + (over ? " ended " : " ends ") +
                           Relative(*pin.valid_until, options.now)});
  }
  return remarks;
}

Remark UnusedPin(const Pin& pin) {
  return {Weight::kWarning, "pin-unused",
          "no line uses the pin " + Describe(pin) + " of " + pin.key};
}

std::vector<Remark> CheckProbe(const Json& probe, const CheckOptions& options) {
  std::vector<Remark> remarks;
  const Json& verdict = probe["verdict"];
  if (!verdict.is_null()) {
    remarks.push_back(
        {WeightOf(verdict["reason"]), Verbatim(verdict["reason"]),
         Verbatim(verdict["reason"]) + ": " + Verbatim(verdict["sentence"])});
    return remarks;
  }
  std::vector<const Json*> failed;
  std::set<std::string> told;
  std::size_t passed = 0;
  for (const Json& connection : probe["connections"].items()) {
    NoteExpiry(connection, options, told, remarks);
    if (!Passed(connection)) {
      failed.push_back(&connection);
      continue;
    }
    ++passed;
    NoteFindings(connection, remarks);
  }
  const Json& plan = probe["plan"];
  JudgeHosts(plan, passed > 0, remarks);
  if (passed > 0) {
    JudgeMixed(failed, remarks);
    remarks.push_back({Weight::kGood, "pass",
                       std::to_string(passed) + " of " +
                           std::to_string(passed + failed.size()) +
                           " connections pass"});
  } else {
    JudgeAllFailed(failed, plan, remarks);
    if (failed.empty() && StatusOf(remarks) == ExitStatus::kGood) {
      remarks.push_back({Weight::kUnknown, "nothing-probed",
                         "no server could be connected to"});
    }
  }
  return remarks;
}

std::string_view Summary(const std::vector<Remark>& remarks) {
  switch (StatusOf(remarks)) {
    case ExitStatus::kGood:
      return "good";
    case ExitStatus::kWarning:
      return "warning";
    case ExitStatus::kNo:
      return "no";
    default:
      return "unknown";
  }
}

}  // namespace postern
