// pin-admin/doctor_command.cc
//
// doctor: is this host set up so that the policy holds? Looks at everything,
// changes nothing, and for whatever is wrong says the line to change.
#include <algorithm>
#include <utility>

#include "pin-admin/command.h"
#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/mta_options.h"
#include "pin-admin/doctor/own_setup.h"
#include "pin-admin/privileges.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// Beginning anew is no advice where there is something to lose.
std::string HowToReadTheStore(const Context& context) {
  switch (LookForStore(context)) {
    case StoreState::kAbsent:
      return "pin-admin init";
    case StoreState::kNotAllowed:
      return "sudo pin-admin doctor";
    case StoreState::kAbsentButPublished:
    case StoreState::kThere:
      break;
  }
  return "mend what it says, or restore the store from a backup";
}

// The store's part: what is to be watched, and whether it is in force.
void LookAtStore(Context& context, WatchedPolicy& policy,
                 std::vector<Diagnosis>& found) {
  const auto lost = [&](const Error& error) {
    found.push_back(
        CouldNotFindOut("store-unreadable", context.settings.author_store,
                        error, "nobody can say which mail has to reach Postern",
                        HowToReadTheStore(context)));
  };
  auto store = OpenAuthorStore(context, IfStale::kLeaveIt);
  if (!store) return lost(store.error());
  const Status read = (*store)->ForEachRow([&](const PolicyRow& row) -> Status {
    AddRow(row, policy);
    return {};
  });
  if (!read) return lost(read.error());
  SortKeys(policy);
  Append(found,
         InspectSnapshot(**store, context.settings, context.clock.Now()));
}

ExitStatus RunDoctor(Context& context) {
  Output& out = context.out;
  const Settings& settings = context.settings;
  std::vector<Diagnosis> found;
  WatchedPolicy policy;
  LookAtStore(context, policy, found);
  Append(found, InspectRights(settings, context.args.Get("config")));
  Append(found, InspectCredentials(settings, policy));
  SystemPrograms programs;
  for (const auto& mta : InspectMtas(context.args, settings, programs)) {
    Append(found, mta->Setup());
    for (Diagnosis& diagnosis : mta->Bypasses(policy)) {
      // What can't be read is told by both.
      if (std::find(found.begin(), found.end(), diagnosis) == found.end()) {
        found.push_back(std::move(diagnosis));
      }
    }
  }
  Append(found, InspectClock());

  const Status dropped = DropPrivileges(settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  Append(found, InspectTrust(settings));
  std::unique_ptr<Resolver> resolver;
  if (!context.args.Has("no-dns")) {
    const KnownNames names{context.args.Get("unsigned-name"),
                           context.args.Get("bogus-name")};
    Append(found, InspectResolver(settings, names, resolver));
  }
  Append(found, InspectHelo(settings, resolver.get()));
  Append(found, InspectService(settings));

  Acknowledge(context.args.All("known"), found);
  Json list = Json::MakeArray();
  for (const Diagnosis& diagnosis : found) list.Add(ToJson(diagnosis));
  out.doc().Set("findings", std::move(list));
  out.doc().Set("lines_watched",
                static_cast<std::uint64_t>(policy.lines.size()));
  Show(out, found);
  if (found.empty()) {
    out.Line(out.Paint(Colour::kGood, "good    ") +
             "everything is set up as it should be; " +
             std::to_string(policy.lines.size()) + " lines are watched");
  }
  return StatusOf(found);
}

}  // namespace

std::vector<Command> DoctorCommands() {
  std::vector<OptionSpec> options = MtaOptions();
  options.push_back({"no-dns", 0, "", "ask no name server"});
  options.push_back({"unsigned-name", 0, "NAME",
                     "a domain without DNSSEC, which has to be found",
                     "google.com"});
  options.push_back({"bogus-name", 0, "NAME",
                     "a name with broken signatures, which must not be found"});
  return {
      {{"doctor",
        "find what is set up wrongly, and say the line to change",
        "Looks at rights, stores, clock, trusted authorities, the resolver, "
        "the service, and the mail server: whether its transport is right, and "
        "whether mail for each destination that must be authenticated would "
        "really reach Postern. Changes nothing. 0: nothing was found; 1: "
        "something is wrong; 3: look at it; 4: something could not be found "
        "out.",
        {},
        std::move(options),
        "pin-admin doctor\n"
        "pin-admin doctor --postfix-config /etc/postfix-out\n"
        "pin-admin doctor --known filter-policy-service --json"},
       RunDoctor},
  };
}

}  // namespace postern
