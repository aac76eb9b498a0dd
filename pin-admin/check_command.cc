// pin-admin/check_command.cc
//
// check: would mail go through, and what should somebody look at before it
// doesn't? Every destination with a line, in parallel.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/names/next_hop.h"
#include "pin-admin/check_rules.h"
#include "pin-admin/command.h"
#include "pin-admin/doctor/mta_options.h"
#include "pin-admin/inquiry.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/parallel.h"
#include "pin-admin/privileges.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

struct Checked {
  std::string destination;  // a domain, "[address]" or "[host]:port"
  std::string next_hop;     // empty: the domain's own MX
  bool probe = true;
  std::vector<Remark> remarks;
  Json answer;
};

// Everything that needs root: the store's part of the answer.
struct Agenda {
  std::vector<Checked> destinations;
  std::vector<Remark> general;
  WatchedPolicy policy;
};

// What people call it.
const std::string& NameOf(const Checked& checked) {
  return checked.next_hop.empty() ? checked.destination : checked.next_hop;
}

// A line without a server of its own (.parent, *) can only be looked at.
bool HasServers(const PolicyKey& key) {
  return key.kind() == PolicyKey::Kind::kDomain ||
         key.kind() == PolicyKey::Kind::kNextHop;
}

Checked WhatToCheck(const PolicyKey& key) {
  Checked checked;
  checked.destination = key.str();
  if (key.kind() != PolicyKey::Kind::kNextHop) return checked;
  checked.next_hop = key.str();
  if (const Result<NextHop> hop = NextHop::Parse(key.str())) {
    checked.destination = ToString(hop->host());
  }
  return checked;
}

// Of a line that holds for names we don't know (.parent, *), which no probe
// would show to be one that nothing satisfies.
void AddWaiting(const PolicyRow& row, const Context& context,
                const CheckOptions& options, std::vector<Remark>& remarks) {
  const bool excepted = row.exception && (!row.exception->until ||
                                          *row.exception->until > options.now);
  const std::optional<PolicyLine>& line = excepted ? row.exception : row.line;
  if (!line) return;
  for (const std::string& why : WhyMailWaits(*line, context.settings)) {
    remarks.push_back({Remark::Weight::kWarning, "mail-waits",
                       "mail under '" + Format(*line) + "' waits: " + why});
  }
}

Result<Agenda> MakeAgenda(AuthorStore& store, const Context& context,
                          const CheckOptions& options) {
  Agenda agenda;
  std::map<std::string, std::size_t> wanted;
  for (const std::string& name : context.args.arguments()) {
    const Result<PolicyKey> key = PolicyKey::Parse(name);
    if (!key) return Error(Reason::kRequestInvalid, key.error().detail());
    if (!HasServers(*key)) {
      return Error(Reason::kRequestInvalid,
                   "'" + name + "' has no servers of its own to look at");
    }
    if (wanted.emplace(key->str(), agenda.destinations.size()).second) {
      agenda.destinations.push_back(WhatToCheck(*key));
    }
  }
  const bool all = wanted.empty();
  const Status read = store.ForEachRow([&](const PolicyRow& row) -> Status {
    AddRow(row, agenda.policy);
    const auto found = wanted.find(row.key.str());
    if (!all && found == wanted.end()) return {};
    std::vector<Remark> remarks = CheckRow(row, options);
    if (!HasServers(row.key)) AddWaiting(row, context, options, remarks);
    if (!HasServers(row.key) || (all && !row.line && !row.exception)) {
      for (Remark& remark : remarks) {
        remark.text = row.key.str() + ": " + remark.text;
        agenda.general.push_back(std::move(remark));
      }
      return {};
    }
    if (all) agenda.destinations.push_back(WhatToCheck(row.key));
    Checked& checked =
        all ? agenda.destinations.back() : agenda.destinations[found->second];
    checked.remarks = std::move(remarks);
    return {};
  });
  if (!read) return read.error();
  SortKeys(agenda.policy);
  if (!all) return agenda;
  const Result<std::vector<Pin>> unused = store.UnusedPins(options.now);
  if (!unused) return unused.error();
  for (const Pin& pin : *unused) agenda.general.push_back(UnusedPin(pin));
  return agenda;
}

// Whether mail would reach Postern at all. Where single destinations were
// asked for, the lines that hold for them are looked at.
void CheckRouting(Context& context, Agenda& agenda) {
  const bool all = context.args.arguments().empty();
  if (!all) {
    std::set<std::string> holding;
    for (const Checked& checked : agenda.destinations) {
      if (checked.next_hop.empty()) {
        holding.insert(agenda.policy.HoldingKey(checked.destination));
      }
    }
    std::erase_if(agenda.policy.lines, [&](const WatchedLine& watched) {
      return !holding.contains(watched.line.key.str());
    });
  }
  if (agenda.policy.lines.empty()) return;
  SystemPrograms programs;
  std::vector<Diagnosis> found;
  for (const auto& mta :
       InspectMtas(context.args, context.settings, programs)) {
    for (Diagnosis& diagnosis : mta->Bypasses(agenda.policy)) {
      found.push_back(std::move(diagnosis));
    }
  }
  Acknowledge(context.args.All("known"), found);
  for (const Diagnosis& diagnosis : found) {
    const auto named =
        std::find_if(agenda.destinations.begin(), agenda.destinations.end(),
                     [&](const Checked& checked) {
                       return NameOf(checked) == diagnosis.subject;
                     });
    Remark remark = ToRemark(diagnosis);
    if (named != agenda.destinations.end()) {
      named->remarks.push_back(std::move(remark));
      continue;
    }
    if (!diagnosis.subject.empty()) {
      remark.text = diagnosis.subject + ": " + remark.text;
    }
    agenda.general.push_back(std::move(remark));
  }
}

void ProbeAll(Context& context, const CheckOptions& options, Inquiry& inquiry,
              std::vector<Checked>& destinations) {
  constexpr std::size_t kThreads = 8;
  ForEachInParallel(
      destinations.size(), kThreads, context.out.progress(), "Checking",
      [&](std::size_t i) {
        Checked& checked = destinations[i];
        Result<Json> answer =
            inquiry.Probe(checked.destination, checked.next_hop);
        if (!answer) {
          checked.remarks.push_back(
              {Remark::Weight::kUnknown,
               std::string(Describe(answer.error().reason()).token),
               answer.error().detail()});
          return;
        }
        checked.answer = std::move(*answer);
        const std::vector<Remark> found = CheckProbe(checked.answer, options);
        checked.remarks.insert(checked.remarks.end(), found.begin(),
                               found.end());
      });
}

Json CheckedJson(const Checked& checked) {
  return Json::MakeObject()
      .Set("destination", checked.destination)
      .Set("next_hop",
           checked.next_hop.empty() ? Json() : Json(checked.next_hop))
      .Set("result", Summary(checked.remarks))
      .Set("line", checked.answer["plan"]["line"])
      .Set("remarks", ToJson(checked.remarks));
}

// Without a name: of no destination.
std::string DetailOf(const std::string& name, const Remark& remark) {
  return PluginText(name.empty() ? remark.text : name + ": " + remark.text);
}

// The first of the gravest remarks: who is paged sees the first line only.
// Empty: nothing to look at.
std::string GravestOf(const Agenda& agenda) {
  std::string text;
  ExitStatus worst = ExitStatus::kGood;
  const auto look = [&](const std::string& name,
                        const std::vector<Remark>& remarks) {
    for (const Remark& remark : remarks) {
      const ExitStatus status = StatusOf(remark.weight);
      if (Gravest(worst, status) == worst) continue;
      worst = status;
      text = DetailOf(name, remark);
    }
  };
  look("", agenda.general);
  for (const Checked& checked : agenda.destinations) {
    look(NameOf(checked), checked.remarks);
  }
  return text;
}

// One line and its details, as monitoring plugins print them.
void ShowForNagios(Output& out, const Agenda& agenda, ExitStatus status) {
  std::map<std::string_view, std::size_t> counts;
  for (const Checked& checked : agenda.destinations) {
    ++counts[Summary(checked.remarks)];
  }
  const std::string total = std::to_string(agenda.destinations.size());
  std::string line = std::string("POSTERN ") + NagiosWord(status) + " - ";
  if (const std::string gravest = GravestOf(agenda); !gravest.empty()) {
    line += gravest + "; ";
  }
  line += total + (total == "1" ? " destination" : " destinations");
  std::string figures = " | destinations=" + total;
  for (const char* word : {"no", "unknown", "warning"}) {
    line += ", " + std::to_string(counts[word]) + " " + word;
    figures += std::string(" ") + word + "=" + std::to_string(counts[word]);
  }
  out.Text(line + figures);
  const auto detail = [&out](const std::string& name,
                             const std::vector<Remark>& remarks) {
    for (const Remark& remark : remarks) {
      if (StatusOf(remark.weight) == ExitStatus::kGood) continue;
      out.Text(DetailOf(name, remark));
    }
  };
  detail("", agenda.general);
  for (const Checked& checked : agenda.destinations) {
    detail(NameOf(checked), checked.remarks);
  }
}

// With --quiet: whose state could not be found out, and why.
void WarnOfUnknown(Output& out, const Agenda& agenda) {
  const auto warn = [&out](const std::string& name,
                           const std::vector<Remark>& remarks) {
    for (const Remark& remark : remarks) {
      if (remark.weight == Remark::Weight::kUnknown) {
        out.Warn(name + ": " + remark.text);
      }
    }
  };
  warn("the store", agenda.general);
  for (const Checked& checked : agenda.destinations) {
    warn(NameOf(checked), checked.remarks);
  }
}

void ShowForPeople(Output& out, const Agenda& agenda) {
  std::size_t width = 0;
  for (const Checked& checked : agenda.destinations) {
    width = std::max(width, NameOf(checked).size());
  }
  for (const Checked& checked : agenda.destinations) {
    std::string name = NameOf(checked);
    name.resize(width + 2, ' ');
    Remark::Weight worst = Remark::Weight::kGood;
    for (const Remark& remark : checked.remarks) {
      worst = std::max(worst, remark.weight);
    }
    out.Line(out.Paint(Colour::kBold, name) +
             out.Paint(ColourOf(worst), Summary(checked.remarks)));
    Show(out, checked.remarks);
  }
  if (!agenda.general.empty()) {
    out.Line(out.Paint(Colour::kBold, "The store"));
    Show(out, agenda.general);
  }
}

ExitStatus RunCheck(Context& context) {
  Output& out = context.out;
  CheckOptions options;
  options.now = context.clock.Now();
  const std::string days = context.args.Get("days");
  int number = 0;
  const char* end = days.data() + days.size();
  const auto [rest, error] = std::from_chars(days.data(), end, number);
  if (error != std::errc() || rest != end || number < 1 || number > 366) {
    return out.Usage("--days: a number from 1 to 366");
  }
  options.soon = std::chrono::hours(24 * number);

  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  Result<Agenda> agenda = MakeAgenda(**store, context, options);
  if (!agenda) return Refuse(out, agenda.error());
  store->reset();
  CheckRouting(context, *agenda);
  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());

  Inquiry inquiry(
      context.settings, context.clock,
      context.args.Has("here") ? AskWhom::kOnlyHere : AskWhom::kServiceFirst);
  ProbeAll(context, options, inquiry, agenda->destinations);
  const std::string why = inquiry.why_local();
  // What holds is computed here all the same, but who sends mail has nobody to
  // ask, and a monitor has to say so.
  if (!why.empty() && context.args.Has("nagios") && !context.args.Has("here")) {
    // First: it is what keeps all other mail back too.
    agenda->general.insert(agenda->general.begin(),
                           {Remark::Weight::kNo, "service-silent",
                            "the service doesn't answer: " + why});
  }
  ExitStatus status = StatusOf(agenda->general);
  Json list = Json::MakeArray();
  for (const Checked& checked : agenda->destinations) {
    status = Gravest(status, StatusOf(checked.remarks));
    list.Add(CheckedJson(checked));
  }
  out.doc().Set("answered_by", why.empty() ? "service" : "pin-admin");
  out.doc().Set("destinations", std::move(list));
  out.doc().Set("store", ToJson(agenda->general));
  if (context.args.Has("nagios")) {
    ShowForNagios(out, *agenda, status);
    return status;
  }
  if (!why.empty() && !agenda->destinations.empty()) {
    out.Line(out.Paint(Colour::kWarning, inquiry.LocalNote()));
  }
  if (agenda->destinations.empty()) {
    out.Line("No destination has a line of its own; name one to check it.");
  }
  if (out.quiet()) {
    WarnOfUnknown(out, *agenda);
  } else {
    ShowForPeople(out, *agenda);
  }
  return status;
}

}  // namespace

std::vector<Command> CheckCommands() {
  std::vector<OptionSpec> options{
      {"days", 'd', "N", "what counts as soon", "14"},
      {"nagios", 0, "", "print and exit as a monitoring plugin does"},
      {"here", 0, "", "do not ask the service"}};
  for (const OptionSpec& option : MtaOptions()) options.push_back(option);
  return {
      {{"check",
        "connect to each destination and say what to look at",
        "Plans and probes as for mail, sends none. Tells of keys that changed, "
        "backup keys in use, pins, certificates and exceptions that end, weak "
        "names, and hosts that fail while others pass. Asks the mail server "
        "whether mail for destinations that must be authenticated reaches "
        "Postern at all.",
        {{"DOMAIN", "which; without, all that have a line", true, true}},
        std::move(options),
        "pin-admin check\n"
        "pin-admin check bank.example clinic.example\n"
        "pin-admin check --nagios --days 30"},
       RunCheck},
  };
}

}  // namespace postern
