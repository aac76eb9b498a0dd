// pin-admin/sts_commands.cc
//
// sts show, refresh and purge: the MTA-STS policies that the service holds.
// The file is read here; what changes it, the service does.
#include <string>
#include <vector>

#include "core/service/client.h"
#include "core/store/published_store.h"
#include "pin-admin/command.h"
#include "pin-admin/privileges.h"
#include "pin-admin/state_view.h"
#include "pin-admin/sts_validation.h"
#include "pin-admin/value_text.h"
#include "plugins/mta_sts/sts_policy.h"

namespace postern {
namespace {

constexpr std::string_view kSource = "mta-sts";
// Longer than the service itself takes at the most.
constexpr std::chrono::seconds kFetchPatience{120};

Json TimeOrNull(TimePoint time) {
  return time == TimePoint{} || time >= kNeverRefresh ? Json()
                                                      : Json(FormatTime(time));
}

// "enforce", or why there is no mode to show.
std::string ModeOf(const PublishedEntry& entry, TimePoint now) {
  if (entry.text.empty()) return "none was had";
  const ReadPolicy read = ReadStsPolicy(entry.text);
  if (!read.policy) return "damaged";
  const std::string mode(ToString(read.policy->mode));
  return entry.LiveAt(now) ? mode : mode + ", expired";
}

Json HostsOf(const PublishedEntry& entry) {
  Json hosts = Json::MakeArray();
  const ReadPolicy read = ReadStsPolicy(entry.text);
  if (!read.policy) return hosts;
  for (const MxPattern& pattern : read.policy->mx) hosts.Add(pattern.str());
  return hosts;
}

Table TableOf(const std::vector<PublishedEntry>& entries, TimePoint now) {
  Table table;
  table.columns = {
      {"domain", "DOMAIN"},   {"mode", "MODE"},           {"id", "ID"},
      {"fetched", "FETCHED"}, {"expires", "EXPIRES"},     {"mx", ""},
      {"refresh", ""},        {"failures", "FAILURES"},   {"failed", ""},
      {"failed_id", ""},      {"reason", "LAST FAILURE"}, {"detail", ""},
      {"policy", ""}};
  for (const PublishedEntry& entry : entries) {
    const bool failed = entry.failures > 0;
    table.rows.push_back(
        {entry.domain, ModeOf(entry, now),
         entry.id.empty() ? Json() : Json(entry.id),
         TimeOrNull(entry.fetched_at), TimeOrNull(entry.expires_at),
         HostsOf(entry), TimeOrNull(entry.refresh_at),
         static_cast<int>(entry.failures), TimeOrNull(entry.failed_at),
         failed ? Json(entry.failed_id) : Json(),
         failed ? Json(Describe(entry.failure).token) : Json(),
         failed ? Json(Clean(entry.detail)) : Json(),
         entry.text.empty() ? Json() : Json(Clean(entry.text))});
  }
  return table;
}

// One domain in full.
void ShowEntry(Output& out, const PublishedEntry& entry) {
  if (!entry.text.empty()) {
    out.Line("");
    for (const std::string& line : PolicyLines(entry.text)) {
      out.Line("  " + Clean(line));
    }
    out.Line("held until " + FormatTime(entry.expires_at));
  }
  if (entry.failures > 0) {
    out.Line("last failure " + FormatTime(entry.failed_at) + ", id " +
             entry.failed_id + ": " +
             std::string(Describe(entry.failure).token) + ": " +
             Clean(entry.detail));
  }
}

ExitStatus Show(Context& context, const std::string& domain) {
  Output& out = context.out;
  const auto entries = ReadPublished(context.settings.published, domain);
  if (!entries) return out.CouldNot(entries.error());
  std::vector<PublishedEntry> ours;
  for (const PublishedEntry& entry : *entries) {
    if (entry.source == kSource) ours.push_back(entry);
  }
  out.Print("policies", TableOf(ours, context.clock.Now()),
            domain.empty() ? "No MTA-STS policy is held."
                           : "No MTA-STS policy of " + domain + " is held.");
  if (!domain.empty() && !ours.empty()) ShowEntry(out, ours.front());
  return domain.empty() || !ours.empty() ? ExitStatus::kGood : ExitStatus::kNo;
}

ExitStatus RunStsShow(Context& context) {
  Output& out = context.out;
  std::string name;
  if (!context.args.Argument(0).empty()) {
    const Result<Domain> domain = Domain::Parse(context.args.Argument(0));
    if (!domain) return out.Usage(domain.error().detail());
    name = domain->str();
  }
  const Status may = MayRead(context.settings.published);
  if (!may) return out.CouldNot(may.error());
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  return Show(context, name);
}

Result<Reply> AskService(const Settings& settings, const std::string& verb,
                         const Domain& domain) {
  const DoorSettings* door = settings.door("query");
  if (door == nullptr) {
    return Error{Reason::kServiceUnavailable, "there is no door-query"};
  }
  const Deadline deadline = Deadline::After(kFetchPatience);
  Result<ServiceClient> client = ServiceClient::Connect(door->path, deadline);
  if (!client) return client.error();
  return client->Ask({verb, {{"domain", domain.str()}}}, deadline);
}

// The destination's own failure, rather than ours to find out.
bool IsDestinations(std::string_view said) {
  const Reason all[] = {Reason::kStsPolicyMissing, Reason::kStsPolicyFetchError,
                        Reason::kStsPolicyInvalid, Reason::kStsWebpkiInvalid};
  for (const Reason reason : all) {
    if (said.find(Describe(reason).token) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// `verb` for each domain that is named; `done` says what an "ok" means.
template <typename Done>
ExitStatus ForEachDomain(Context& context, const char* verb, Done done) {
  Output& out = context.out;
  std::vector<Domain> domains;
  for (const std::string& text : context.args.arguments()) {
    const Result<Domain> domain = Domain::Parse(text);
    if (!domain) return out.Usage(domain.error().detail());
    domains.push_back(*domain);
  }
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  ExitStatus worst = ExitStatus::kGood;
  Json results = Json::MakeArray();
  for (const Domain& domain : domains) {
    const Result<Reply> reply = AskService(context.settings, verb, domain);
    Json result = Json::MakeObject().Set("domain", domain.str());
    if (reply && reply->word == "ok") {
      result.Set("error", Json());
      worst = Gravest(worst, done(domain, reply->rest));
    } else {
      const std::string why =
          reply ? Clean(reply->rest) : reply.error().ToString();
      result.Set("error", why);
      const bool theirs = reply && IsDestinations(why);
      worst =
          Gravest(worst, theirs ? out.No(domain.str() + ": " + why)
                                : out.CouldNot({Reason::kServiceUnavailable,
                                                domain.str() + ": " + why}));
    }
    results.Add(std::move(result));
  }
  out.doc().Set("domains", std::move(results));
  return worst;
}

ExitStatus RunRefresh(Context& context) {
  return ForEachDomain(context, "sts-refresh",
                       [&](const Domain& domain, const std::string&) {
                         context.out.Line(domain.str() + ": fetched");
                         return Show(context, domain.str());
                       });
}

ExitStatus RunPurge(Context& context) {
  return ForEachDomain(
      context, "sts-purge", [&](const Domain& domain, const std::string& said) {
        const bool any = said.find("true") != std::string::npos;
        context.out.Line(domain.str() +
                         (any ? ": forgotten" : ": nothing was held"));
        return any ? ExitStatus::kGood : ExitStatus::kWarning;
      });
}

}  // namespace

std::vector<Command> StsCommands() {
  return {
      {{"sts show",
        "list the MTA-STS policies that are held",
        "What the service has fetched and holds destinations to, and what it "
        "last failed to fetch. With a domain, its policy in full.",
        {{"DOMAIN", "only this one", true}},
        {},
        "pin-admin sts show\n"
        "pin-admin sts show bank.example --json"},
       RunStsShow},
      {{"sts refresh",
        "have the service fetch policies now",
        "Looks up the TXT record past the caches and fetches the policy, also "
        "where the id has not changed or a failure was not long ago.",
        {{"DOMAIN", "the policy domains", false, true}},
        {},
        "pin-admin sts refresh bank.example"},
       RunRefresh},
      {{"sts purge",
        "have the service forget policies",
        "For a destination that took its policy back in the wrong way (RFC "
        "8461 section 8.3). Until the next lookup nothing of it holds: be sure "
        "that it is the destination's will.",
        {{"DOMAIN", "the policy domains", false, true}},
        {},
        "pin-admin sts purge bank.example"},
       RunPurge},
      StsValidateCommand(),
  };
}

}  // namespace postern
