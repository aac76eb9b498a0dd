// pin-admin/inquire_commands.cc
//
// explain DOMAIN and explain QUEUE-ID: what would hold, and what did.
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "pin-admin/command.h"
#include "pin-admin/inquiry.h"
#include "pin-admin/privileges.h"
#include "pin-admin/state_view.h"

namespace postern {
namespace {

// "TLSA (secure) of mx.example" and its records, or the MTA-STS policy.
void ShowPublished(Output& out, const Json& policy) {
  const bool sts = policy["type"].text() == "sts";
  std::string line =
      std::string(sts ? "MTA-STS" : "TLSA") + " of " + Text(policy["domain"]);
  if (policy["result"].text() != "pass") {
    out.Line("   published " + line + ": " +
             out.Paint(Colour::kBad, Text(policy["result"])) + ": " +
             Text(policy["detail"]));
    return;
  }
  if (!policy["mode"].text().empty()) line += ", mode " + Text(policy["mode"]);
  if (!policy["id"].text().empty()) line += ", id " + Text(policy["id"]);
  for (const Json& pattern : policy["mx_patterns"].items()) {
    line += ", mx " + Text(pattern);
  }
  if (!policy["detail"].text().empty())
    line += " (" + Text(policy["detail"]) + ")";
  out.Line("   published " + line);
  if (sts) return;
  for (const Json& record : policy["text"].items()) {
    out.Line("      " + Text(record));
  }
}

void ShowHost(Output& out, const Json& host, std::size_t number) {
  std::string line = std::to_string(number) + ". " + Text(host["host"]);
  if (const std::int64_t* port = host["port"].integer()) {
    line += ":" + std::to_string(*port);
  }
  for (const Json& address : host["addresses"].items()) {
    line += "  " + Text(address);
  }
  if (!host["address_security"].text().empty()) {
    line += "  (addresses " + Text(host["address_security"]) + ")";
  }
  out.Line(out.Paint(Colour::kBold, line));
  for (const char* problem : {"failure", "refused"}) {
    const Json& what = host[problem];
    // A lookup that failed is why the host is refused: once is enough.
    const bool again =
        problem == std::string_view("refused") &&
        what["reason"].text() == host["failure"]["reason"].text();
    if (what.is_null() || again) continue;
    out.Line("   " + out.Paint(Colour::kBad, Text(what["reason"])) + ": " +
             Text(what["detail"]));
    if (!what["hint"].text().empty())
      out.Line("   hint: " + Text(what["hint"]));
  }
  out.Line("   TLS " + Text(host["tls"]) +
           (host["servername"].is_null()
                ? ""
                : ", SNI " + Text(host["servername"])));
  for (const Json& verifier : host["requires"].items()) {
    out.Line("   must satisfy " + Text(verifier["source"]) + ": " +
             Text(verifier["what"]));
  }
  if (const bool* login = host["login"].boolean(); login && *login) {
    out.Line("   then log in, with the credentials of this next hop");
  }
  for (const Json& verifier : host["records"].items()) {
    out.Line("   looked at, and nothing depends on it: " +
             Text(verifier["source"]) + ": " + Text(verifier["what"]));
  }
  for (const Json& policy : host["published_policies"].items()) {
    ShowPublished(out, policy);
  }
  if (!host["weaker"].text().empty()) {
    out.Line("   " +
             out.Paint(Colour::kWarning, "weaker: " + Text(host["weaker"])));
  }
  for (const Json& note : host["notes"].items()) {
    out.Line("   " + out.Paint(Colour::kWarning, Text(note)));
  }
}

ExitStatus StatusOf(const Json& token) {
  const std::optional<Reason> reason = ReasonFromToken(token.text());
  return reason && IsPolicyNo(*reason) ? ExitStatus::kNo : ExitStatus::kUnknown;
}

// "mx.example: dns-lookup-failed: …"
std::string Sentence(const std::string& subject, const Json& failed) {
  return subject + ": " + Text(failed["reason"]) + ": " +
         Text(failed["detail"]);
}

ExitStatus ShowPlan(Output& out, const Json& plan) {
  out.Line(out.Paint(Colour::kBold, Text(plan["line"])));
  out.Line("   the line of " + Text(plan["origin"]));
  if (!plan["hop_line"].is_null()) {
    out.Line("   and, for the next hop: " + Text(plan["hop_line"]));
  }
  out.Line("   to " + Text(plan["next_hop"]) + ", MX " +
           Text(plan["mx_security"]));
  if (!plan["valid_until"].is_null()) {
    out.Line("   as it stands until " + Text(plan["valid_until"]));
  }
  for (const Json& hop : plan["failed_hops"].items()) {
    out.Line("   " + Text(hop["hop"]) + ": " +
             out.Paint(Colour::kBad, Text(hop["reason"])) + ": " +
             Text(hop["detail"]));
  }
  std::string unknown;
  std::size_t number = 0;
  bool usable = false, weaker = false;
  ExitStatus worst = ExitStatus::kNo;
  for (const Json& host : plan["hosts"].items()) {
    ShowHost(out, host, ++number);
    weaker = weaker || !host["weaker"].text().empty();
    // A host whose lookup failed is refused for that: not found out, and no
    // "no" of the policy.
    const Json& failed =
        host["failure"].is_null() ? host["refused"] : host["failure"];
    usable = usable || failed.is_null();
    if (failed.is_null()) continue;
    const ExitStatus status = StatusOf(failed["reason"]);
    worst = Gravest(worst, status);
    if (status == ExitStatus::kUnknown && unknown.empty()) {
      unknown = Sentence(Text(host["host"]), failed);
    }
  }
  if (usable) return weaker ? ExitStatus::kWarning : ExitStatus::kGood;
  if (out.quiet() && !unknown.empty()) out.Warn(unknown);
  out.Line(
      out.Paint(Colour::kBad, "No host can be used: the mail would wait."));
  return worst;
}

ExitStatus ShowVerdict(Output& out, const Json& verdict) {
  // Without a plan there is a line all the same, unless the store has none.
  if (!verdict["line"].text().empty()) {
    out.Line(out.Paint(Colour::kBold, Text(verdict["line"])));
    out.Line("   the line of " + Text(verdict["origin"]));
  }
  out.Line(out.Paint(Colour::kBad, Text(verdict["decision"])) + " " +
           Text(verdict["status"]) + " " + Text(verdict["reason"]) + ": " +
           Text(verdict["sentence"]));
  out.Line("hint: " + Text(verdict["hint"]));
  const ExitStatus status = StatusOf(verdict["reason"]);
  if (out.quiet() && status == ExitStatus::kUnknown) {
    out.Warn(Text(verdict["reason"]) + ": " + Text(verdict["sentence"]));
  }
  return status;
}

// What Postfix's smtp(8) is told, where it asks.
void ShowSmtpPolicy(Output& out, const Json& policy) {
  if (policy.is_null()) return;
  // Most don't: who hands mail over by lmtp(8) must not take it for his own.
  const std::string who = "Only where smtp(8) asks the policy map: for " +
                          Text(policy["next_hop"]) + " it ";
  const bool* told = policy["told"].boolean();
  if (told != nullptr && *told) {
    out.Line(who + "is told: " + Text(policy["answer"]));
  } else {
    out.Line(who + out.Paint(Colour::kWarning, "has to defer") + ": " +
             Text(policy["answer"]));
  }
  for (const Json& note : policy["notes"].items()) {
    out.Line("   " + out.Paint(Colour::kWarning, Text(note)));
  }
}

ExitStatus ExplainDomain(Context& context, const std::string& domain) {
  Output& out = context.out;
  const Status may = MayRead(context.settings.snapshot);
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  Inquiry inquiry(
      context.settings, context.clock,
      context.args.Has("here") ? AskWhom::kOnlyHere : AskWhom::kServiceFirst);
  const Result<Json> answer =
      inquiry.Explain(domain, context.args.Get("next-hop"));
  if (!answer) {
    return answer.error().reason() == Reason::kRequestInvalid
               ? out.Usage(answer.error().detail())
               : out.CouldNot(answer.error());
  }
  const std::string why = inquiry.why_local();
  if (!why.empty() && !may) return out.CouldNot(may.error());
  out.doc().Set("answered_by", why.empty() ? "service" : "pin-admin");
  out.doc().Set("plan", (*answer)["plan"]);
  out.doc().Set("verdict", (*answer)["verdict"]);
  out.doc().Set("smtp_policy", (*answer)["smtp_policy"]);
  if (!why.empty()) {
    out.Line(out.Paint(Colour::kWarning, inquiry.LocalNote()));
  }
  const ExitStatus status = (*answer)["plan"].is_null()
                                ? ShowVerdict(out, (*answer)["verdict"])
                                : ShowPlan(out, (*answer)["plan"]);
  ShowSmtpPolicy(out, (*answer)["smtp_policy"]);
  return status;
}

// "4AMCUbTf012345": when and by which process, Sendmail's queues all alike.
bool LooksLikeSendmails(const std::string& id) {
  const auto is = [](std::string_view text, int (*kind)(int)) {
    return std::all_of(text.begin(), text.end(),
                       [kind](unsigned char c) { return kind(c) != 0; });
  };
  const std::string_view text = id;
  return text.size() >= 14 && is(text, std::isalnum) &&
         is(text.substr(8), std::isdigit);
}

// "5BFCB690*": mailq marks what is being sent, and what is on hold.
std::string WithoutMark(std::string id) {
  if (id.size() > 1 && (id.back() == '*' || id.back() == '!')) id.pop_back();
  return id;
}

std::string NothingRecorded(const std::string& id) {
  std::string text = "nothing is recorded for " + id;
  if (LooksLikeSendmails(id)) {
    text +=
        "; Postern is told of a message in Sendmail's submission queue (the "
        "first that mailq shows) only under the id that Sendmail gives each "
        "attempt to hand it on: mailq has the answer it got, 'pin-admin audit "
        "DOMAIN --failed' the reason";
  }
  return text +
         ": it did not come to Postern, or was deferred before a host was "
         "chosen. The mail server's queue and log say what answered it, "
         "'pin-admin doctor' what leads mail past Postern. (A domain is "
         "written with a dot; old verdicts are dropped, verdict-retention.)";
}

ExitStatus ExplainQueueId(Context& context, const std::string& id) {
  Output& out = context.out;
  VerdictQuery query;
  query.queue_id = id;
  const Result<std::vector<StoredVerdict>> verdicts =
      ReadVerdicts(context, query);
  if (!verdicts) return out.CouldNot(verdicts.error());
  const Result<std::vector<JournalEntry>> journal = ReadJournalOf(context, id);
  if (!journal) return out.CouldNot(journal.error());
  ShowJournal(out, *journal);
  ShowVerdicts(out, *verdicts);
  if (verdicts->empty() && journal->empty()) {
    return out.No(NothingRecorded(id));
  }
  return ExitStatus::kGood;
}

ExitStatus RunExplain(Context& context) {
  std::string what = context.args.Argument(0);
  // An address is a question about its domain.
  if (const std::size_t at = what.rfind('@'); at != std::string::npos) {
    what = what.substr(at + 1);
  }
  const bool domain = what.find_first_of(".[") != std::string::npos;
  if (domain || context.args.Has("next-hop"))
    return ExplainDomain(context, what);
  return ExplainQueueId(context, WithoutMark(what));
}

}  // namespace

std::vector<Command> ExplainCommands() {
  return {
      {{"explain",
        "say what holds for a destination, or what held for a mail",
        "Asks the service that serves the mail. Where that cannot be asked, "
        "pin-admin computes the answer by the same code and says so. Nothing "
        "is "
        "connected to.",
        {{"DOMAIN|QUEUE-ID", "a domain, an address, or the MTA's queue id"}},
        {{"next-hop", 'n', "HOP",
          "where the MTA sends it, if not to the "
          "domain's own MX"},
         {"here", 0, "", "do not ask the service"}},
        "pin-admin explain bank.example\n"
        "pin-admin explain clinic.example --next-hop "
        "'[relay.clinic.example]:465'\n"
        "pin-admin explain 4Zb1cD2eF3z"},
       RunExplain},
  };
}

}  // namespace postern
