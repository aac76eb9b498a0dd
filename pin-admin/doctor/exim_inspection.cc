// pin-admin/doctor/exim_inspection.cc
//
// Exim behind MtaInspection: what `exim -bV`, `-bP`, `-brt` and `-bt` say of
// its configuration, held against the ways in which Exim can be led past the
// gate.
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "pin-admin/doctor/asked_routes.h"
#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

using Weight = Remark::Weight;
using Options = std::map<std::string, std::string>;

bool Has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// "name = value", "name", "no_name"; as -bP prints them.
Options ParseOptions(const std::string& text) {
  Options options;
  for (const std::string& line : Lines(text)) {
    const std::size_t equals = line.find(" =");
    if (equals == std::string::npos) {
      const bool off = line.starts_with("no_");
      options[off ? line.substr(3) : line] = off ? "no" : "yes";
      continue;
    }
    const std::size_t value = std::min(equals + 3, line.size());
    options[line.substr(0, equals)] = line.substr(value);
  }
  return options;
}

std::string Value(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

bool IsGate(const std::string& expansion) {
  return Has(expansion, "}{gate}{") || Has(expansion, "judge stage=mail ");
}
bool IsHostGate(const std::string& expansion) {
  return Has(expansion, "}{gate_list}{") || Has(expansion, "judge stage=host ");
}
bool IsEvent(const std::string& expansion) {
  return Has(expansion, "}{event}{") || Has(expansion, "{certificate ");
}

// Every file that the expansion looks credentials up in, or else fails, as
// Debian's authenticators do, is there and empty: as long as it is, they skip
// themselves.
bool KnowsNobody(std::string_view expansion) {
  constexpr std::string_view kLookup = "search{/";
  constexpr std::string_view kOrFail = "}{$value}fail}";
  bool any = false;
  for (std::size_t at = expansion.find(kLookup); at != std::string_view::npos;
       at = expansion.find(kLookup)) {
    expansion.remove_prefix(at + kLookup.size() - 1);
    const std::string path(expansion.substr(0, expansion.find('}')));
    const auto text = ReadInputFile(path);
    if (!text || !expansion.substr(path.size()).starts_with(kOrFail)) {
      return false;
    }
    for (const std::string& line : Lines(*text)) {
      const std::size_t first = line.find_first_not_of(" \t");
      if (first != std::string::npos && line[first] != '#') return false;
    }
    any = true;
  }
  return any;
}

class EximInspection final : public MtaInspection {
 public:
  EximInspection(ProgramRunner& programs, EximFiles place)
      : programs_(programs), place_(std::move(place)) {}

  std::vector<Diagnosis> Setup() override {
    found_.clear();
    if (!Read()) return std::move(found_);
    CheckBuild();
    for (const auto& [name, options] : transports_) {
      if (IsPosterns(options)) CheckTransport(name, options);
    }
    CheckAuthenticators();
    CheckRetry();
    return std::move(found_);
  }

  std::vector<Diagnosis> Bypasses(const WatchedPolicy& policy) override {
    found_.clear();
    if (policy.lines.empty()) return {};
    if (transports_.empty() && !Read()) return std::move(found_);
    const AskedRoutes asked =
        AskAboutRoutes(policy, "exim", [this](const std::string& address) {
          return Ask({"-bt", address});
        });
    for (const AskedRoute& route : asked.routes) CheckRoute(route);
    found_.insert(found_.end(), asked.unasked.begin(), asked.unasked.end());
    return std::move(found_);
  }

 private:
  void Add(Weight weight, std::string code, std::string subject,
           std::string what, std::string why, std::string mend) {
    found_.push_back({weight, std::move(code), std::move(subject),
                      std::move(what), std::move(why), std::move(mend)});
  }

  // Exim tells what it found out on either stream and by its status.
  Result<ProgramOutput> Ask(std::vector<std::string> words) {
    std::vector<std::string> argv{place_.program};
    if (!place_.config.empty()) {
      argv.emplace_back("-C");
      argv.push_back(place_.config);
    }
    for (std::string& word : words) argv.push_back(std::move(word));
    return programs_.Run(argv, "");
  }

  bool Lost(const std::string& question, const Error& error) {
    found_.push_back(CouldNotFindOut(
        "exim-unreadable", place_.program + " " + question, error,
        "nobody can say whether Exim's mail is judged",
        place_.program + " " + question +
            " has to work; name another with --exim-program and --exim-config, "
            "or leave it out with --no-mta"));
    return false;
  }

  Result<std::string> Printed(const std::vector<std::string>& words) {
    Result<ProgramOutput> output = Ask(words);
    if (!output) return output.error();
    if (output->status != 0) {
      return Error{Reason::kServiceUnavailable, output->err};
    }
    return std::move(output->out);
  }

  bool Read() {
    const Result<std::string> version = Printed({"-bV"});
    if (!version) return Lost("-bV", version.error());
    build_ = *version;
    const Result<std::string> names = Printed({"-bP", "transport_list"});
    if (!names) return Lost("-bP transport_list", names.error());
    for (const std::string& name : Lines(*names)) {
      const Result<std::string> options = Printed({"-bP", "transport", name});
      if (!options) return Lost("-bP transport " + name, options.error());
      transports_[name] = ParseOptions(*options);
    }
    return true;
  }

  static bool IsPosterns(const Options& options) {
    return IsGate(Value(options, "authenticated_sender")) ||
           IsHostGate(Value(options, "hosts_require_auth")) ||
           IsEvent(Value(options, "event_action"));
  }

  void CheckBuild() {
    const bool by_library =
        std::any_of(transports_.begin(), transports_.end(), [](const auto& t) {
          return Has(Value(t.second, "authenticated_sender"), "${dlfunc{");
        });
    if (by_library && !Has(build_, "Expand_dlfunc")) {
      Add(Weight::kNo, "exim-no-dlfunc", place_.program,
          "this Exim has no ${dlfunc", "it can't load postern-exim.so",
          "apt install exim4-daemon-heavy, or pin-admin config exim "
          "--readsocket");
    }
    if (!Has(build_, " Event")) {
      Add(Weight::kNo, "exim-no-events", place_.program,
          "this Exim has no events",
          "the certificates that a server sends along never reach the gate, so "
          "no chain can be judged",
          "an Exim built with events, as Debian's are");
    }
    const bool any =
        std::any_of(transports_.begin(), transports_.end(),
                    [](const auto& t) { return IsPosterns(t.second); });
    if (!any) {
      Add(Weight::kNo, "exim-no-transport", place_.program,
          "no transport of Exim's asks Postern", "no mail of Exim's is judged",
          "pin-admin config exim");
    }
  }

  void CheckTransport(const std::string& name, const Options& options) {
    const auto bad = [&](std::string code, std::string what, std::string why,
                         std::string mend) {
      Add(Weight::kNo, std::move(code), name, std::move(what), std::move(why),
          "in transport " + name + ": " + std::move(mend));
    };
    if (!IsGate(Value(options, "authenticated_sender"))) {
      bad("exim-no-gate", "authenticated_sender is not Postern's gate",
          "an event alone can be got around: a failed expansion, a certificate "
          "that can't be read, a resumed session all pass it",
          "authenticated_sender = POSTERN_MAIL_GATE");
    }
    if (!IsHostGate(Value(options, "hosts_require_auth"))) {
      bad("exim-no-host-gate", "hosts_require_auth is not Postern's gate",
          "after a refusal the next MX host is not tried",
          "hosts_require_auth = POSTERN_HOST_GATE");
    }
    if (!IsEvent(Value(options, "event_action"))) {
      bad("exim-no-event", "event_action does not tell Postern",
          "only the leaf is known then, and every chain is incomplete",
          "event_action = POSTERN_EVENT");
    }
    if (Has(build_, " OpenSSL") &&
        Has(Value(options, "tls_require_ciphers"), "{priority}")) {
      bad("exim-openssl-priority",
          "tls_require_ciphers is in GnuTLS's words, and this Exim is built "
          "with OpenSSL",
          "no TLS connection is made, and mail waits",
          "take tls_require_ciphers out, or pin-admin config exim --openssl");
    }
    if (Value(options, "connection_max_messages") != "1") {
      bad("exim-kept-connection", "connection_max_messages is not 1",
          "further messages on a connection have no handshake to be judged by, "
          "and wait",
          "connection_max_messages = 1");
    }
    if (Value(options, "multi_domain") != "no") {
      bad("exim-several-domains", "multi_domain is on",
          "a connection for several domains is no single destination's: it is "
          "refused, and all of them wait",
          "multi_domain = false");
    }
    if (!Value(options, "tls_resumption_hosts").empty()) {
      bad("exim-resumption", "tls_resumption_hosts is set",
          "a resumed session shows no chain", "tls_resumption_hosts =");
    }
    if (!Has(Value(options, "hosts_require_tls"), "$address_data")) {
      bad("exim-tls-not-derived", "hosts_require_tls does not follow the plan",
          "Exim then tries again in cleartext what it should not, or never "
          "where it may",
          "hosts_require_tls = ${if inlist{${extract{tls}{$address_data}}}"
          "{never:opportunistic}{}{*}}");
    }
    if (!Value(options, "hosts_try_dane").empty() ||
        !Value(options, "hosts_require_dane").empty()) {
      bad("exim-own-dane", "Exim's own DANE is on",
          "it bounces where DNSSEC is missing; the plan has DANE in it",
          "hosts_try_dane =");
    }
    if (!Value(options, "hosts_try_auth").empty()) {
      bad("exim-client-auth", "hosts_try_auth is set",
          "credentials are sent before the verdict", "hosts_try_auth =");
    }
  }

  // hosts_require_auth makes Exim log in wherever it can.
  void CheckAuthenticators() {
    const Result<std::string> printed = Printed({"-bP", "authenticators"});
    if (!printed) {
      (void)Lost("-bP authenticators", printed.error());
      return;
    }
    for (const std::string& line : Lines(*printed)) {
      const std::size_t equals = line.find(" = ");
      if (!line.starts_with("client_") || equals == std::string::npos ||
          equals + 3 >= line.size() || line.starts_with("client_condition") ||
          KnowsNobody(line)) {
        continue;
      }
      Add(Weight::kNo, "exim-client-auth", line.substr(0, equals),
          "an authenticator of Exim's can log in to servers",
          "to a host that Postern refuses Exim would send these credentials: "
          "the gate is the option that demands authentication",
          "client_condition = ${if !match{$transport_name}{^postern_}} in that "
          "authenticator is not enough: send such mail by a transport and an "
          "Exim of its own, or take the authenticator out");
      return;
    }
  }

  void CheckRetry() {
    const Result<ProgramOutput> rule =
        Ask({"-brt", "mx.postern.invalid", "postern.invalid", "auth_failed"});
    if (!rule) {
      (void)Lost("-brt", rule.error());
      return;
    }
    if (Has(rule->out, "auth_failed")) return;
    Add(Weight::kWarning, "exim-retry-rule", "retry",
        "there is no retry rule for auth_failed before the others",
        "a host that is refused for one destination makes all others there "
        "wait",
        "*  auth_failed  F,4d,1s");
  }

  // Planning asked the service, as a delivery does.
  void CheckRoute(const AskedRoute& route) {
    const std::string& key = route.key;
    const Result<ProgramOutput>& asked = route.said;
    if (!asked) {
      (void)Lost("-bt " + route.address, asked.error());
      return;
    }
    const std::string said = asked->out + asked->err;
    for (const auto& [name, options] : transports_) {
      if (Has(said, "transport = " + name + "\n") && IsPosterns(options)) {
        return;
      }
    }
    // Postern's router has it, and waits or refuses.
    if (Has(said, "}{plan}{") || Has(said, "{plan queue-id=") ||
        Has(said, "router = postern")) {
      return;
    }
    // What is refused goes nowhere: nothing is judged, and nothing leaves.
    if (Has(said, " is undeliverable")) return;
    if (Has(said, "transport = ") || Has(said, "router = ")) {
      Add(route.must ? Weight::kNo : Weight::kWarning, "exim-bypass", key,
          "mail for it does not go by a transport of Postern's",
          "nothing is judged, whatever the line says",
          "exim4 -bt " + route.address +
              " shows the router that takes it: Postern's routers come before");
      return;
    }
    const std::vector<std::string> lines = Lines(said);
    Add(Weight::kUnknown, "exim-route-unknown", key,
        "exim -bt does not say: " + (lines.empty() ? "nothing" : lines.front()),
        "nobody can say whether its mail is judged",
        "exim4 -bt " + route.address);
  }

  ProgramRunner& programs_;
  const EximFiles place_;
  std::string build_;
  std::map<std::string, Options> transports_;
  std::vector<Diagnosis> found_;
};

}  // namespace

std::unique_ptr<MtaInspection> InspectExim(ProgramRunner& programs,
                                           const EximFiles& place) {
  return std::make_unique<EximInspection>(programs, place);
}

}  // namespace postern
