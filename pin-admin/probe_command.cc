// pin-admin/probe_command.cc
//
// probe: what `openssl s_client -starttls smtp` and a handful of dig calls
// would show, for every host and address at once, and what it means.
#include <string>

#include "pin-admin/certificate_facts.h"
#include "pin-admin/command.h"
#include "pin-admin/privileges.h"
#include "pin-admin/probe_meaning.h"
#include "pin-admin/probe_walk.h"
#include "posternd/assembled_gate.h"

namespace postern {
namespace {

void ShowChain(Context& context, const Json& look) {
  Output& out = context.out;
  const Json::Array& chain = look["chain"].items();
  if (chain.empty()) return;
  ShowCertificate(out, chain.front(), context.clock.Now());
  for (std::size_t i = 1; i < chain.size(); ++i) {
    out.Line("  chain " + std::to_string(i) + "      " +
             Text(chain[i]["subject"]) + ", until " +
             Text(chain[i]["not_after"]));
  }
}

void ShowAddress(Context& context, const Json& address) {
  Output& out = context.out;
  const Json& look = address["with_sni"];
  std::string line = "  " + Text(address["address"]);
  for (const Json& name : address["ptr"]["names"].items()) {
    line += "  PTR " + Text(name);
  }
  if (!address["ptr"]["confirmed"].is_null()) {
    line += " (leads back here)";
  } else if (address["ptr"]["names"].size() > 0) {
    line += " (does not lead back here)";
  }
  out.Line(line);
  if (!look["error"].is_null()) {
    out.Line("  " + out.Paint(Colour::kBad, Text(look["error"]["reason"])) +
             ": " + Text(look["error"]["sentence"]));
  }
  if (!look["protocol"].text().empty()) {
    out.Line("  TLS          " + Text(look["protocol"]) + ", " +
             Text(look["cipher"]) +
             (look["server_name"].text().empty()
                  ? ""
                  : ", SNI " + Text(look["server_name"])));
  }
  ShowChain(context, look);
  if (const bool* same = address["same_certificate"].boolean();
      same && !*same) {
    out.Line("  without SNI the server shows another certificate:");
    ShowChain(context, address["without_sni"]);
  }
}

void ShowWalk(Context& context, const Json& walk) {
  Output& out = context.out;
  const Json& mx = walk["mx"];
  if (!mx.is_null()) {
    out.Line("MX of " + Text(walk["target"]) + ": " + Text(mx["presence"]) +
             ", " + Text(mx["security"]));
  }
  for (const Json& host : walk["hosts"].items()) {
    std::string line = Text(host["host"]);
    if (const std::int64_t* port = host["port"].integer()) {
      line += ":" + std::to_string(*port);
    }
    if (const std::int64_t* preference = host["preference"].integer();
        preference && !mx.is_null()) {
      line += "  preference " + std::to_string(*preference);
    }
    if (!host["expanded"].is_null()) {
      line += "  alias of " + Text(host["expanded"]);
    }
    out.Line("");
    out.Line(out.Paint(Colour::kBold, line));
    for (const Json& record : host["tlsa"]["records"].items()) {
      out.Line("  TLSA         " + Text(record) + " (" +
               Text(host["tlsa"]["security"]) + ", at " +
               Text(host["tlsa"]["base"]) + ")");
    }
    for (const Json& address : host["addresses"].items()) {
      ShowAddress(context, address);
    }
  }
}

void ShowNames(Output& out, const Json& names) {
  if (names.size() == 0) return;
  out.Line("");
  out.Line(out.Paint(Colour::kBold, "Names that a certificate has to carry"));
  for (const Json& row : names.items()) {
    const bool* carried = row["carried"].boolean();
    out.Line("  " + Text(row["host"]) + ": " + Text(row["name"]) +
             (carried == nullptr ? ""
              : *carried         ? " (it does)"
                                 : " (it does not)") +
             ", for " + Text(row["for"]));
  }
}

ExitStatus RunProbe(Context& context) {
  Output& out = context.out;
  std::string text = context.args.Argument(0);
  if (const Result<IpAddress> address = IpAddress::Parse(text)) {
    text = "[" + text + "]";
  }
  const Result<NextHop> target = NextHop::Parse(text);
  if (!target) return out.Usage(target.error().detail());

  const Status dropped = DropPrivileges(context.settings.user);
  if (!dropped) return out.CouldNot(dropped.error());
  const Result<Domain> helo = HeloName(context.settings);
  if (!helo) return out.CouldNot(helo.error(), "set helo-name in postern.conf");
  const Result<std::unique_ptr<AssembledGate>> network =
      AssembledGate::Make(context.settings, context.clock);
  if (!network) return out.CouldNot(network.error());
  ProbeWalkOptions options;
  options.helo = helo->str();
  options.trust_directory = context.settings.trust_directory;
  options.wrapper = context.args.Has("wrapper") || target->port().value == 465;
  options.progress = out.progress();
  options.each = context.settings.timeouts.probe;
  const TimePoint now = context.clock.Now();
  const Json walk = ProbeWalk((*network)->resolver(), (*network)->tls(),
                              *target, options, now);

  const std::vector<Remark> meaning = MeaningOf(walk, *target, now);
  const Json names = NamesToCarry(walk, *target);
  for (const Json::Member& member : *walk.object()) {
    out.doc().Set(member.first, member.second);
  }
  out.doc().Set("meaning", ToJson(meaning));
  out.doc().Set("names_to_carry", names);
  ShowWalk(context, walk);
  out.Line("");
  out.Line(out.Paint(Colour::kBold, "What it means"));
  Show(out, meaning);
  ShowNames(out, names);
  return StatusOf(meaning);
}

}  // namespace

std::vector<Command> ProbeCommands() {
  return {
      {{"probe",
        "look at how a destination receives mail",
        "MX, addresses, PTR and back, STARTTLS, the certificate with SNI and "
        "without, TLSA: everything is shown and explained, no policy is "
        "applied, no mail is sent. For your own domain it answers which names "
        "your certificate must carry.",
        {{"HOST|DOMAIN",
          "a domain (its MX hosts), [host], [host]:port or an "
          "address"}},
        {{"wrapper", 'w', "",
          "TLS from the first octet (implied by port 465)"}},
        "pin-admin probe bank.example\n"
        "pin-admin probe '[mx1.bank.example]:25'\n"
        "pin-admin probe 192.0.2.1 --json"},
       RunProbe},
  };
}

}  // namespace postern
