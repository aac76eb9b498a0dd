#include "pin-admin/doctor/sendmail_config.h"

#include <algorithm>
#include <cctype>
#include <sstream>

namespace postern {
namespace {

using Weight = Remark::Weight;

bool Holds(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string Trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// A line that begins with a blank goes on with the one before.
std::vector<std::string> JoinedLines(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    const bool more = line.starts_with(' ') || line.starts_with('\t');
    if (more && !lines.empty()) {
      lines.back() += line;
    } else if (!line.empty() && line[0] != '#') {
      lines.push_back(line);
    }
  }
  return lines;
}

// What an X line has for `F=`; empty: nothing.
std::string FlagsOf(const std::string& filter) {
  std::istringstream fields(filter);
  for (std::string field; std::getline(fields, field, ',');) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos) continue;
    if (Trimmed(field.substr(0, equals)) == "F") {
      return Trimmed(field.substr(equals + 1));
    }
  }
  return {};
}

std::string FirstWord(const std::string& text) {
  return text.substr(0, text.find_first_of(" \t,="));
}

class Findings {
 public:
  Findings(const SendmailConfig& config, std::string subject)
      : config_(config), subject_(std::move(subject)) {}

  void Add(Weight weight, std::string code, std::string what, std::string why,
           std::string mend) {
    found_.push_back({weight, std::move(code), subject_, std::move(what),
                      std::move(why), std::move(mend)});
  }
  std::string Option(const std::string& name) const {
    const auto found = config_.options.find(name);
    return found == config_.options.end() ? "" : found->second;
  }
  std::string Rules(const std::string& name) const {
    const auto found = config_.rules.find(name);
    return found == config_.rules.end() ? "" : found->second;
  }
  std::vector<Diagnosis> Take() { return std::move(found_); }

  // A hook counts where Sendmail calls it and it asks the map.
  void CheckHook(const std::string& hook, const std::string& caller) {
    const bool called = Holds(Rules(caller), "$>\"" + hook + "\"");
    const bool asks = Holds(Rules(hook), "$(postern ");
    if (called && asks) return;
    Add(Weight::kNo, "sendmail-no-hook",
        hook + (called ? " does not ask Postern's map" : " is never called"),
        "connections carry mail that nothing has judged",
        "pin-admin config sendmail: its second part stands after "
        "MAILER(`smtp'), under LOCAL_TLS_… and not under LOCAL_RULESETS");
  }

  void CheckMap(const std::string& socket) {
    const auto map = config_.maps.find("postern");
    const std::string mend =
        "Kpostern socket -f -q -d30 -T<TMPF> unix:" + socket;
    if (map == config_.maps.end() || !map->second.starts_with("socket")) {
      return Add(Weight::kNo, "sendmail-no-map",
                 "there is no socket map 'postern'", "nothing is judged", mend);
    }
    const std::string words = map->second + " ";
    if (Holds(words, " -o ")) {
      Add(Weight::kNo, "sendmail-map-optional", "Kpostern has -o",
          "a map that is down then counts as a yes", mend);
    }
    if (!Holds(words, " -T<TMPF> ") || !Holds(words, " -f ") ||
        !Holds(words, " -q ")) {
      Add(Weight::kNo, "sendmail-map-flags",
          "Kpostern has not all of -f -q -T<TMPF>",
          "keys are changed on their way, or a failure has no answer", mend);
    }
    if (!Holds(words, ":" + socket + " ")) {
      Add(Weight::kNo, "sendmail-map-elsewhere",
          "Kpostern asks another socket than door-sendmail-map, " + socket,
          "nobody answers there, or somebody else", mend);
    }
    const std::string verdict = Rules("TlsVerdict");
    if (!Holds(verdict, "RPASS\t") || !Holds(verdict, "\nR$*\t") ||
        !Holds(verdict.substr(std::min(verdict.size(), verdict.rfind("\nR$*"))),
               "$#error")) {
      Add(Weight::kNo, "sendmail-verdict-open",
          "TlsVerdict does not end in a refusal of all but PASS",
          "what is no verdict counts as a yes",
          "pin-admin config sendmail prints TlsVerdict");
    }
  }

  // Who has no milter is not asked for one: the rulesets judge what leaves.
  void CheckMilter() {
    const auto filter = config_.filters.find("postern");
    if (filter == config_.filters.end() || FlagsOf(filter->second) == "T") {
      return;
    }
    Add(Weight::kNo, "sendmail-milter-optional", "Xpostern has no F=T",
        "while postern-milter is down Sendmail takes mail in without it, or, "
        "with F=R, refuses all mail for good",
        "INPUT_MAIL_FILTER(`postern', `S=…, F=T, T=C:5m;S:30s;R:30s;E:60s')");
  }

  void CheckOptions() {
    const std::string cache = Option("connectioncachesize");
    if (cache != "0" && cache != "1") {
      Add(Weight::kNo, "sendmail-connection-cache",
          "ConnectionCacheSize is not 0 or 1",
          "what is known of one certificate is taken for another's",
          "define(`confMCI_CACHE_SIZE', `1')");
    }
    if (!Lower(Option("dontexpandcnames")).starts_with('t')) {
      Add(Weight::kNo, "sendmail-cnames", "DontExpandCnames is not true",
          "whoever forges DNS has a recipient's domain replaced, and the other "
          "domain's policy holds",
          "define(`confDONT_EXPAND_CNAMES', `true')");
    }
    if (Lower(Option("certfingerprintalgorithm")) != "sha256") {
      Add(Weight::kNo, "sendmail-fingerprint",
          "CertFingerprintAlgorithm is not sha256",
          "no certificate is known by it, and all strict mail waits",
          "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')");
    }
    // Without the line Sendmail falls back.
    if (const std::string clear = Lower(Option("tlsfallbacktoclear"));
        !clear.starts_with('f')) {
      Add(Weight::kNo, "sendmail-clear-fallback",
          "TLSFallbacktoClear is not false",
          "where a handshake fails, mail goes in cleartext",
          "define(`confTLS_FALLBACK_TO_CLEAR', `false')");
    }
    if (Lower(Option("setcertaltnames")) != "true") {
      Add(Weight::kWarning, "sendmail-names", "SetCertAltnames is not true",
          "the rules can't tell whether names fit",
          "LOCAL_CONFIG: O SetCertAltnames=true");
    }
    if (const std::string mx = Option("fallbackmxhost"); !mx.empty()) {
      Add(Weight::kWarning, "sendmail-fallback-mx", "FallbackMXhost is " + mx,
          "it takes no strict mail: that waits for it in vain",
          "a line's route= allows it, or leave confFALLBACK_MX out");
    }
    if (!Option("hoststatusdirectory").empty()) {
      Add(Weight::kWarning, "sendmail-host-status",
          "HostStatusDirectory is set",
          "a host that is refused for one destination makes others wait",
          "undefine(`confHOST_STATUS_DIRECTORY')");
    }
  }

  void CheckRouting() {
    if (!config_.smarthost.empty()) {
      Add(Weight::kWarning, "sendmail-smarthost",
          "all mail goes to " + config_.smarthost,
          "an authenticating line holds only a hop that its route= names",
          "route=[" + config_.smarthost + "] in such lines");
    }
    if (config_.maps.count("authinfo") != 0 ||
        !Option("defaultauthinfo").empty()) {
      Add(Weight::kNo, "sendmail-client-auth",
          "Sendmail has credentials for servers",
          "they are sent before the verdict",
          "leave FEATURE(`authinfo') out; send such mail by Postfix or another "
          "instance");
    }
  }

 private:
  const SendmailConfig& config_;
  std::string subject_;
  std::vector<Diagnosis> found_;
};

}  // namespace

SendmailConfig ParseSendmailConfig(std::string_view text) {
  SendmailConfig config;
  std::string ruleset;
  for (const std::string& line : JoinedLines(text)) {
    const std::string rest = line.substr(1);
    if (line[0] == 'O') {
      const std::size_t equals = rest.find('=');
      if (equals == std::string::npos) continue;
      config.options[Lower(Trimmed(rest.substr(0, equals)))] =
          Trimmed(rest.substr(equals + 1));
    } else if (line[0] == 'K') {
      const std::string name = FirstWord(rest);
      config.maps[name] = Trimmed(rest.substr(name.size()));
    } else if (line[0] == 'X') {
      const std::string name = FirstWord(rest);
      config.filters[name] = Trimmed(rest.substr(name.size()));
    } else if (line[0] == 'S') {
      ruleset = FirstWord(Trimmed(rest));
    } else if (line[0] == 'R') {
      config.rules[ruleset] += "\n" + line;
    } else if (line[0] == 'M' && Holds(line, "[IPC]")) {
      config.mailers.insert(FirstWord(rest));
    } else if (line.starts_with("DS")) {
      config.smarthost = Trimmed(line.substr(2));
    }
  }
  return config;
}

std::vector<Diagnosis> InspectSendmailConfig(const SendmailConfig& config,
                                             const std::string& socket,
                                             const std::string& subject) {
  Findings findings(config, subject);
  findings.CheckMap(socket);
  findings.CheckHook("Local_tls_server", "tls_server");
  findings.CheckHook("Local_tls_rcpt", "tls_rcpt");
  findings.CheckMilter();
  findings.CheckOptions();
  findings.CheckRouting();
  return findings.Take();
}

}  // namespace postern
