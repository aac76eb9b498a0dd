#include "pin-admin/doctor/postfix_coverage.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/names/quoted.h"
#include "core/policy/route_rule.h"
#include "pin-admin/doctor/postfix_map_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// A name below a parent that nobody has written down.
constexpr std::string_view kAnybody = "postern-doctor";

// The line to add for one destination, ready to paste.
std::string TableLine(const PostfixConfig& config, const std::string& target,
                      const std::string& key) {
  const std::string maps = config.Get("transport_maps");
  std::string table = "hash:" + config.place().config_directory + "/transport";
  for (const std::string& name : SplitPostfixList(maps)) {
    const std::string type = name.substr(0, name.find(':'));
    if (type == "hash" || type == "lmdb" || type == "texthash" ||
        type == "btree") {
      table = name;
      break;
    }
  }
  const std::string file = table.substr(table.find(':') + 1);
  std::string text = file + ":\n" + key + " " + target;
  if (maps.empty()) {
    text = "main.cf: transport_maps = " + table + "\n" + text;
  }
  if (!table.starts_with("texthash:")) text += "\npostmap " + table;
  return text;
}

std::string MendFor(const PostfixConfig& config, const std::string& target,
                    const PostfixRoute& route, const std::string& key) {
  if (route.parameter == "transport_maps" && route.certain) {
    return "give it " + target + " instead, or remove it: " + route.because;
  }
  if (route.parameter.starts_with("sender_dependent")) {
    return TableLine(config, target, key) +
           "\n(transport_maps comes after the sender's transport)";
  }
  if (key == "*") {
    const bool bare = target.ends_with(':');
    return "main.cf: default_transport = " +
           target.substr(0, target.size() - (bare ? 1 : 0));
  }
  return TableLine(config, target, key);
}

class Coverage {
 public:
  Coverage(const PostfixConfig& config, const Settings& settings,
           PostfixRouter& router, const WatchedPolicy& policy)
      : config_(config), settings_(settings), router_(router), policy_(policy) {
    mentioned_ = router_.NamesMentioned();
    target_ = OwnTarget(config, settings);
  }

  std::vector<Diagnosis> All() {
    std::vector<std::string> all;
    for (const WatchedLine& watched : policy_.lines) {
      for (std::string& name : Candidates(watched.line)) {
        all.push_back(std::move(name));
      }
    }
    const Status ready = router_.Prepare(all);
    if (!ready) {
      CannotTell("", ready.error());
      return std::move(found_);
    }
    for (const WatchedLine& watched : policy_.lines) Line(watched);
    return std::move(found_);
  }

 private:
  // Whose mail to look at: the domain, or for a line that stands for many one
  // that nobody has named and each that some table or list names.
  std::vector<std::string> Candidates(const PolicyLine& line) const {
    const std::string& key = line.key.str();
    if (line.key.kind() == PolicyKey::Kind::kDomain) return {key};
    const bool all = line.key.kind() == PolicyKey::Kind::kDefault;
    std::set<std::string> names;
    names.insert(std::string(kAnybody) + (all ? ".example" : key));
    for (const std::string& name : mentioned_) {
      const bool parent = name.starts_with('.');
      std::string domain = parent ? std::string(kAnybody) + name : name;
      if (policy_.HoldingKey(domain) == key) names.insert(std::move(domain));
    }
    return {names.begin(), names.end()};
  }

  void CannotTell(const std::string& key, const Error& error) {
    found_.push_back(CouldNotFindOut(
        "routing-unknown", key, error,
        "nobody can say whether mail reaches Postern; Postfix defers mail "
        "while a table can't be read",
        "mend or remove the table that is named, then ask again"));
  }

  void Line(const WatchedLine& watched) {
    told_.clear();
    for (const std::string& domain : Candidates(watched.line)) {
      const Result<PostfixRoutes> routes = router_.Routes(domain);
      if (!routes) return CannotTell(watched.line.key.str(), routes.error());
      for (const PostfixRoute& route : routes->routes) {
        Route(watched, domain, route);
      }
      for (const OpenQuestion& open : routes->open) Open(watched, open);
    }
  }

  void Open(const WatchedLine& watched, const OpenQuestion& open) {
    Tell({Weight::kUnknown, "routing-undecidable", watched.line.key.str(),
          open.parameter + ": " + open.table + ": " + open.what,
          "mail that it sends elsewhere would not be held to the line",
          "see for yourself, then: pin-admin doctor --known "
          "routing-undecidable"});
  }

  // smtp(8) asks our map about this domain's own MX. Another next hop hides
  // whose mail it is.
  bool AskedAbout(const std::string& domain, const PostfixRoute& route) const {
    const MasterService* service = config_.Transport(route.transport);
    return service != nullptr &&
           (route.next_hop.empty() || route.next_hop == domain) &&
           AsksPolicyMap(config_, settings_, *service);
  }

  void Route(const WatchedLine& watched, const std::string& domain,
             const PostfixRoute& route) {
    if (AskedAbout(domain, route)) return;
    const TransportKind kind =
        KindOf(config_, settings_, route.transport, route.next_hop);
    const std::string whom =
        route.only_for.empty() ? "" : " of " + route.only_for;
    const std::string mail =
        "mail" + whom +
        (domain == watched.line.key.str() ? "" : " for " + domain);
    switch (kind) {
      case TransportKind::kPostern:
        return NextHopAllowed(watched, domain, mail, route);
      case TransportKind::kGoesNowhere:
        // Unless the domain's addresses become others here.
        if (route.stays_here) Stays(watched, mail, route);
        return;
      case TransportKind::kStaysHere:
        return Stays(watched, mail, route);
      case TransportKind::kMissing:
        return Tell(
            {Weight::kNo, "transport-missing", watched.line.key.str(),
             mail + " goes to the transport '" + route.transport + "' (" +
                 route.because + "), which master.cf doesn't have",
             "Postfix defers it until its lifetime ends, then bounces",
             "pin-admin config postfix prints the lines for master.cf"});
      case TransportKind::kElsewhere:
        break;
    }
    if (route.stays_here && IsThisHost(route.next_hop)) {
      return Stays(watched, mail, route);
    }
    Elsewhere(watched, mail, route);
  }

  void Stays(const WatchedLine& watched, const std::string& mail,
             const PostfixRoute& route) {
    Tell({Weight::kWarning, "destination-stays-here", watched.line.key.str(),
          mail + " ends on this host (" + route.because + ")",
          "the line never holds; if the destination is another host's, its "
          "mail is lost to it",
          "remove the domain from that list, or the line: pin-admin policy "
          "remove " +
              watched.line.key.str()});
  }

  void Elsewhere(const WatchedLine& watched, const std::string& mail,
                 const PostfixRoute& route) {
    const std::string to = route.transport + ":" + route.next_hop;
    std::string mend = MendFor(config_, target_, route, watched.line.key.str());
    if (config_.Transport(target_.substr(0, target_.find(':'))) == nullptr) {
      mend = "pin-admin config postfix prints the lines for master.cf\n" + mend;
    }
    if (!route.certain) {
      return Tell({Weight::kUnknown, "routing-undecidable",
                   watched.line.key.str(),
                   mail + " may go by " + to + ": " + route.because,
                   "whether the pattern matches is not decided here",
                   mend + "\n(before the pattern table in transport_maps)"});
    }
    if (IsThisHost(route.next_hop)) {
      return Tell({Weight::kUnknown, "routing-through-this-host",
                   watched.line.key.str(),
                   mail + " goes by " + to + " (" + route.because +
                       "), a program on this host",
                   "where it goes from there is not Postfix's to tell", mend});
    }
    Tell({watched.must ? Weight::kNo : Weight::kWarning, "bypass",
          watched.line.key.str(),
          mail + " goes by " + to + " (" + route.because + "), past Postern",
          "the line '" + Format(watched.line) +
              "' is not asked: the mail leaves whatever the server shows",
          mend});
  }

  // Postern would get it and refuse the hop that Postfix chose.
  void NextHopAllowed(const WatchedLine& watched, const std::string& domain,
                      const std::string& mail, const PostfixRoute& route) {
    if (!watched.must || route.next_hop.starts_with("unix:")) return;
    const Result<HostName> recipient = ParseRecipientDomain(domain);
    const Result<NextHop> hop = NextHop::Parse(route.next_hop);
    if (!recipient) return;
    if (hop && !DecideRoute(watched.line, *recipient, *hop).refused) return;
    Tell({Weight::kNo, "route-not-allowed", watched.line.key.str(),
          mail + " reaches Postern with the next hop " +
              Quoted(route.next_hop) + " (" + route.because +
              "), which the line doesn't name",
          "Postern defers it: route-not-allowed",
          "name the hop in the line (route=" + route.next_hop +
              "), or let Postfix choose the domain itself:\n" +
              TableLine(config_, target_, watched.line.key.str())});
  }

  // Many domains below one parent may have one cause.
  void Tell(Diagnosis diagnosis) {
    if (told_.insert(diagnosis.code + diagnosis.what).second) {
      found_.push_back(std::move(diagnosis));
    }
  }

  const PostfixConfig& config_;
  const Settings& settings_;
  PostfixRouter& router_;
  const WatchedPolicy& policy_;
  std::vector<std::string> mentioned_;
  std::string target_;
  std::set<std::string> told_;
  std::vector<Diagnosis> found_;
};

}  // namespace

bool RunsPostern(const MasterService& service) {
  if (service.command != "pipe") return false;
  for (const std::string& word : service.arguments) {
    if (!word.starts_with("argv=")) continue;
    return word.substr(word.rfind('/') + 1) == "postern-transport";
  }
  return false;
}

bool IsThisHost(std::string_view hop) {
  for (const std::string_view start :
       {"unix:", "inet:localhost", "localhost", "[localhost]", "127.", "[127.",
        "[::1]", "[ipv6:::1]", "inet:127.", "inet:[::1]", "inet:[127."}) {
    if (hop.starts_with(start)) return true;
  }
  return false;
}

bool IsOwnLmtp(const PostfixConfig& config, const MasterService& service) {
  if (service.command != "lmtp" || service.type != "unix") return false;
  return service.name.find("postern") != std::string::npos ||
         IsYes(config.Get(service.key(), "lmtp_send_xforward_command"));
}

std::string OwnTarget(const PostfixConfig& config, const Settings& settings) {
  std::string lmtp;
  for (const MasterService& service : config.services()) {
    if (RunsPostern(service)) return service.name + ":";
    if (lmtp.empty() && IsOwnLmtp(config, service)) lmtp = service.name;
  }
  const DoorSettings* door = settings.door("lmtp");
  if (door == nullptr) return "postern:";
  // Neither is there yet: what 'pin-admin config postfix' recommends.
  if (lmtp.empty()) lmtp = "postern-lmtp";
  const std::string root = config.Get("queue_directory") + "/";
  const bool inside = door->path.starts_with(root);
  return lmtp +
         ":unix:" + (inside ? door->path.substr(root.size()) : door->path);
}

TransportKind KindOf(const PostfixConfig& config, const Settings& settings,
                     const std::string& transport,
                     const std::string& next_hop) {
  const MasterService* service = config.Transport(transport);
  if (service == nullptr) return TransportKind::kMissing;
  if (RunsPostern(*service)) return TransportKind::kPostern;
  const std::string& command = service->command;
  if (command == "error" || command == "discard") {
    return TransportKind::kGoesNowhere;
  }
  if (command == "local" || command == "virtual") {
    return TransportKind::kStaysHere;
  }
  const DoorSettings* door = settings.door("lmtp");
  if (command == "lmtp" && door != nullptr && next_hop.starts_with("unix:")) {
    // lmtp(8) may be chrooted into the queue directory.
    const std::string path = next_hop.substr(5);
    const std::string below = config.Get("queue_directory") +
                              (path.starts_with('/') ? "" : "/") + path;
    if (path == door->path || below == door->path) {
      return TransportKind::kPostern;
    }
  }
  return TransportKind::kElsewhere;
}

std::vector<Diagnosis> PostfixBypasses(const PostfixConfig& config,
                                       PostfixTables& tables,
                                       const Settings& settings,
                                       const WatchedPolicy& policy) {
  if (policy.lines.empty()) return {};
  auto router = PostfixRouter::Make(config, tables);
  if (!router) {
    return {CouldNotFindOut(
        "routing-unknown", "", router.error(),
        "nobody can say whether mail reaches Postern; Postfix defers mail "
        "while a table can't be read",
        "mend or remove the table that is named, then ask again")};
  }
  std::vector<Diagnosis> found = PostfixFilters(config, tables, settings);
  std::vector<Diagnosis> lines =
      Coverage(config, settings, *router, policy).All();
  found.insert(found.end(), std::make_move_iterator(lines.begin()),
               std::make_move_iterator(lines.end()));
  return found;
}

}  // namespace postern
